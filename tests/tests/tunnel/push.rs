//! Packets into tunnels.

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{
        CONTAINER_A_MAC, DOCKER_A_MAC, ErrorReply, HOST_A_MAC, HOST_B_MAC, Packet, STRANGER_MAC,
        Transport,
    },
    program::{
        FAMILIES, Place, Rig, Roles, V4, V6, in_rig,
        tunnels::{self, GENEVE, HOST_C, HOST_C_V6, VXLAN, Way, change, fill, ways},
    },
};

use super::row::{Fate, Row, run_all};

const CONTAINERS: [Place; 2] = [Place::Docker, Place::Port];

/// A packet of a container of this host by that way.
fn outbound(way: Way, inner: Roles) -> Packet {
    Packet::new(inner.container(), way.far(inner)).macs(CONTAINER_A_MAC, DOCKER_A_MAC)
}

/// The same by way of another router.
fn transit(way: Way, inner: Roles) -> Packet {
    Packet::new(inner.unlearnt(), way.far(inner)).macs(STRANGER_MAC, HOST_A_MAC)
}

/// What a packet that is pushed ends as, given its frame without padding.
fn pushed(way: Way, inner: Roles, frame: &[u8]) -> Fate {
    let wrapped = way.wrapped(frame).build();
    Fate::sent(
        Outcome::Encapsulated,
        wrapped,
        way.counter(inner),
        frame.len() - 14,
    )
    .any_port(way.source_port())
}

/// The packet goes into the tunnel, from containers.
fn from_container(what: &str, way: Way, inner: Roles, packet: &Packet) -> Row {
    let frame = packet.build();
    let fate = pushed(way, inner, &frame);
    Row::new(format!("{what}: {inner:?} in {way:?}"), frame).at(&CONTAINERS, &fate)
}

/// Off the wire, by XDP or tc.
fn from_wire(what: &str, way: Way, inner: Roles, packet: &Packet) -> Row {
    let frame = packet.build();
    let fate = pushed(way, inner, &frame);
    Row::new(format!("{what}: {inner:?} in {way:?}"), frame)
        .at(&[Place::UplinkXdp, Place::Uplink], &fate)
}

