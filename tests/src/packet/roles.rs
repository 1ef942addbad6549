//! Addresses by role: two hosts, A and B, their containers, and a stranger.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A container of host A.
pub const CONTAINER_A: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 2);
/// Another container of host A.
pub const CONTAINER_A2: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 3);
/// Host A's address on its containers' bridge.
pub const GATEWAY_A: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 1);
/// A container of host B.
pub const CONTAINER_B: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 2);
/// Host B's address on its containers' bridge.
pub const GATEWAY_B: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
/// Host A on the wire.
pub const HOST_A: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 1);
/// Host B on the wire.
pub const HOST_B: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 2);
/// An address no route leads to.
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// [`CONTAINER_A`] over IPv6.
pub const CONTAINER_A_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x100, 0, 0, 0, 0, 2);
/// [`CONTAINER_A2`] over IPv6.
pub const CONTAINER_A2_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x100, 0, 0, 0, 0, 3);
/// [`GATEWAY_A`] over IPv6.
pub const GATEWAY_A_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x100, 0, 0, 0, 0, 1);
/// [`CONTAINER_B`] over IPv6.
pub const CONTAINER_B_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x200, 0, 0, 0, 0, 2);
/// [`GATEWAY_B`] over IPv6.
pub const GATEWAY_B_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x200, 0, 0, 0, 0, 1);
/// [`HOST_A`] over IPv6.
pub const HOST_A_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0, 1);
/// [`HOST_B`] over IPv6.
pub const HOST_B_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0, 2);
/// [`STRANGER`] over IPv6.
pub const STRANGER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

/// MAC of [`CONTAINER_A`].
pub const CONTAINER_A_MAC: [u8; 6] = [0x02, 0, 0, 0xc0, 0xa, 2];
/// MAC of [`CONTAINER_A2`].
pub const CONTAINER_A2_MAC: [u8; 6] = [0x02, 0, 0, 0xc0, 0xa, 3];
/// MAC of host A's bridge, its containers' gateway.
pub const DOCKER_A_MAC: [u8; 6] = [0x02, 0, 0, 0xd0, 0xa, 1];
/// MAC of host A's uplink.
pub const HOST_A_MAC: [u8; 6] = [0x02, 0, 0, 0xe0, 0xa, 1];
/// MAC of host B's uplink.
pub const HOST_B_MAC: [u8; 6] = [0x02, 0, 0, 0xe0, 0xb, 1];
/// MAC of no station of the lab.
pub const STRANGER_MAC: [u8; 6] = [0x02, 0, 0, 0xff, 0, 9];
/// Ethernet's broadcast address.
pub const BROADCAST_MAC: [u8; 6] = [0xff; 6];
