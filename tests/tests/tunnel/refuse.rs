//! Tunnel packets that are not taken, or whose inner packet is not.

use std::net::IpAddr;

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{ETHERTYPE_ARP, HOST_A_MAC, HOST_B_MAC, Packet, TPID_VLAN, Transport, Tunnel},
    program::{
        FAMILIES, Place, Roles, V4, in_rig,
        tunnels::{
            GENEVE, HOST_C, HOST_C_V6, VNI, VTEP_A, VTEP_B, VXLAN, Way, fill, is_ours, ways,
        },
    },
};

use super::row::{Fate, Row, run_all};

const WIRE: [Place; 2] = [Place::UplinkXdp, Place::Uplink];

pub(super) fn inner(way: Way, roles: Roles) -> Packet {
    Packet::new(way.far(roles), roles.container())
}

pub(super) fn opened(packet: &Packet) -> Vec<u8> {
    packet.clone().macs(HOST_B_MAC, HOST_A_MAC).build()
}

/// Ways whose packets this host takes.
pub(super) fn ours() -> impl Iterator<Item = Way> {
    ways().filter(|way| is_ours(*way, false))
}

/// Refused once it is out of its tunnel.
pub(super) fn refused_inside(
    what: impl Into<String>,
    way: Way,
    packet: &Packet,
    outcome: Outcome,
) -> Row {
    Row::new(what, way.arriving(packet).build()).at(&WIRE, &Fate::left(outcome, opened(packet)))
}

/// The peer's packet with some of its bytes changed, by where they stand in the shim.
pub(super) fn patched(way: Way, patches: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = way.arriving(&inner(way, V4)).build();
    for (at, byte) in patches {
        frame[way.shim() + at] = *byte;
    }
    frame
}

#[test]
fn the_outer_header_must_be_right() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            let arriving = || way.arriving(&inner(way, V4).payload_of(40));
            let length = (arriving().build().len() - 14) as u16;
            let row = |what, packet: Packet| Row::new(format!("{what}: {way:?}"), packet.build());
            if way.outer.is_v6() {
                rows.push(
                    row("too long", arriving().length(length - 39))
                        .refused(Outcome::BadTotalLength),
                );
                continue;
            }
            rows.push(
                row("too long", arriving().length(length + 1)).refused(Outcome::BadTotalLength),
            );
            rows.push(
                row("shorter than a header", arriving().length(19))
                    .refused(Outcome::BadTotalLength),
            );
            rows.push(row("checksum", arriving().checksum(0x1234)).refused(Outcome::BadChecksum));
            rows.push(row("header length", arriving().ihl(4)).refused(Outcome::BadHeaderLength));
            rows.push(row("options", arriving().options(&[1])).passed(Outcome::IpOptions));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_tunnel_packet_that_ends_early_is_refused_wherever_it_ends() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            for roles in FAMILIES {
                let whole = way.arriving(&inner(way, roles)).build();
                let outer = 14 + way.outer.header();
                let least = way.tunnel.overhead() + roles.header();
                let (number, payload) = (protocol(way, &whole), &whole[outer..]);
                for end in (0..least).step_by(3) {
                    let packet = Packet::new(way.outer.neighbour(), way.outer.host())
                        .macs(HOST_B_MAC, HOST_A_MAC)
                        .transport(Transport::Bare(number))
                        .payload(&payload[..end]);
                    let what = format!("{end} of {least} bytes, {roles:?} in {way:?}");
                    let row = Row::new(what, packet.build());
                    let outcome = ending(way, end);
                    rows.push(if outcome == Outcome::ToHost {
                        row.passed(outcome)
                    } else {
                        row.refused(outcome)
                    });
                }
            }
        }
        run_all(rig, &rows);
    });
}

/// How a packet that ends after so many bytes ends: UDP's own length says more, and without
/// ports no tunnel is recognised.
fn ending(way: Way, end: usize) -> Outcome {
    match (way.tunnel.over_udp(), end) {
        (true, ..8) => Outcome::ToHost,
        (true, _) => Outcome::BadTunnelHeader,
        (false, _) => Outcome::Truncated,
    }
}

fn protocol(way: Way, frame: &[u8]) -> u8 {
    frame[14 + if way.outer.is_v6() { 6 } else { 9 }]
}

