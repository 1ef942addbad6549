//! Tunnels: what is read, and what will not do.

use super::{Config, shows};
use crate::model::{Action, Dscp, Encapsulation, Mode, Tunnel};

#[test]
fn a_route_goes_direct_unless_it_says_otherwise() {
    let text = |mode: &str| {
        format!("[[route]]\ndst = \"10.200.0.0/24\"\nvia = \"192.168.100.2\"\n{mode}\n")
    };
    for (written, meant) in [
        ("", Mode::Direct),
        ("mode = \"auto\"", Mode::Auto),
        ("mode = \"geneve\"", Mode::Tunnel(Encapsulation::Geneve)),
    ] {
        let config = Config::parse(&text(written), "config.toml").unwrap();
        let Action::Via { mode, .. } = config.routes[0].action else {
            panic!("it has a next hop");
        };
        assert_eq!(mode, meant);
    }
}

#[test]
fn what_tunnels_have_in_common_is_read() {
    let text = r#"[tunnel]
mode = "ipip"
vni = 16777215
accept-vni = [1, 16777214]
vxlan-port = 8472
geneve-port = 6082
gre-key = 4294967295
accept-gre-key = [0, "none"]
ttl = 255
dscp = 46
udp-checksum = true
clamp-mss = true
"#;
    let config = Config::parse(text, "config.toml").unwrap();
    let expected = Tunnel {
        mode: Encapsulation::Ipip,
        vni: 16_777_215,
        accept_vni: vec![1, 16_777_214],
        vxlan_port: 8472,
        geneve_port: 6082,
        gre_key: Some(u32::MAX),
        accept_gre_key: vec![Some(0), None],
        ttl: 255,
        dscp: Dscp::Fixed(46),
        udp_checksum: true,
        clamp_mss: true,
    };
    assert_eq!(config.tunnel, expected);
    let config = Config::parse("tunnel.dscp = \"copy\"", "config.toml").unwrap();
    assert_eq!(config.tunnel, Tunnel::default());
}

#[test]
fn a_route_may_have_a_network_of_its_own() {
    let text =
        "[[route]]\ndst = \"10.200.0.0/24\"\nvia = \"192.168.100.2\"\nvni = 7\ngre-key = 0\n";
    let config = Config::parse(text, "config.toml").unwrap();
    let Action::Via { network, .. } = config.routes[0].action else {
        panic!("it has a next hop");
    };
    assert_eq!((network.vni, network.gre_key), (Some(7), Some(0)));
}

#[test]
fn a_vni_has_24_bits_wherever_it_stands() {
    shows(
        r#"[tunnel]
accept-vni = [7, 0]

[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
vni = 16777216
"#,
        r#"
error: 0 is no VNI
 --> config.toml:2:18
  |
2 | accept-vni = [7, 0]
  |                  ^ too small
  |
  = help: a VNI is 1 to 16777215

error: 16777216 is no VNI
 --> config.toml:7:7
  |
7 | vni = 16777216
  |       ^^^^^^^^ too large
  |
  = help: a VNI is 1 to 16777215
"#,
    );
}

#[test]
fn an_unknown_mode_of_a_route_is_shown_with_the_modes() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mode = "vxlna"
"#,
        r#"
error: "vxlna" is not a mode
 --> config.toml:4:8
  |
4 | mode = "vxlna"
  |        ^^^^^^^ unknown mode
  |
  = help: modes of a route are direct, vxlan, geneve, gre, ipip and auto
"#,
    );
}

#[test]
fn a_vtep_mac_needs_an_ethernet_header() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mode = "ipip"
vtep-mac = "02:42:c0:a8:64:02"
"#,
        r#"
error: mode ipip has no use for a VTEP's MAC
 --> config.toml:5:12
  |
5 | vtep-mac = "02:42:c0:a8:64:02"
  |            ^^^^^^^^^^^^^^^^^^^ no Ethernet header to put it in
  |
  = help: set `mode` to vxlan, geneve or gre, or leave `vtep-mac` out
"#,
    );
}

