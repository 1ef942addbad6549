//! What a packet out of a tunnel may be, and where it may go.

use std::net::IpAddr;

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{HOST_A_MAC, HOST_B_MAC, Packet, STRANGER, extension},
    program::{
        FAMILIES, Known, Place, V4, V6, in_rig,
        tunnels::{GENEVE, HOST_C, HOST_C_V6, VXLAN, Way, fill, route, ways},
    },
};

use super::{
    refuse::{inner, opened, ours, peer_c, refused_inside},
    row::{Fate, Row, run_all},
};

const WIRE: [Place; 2] = [Place::UplinkXdp, Place::Uplink];
#[test]
fn inner_packets_are_held_to_the_same_rules_as_any() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            let packet = || inner(way, V4);
            for (what, packet, outcome) in [
                ("checksum", packet().checksum(0x1234), Outcome::BadChecksum),
                (
                    "total length",
                    packet().length(500),
                    Outcome::BadTotalLength,
                ),
                ("header length", packet().ihl(4), Outcome::BadHeaderLength),
                ("version", packet().version(5), Outcome::BadVersion),
                ("no route", to(way, V4.stranger()), Outcome::NoInnerRoute),
                ("no route", to(way, V6.stranger()), Outcome::NoInnerRoute),
                ("multicast", to(way, ip("239.1.1.1")), Outcome::NoInnerRoute),
                ("multicast", to(way, ip("ff05::1")), Outcome::NoInnerRoute),
                (
                    "broadcast",
                    to(way, ip("255.255.255.255")),
                    Outcome::NoInnerRoute,
                ),
                (
                    "link-local",
                    to(way, ip("169.254.1.1")),
                    Outcome::NoInnerRoute,
                ),
                ("link-local", to(way, ip("fe80::1")), Outcome::NoInnerRoute),
                (
                    "loopback",
                    to(way, ip("127.0.0.1")),
                    Outcome::MartianDestination,
                ),
                ("loopback", to(way, ip("::1")), Outcome::MartianDestination),
            ] {
                rows.push(refused_inside(
                    format!("{what} in {way:?}"),
                    way,
                    &packet,
                    outcome,
                ));
            }
        }
        run_all(rig, &rows);
    });
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// From the other end to any address.
fn to(way: Way, dst: IpAddr) -> Packet {
    let roles = if dst.is_ipv4() { V4 } else { V6 };
    Packet::new(way.far(roles), dst)
}

#[test]
fn what_only_the_stack_can_handle_reaches_it_out_of_its_tunnel() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            for (packet, outcome) in [
                (inner(way, V4).options(&[7, 3, 4]), Outcome::IpOptions),
                (
                    inner(way, V6).options_header(extension::HOP_BY_HOP),
                    Outcome::HopByHop,
                ),
            ] {
                let left = opened(&packet);
                let row = Row::new(
                    format!("{outcome:?} in {way:?}"),
                    way.arriving(&packet).build(),
                );
                rows.push(row.popped(&left, &Fate::left(outcome, left.clone())));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_blackhole_is_one_out_of_a_tunnel_too() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            for roles in FAMILIES {
                let packet = to(way, roles.hole());
                let left = opened(&packet);
                let fate = Fate::left(Outcome::Blackhole, left.clone())
                    .on(roles.counter(Known::Hole), left.len() - 14);
                let row = Row::new(
                    format!("{roles:?} in {way:?}"),
                    way.arriving(&packet).build(),
                );
                rows.push(row.at(&WIRE, &fate));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_tunnel_packet_out_of_a_tunnel_is_not_taken_for_ours() {
    in_rig(|rig| {
        fill(rig);
        let carrier = Way::new(VXLAN, V4);
        // As if another peer lay behind this one.
        route(rig, &format!("{HOST_C}/32"), carrier, V4);
        route(rig, &format!("{HOST_C_V6}/128"), carrier, V6);
        let mut rows = Vec::new();
        for nested in ways() {
            let innermost = Packet::new(STRANGER, V4.container()).build();
            let (src, dst) = (peer_c(nested.outer), nested.outer.host());
            let inner = nested.tunnel.around(&innermost, src, dst);
            let what = format!("{nested:?}");
            rows.push(refused_inside(what, carrier, &inner, Outcome::ForgedTunnel));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_tunnel_packet_between_others_is_carried_as_any() {
    in_rig(|rig| {
        fill(rig);
        let carrier = Way::new(GENEVE, V4);
        let mut rows = Vec::new();
        for nested in ours() {
            let roles = nested.outer;
            let innermost = Packet::new(STRANGER, V4.container()).build();
            let inner = nested
                .tunnel
                .around(&innermost, carrier.far(roles), roles.unlearnt());
            let left = opened(&inner);
            let mut out = left.clone();
            out = routemesh_tests::packet::expected_forward(&out, HOST_B_MAC, HOST_A_MAC);
            let counter = roles.counter(Known::Network);
            let fate = Fate::sent(Outcome::DeliveredByNeighbour, out, counter, left.len() - 14);
            let row = Row::new(format!("{nested:?}"), carrier.arriving(&inner).build());
            rows.push(row.popped(&left, &fate));
        }
        run_all(rig, &rows);
    });
}
