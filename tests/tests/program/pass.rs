//! What is not routemesh's: left to the stack, byte for byte.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{
        BROADCAST_MAC, CONTAINER_A_MAC, ETHERTYPE_ARP, HOST_A_MAC, HOST_B_MAC, Packet,
        TPID_SERVICE_VLAN, TPID_VLAN, extension,
    },
    program::{FAMILIES, Place, Roles, Row, V4, V6, in_rig, run_all},
};

use super::{inbound, outbound};

#[test]
fn what_is_for_this_host_or_leads_nowhere_is_the_stacks() {
    in_rig(|rig| {
        for f in FAMILIES {
            run_all(rig, &own(f));
        }
    });
}

fn own(f: Roles) -> Vec<Row> {
    let wire = |what: &str, dst| Row::from_wire(format!("{f:?} {what}"), &inbound(f, dst));
    let container =
        |what: &str, dst| Row::from_container(format!("{f:?} {what}"), &outbound(f, dst));
    vec![
        wire("to this host", f.host()).ends(Outcome::ToHost),
        wire("to this host's other address", f.gateway()).ends(Outcome::ToHost),
        container("to the gateway", f.gateway()).ends(Outcome::ToHost),
        container("to the host on the wire", f.host()).ends(Outcome::ToHost),
        wire("to a stranger", f.stranger()).ends(Outcome::NoRoute),
        container("to a stranger", f.stranger()).ends(Outcome::NoRoute),
        Row::from_wire(
            format!("{f:?} to this host with its TTL used up"),
            &inbound(f, f.host()).ttl(1),
        )
        .ends(Outcome::ToHost),
        Row::from_container(
            format!("{f:?} to a stranger with its TTL used up"),
            &outbound(f, f.stranger()).ttl(1),
        )
        .ends(Outcome::NoRoute),
        Row::at(
            &[Place::Unknown, Place::UnknownXdp],
            format!("{f:?} by an interface that is not set up"),
            &inbound(f, f.container()),
        )
        .ends(Outcome::UnknownInterface),
    ]
}

