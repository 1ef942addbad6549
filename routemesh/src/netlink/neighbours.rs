//! What a message of a neighbour, or of a station behind a bridge's port, changes.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's messages and attributes are open sets; what is not followed is ignored"
)]

use std::net::IpAddr;

use netlink_packet_route::{
    AddressFamily,
    neighbour::{
        NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
    },
};

use crate::model::{Mac, World};

/// Takes an entry of a neighbour table, or of a forwarding database, as it is now.
pub(super) fn neighbour_is(world: &mut World, message: &NeighbourMessage) {
    if let Some(bridge) = bridge(message) {
        station_is(world, bridge, message);
    } else if let Some(key) = neighbour(message) {
        let usable = link_layer_address(message)
            // Entries of multicast groups and of devices without ARP (NOARP) hold group addresses
            // or zeros.
            .filter(|mac| mac.is_station() && has_answered(message.header.state));
        match usable {
            Some(mac) => world.neighbours.insert(key, mac),
            None => world.neighbours.remove(&key),
        };
    }
}

/// Forgets an entry of a neighbour table or of a forwarding database.
pub(super) fn neighbour_is_gone(world: &mut World, message: &NeighbourMessage) {
    if let Some(bridge) = bridge(message) {
        station_is_gone(world, bridge, message);
    } else if let Some(key) = neighbour(message) {
        world.neighbours.remove(&key);
    }
}

/// An entry of a forwarding database. Permanent ones are MACs of the bridge and of its ports,
/// which are delivered to this host.
fn station_is(world: &mut World, bridge: u32, message: &NeighbourMessage) {
    let Some(mac) = link_layer_address(message) else {
        return;
    };
    if message.header.state == NeighbourState::Permanent || !mac.is_station() {
        world.fdb.remove(&(bridge, mac));
    } else {
        world.fdb.insert((bridge, mac), message.header.ifindex);
    }
}

fn station_is_gone(world: &mut World, bridge: u32, message: &NeighbourMessage) {
    if let Some(mac) = link_layer_address(message)
        && world.fdb.get(&(bridge, mac)) == Some(&message.header.ifindex)
    {
        world.fdb.remove(&(bridge, mac));
    }
}

/// The bridge whose forwarding database the message is of. A device's own list of addresses
/// (`self`) names none.
fn bridge(message: &NeighbourMessage) -> Option<u32> {
    if message.header.family != AddressFamily::Bridge {
        return None;
    }
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Controller(index) => Some(*index),
            _ => None,
        })
}

/// Where in the neighbour table the message belongs. Addresses answered for by proxy are in
/// another table.
fn neighbour(message: &NeighbourMessage) -> Option<(u32, IpAddr)> {
    let header = &message.header;
    if header.flags.contains(NeighbourFlags::Proxy) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| {
        let NeighbourAttribute::Destination(address) = attribute else {
            return None;
        };
        match address {
            NeighbourAddress::Inet(v4) => Some((header.ifindex, IpAddr::V4(*v4))),
            NeighbourAddress::Inet6(v6) => Some((header.ifindex, IpAddr::V6(*v6))),
            _ => None,
        }
    })
}

/// Whether the kernel would send to an entry in that state without asking first.
fn has_answered(state: NeighbourState) -> bool {
    matches!(
        state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
            | NeighbourState::Noarp
    )
}

fn link_layer_address(message: &NeighbourMessage) -> Option<Mac> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => mac(bytes),
            _ => None,
        })
}

/// A link-layer address, if it is a MAC.
pub(super) fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}
