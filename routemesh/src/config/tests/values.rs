//! Single values that will not do.

use super::shows;

#[test]
fn a_text_that_is_no_address_is_no_prefix() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["10.100.0/24"]
"#,
        r#"
error: "10.100.0/24" is not a prefix
 --> config.toml:3:12
  |
3 | subnets = ["10.100.0/24"]
  |            ^^^^^^^^^^^^^ "10.100.0" is not an IP address
  |
  = help: write a prefix as 10.1.0.0/16 or fd00:1::/32, or one address
"#,
    );
}

#[test]
fn host_bits_are_shown_with_the_network() {
    shows(
        r#"[[route]]
dst = "10.200.0.7/24"
via = "192.168.100.2"
"#,
        r#"
error: 10.200.0.7/24 has host bits set
 --> config.toml:2:7
  |
2 | dst = "10.200.0.7/24"
  |       ^^^^^^^^^^^^^^^ bits are set after the first 24
  |
  = help: the network is 10.200.0.0/24; the one address is 10.200.0.7/32
"#,
    );
}

#[test]
fn a_length_beyond_the_family_is_shown_with_its_bounds() {
    shows(
        r#"[[route]]
dst = "fd00::/129"
via = "192.168.100.2"
"#,
        r#"
error: "fd00::/129" is not a prefix
 --> config.toml:2:7
  |
2 | dst = "fd00::/129"
  |       ^^^^^^^^^^^^ "129" is not a length from 0 to 128
  |
  = help: write a prefix as 10.1.0.0/16 or fd00:1::/32, or one address
"#,
    );
}

#[test]
fn multicast_is_not_routed() {
    shows(
        r#"[[route]]
dst = "239.1.0.0/16"
via = "192.168.100.2"
"#,
        r#"
error: no route can be for 239.1.0.0/16
 --> config.toml:2:7
  |
2 | dst = "239.1.0.0/16"
  |       ^^^^^^^^^^^^^^ multicast (224.0.0.0/4)
  |
  = help: packets for such addresses are never routed; remove the route
"#,
    );
}

#[test]
fn loopback_is_not_routed_even_to_nowhere() {
    shows(
        r#"[[route]]
dst = "::1"
blackhole = true
"#,
        r#"
error: no route can be for ::1/128
 --> config.toml:2:7
  |
2 | dst = "::1"
  |       ^^^^^ loopback (::1/128)
  |
  = help: packets for such addresses are never routed; remove the route
"#,
    );
}

#[test]
fn all_addresses_are_no_container_subnet() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["0.0.0.0/0"]
"#,
        r#"
error: 0.0.0.0/0 is no container subnet
 --> config.toml:3:12
  |
3 | subnets = ["0.0.0.0/0"]
  |            ^^^^^^^^^^^ every address there is
  |
  = help: name the subnet the containers have their addresses from
"#,
    );
}

#[test]
fn link_local_addresses_are_no_container_subnet() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["fe80::/64"]
"#,
        r#"
error: fe80::/64 is no container subnet
 --> config.toml:3:12
  |
3 | subnets = ["fe80::/64"]
  |            ^^^^^^^^^^^ link-local (fe80::/10)
  |
  = help: name the subnet the containers have their addresses from
"#,
    );
}

#[test]
fn a_next_hop_is_one_address() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2/24"
"#,
        r#"
error: "192.168.100.2/24" is not an IP address
 --> config.toml:3:7
  |
3 | via = "192.168.100.2/24"
  |       ^^^^^^^^^^^^^^^^^^ not an IP address
  |
  = help: a next hop is one address, without a prefix length
"#,
    );
}

#[test]
fn a_next_hop_is_written_as_an_address() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "host-b"
"#,
        r#"
error: "host-b" is not an IP address
 --> config.toml:3:7
  |
3 | via = "host-b"
  |       ^^^^^^^^ not an IP address
  |
  = help: write an address as 192.168.100.2 or fd00::2
"#,
    );
}

#[test]
fn an_unspecified_next_hop_is_refused() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "0.0.0.0"
"#,
        r#"
error: 0.0.0.0 is no next hop
 --> config.toml:3:7
  |
3 | via = "0.0.0.0"
  |       ^^^^^^^^^ unspecified address
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_multicast_next_hop_is_refused() {
    shows(
        r#"[[route]]
dst = "fd00:2::/64"
via = "ff02::1"
"#,
        r#"
error: ff02::1 is no next hop
 --> config.toml:3:7
  |
3 | via = "ff02::1"
  |       ^^^^^^^^^ multicast address
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_loopback_next_hop_is_refused() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "127.0.0.1"
"#,
        r#"
error: 127.0.0.1 is no next hop
 --> config.toml:3:7
  |
3 | via = "127.0.0.1"
  |       ^^^^^^^^^^^ loopback address
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_route_leads_somewhere() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
"#,
        r#"
error: this route leads nowhere
 --> config.toml:2:7
  |
2 | dst = "10.200.0.0/24"
  |       ^^^^^^^^^^^^^^^ neither `via` nor `blackhole`
  |
  = help: add `via = "ADDRESS"` to send packets on, or `blackhole = true` to drop them
"#,
    );
}

