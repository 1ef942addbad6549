//! The `vxlan` device of this kernel, and how it is used.

use crate::{
    carries_both_ways, interoperates,
    tunnel::{Other, Tunnel},
};

/// As flannel makes `flannel.1`, with checksums over UDP as the kernel has them by default.
const FLANNEL: Tunnel = Tunnel {
    mode: "vxlan",
    settings: "vni = 1\nvxlan-port = 8472",
    over_v6: false,
    other: Other::Entries("type vxlan id 1 dstport 8472 local LOCAL dev eth0 nolearning"),
};

const LEARNING: Tunnel = Tunnel {
    settings: "vni = 100",
    other: Other::Entries("type vxlan id 100 dstport 4789 local LOCAL dev eth0 learning"),
    ..FLANNEL
};

const ENTRIES: Tunnel = Tunnel {
    other: Other::Entries(
        "type vxlan id 100 dstport 4789 local LOCAL dev eth0 nolearning ttl 64 tos inherit df set \
         noudpcsum",
    ),
    ..LEARNING
};

const ENTRIES_OVER_V6: Tunnel = Tunnel {
    over_v6: true,
    other: Other::Entries(
        "type vxlan id 100 dstport 4789 local LOCAL dev eth0 nolearning ttl 64 tos inherit df set \
         udp6zerocsumtx udp6zerocsumrx",
    ),
    ..LEARNING
};

const EXTERNAL: Tunnel = Tunnel {
    other: Other::External(
        "mtu 1450 type vxlan external dstport 4789 noudpcsum df set",
        100,
    ),
    ..LEARNING
};

const EXTERNAL_OVER_V6: Tunnel = Tunnel {
    over_v6: true,
    other: Other::External(
        "mtu 1430 type vxlan external dstport 4789 udp6zerocsumtx udp6zerocsumrx",
        100,
    ),
    ..LEARNING
};

#[test]
fn flannels_vxlan_device_understands_and_is_understood() {
    carries_both_ways(&FLANNEL);
}

#[test]
fn a_vxlan_device_that_learns_understands_and_is_understood() {
    carries_both_ways(&LEARNING);
}

interoperates! {
    a_device_with_entries: ENTRIES;
    a_device_with_entries_over_ipv6: ENTRIES_OVER_V6;
    an_external_device: EXTERNAL;
    an_external_device_over_ipv6: EXTERNAL_OVER_V6;
}
