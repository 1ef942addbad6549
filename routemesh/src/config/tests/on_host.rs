//! Configurations that do not fit the host.

use super::shows_on_host;

#[test]
fn an_interface_that_does_not_exist_is_shown_with_the_nearest_name() {
    shows_on_host(
        r#"[[uplink]]
interface = "etho"
"#,
        r#"
error: there is no interface etho
 --> config.toml:2:13
  |
2 | interface = "etho"
  |             ^^^^^^ does not exist on this host
  |
  = help: did you mean eth0?
"#,
    );
}

#[test]
fn with_no_name_like_it_all_interfaces_are_listed() {
    shows_on_host(
        r#"[[uplink]]
interface = "eth0"

[[network]]
interface = "cni0"
"#,
        r#"
error: there is no interface cni0
 --> config.toml:5:13
  |
5 | interface = "cni0"
  |             ^^^^^^ does not exist on this host
  |
  = help: interfaces here are lo, eth0, eth1, docker0, br-bare
"#,
    );
}

#[test]
fn a_next_hop_on_no_link_is_shown_with_the_links() {
    shows_on_host(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.7.2"
"#,
        r#"
error: the next hop 192.168.7.2 is on no uplink's link
 --> config.toml:3:7
  |
3 | via = "192.168.7.2"
  |       ^^^^^^^^^^^^^ cannot be reached directly
  |
  = help: the uplinks here: eth0 with 192.168.100.0/24, fe80::/64; to go through a tunnel, set `mode`
"#,
    );
}

#[test]
fn a_next_hop_on_another_link_than_named_is_shown() {
    shows_on_host(
        r#"[[uplink]]
interface = "eth0"

[[uplink]]
interface = "eth1"

[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
dev = "eth1"
"#,
        r#"
error: the next hop 192.168.100.2 is not on the link of eth1
 --> config.toml:9:7
  |
9 | via = "192.168.100.2"
  |       ^^^^^^^^^^^^^^^ cannot be reached directly
  |
  = help: the uplinks here: eth0 with 192.168.100.0/24, fe80::/64; eth1 with 172.16.0.0/30; to go through a tunnel, set `mode`
"#,
    );
}

#[test]
fn a_device_that_is_not_the_uplink_found_is_shown() {
    shows_on_host(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
dev = "eth1"
"#,
        r#"
error: "eth1" is no uplink
 --> config.toml:4:7
  |
4 | dev = "eth1"
  |       ^^^^^^ not an uplink
  |
  = help: the uplinks here: eth0 with 192.168.100.0/24, fe80::/64
"#,
    );
}

#[test]
fn a_next_hop_that_is_this_host_is_shown() {
    shows_on_host(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.1"
"#,
        r#"
error: 10.200.0.0/24 is a route to this host itself
 --> config.toml:3:7
  |
3 | via = "192.168.100.1"
  |       ^^^^^^^^^^^^^^^ this host's own address, on eth0
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_route_to_an_address_of_this_host_is_shown() {
    shows_on_host(
        r#"[[route]]
dst = "172.16.0.1"
via = "192.168.100.2"
"#,
        r#"
error: 172.16.0.1/32 is a route to this host itself
 --> config.toml:2:7
  |
2 | dst = "172.16.0.1"
  |       ^^^^^^^^^^^^ this host's own address, on eth1
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_network_without_addresses_needs_subnets() {
    shows_on_host(
        r#"[[network]]
interface = "br-bare"
"#,
        r#"
error: the network br-bare has no subnets
 --> config.toml:2:13
  |
2 | interface = "br-bare"
  |             ^^^^^^^^^ has no addresses to take them from
  |
  = help: add `subnets = ["PREFIX"]`, or give it an address: ip address add ADDRESS/LENGTH dev br-bare
"#,
    );
}

#[test]
fn a_route_to_a_subnet_taken_from_an_interface_is_a_route_to_itself() {
    shows_on_host(
        r#"[[network]]
interface = "docker0"

[[route]]
dst = "10.100.0.0/24"
via = "192.168.100.2"
"#,
        r#"
error: 10.100.0.0/24 is a route to this host itself
 --> config.toml:5:7
  |
2 | interface = "docker0"
  |             --------- behind docker0
...
5 | dst = "10.100.0.0/24"
  |       ^^^^^^^^^^^^^^^ a container subnet of this host
  |
  = help: subnets of this host need no route; remove it
"#,
    );
}

#[test]
fn a_subnet_taken_from_an_interface_overlaps_a_written_one() {
    shows_on_host(
        r#"[[network]]
interface = "docker0"

[[network]]
interface = "br-bare"
subnets = ["10.100.0.0/16"]
"#,
        r#"
error: the subnet 10.100.0.0/24 overlaps 10.100.0.0/16
 --> config.toml:2:13
  |
2 | interface = "docker0"
  |             ^^^^^^^^^ of docker0
...
6 | subnets = ["10.100.0.0/16"]
  |            --------------- of br-bare
  |
  = help: an address can be behind one network only; give each its own subnet
"#,
    );
}

#[test]
fn next_hops_of_an_uplink_that_does_not_exist_are_not_complained_of_as_well() {
    shows_on_host(
        r#"[[uplink]]
interface = "wlan0"

[[route]]
dst = "10.200.0.0/24"
via = "192.168.7.2"
"#,
        r#"
error: there is no interface wlan0
 --> config.toml:2:13
  |
2 | interface = "wlan0"
  |             ^^^^^^^ does not exist on this host
  |
  = help: interfaces here are lo, eth0, eth1, docker0, br-bare
"#,
    );
}