#[test]
fn frames_that_are_no_ip_are_the_stacks() {
    in_rig(|rig| {
        let raw = |ethertype| Packet::raw(ethertype, [0x5a; 46]).macs(HOST_B_MAC, HOST_A_MAC);
        let mut rows = vec![
            Row::from_wire("ARP to this host", &raw(ETHERTYPE_ARP)).ends(Outcome::NotIp),
            Row::from_wire(
                "ARP to all",
                &raw(ETHERTYPE_ARP).macs(HOST_B_MAC, BROADCAST_MAC),
            )
            .ends(Outcome::Group),
            Row::from_wire("LLDP", &raw(0x88cc)).ends(Outcome::NotIp),
            Row::from_wire("MPLS", &raw(0x8847)).ends(Outcome::NotIp),
            Row::from_wire("a length for a type", &raw(46)).ends(Outcome::NotIp),
            Row::from_wire("nothing behind the type", &raw(0x88cc).cut(14)).ends(Outcome::NotIp),
            Row::from_wire("a tag and no more", &raw(TPID_VLAN).cut(14)).ends(Outcome::Vlan),
        ];
        for f in FAMILIES {
            for (what, tags) in [
                ("a VLAN tag", vec![(TPID_VLAN, 7)]),
                ("priority alone", vec![(TPID_VLAN, 0xe000)]),
                ("a service tag", vec![(TPID_SERVICE_VLAN, 7)]),
                ("two tags", vec![(TPID_SERVICE_VLAN, 7), (TPID_VLAN, 8)]),
            ] {
                let tagged = |packet: Packet| {
                    let add = |packet: Packet, (tpid, tci): &(u16, u16)| packet.tag(*tpid, *tci);
                    tags.iter().fold(packet, add)
                };
                let what = format!("{f:?} with {what}");
                rows.push(
                    Row::from_wire(&what, &tagged(inbound(f, f.container()))).ends(Outcome::Vlan),
                );
                rows.push(
                    Row::from_container(&what, &tagged(outbound(f, f.remote())))
                        .ends(Outcome::Vlan),
                );
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn groups_are_the_stacks() {
    in_rig(|rig| {
        let mut rows = Vec::new();
        for f in FAMILIES {
            for mac in [
                BROADCAST_MAC,
                [0x01, 0, 0x5e, 0, 0, 1],
                [0x33, 0x33, 0, 0, 0, 1],
            ] {
                let packet = inbound(f, f.container()).macs(HOST_B_MAC, mac);
                rows.push(
                    Row::from_wire(format!("{f:?} in a frame to a group"), &packet)
                        .ends(Outcome::Group),
                );
            }
        }
        for address in [
            IpAddr::from(Ipv4Addr::new(224, 0, 0, 1)),
            Ipv4Addr::new(239, 255, 255, 255).into(),
            Ipv4Addr::BROADCAST.into(),
            v6("ff02::1"),
            v6("ff05::2"),
            v6("ff0e::1:2"),
        ] {
            let f = if address.is_ipv6() { V6 } else { V4 };
            let row = Row::from_wire(format!("to {address}"), &inbound(f, address));
            rows.push(row.ends(Outcome::Group));
            let row = Row::from_container(format!("to {address}"), &outbound(f, address));
            rows.push(row.ends(Outcome::Group));
        }
        let discover = Packet::new(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
            .udp(68, 67)
            .macs(CONTAINER_A_MAC, BROADCAST_MAC);
        rows.push(Row::from_container("DHCP discover", &discover).ends(Outcome::Group));
        run_all(rig, &rows);
    });
}

#[test]
fn what_is_valid_on_its_link_only_stays_there() {
    in_rig(|rig| {
        let mut rows = Vec::new();
        for address in [
            IpAddr::from(Ipv4Addr::new(169, 254, 0, 1)),
            Ipv4Addr::new(169, 254, 255, 254).into(),
            v6("fe80::1"),
            v6("febf:ffff::1"),
        ] {
            let f = if address.is_ipv6() { V6 } else { V4 };
            let to = Row::from_container(format!("to {address}"), &outbound(f, address));
            rows.push(to.ends(Outcome::LinkLocal));
            let from = inbound(f, f.container()).from(address);
            rows.push(Row::from_wire(format!("from {address}"), &from).ends(Outcome::LinkLocal));
        }
        for address in [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ] {
            let f = if address.is_ipv6() { V6 } else { V4 };
            let from = outbound(f, f.gateway()).from(address);
            rows.push(
                Row::from_container(format!("from {address}"), &from).ends(Outcome::LinkLocal),
            );
        }
        run_all(rig, &rows);
    });
}

#[test]
fn what_every_router_must_read_is_the_stacks() {
    in_rig(|rig| {
        let record_route = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        let options = |packet: Packet| packet.options(&record_route);
        let hop_by_hop = |packet: Packet| packet.options_header(extension::HOP_BY_HOP);
        run_all(
            rig,
            &[
                Row::from_wire("options in", &options(inbound(V4, V4.container())))
                    .ends(Outcome::IpOptions),
                Row::from_container("options out", &options(outbound(V4, V4.remote())))
                    .ends(Outcome::IpOptions),
                Row::from_container(
                    "the most options",
                    &outbound(V4, V4.remote()).options(&[1; 40]),
                )
                .ends(Outcome::IpOptions),
                Row::from_wire("hop-by-hop in", &hop_by_hop(inbound(V6, V6.container())))
                    .ends(Outcome::HopByHop),
                Row::from_container("hop-by-hop out", &hop_by_hop(outbound(V6, V6.remote())))
                    .ends(Outcome::HopByHop),
                Row::from_wire(
                    "neither of the two prefixes that are near",
                    &inbound(V6, v6("fd00:10:1ff::2")),
                )
                .ends(Outcome::NoRoute),
            ],
        );
    });
}

fn v6(text: &str) -> IpAddr {
    text.parse().unwrap()
}
