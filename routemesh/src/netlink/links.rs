//! What a message of a link changes.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's messages and attributes are open sets; what is not followed is ignored"
)]

use netlink_packet_route::{
    AddressFamily,
    link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
};

use super::neighbours::mac;
use crate::model::{Interface, World};

/// Takes a link as it is now.
pub(super) fn link_is(world: &mut World, message: &LinkMessage) {
    // A bridge tells of its ports in messages of its own family that lack most of the link's
    // data; a wireless driver's events are of no family but hold only a name. Both lack the MTU
    // or must not count.
    let whole = message.header.interface_family == AddressFamily::Unspec
        && message
            .attributes
            .iter()
            .any(|attribute| matches!(attribute, LinkAttribute::Mtu(_)));
    if !whole {
        return;
    }
    let index = message.header.index;
    let before = world.interfaces.remove(&index).unwrap_or_default();
    let mut interface = described(message);
    interface.addresses = before.addresses;
    if interface.master != before.master {
        leave_bridges(world, index, interface.master);
    }
    world.interfaces.insert(index, interface);
}

fn described(message: &LinkMessage) -> Interface {
    let mut interface = Interface {
        index: message.header.index,
        up: message
            .header
            .flags
            .contains(LinkFlags::Up | LinkFlags::LowerUp),
        ..Interface::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Address(bytes) => interface.mac = mac(bytes).unwrap_or_default(),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::Controller(index) => interface.master = Some(*index).filter(|i| *i != 0),
            LinkAttribute::LinkNetNsId(_) => interface.peer_elsewhere = true,
            LinkAttribute::LinkInfo(infos) => interface.kind = kind(infos),
            _ => {}
        }
    }
    interface
}

fn kind(infos: &[LinkInfo]) -> Option<String> {
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}

/// Forgets the stations behind a port, but those of the bridge it is in now.
fn leave_bridges(world: &mut World, port: u32, but: Option<u32>) {
    world
        .fdb
        .retain(|(bridge, _), behind| *behind != port || Some(*bridge) == but);
}

/// Forgets a link and all that is on it, or that it is a port.
pub(super) fn link_is_gone(world: &mut World, message: &LinkMessage) {
    let index = message.header.index;
    if message.header.interface_family == AddressFamily::Bridge {
        // The port left its bridge; the link lives on.
        if let Some(port) = world.interfaces.get_mut(&index) {
            port.master = None;
        }
        leave_bridges(world, index, None);
    } else if message.header.interface_family == AddressFamily::Unspec {
        world.interfaces.remove(&index);
        for port in world.interfaces.values_mut() {
            port.master = port.master.filter(|master| *master != index);
        }
        world.neighbours.retain(|(on, _), _| *on != index);
        world
            .fdb
            .retain(|(bridge, _), port| *bridge != index && *port != index);
    }
}