#[test]
fn udp_lengths_must_agree_with_ips() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours().filter(|way| way.tunnel.over_udp()) {
            let whole = way.arriving(&inner(way, V4)).build();
            let at = way.shim() - 4;
            let right = u16::from_be_bytes([whole[at], whole[at + 1]]);
            for wrong in [1, 7, 15, right + 1, u16::MAX] {
                let mut frame = whole.clone();
                frame[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
                let what = format!("{wrong} for {right} in {way:?}");
                rows.push(Row::new(what, frame).refused(Outcome::BadTunnelHeader));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn an_inner_packet_does_not_reach_beyond_its_tunnel_packet() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            for roles in FAMILIES {
                let packet = inner(way, roles).payload_of(40);
                let whole = packet.build();
                let longer = packet
                    .length((whole.len() - 14 + 9 - if roles.is_v6() { 40 } else { 0 }) as u16);
                // What it claims is there, but it is Ethernet's padding.
                let arriving = way.arriving(&longer).padding(9).build();
                let left = opened(&longer.clone().padding(9));
                let fate = Fate::left(Outcome::BadTotalLength, left);
                rows.push(Row::new(format!("{roles:?} in {way:?}"), arriving).at(&WIRE, &fate));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn fragments_of_tunnel_packets_are_left_to_the_stack() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours().filter(|way| !way.outer.is_v6()) {
            let arriving = || way.arriving(&inner(way, V4).payload_of(100));
            rows.push(
                Row::new(
                    format!("first {way:?}"),
                    arriving().fragment(0, true).build(),
                )
                .passed(Outcome::TunnelFragment),
            );
            // Of UDP, a later one cannot be told from any other packet to this host.
            let later = if way.tunnel.over_udp() {
                Outcome::ToHost
            } else {
                Outcome::TunnelFragment
            };
            rows.push(
                Row::new(
                    format!("later {way:?}"),
                    arriving().fragment(800, false).build(),
                )
                .passed(later),
            );
        }
        for way in ours().filter(|way| way.outer.is_v6()) {
            rows.push(
                Row::new(
                    format!("IPv6 {way:?}"),
                    way.arriving(&inner(way, V4)).fragment(0, true).build(),
                )
                .passed(Outcome::ToHost),
            );
        }
        run_all(rig, &rows);
    });
}

#[test]
fn only_peers_may_send_tunnel_packets() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways() {
            let frame = inner(way, V4).macs(VTEP_B, VTEP_A).build();
            let arriving = way
                .tunnel
                .around(&frame, way.outer.stranger(), way.outer.host())
                .macs(HOST_B_MAC, HOST_A_MAC);
            let row = Row::new(format!("{way:?}"), arriving.build());
            rows.push(if way.tunnel.over_udp() {
                row.refused(Outcome::UnknownPeer)
            } else {
                // They have no network number: it may be another tunnel of the host.
                row.passed(Outcome::ForeignTunnel)
            });
        }
        run_all(rig, &rows);
        rig.datapath.remove_peer(V4.neighbour()).unwrap();
        // It speaks for itself: while packets are routed to it, it is a peer.
        let packet = Packet::new(V4.neighbour(), V4.container());
        let arriving = Way::new(VXLAN, V4).arriving(&packet).build();
        let gone = Row::new("a peer that was", arriving);
        run_all(rig, &[gone.refused(Outcome::UnknownPeer)]);
    });
}

#[test]
fn a_peer_speaks_for_its_own_subnets_only() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours() {
            for roles in FAMILIES {
                for (what, src) in [
                    ("this host's container", roles.unlearnt()),
                    ("this host", roles.host()),
                    ("nobody", roles.stranger()),
                    ("a blackhole", roles.hole()),
                    ("another next hop's", other_hops(roles)),
                ] {
                    let packet = Packet::new(src, roles.container());
                    let what = format!("{what}: {roles:?} in {way:?}");
                    let row = Row::new(what, way.arriving(&packet).build());
                    rows.push(row.refused(Outcome::SpoofedSource));
                }
                let packet = inner(way, roles);
                let frame = packet.clone().macs(VTEP_B, VTEP_A).build();
                let arriving = way
                    .tunnel
                    .around(&frame, peer_c(way.outer), way.outer.host())
                    .macs(HOST_B_MAC, HOST_A_MAC)
                    .build();
                let row = Row::new(format!("another peer: {roles:?} in {way:?}"), arriving);
                rows.push(row.refused(Outcome::SpoofedSource));
            }
        }
        run_all(rig, &rows);
    });
}

/// An address behind host B by a tunnel over the other family, which another peer could own.
fn other_hops(roles: Roles) -> IpAddr {
    let text = if roles.is_v6() {
        "fd00:10:77::2"
    } else {
        "10.77.0.2"
    };
    text.parse().expect("an address")
}

pub(super) fn peer_c(roles: Roles) -> IpAddr {
    if roles.is_v6() {
        HOST_C_V6.into()
    } else {
        HOST_C.into()
    }
}

