//! Values that do not go together.

use super::shows;

#[test]
fn two_routes_for_one_prefix_are_both_shown() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"

[[route]]
dst = "fd00:2::/64"
blackhole = true

[[route]]
dst = "10.200.0.0/24"
blackhole = true
"#,
        r#"
error: two routes for 10.200.0.0/24
  --> config.toml:10:7
   |
 2 | dst = "10.200.0.0/24"
   |       --------------- the first route
...
10 | dst = "10.200.0.0/24"
   |       ^^^^^^^^^^^^^^^ the second route
   |
   = help: a prefix has one route; remove one of them
"#,
    );
}

#[test]
fn overlapping_subnets_of_two_networks_are_both_shown() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "fd00:10:100::/64"]

[[network]]
interface = "br-web"
subnets = ["10.100.0.128/25"]
"#,
        r#"
error: the subnet 10.100.0.128/25 overlaps 10.100.0.0/24
 --> config.toml:7:12
  |
3 | subnets = ["10.100.0.0/24", "fd00:10:100::/64"]
  |            --------------- of docker0
...
7 | subnets = ["10.100.0.128/25"]
  |            ^^^^^^^^^^^^^^^^^ of br-web
  |
  = help: an address can be behind one network only; give each its own subnet
"#,
    );
}

#[test]
fn a_subnet_written_twice_is_shown_in_both_places() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "10.100.0.0/24"]
"#,
        r#"
error: the subnet 10.100.0.0/24 is written twice
 --> config.toml:3:29
  |
3 | subnets = ["10.100.0.0/24", "10.100.0.0/24"]
  |            ---------------  ^^^^^^^^^^^^^^^ of docker0
  |            |
  |            of docker0
  |
  = help: an address can be behind one network only; give each its own subnet
"#,
    );
}

#[test]
fn an_uplink_named_twice_is_shown_in_both_places() {
    shows(
        r#"[[uplink]]
interface = "eth0"

[[uplink]]
interface = "eth0"

"#,
        r#"
error: "eth0" is named twice
 --> config.toml:5:13
  |
2 | interface = "eth0"
  |             ------ an uplink here
...
5 | interface = "eth0"
  |             ^^^^^^ an uplink here
  |
  = help: an interface is either one uplink or one network; remove one of them
"#,
    );
}

#[test]
fn an_interface_is_not_both_uplink_and_network() {
    shows(
        r#"[[uplink]]
interface = "docker0"

[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "fd00:10:100::/64"]

"#,
        r#"
error: "docker0" is named twice
 --> config.toml:5:13
  |
2 | interface = "docker0"
  |             --------- an uplink here
...
5 | interface = "docker0"
  |             ^^^^^^^^^ a network here
  |
  = help: an interface is either one uplink or one network; remove one of them
"#,
    );
}

#[test]
fn a_route_to_a_subnet_of_this_host_is_a_route_to_itself() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "fd00:10:100::/64"]

[[route]]
dst = "10.100.0.0/24"
via = "192.168.100.2"
"#,
        r#"
error: 10.100.0.0/24 is a route to this host itself
 --> config.toml:6:7
  |
3 | subnets = ["10.100.0.0/24", "fd00:10:100::/64"]
  |            --------------- behind docker0
...
6 | dst = "10.100.0.0/24"
  |       ^^^^^^^^^^^^^^^ a container subnet of this host
  |
  = help: subnets of this host need no route; remove it
"#,
    );
}

#[test]
fn a_next_hop_behind_a_network_of_this_host_is_a_route_to_itself() {
    shows(
        r#"[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "fd00:10:100::/64"]

[[route]]
dst = "10.200.0.0/24"
via = "10.100.0.9"
"#,
        r#"
error: 10.200.0.0/24 is a route to this host itself
 --> config.toml:7:7
  |
3 | subnets = ["10.100.0.0/24", "fd00:10:100::/64"]
  |            --------------- behind docker0
...
7 | via = "10.100.0.9"
  |       ^^^^^^^^^^^^ lies in 10.100.0.0/24, a container subnet of this host
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}

#[test]
fn a_device_that_is_no_uplink_is_shown_with_the_uplinks() {
    shows(
        r#"[[uplink]]
interface = "eth0"

[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
dev = "eth1"
"#,
        r#"
error: "eth1" is no uplink
 --> config.toml:7:7
  |
7 | dev = "eth1"
  |       ^^^^^^ not an uplink
  |
  = help: the uplinks are eth0; or add [[uplink]] with `interface = "eth1"`
"#,
    );
}

#[test]
fn a_link_local_next_hop_needs_a_device_among_several() {
    shows(
        r#"[[uplink]]
interface = "eth0"

[[uplink]]
interface = "eth1"

[[route]]
dst = "fd00:2::/64"
via = "fe80::2"
"#,
        r#"
error: fe80::2 is on the link of every uplink
 --> config.toml:9:7
  |
9 | via = "fe80::2"
  |       ^^^^^^^^^ a link-local address
  |
  = help: say which: add `dev`, one of eth0, eth1
"#,
    );
}

#[test]
fn more_routes_than_the_limit_are_shown_with_the_limit() {
    shows(
        r#"[limits]
routes = 1

[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"

[[route]]
dst = "10.66.0.0/16"
blackhole = true
"#,
        r#"
error: 2 routes, but room for 1
 --> config.toml:9:7
  |
2 | routes = 1
  |          - the limit
...
9 | dst = "10.66.0.0/16"
  |       ^^^^^^^^^^^^^^ the first one too many
  |
  = help: set `routes = 2` or more under [limits]
"#,
    );
}

#[test]
fn all_problems_are_shown_not_only_the_first() {
    shows(
        r#"node = "a b"

[[uplink]]
interface = "eth0"
mode = "fast"

[[route]]
dst = "10.200.0.7/24"
via = "0.0.0.0"
mtu = 1
"#,
        r#"
error: "a b" is not a node name
 --> config.toml:1:8
  |
1 | node = "a b"
  |        ^^^^^ contains ' '
  |
  = help: node names are 1 to 253 bytes without spaces; leave the key out to use the host name

error: "fast" is not a mode
 --> config.toml:5:8
  |
5 | mode = "fast"
  |        ^^^^^^ unknown mode
  |
  = help: modes are auto, xdp, xdp-generic and tc

error: 10.200.0.7/24 has host bits set
 --> config.toml:8:7
  |
8 | dst = "10.200.0.7/24"
  |       ^^^^^^^^^^^^^^^ bits are set after the first 24
  |
  = help: the network is 10.200.0.0/24; the one address is 10.200.0.7/32

error: 0.0.0.0 is no next hop
 --> config.toml:9:7
  |
9 | via = "0.0.0.0"
  |       ^^^^^^^^^ unspecified address
  |
  = help: a next hop is another host's own address on the link of an uplink
"#,
    );
}
