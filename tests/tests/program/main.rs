//! Packet tables, byte for byte, through the real programs in the real kernel.
//!
//! Each row is run at every hook that could see its packet: XDP and tc of an uplink, a bridge
//! and its port. It says what tc makes of it, [`Row`] knows what that means for the others.

mod budget;
mod cache;
mod forward;
mod fragments;
mod interfaces;
mod pass;
mod refuse;
mod reply;

use std::net::IpAddr;

use routemesh_tests::{
    packet::{HOST_A_MAC, HOST_B_MAC, Packet, STRANGER_MAC},
    program::Roles,
};

/// From a container of this host.
fn outbound(roles: Roles, dst: IpAddr) -> Packet {
    Packet::new(roles.container(), dst)
}

/// From a container of host B, off the wire.
fn inbound(roles: Roles, dst: IpAddr) -> Packet {
    Packet::new(roles.remote(), dst).macs(HOST_B_MAC, HOST_A_MAC)
}

/// From another router of the wire, which knows this host as its next hop.
fn transit(roles: Roles, dst: IpAddr) -> Packet {
    Packet::new(roles.unlearnt(), dst).macs(STRANGER_MAC, HOST_A_MAC)
}