#[test]
fn a_blackhole_has_no_next_hop() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
blackhole = true
"#,
        r#"
error: this route both drops packets and sends them on
 --> config.toml:3:7
  |
2 | dst = "10.200.0.0/24"
  |       --------------- a route with `blackhole = true`
3 | via = "192.168.100.2"
  |       ^^^^^^^^^^^^^^^ sent on
  |
  = help: remove either `blackhole` or where the route leads
"#,
    );
}

#[test]
fn an_mtu_below_the_least_of_ipv4_is_refused() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mtu = 575
"#,
        r#"
error: 575 is no MTU of an IPv4 route
 --> config.toml:4:7
  |
4 | mtu = 575
  |       ^^^ too small
  |
  = help: an MTU is 576 to 65535 bytes
"#,
    );
}

#[test]
fn an_mtu_below_the_least_of_ipv6_is_refused() {
    shows(
        r#"[[route]]
dst = "fd00:2::/64"
via = "fd00::2"
mtu = 1279
"#,
        r#"
error: 1279 is no MTU of an IPv6 route
 --> config.toml:4:7
  |
4 | mtu = 1279
  |       ^^^^ too small
  |
  = help: an MTU is 1280 to 65535 bytes
"#,
    );
}

#[test]
fn an_mtu_beyond_16_bits_is_refused() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mtu = 65536
"#,
        r#"
error: 65536 is no MTU of an IPv4 route
 --> config.toml:4:7
  |
4 | mtu = 65536
  |       ^^^^^ too large
  |
  = help: an MTU is 576 to 65535 bytes
"#,
    );
}

#[test]
fn a_long_interface_name_is_refused_with_its_length() {
    shows(
        r#"[[uplink]]
interface = "enp65s0f0np0vlan7"
"#,
        r#"
error: "enp65s0f0np0vlan7" is not an interface name
 --> config.toml:2:13
  |
2 | interface = "enp65s0f0np0vlan7"
  |             ^^^^^^^^^^^^^^^^^^^ 17 bytes long
  |
  = help: interface names are 1 to 15 bytes without '/', ':' or spaces; see `ip link`
"#,
    );
}

#[test]
fn an_interface_name_with_a_slash_is_refused() {
    shows(
        r#"[[network]]
interface = "br/0"
"#,
        r#"
error: "br/0" is not an interface name
 --> config.toml:2:13
  |
2 | interface = "br/0"
  |             ^^^^^^ contains '/'
  |
  = help: interface names are 1 to 15 bytes without '/', ':' or spaces; see `ip link`
"#,
    );
}

#[test]
fn an_interface_name_with_a_space_is_refused() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
dev = "eth 0"
"#,
        r#"
error: "eth 0" is not an interface name
 --> config.toml:4:7
  |
4 | dev = "eth 0"
  |       ^^^^^^^ contains ' '
  |
  = help: interface names are 1 to 15 bytes without '/', ':' or spaces; see `ip link`
"#,
    );
}

#[test]
fn an_unknown_mode_is_shown_with_the_modes() {
    shows(
        r#"[[uplink]]
interface = "eth0"
mode = "native"
"#,
        r#"
error: "native" is not a mode
 --> config.toml:3:8
  |
3 | mode = "native"
  |        ^^^^^^^^ unknown mode
  |
  = help: modes are auto, xdp, xdp-generic and tc
"#,
    );
}

#[test]
fn no_routes_at_all_is_no_limit() {
    shows(
        r#"limits.routes = 0
"#,
        r#"
error: the table cannot be made for 0 routes
 --> config.toml:1:17
  |
1 | limits.routes = 0
  |                 ^ too few
  |
  = help: a limit is 1 to 16777216 routes
"#,
    );
}

#[test]
fn a_limit_beyond_16_mi_is_refused() {
    shows(
        r#"[limits]
routes = 16777217
"#,
        r#"
error: the table cannot be made for 16777217 routes
 --> config.toml:2:10
  |
2 | routes = 16777217
  |          ^^^^^^^^ too many
  |
  = help: a limit is 1 to 16777216 routes
"#,
    );
}

#[test]
fn an_address_to_listen_on_has_a_port() {
    shows(
        r#"[metrics]
listen = "127.0.0.1"
"#,
        r#"
error: "127.0.0.1" is not an address and port
 --> config.toml:2:10
  |
2 | listen = "127.0.0.1"
  |          ^^^^^^^^^^^ cannot listen there
  |
  = help: write it as 127.0.0.1:9477 or [::1]:9477
"#,
    );
}

#[test]
fn an_empty_node_name_is_refused() {
    shows(
        r#"node = ""
"#,
        r#"
error: "" is not a node name
 --> config.toml:1:8
  |
1 | node = ""
  |        ^^ empty
  |
  = help: node names are 1 to 253 bytes without spaces; leave the key out to use the host name
"#,
    );
}
