//! What a message of an interface's address changes.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's messages and attributes are open sets; what is not followed is ignored"
)]

use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};

use crate::model::World;

/// Takes an address of an interface as it is now.
pub(super) fn address_is(world: &mut World, message: &AddressMessage) {
    let Some(network) = network(message) else {
        return;
    };
    if let Some(interface) = world.interfaces.get_mut(&message.header.index) {
        if is_usable(message) {
            interface.addresses.insert(network);
        } else {
            interface.addresses.remove(&network);
        }
    }
}

/// Forgets an address of an interface.
pub(super) fn address_is_gone(world: &mut World, message: &AddressMessage) {
    if let Some(network) = network(message)
        && let Some(interface) = world.interfaces.get_mut(&message.header.index)
    {
        interface.addresses.remove(&network);
    }
}

/// The interface's own address: on a point-to-point link IFA_ADDRESS is the other end's.
fn network(message: &AddressMessage) -> Option<IpNet> {
    let mut address = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(local) => address = Some(*local),
            AddressAttribute::Address(other) => address = address.or(Some(*other)),
            _ => {}
        }
    }
    IpNet::new(address?, message.header.prefix_len).ok()
}

/// Whether duplicate address detection lets the address be used. An optimistic one may be used
/// while it is still tentative (RFC 4429).
fn is_usable(message: &AddressMessage) -> bool {
    let narrow = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    let flags = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Flags(flags) => Some(*flags),
            _ => None,
        })
        .unwrap_or(narrow);
    let waits =
        flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic);
    !waits && !flags.contains(AddressFlags::Dadfailed)
}