#[test]
fn every_tunnel_is_pushed_at_every_hook() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways() {
            for inner in FAMILIES {
                let tcp = outbound(way, inner).tcp(1, 2).payload_of(1000);
                let udp = transit(way, inner).payload_of(64);
                rows.push(from_container("from a container", way, inner, &tcp));
                rows.push(from_wire("in transit", way, inner, &udp));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn whatever_a_packet_holds_it_is_pushed_whole() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in [
            Way::new(VXLAN, V4),
            Way::new(VXLAN, V6),
            Way::new(GENEVE, V4),
        ] {
            for inner in FAMILIES {
                let whole = || transit(way, inner);
                let largest = way.mtu() - inner.header();
                for (what, packet) in [
                    (
                        "as big as can be",
                        whole().transport(Transport::Bare(59)).payload_of(largest),
                    ),
                    (
                        "nothing behind the IP header",
                        whole().transport(Transport::Bare(59)),
                    ),
                    (
                        "a first fragment",
                        whole().fragment(0, true).payload_of(800),
                    ),
                    (
                        "a later fragment",
                        whole().fragment(1480, true).payload_of(800),
                    ),
                    (
                        "a last fragment",
                        whole().fragment(1480, false).payload_of(8),
                    ),
                    ("the last TTL that is enough", whole().ttl(2)),
                    ("the largest TTL", whole().ttl(255)),
                    ("ping", whole().ping().payload_of(56)),
                ] {
                    rows.push(from_wire(what, way, inner, &packet));
                }
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn what_ethernet_padded_is_not_of_the_outer_length() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways() {
            let bare = transit(way, V4).build();
            let padded = transit(way, V4).padding(18).build();
            let mut wrapped = way.wrapped(&bare).build();
            wrapped.resize(wrapped.len() + 18, 0);
            let fate = Fate::sent(
                Outcome::Encapsulated,
                wrapped,
                way.counter(V4),
                bare.len() - 14,
            )
            .any_port(way.source_port());
            rows.push(
                Row::new(format!("padding in {way:?}"), padded)
                    .at(&[Place::UplinkXdp, Place::Uplink], &fate),
            );
        }
        run_all(rig, &rows);
    });
}

#[test]
fn dscp_is_copied_or_fixed_and_ecn_always_copied() {
    in_rig(|rig| {
        fill(rig);
        for way in [Way::new(VXLAN, V4), Way::new(VXLAN, V6)] {
            for dscp in [0xff, 0x00, 0x2e << 2] {
                change(rig, way, |hop| hop.dscp = dscp);
                let mut rows = Vec::new();
                for (inner, ecn) in FAMILIES
                    .into_iter()
                    .flat_map(|f| (0..4).map(move |ecn| (f, ecn)))
                {
                    let tos = 0x0a << 2 | ecn;
                    let outer = if dscp == 0xff { tos } else { dscp | ecn };
                    let frame = transit(way, inner).tos(tos).build();
                    let wrapped = way.wrapped(&frame).tos(outer).build();
                    let fate = Fate::sent(
                        Outcome::Encapsulated,
                        wrapped,
                        way.counter(inner),
                        frame.len() - 14,
                    )
                    .any_port(way.source_port());
                    let what = format!("ECN {ecn:02b}, DSCP {dscp:#x}, {inner:?} in {way:?}");
                    rows.push(Row::new(what, frame).at(&[Place::UplinkXdp, Place::Uplink], &fate));
                }
                run_all(rig, &rows);
            }
        }
    });
}

#[test]
fn a_packet_too_big_for_the_tunnel_is_answered_with_the_inner_mtu() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways() {
            for inner in FAMILIES {
                let payload = way.mtu() - inner.header() - 8 + 1;
                let packet = outbound(way, inner).payload_of(payload);
                let packet = if inner.is_v6() {
                    packet
                } else {
                    packet.dont_fragment()
                };
                let frame = packet.build();
                let error = error(inner.gateway()).too_big(&frame, way.mtu() as u16);
                let fate = Fate::sent(Outcome::TooBig, error, way.counter(inner), frame.len() - 14);
                rows.push(Row::new(format!("{inner:?} in {way:?}"), frame).at(&CONTAINERS, &fate));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_packet_too_big_that_may_be_fragmented_is_cut_in_two() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways() {
            let first = (way.mtu() - 20) / 8 * 8;
            let frame = outbound(way, V4).payload_of(way.mtu()).build();
            let rest = outbound(way, V4)
                .transport(Transport::Bare(17))
                .payload(&frame[34 + first..])
                .fragment(first as u16, false);
            let row = Row::new(format!("{way:?}"), frame);
            rows.push(row.at(&CONTAINERS, &Fate::cut(rest.build())));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_ttl_that_ends_here_is_answered_and_not_pushed() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for inner in FAMILIES {
            let way = Way::new(GENEVE, V4);
            let frame = outbound(way, inner).ttl(1).build();
            let error = error(inner.gateway()).time_exceeded(&frame);
            let fate = Fate::sent(
                Outcome::TtlExceeded,
                error,
                way.counter(inner),
                frame.len() - 14,
            );
            rows.push(Row::new(format!("{inner:?}"), frame).at(&CONTAINERS, &fate));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_container_cannot_forge_a_tunnel_packet_towards_a_peer() {
    in_rig(|rig| {
        fill(rig);
        direct_to_peers(rig);
        let mut rows = Vec::new();
        for way in ways() {
            let inner = Packet::new(V4.stranger(), V4.container()).build();
            let (src, dst) = (way.outer.container(), peer(way.outer));
            let forged = way.tunnel.around(&inner, src, dst);
            let what = format!("{way:?}");
            for packet in [forged.clone(), forged.tos(3)] {
                let frame = packet.build();
                let fate = Fate::left(Outcome::ForgedTunnel, frame.clone());
                rows.push(Row::new(what.clone(), frame).at(&CONTAINERS, &fate));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_container_may_send_peers_all_that_is_no_tunnels() {
    in_rig(|rig| {
        fill(rig);
        direct_to_peers(rig);
        let way = Way::new(VXLAN, V4);
        let mut rows = Vec::new();
        for roles in FAMILIES {
            let to_peer =
                || Packet::new(roles.container(), peer(roles)).macs(CONTAINER_A_MAC, DOCKER_A_MAC);
            for (what, packet) in [
                ("ping", to_peer().ping()),
                ("UDP of another port", to_peer().udp(4789, 4790)),
                ("TCP", to_peer().tcp(1, 4789)),
            ] {
                // The peer itself is routed to by the way, in the tunnel: any hop would do.
                rows.push(from_container(what, way, roles, &packet));
            }
            let own = |packet: Packet| Row::new("to its own host", packet.build());
            let inner = Packet::new(V4.stranger(), V4.container()).build();
            let to_self = VXLAN.around(&inner, roles.container(), roles.host());
            let frame = to_self.build();
            rows.push(
                own(to_self)
                    .at(
                        &[Place::Docker],
                        &Fate::left(Outcome::ToHost, frame.clone()),
                    )
                    .at(&[Place::Port], &Fate::left(Outcome::HandedUp, frame)),
            );
        }
        run_all(rig, &rows);
    });
}

/// Routes the peers' own addresses, so that a packet to them would be sent on.
fn direct_to_peers(rig: &mut Rig) {
    let way = Way::new(VXLAN, V4);
    tunnels::route(rig, &format!("{HOST_C}/32"), way, V4);
    tunnels::route(rig, &format!("{HOST_C_V6}/128"), way, V6);
}

/// Errors as this host sends them.
fn error(from: std::net::IpAddr) -> ErrorReply {
    ErrorReply {
        fragment_word: 0x4000,
        ..ErrorReply::from(from)
    }
}

fn peer(roles: Roles) -> std::net::IpAddr {
    if roles.is_v6() {
        HOST_C_V6.into()
    } else {
        HOST_C.into()
    }
}

#[test]
fn the_source_port_is_a_flows_own() {
    in_rig(|rig| {
        fill(rig);
        for inner in FAMILIES {
            let way = Way::new(VXLAN, V4);
            let port = |packet: Packet| {
                let run = rig.run(Place::Docker, &packet.build(), 0).unwrap();
                [run.frame[34], run.frame[35]]
            };
            let flow = |src: u16| outbound(way, inner).tcp(src, 80);
            assert_eq!(port(flow(1000)), port(flow(1000).payload_of(700).ttl(9)));
            let mut ports: Vec<_> = (1000..1256).map(|src| port(flow(src))).collect();
            ports.sort_unstable();
            ports.dedup();
            assert!(ports.len() > 240, "{} ports of 256 flows", ports.len());
            let piece = |offset, more| outbound(way, inner).udp(9, 9).fragment(offset, more);
            assert_eq!(port(piece(0, true)), port(piece(1480, false)));
        }
    });
}

#[test]
fn the_stations_of_the_frame_are_the_next_hops() {
    in_rig(|rig| {
        fill(rig);
        let way = Way::new(VXLAN, V4);
        change(rig, way, |hop| hop.port = 8472_u16.to_be_bytes());
        let frame = transit(way, V4).build();
        let run = rig.run(Place::UplinkXdp, &frame, 0).unwrap();
        assert_eq!(run.frame[..12], [HOST_B_MAC, HOST_A_MAC].concat());
        assert_eq!(run.frame[36..38], 8472_u16.to_be_bytes());
    });
}