#[test]
fn another_networks_packets_are_left_to_the_stack() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            let vni = VNI + 1;
            for tunnel in [
                Tunnel::Vxlan { port: 4789, vni },
                Tunnel::Geneve {
                    port: 6081,
                    vni,
                    options: &[],
                },
                Tunnel::Vxlan { port: 4789, vni: 0 },
                Tunnel::Gre(Some(7)),
                Tunnel::GreEthernet(Some(7)),
            ] {
                for from in [outer.neighbour(), outer.stranger()] {
                    let frame = inner(Way::new(VXLAN, outer), V4).build();
                    let packet = tunnel.around(&frame, from, outer.host());
                    let row = Row::new(
                        format!("{tunnel:?} from {from}"),
                        packet.macs(HOST_B_MAC, HOST_A_MAC).build(),
                    );
                    rows.push(row.passed(Outcome::ForeignTunnel));
                }
            }
            let elsewhere = Tunnel::Vxlan {
                port: 4790,
                vni: VNI,
            };
            let frame = inner(Way::new(VXLAN, outer), V4).build();
            let packet = elsewhere.around(&frame, outer.neighbour(), outer.host());
            let row = Row::new("another port", packet.macs(HOST_B_MAC, HOST_A_MAC).build());
            rows.push(row.passed(Outcome::ToHost));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn shims_that_break_their_rules_are_refused_by_name() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            let geneve = Way::new(GENEVE, outer);
            for (what, way, patch, outcome) in broken(outer) {
                let frame = patched(way, &[patch]);
                rows.push(Row::new(format!("{what} over {outer:?}"), frame).refused(outcome));
            }
            let l3 = patched(geneve, &[(2, 0x08), (3, 0x00)]);
            rows.push(Row::new("Geneve around IP", l3).refused(Outcome::InnerNotIp));
        }
        run_all(rig, &rows);
    });
}

/// What is wrong, where, the byte of the shim that is, and how it ends.
type Broken = (&'static str, Way, (usize, u8), Outcome);

fn broken(outer: Roles) -> Vec<Broken> {
    let vxlan = Way::new(VXLAN, outer);
    let geneve = Way::new(GENEVE, outer);
    let gre = Way::new(Tunnel::Gre(None), outer);
    [broken_vxlan_and_geneve(vxlan, geneve), broken_gre(gre)].concat()
}

fn broken_vxlan_and_geneve(vxlan: Way, geneve: Way) -> Vec<Broken> {
    vec![
        (
            "VXLAN without I",
            vxlan,
            (0, 0x00),
            Outcome::BadTunnelHeader,
        ),
        (
            "VXLAN with all flags but I",
            vxlan,
            (0, 0xf7),
            Outcome::BadTunnelHeader,
        ),
        (
            "Geneve version 1",
            geneve,
            (0, 0x40),
            Outcome::BadTunnelHeader,
        ),
        (
            "Geneve version 3",
            geneve,
            (0, 0xc0),
            Outcome::BadTunnelHeader,
        ),
        (
            "Geneve control",
            geneve,
            (1, 0x80),
            Outcome::BadTunnelHeader,
        ),
        (
            "Geneve critical",
            geneve,
            (1, 0x40),
            Outcome::GeneveCriticalOption,
        ),
        (
            "Geneve around another protocol",
            geneve,
            (3, 0x59),
            Outcome::InnerNotIp,
        ),
        (
            "Geneve with options beyond the end",
            geneve,
            (0, 0x3f),
            Outcome::Truncated,
        ),
    ]
}

fn broken_gre(gre: Way) -> Vec<Broken> {
    vec![
        ("GRE version 1", gre, (1, 0x01), Outcome::BadTunnelHeader),
        ("GRE version 7", gre, (1, 0x07), Outcome::BadTunnelHeader),
        ("GRE checksum", gre, (0, 0x80), Outcome::GreFlags),
        ("GRE routing", gre, (0, 0x40), Outcome::GreFlags),
        ("GRE sequence number", gre, (0, 0x10), Outcome::GreFlags),
        ("GRE strict source route", gre, (0, 0x08), Outcome::GreFlags),
        ("GRE recursion", gre, (0, 0x04), Outcome::GreFlags),
        (
            "GRE around another protocol",
            gre,
            (2, 0x88),
            Outcome::InnerNotIp,
        ),
    ]
}

#[test]
fn frames_that_hold_no_ip_are_refused() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ours().filter(|way| way.tunnel.carries_frames()) {
            let tagged = inner(way, V4).tag(TPID_VLAN, 7);
            for (what, packet) in [
                ("ARP", Packet::raw(ETHERTYPE_ARP, [0; 28])),
                ("LLDP", Packet::raw(0x88cc, [0; 46])),
                ("a VLAN tag", tagged),
            ] {
                let row = Row::new(format!("{what} in {way:?}"), way.arriving(&packet).build());
                rows.push(row.refused(Outcome::InnerNotIp));
            }
        }
        run_all(rig, &rows);
    });
}