#[test]
fn a_vtep_mac_is_one_station_s() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mode = "vxlan"
vtep-mac = "33:33:00:00:00:01"

[[route]]
dst = "10.201.0.0/24"
via = "192.168.100.3"
mode = "vxlan"
vtep-mac = "02-42"
"#,
        r#"
error: 33:33:00:00:00:01 is no station's MAC address
 --> config.toml:5:12
  |
5 | vtep-mac = "33:33:00:00:00:01"
  |            ^^^^^^^^^^^^^^^^^^^ all zeros, or a group's
  |
  = help: take that of the tunnel's device on the other host; see `ip link`

error: "02-42" is not a MAC address
  --> config.toml:11:12
   |
11 | vtep-mac = "02-42"
   |            ^^^^^^^ not a MAC address
   |
   = help: write a MAC address as 02:42:c0:a8:64:02
"#,
    );
}

#[test]
fn a_tunnel_by_default_is_one() {
    shows(
        r#"[tunnel]
mode = "direct"
"#,
        r#"
error: "direct" is not a tunnel
 --> config.toml:2:8
  |
2 | mode = "direct"
  |        ^^^^^^^^ unknown tunnel
  |
  = help: tunnels are vxlan, geneve, gre and ipip
"#,
    );
}

#[test]
fn numbers_out_of_bounds_are_shown_with_the_bounds() {
    shows(
        r#"[tunnel]
vni = 16777216
vxlan-port = 0
ttl = 256
dscp = 64
accept-gre-key = ["any", -1]
"#,
        r#"
error: 16777216 is no VNI
 --> config.toml:2:7
  |
2 | vni = 16777216
  |       ^^^^^^^^ too large
  |
  = help: a VNI is 1 to 16777215

error: 0 is no port
 --> config.toml:3:14
  |
3 | vxlan-port = 0
  |              ^ too small
  |
  = help: a port is 1 to 65535

error: 256 is no TTL
 --> config.toml:4:7
  |
4 | ttl = 256
  |       ^^^ too large
  |
  = help: a TTL is 1 to 255

error: "64" is no DSCP
 --> config.toml:5:8
  |
5 | dscp = 64
  |        ^^ neither "copy" nor such a number
  |
  = help: a DSCP is "copy", or 0 to 63

error: "any" is no GRE key
 --> config.toml:6:19
  |
6 | accept-gre-key = ["any", -1]
  |                   ^^^^^ neither "none" nor a number
  |
  = help: such a GRE key is "none", or 0 to 4294967295

error: -1 is no GRE key
 --> config.toml:6:26
  |
6 | accept-gre-key = ["any", -1]
  |                          ^^ too small
  |
  = help: a GRE key is 0 to 4294967295
"#,
    );
}

#[test]
fn a_blackhole_is_in_no_tunnel() {
    shows(
        r#"[[route]]
dst = "10.66.0.0/16"
blackhole = true
mode = "vxlan"
"#,
        r#"
error: this route both drops packets and sends them on
 --> config.toml:4:8
  |
2 | dst = "10.66.0.0/16"
  |       -------------- a route with `blackhole = true`
3 | blackhole = true
4 | mode = "vxlan"
  |        ^^^^^^^ sent on
  |
  = help: remove either `blackhole` or where the route leads
"#,
    );
}

#[test]
fn ipv6_packets_need_an_ipv6_next_hop_or_a_tunnel() {
    shows(
        r#"[[route]]
dst = "fd00:2::/64"
via = "192.168.100.2"

[[route]]
dst = "fd00:3::/64"
via = "192.168.100.2"
mode = "vxlan"

[[route]]
dst = "10.3.0.0/16"
via = "fd00:100::2"
"#,
        r#"
error: the IPv6 route fd00:2::/64 cannot go through 192.168.100.2 without a tunnel
 --> config.toml:3:7
  |
3 | via = "192.168.100.2"
  |       ^^^^^^^^^^^^^^^ an IPv4 address
  |
  = help: name the next hop's IPv6 address; or set its mode to vxlan, geneve, gre or ipip
"#,
    );
}
