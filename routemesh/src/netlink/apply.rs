//! What one message of the kernel changes in a [`World`].
//!
//! The same function serves a dump and an event: both say how a thing is now, or that it is gone.
//! What is not understood changes nothing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's messages and attributes are open sets; what is not followed is ignored"
)]

use netlink_packet_route::RouteNetlinkMessage;

use super::{
    addresses::{address_is, address_is_gone},
    links::{link_is, link_is_gone},
    neighbours::{neighbour_is, neighbour_is_gone},
};
use crate::model::World;

/// Brings `world` up to date with one message.
pub(super) fn apply(world: &mut World, message: &RouteNetlinkMessage) {
    use RouteNetlinkMessage as Message;
    match message {
        Message::NewLink(link) => link_is(world, link),
        Message::DelLink(link) => link_is_gone(world, link),
        Message::NewAddress(address) => address_is(world, address),
        Message::DelAddress(address) => address_is_gone(world, address),
        Message::NewNeighbour(neighbour) => neighbour_is(world, neighbour),
        Message::DelNeighbour(neighbour) => neighbour_is_gone(world, neighbour),
        _ => {}
    }
}

/// Whether the default route, or another path, may be another one after this message. IPv4 routes that go with
/// their interface or address go without a message of their own.
pub(super) fn may_move_the_default_route(message: &RouteNetlinkMessage) -> bool {
    use RouteNetlinkMessage as Message;
    matches!(
        message,
        Message::NewRoute(_)
            | Message::DelRoute(_)
            | Message::NewLink(_)
            | Message::DelLink(_)
            | Message::NewAddress(_)
            | Message::DelAddress(_)
    )
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use netlink_packet_route::{
        AddressFamily,
        address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
        link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
        neighbour::{
            NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourHeader,
            NeighbourMessage, NeighbourState,
        },
    };

    use super::*;
    use crate::model::{Interface, Mac};

    const STATION: Mac = Mac([2, 0, 0, 0, 0, 0x42]);

    #[test]
    fn a_link_is_taken_as_it_is_described() {
        let mut message = link(7, "docker0");
        message.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
        message.attributes.extend([
            LinkAttribute::Address(STATION.0.to_vec()),
            LinkAttribute::Controller(3),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ]);
        let world = after(&[RouteNetlinkMessage::NewLink(message)]);
        assert_eq!(
            world.interfaces[&7],
            Interface {
                index: 7,
                name: "docker0".to_owned(),
                mac: STATION,
                peer_elsewhere: false,
                mtu: 1500,
                up: true,
                kind: Some("bridge".to_owned()),
                master: Some(3),
                addresses: [].into(),
            }
        );
    }

    #[test]
    fn a_link_that_is_up_without_a_carrier_is_not_up() {
        let mut message = link(7, "eth0");
        message.header.flags = LinkFlags::Up;
        let world = after(&[RouteNetlinkMessage::NewLink(message)]);
        assert!(!world.interfaces[&7].up);
    }

    #[test]
    fn a_link_that_changes_keeps_its_addresses() {
        let world = after(&[
            RouteNetlinkMessage::NewLink(link(7, "eth0")),
            RouteNetlinkMessage::NewAddress(address(7, "10.1.0.1/24", AddressFlags::empty())),
            RouteNetlinkMessage::NewLink(link(7, "wan")),
        ]);
        assert_eq!(world.interfaces[&7].name, "wan");
        assert_eq!(world.interfaces[&7].addresses.len(), 1);
    }

    #[test]
    fn what_a_bridge_says_of_its_port_is_no_description_of_the_link() {
        let mut port = link(7, "eth0");
        port.header.interface_family = AddressFamily::Bridge;
        port.attributes.push(LinkAttribute::Mtu(9000));
        let world = after(&[
            RouteNetlinkMessage::NewLink(link(7, "eth0")),
            RouteNetlinkMessage::NewLink(port),
        ]);
        assert_eq!(world.interfaces[&7].mtu, 1500);
    }

    #[test]
    fn a_wireless_event_is_no_description_of_the_link() {
        let mut event = LinkMessage::default();
        event.header.index = 7;
        let world = after(&[
            RouteNetlinkMessage::NewLink(link(7, "wlan0")),
            RouteNetlinkMessage::NewLink(event),
        ]);
        assert_eq!(world.interfaces[&7].name, "wlan0");
    }

    #[test]
    fn a_port_that_leaves_its_bridge_lives_on_without_stations() {
        let mut port = link(7, "veth0");
        port.attributes.push(LinkAttribute::Controller(3));
        let mut left = port.clone();
        left.header.interface_family = AddressFamily::Bridge;
        let world = after(&[
            RouteNetlinkMessage::NewLink(port),
            RouteNetlinkMessage::NewNeighbour(entry(3, 7, NeighbourState::Reachable)),
            RouteNetlinkMessage::DelLink(left),
        ]);
        assert_eq!(world.interfaces[&7].master, None);
        assert!(world.fdb.is_empty());
    }

    #[test]
    fn a_link_that_is_gone_takes_along_what_was_on_it() {
        for gone in [3, 7] {
            let world = after(&[
                RouteNetlinkMessage::NewLink(link(3, "br0")),
                RouteNetlinkMessage::NewLink(link(7, "veth0")),
                RouteNetlinkMessage::NewNeighbour(neighbour(gone, NeighbourState::Stale)),
                RouteNetlinkMessage::NewNeighbour(entry(3, 7, NeighbourState::Reachable)),
                RouteNetlinkMessage::DelLink(link(gone, "")),
            ]);
            assert_eq!(world.interfaces.len(), 1);
            assert!(world.neighbours.is_empty() && world.fdb.is_empty());
        }
    }

    #[test]
    fn an_address_is_the_interface_s_own_and_not_its_peer_s() {
        let mut message = address(7, "10.9.0.2/32", AddressFlags::empty());
        message
            .attributes
            .push(AddressAttribute::Local([10, 9, 0, 1].into()));
        let world = after(&[
            RouteNetlinkMessage::NewLink(link(7, "tun0")),
            RouteNetlinkMessage::NewAddress(message),
        ]);
        let own = "10.9.0.1/32".parse().unwrap();
        assert_eq!(world.interfaces[&7].addresses, [own].into());
    }

    #[test]
    fn an_address_counts_while_it_may_be_used() {
        let tentative = AddressFlags::Tentative;
        for (flags, counts) in [
            (AddressFlags::Permanent, true),
            (tentative, false),
            (tentative | AddressFlags::Optimistic, true),
            (AddressFlags::Dadfailed, false),
            (AddressFlags::Deprecated, true),
        ] {
            let world = after(&[
                RouteNetlinkMessage::NewLink(link(7, "eth0")),
                RouteNetlinkMessage::NewAddress(address(7, "fd00::1/64", flags)),
            ]);
            assert_eq!(
                world.interfaces[&7].addresses.len() == 1,
                counts,
                "{flags:?}"
            );
        }
    }

    #[test]
    fn the_header_s_flags_stand_in_for_an_attribute_that_old_kernels_lack() {
        let mut message = address(7, "fd00::1/64", AddressFlags::empty());
        message.attributes.truncate(1);
        message.header.flags = AddressHeaderFlags::Tentative;
        let world = after(&[
            RouteNetlinkMessage::NewLink(link(7, "eth0")),
            RouteNetlinkMessage::NewAddress(message),
        ]);
        assert!(world.interfaces[&7].addresses.is_empty());
    }

    #[test]
    fn an_address_that_is_gone_or_failed_is_forgotten() {
        let gone = address(7, "fd00::1/64", AddressFlags::empty());
        let failed = address(7, "fd00::1/64", AddressFlags::Dadfailed);
        for last in [
            RouteNetlinkMessage::DelAddress(gone),
            RouteNetlinkMessage::NewAddress(failed),
        ] {
            let world = after(&[
                RouteNetlinkMessage::NewLink(link(7, "eth0")),
                RouteNetlinkMessage::NewAddress(address(7, "fd00::1/64", AddressFlags::empty())),
                last,
            ]);
            assert!(world.interfaces[&7].addresses.is_empty());
        }
    }

    #[test]
    fn a_neighbour_counts_while_the_kernel_would_send_to_it() {
        for (state, counts) in [
            (NeighbourState::Reachable, true),
            (NeighbourState::Stale, true),
            (NeighbourState::Delay, true),
            (NeighbourState::Probe, true),
            (NeighbourState::Permanent, true),
            (NeighbourState::Noarp, true),
            (NeighbourState::Incomplete, false),
            (NeighbourState::Failed, false),
            (NeighbourState::None, false),
        ] {
            let world = after(&[
                RouteNetlinkMessage::NewNeighbour(neighbour(7, NeighbourState::Stale)),
                RouteNetlinkMessage::NewNeighbour(neighbour(7, state)),
            ]);
            assert_eq!(world.neighbours.len() == 1, counts, "{state:?}");
        }
    }

    #[test]
    fn a_neighbour_without_a_station_s_mac_is_none() {
        let group = vec![0x33, 0x33, 0, 0, 0, 1];
        for bytes in [group, vec![0; 6], vec![0xff; 6], vec![2; 4], vec![]] {
            let mut message = neighbour(7, NeighbourState::Noarp);
            message.attributes[0] = NeighbourAttribute::LinkLayerAddress(bytes);
            let world = after(&[RouteNetlinkMessage::NewNeighbour(message)]);
            assert!(world.neighbours.is_empty());
        }
    }

    #[test]
    fn an_address_answered_for_by_proxy_says_nothing_of_the_neighbour() {
        let mut proxied = neighbour(7, NeighbourState::None);
        proxied.header.flags = NeighbourFlags::Proxy;
        let world = after(&[
            RouteNetlinkMessage::NewNeighbour(neighbour(7, NeighbourState::Stale)),
            RouteNetlinkMessage::DelNeighbour(proxied),
        ]);
        assert_eq!(world.neighbours.len(), 1);
    }

    #[test]
    fn a_station_is_behind_the_port_it_was_last_seen_at() {
        let world = after(&[
            RouteNetlinkMessage::NewNeighbour(entry(3, 7, NeighbourState::Reachable)),
            RouteNetlinkMessage::NewNeighbour(entry(3, 8, NeighbourState::Noarp)),
            // Of a VLAN it was in before.
            RouteNetlinkMessage::DelNeighbour(entry(3, 7, NeighbourState::Stale)),
        ]);
        assert_eq!(world.fdb, [((3, STATION), 8)].into());
    }

    #[test]
    fn a_station_that_aged_or_is_the_bridge_s_own_is_none() {
        for last in [
            RouteNetlinkMessage::DelNeighbour(entry(3, 7, NeighbourState::Stale)),
            RouteNetlinkMessage::NewNeighbour(entry(3, 7, NeighbourState::Permanent)),
        ] {
            let world = after(&[
                RouteNetlinkMessage::NewNeighbour(entry(3, 7, NeighbourState::Reachable)),
                last,
            ]);
            assert!(world.fdb.is_empty());
        }
    }

    #[test]
    fn a_device_s_own_list_of_addresses_holds_no_stations() {
        let mut own = entry(3, 7, NeighbourState::Reachable);
        own.attributes.truncate(1);
        own.header.flags = NeighbourFlags::Own;
        let world = after(&[RouteNetlinkMessage::NewNeighbour(own)]);
        assert_eq!(world, World::default());
    }

    fn after(messages: &[RouteNetlinkMessage]) -> World {
        let mut world = World::default();
        for message in messages {
            apply(&mut world, message);
        }
        world
    }

    fn link(index: u32, name: &str) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Mtu(1500),
        ];
        message
    }

    fn address(index: u32, network: &str, flags: AddressFlags) -> AddressMessage {
        let network: IpNet = network.parse().unwrap();
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = network.prefix_len();
        message.attributes = vec![
            AddressAttribute::Address(network.addr()),
            AddressAttribute::Flags(flags),
        ];
        message
    }

    fn neighbour(index: u32, state: NeighbourState) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header = NeighbourHeader {
            family: AddressFamily::Inet,
            ifindex: index,
            state,
            ..NeighbourHeader::default()
        };
        message.attributes = vec![
            NeighbourAttribute::LinkLayerAddress(STATION.0.to_vec()),
            NeighbourAttribute::Destination(NeighbourAddress::Inet([10, 1, 0, 2].into())),
        ];
        message
    }

    fn entry(bridge: u32, port: u32, state: NeighbourState) -> NeighbourMessage {
        let mut message = neighbour(port, state);
        message.header.family = AddressFamily::Bridge;
        message.attributes.truncate(1);
        message
            .attributes
            .push(NeighbourAttribute::Controller(bridge));
        message
    }
}
