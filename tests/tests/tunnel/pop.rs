//! Packets out of tunnels that are ours, and where they go then.

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{
        CONTAINER_A_MAC, DOCKER_A_MAC, ErrorReply, HOST_A_MAC, HOST_B_MAC, Packet, Tunnel,
        expected_forward, extension,
    },
    program::{
        ETH1_MAC, FAMILIES, Known, NEXT_MAC, Place, Roles, V4, V6, in_rig,
        tunnels::{GENEVE, KEY, VNI, VTEP_A, VTEP_B, VXLAN, Way, fill, is_ours, settings, ways},
    },
};

use super::row::{Fate, Row, run_all};

const WIRE: [Place; 2] = [Place::UplinkXdp, Place::Uplink];

/// From a container at the other end to one of this host.
fn inner(way: Way, roles: Roles) -> Packet {
    Packet::new(way.far(roles), roles.container())
}

/// The inner packet as if the peer had sent it in the open.
fn opened(packet: &Packet) -> Vec<u8> {
    packet.clone().macs(HOST_B_MAC, HOST_A_MAC).build()
}

/// `arriving`, which holds `inner`, ends in the container.
pub(super) fn delivered(
    what: String,
    arriving: Vec<u8>,
    roles: Roles,
    stripped: &[u8],
    bytes: usize,
) -> Row {
    let out = expected_forward(stripped, DOCKER_A_MAC, CONTAINER_A_MAC);
    let counter = roles.counter(Known::Network);
    let fate = Fate::sent(Outcome::Delivered, out, counter, bytes);
    Row::new(what, arriving).popped(stripped, &fate)
}

/// The same for a packet as it should be.
fn whole(what: &str, way: Way, roles: Roles, packet: &Packet) -> Row {
    let stripped = opened(packet);
    let what = format!("{what}: {roles:?} out of {way:?}");
    let bytes = stripped.len() - 14;
    delivered(what, way.arriving(packet).build(), roles, &stripped, bytes)
}

#[test]
fn every_tunnel_is_popped_at_every_hook() {
    in_rig(|rig| {
        fill(rig);
        for keyed in [false, true] {
            settings(rig, keyed);
            let mut rows = Vec::new();
            for way in ways().filter(|way| is_ours(*way, keyed)) {
                for roles in FAMILIES {
                    let tcp = inner(way, roles).tcp(1, 2).payload_of(1000);
                    rows.push(whole("TCP", way, roles, &tcp));
                    rows.push(whole("ping", way, roles, &inner(way, roles).ping()));
                }
            }
            run_all(rig, &rows);
        }
    });
}

#[test]
fn a_popped_packet_goes_on_to_another_host() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways().filter(|way| is_ours(*way, false)) {
            for roles in FAMILIES {
                let packet = Packet::new(way.far(roles), roles.specific());
                let stripped = opened(&packet);
                let counter = roles.counter(Known::Specific);
                let bytes = stripped.len() - 14;
                let routed = |out: Vec<u8>| Fate::sent(Outcome::Routed, out, counter, bytes);
                let by_xdp = expected_forward(&stripped, ETH1_MAC, NEXT_MAC);
                let by_tc = expected_forward(&stripped, HOST_B_MAC, HOST_A_MAC);
                rows.push(
                    Row::new(
                        format!("{roles:?} out of {way:?}"),
                        way.arriving(&packet).build(),
                    )
                    .at(&[Place::UplinkXdp], &routed(by_xdp))
                    .at(&[Place::Uplink], &routed(by_tc)),
                );
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_popped_packet_goes_on_in_another_tunnel() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for from in ways().filter(|way| is_ours(*way, false)) {
            for to in ways().filter(|to| to.outer != from.outer) {
                for roles in FAMILIES {
                    let packet = Packet::new(from.far(roles), to.far(roles));
                    let stripped = opened(&packet);
                    let fate = Fate::sent(
                        Outcome::Encapsulated,
                        to.wrapped(&stripped).build(),
                        to.counter(roles),
                        stripped.len() - 14,
                    )
                    .any_port(to.source_port());
                    let what = format!("{roles:?} out of {from:?} into {to:?}");
                    rows.push(Row::new(what, from.arriving(&packet).build()).at(&WIRE, &fate));
                }
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_packet_is_not_sent_back_to_the_peer_it_came_from() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            for roles in FAMILIES {
                let (from, to) = (Way::new(VXLAN, outer), Way::new(GENEVE, outer));
                let packet = Packet::new(from.far(roles), to.far(roles));
                let stripped = opened(&packet);
                let fate = Fate::left(Outcome::Loop, stripped.clone())
                    .on(to.counter(roles), stripped.len() - 14);
                let what = format!("{roles:?} out of {from:?}");
                rows.push(Row::new(what, from.arriving(&packet).build()).at(&WIRE, &fate));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn what_is_for_this_host_is_left_to_its_stack() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways().filter(|way| is_ours(*way, false)) {
            for roles in FAMILIES {
                for to in [roles.host(), roles.gateway()] {
                    let packet = Packet::new(way.far(roles), to).tcp(1, 22);
                    let stripped = opened(&packet);
                    let fate = Fate::left(Outcome::ToHost, stripped.clone());
                    let what = format!("to {to} out of {way:?}");
                    let arriving = way.arriving(&packet).build();
                    rows.push(Row::new(what, arriving).popped(&stripped, &fate));
                }
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn whatever_the_inner_packet_holds_it_is_delivered_whole() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in [
            Way::new(VXLAN, V4),
            Way::new(Tunnel::Ipip, V6),
            Way::new(GENEVE, V6),
        ] {
            for roles in FAMILIES {
                let packet = || inner(way, roles);
                let largest = way.mtu() - roles.header() - 8;
                for (what, packet) in [
                    ("as big as can be", packet().payload_of(largest)),
                    (
                        "a first fragment",
                        packet().fragment(0, true).payload_of(800),
                    ),
                    (
                        "a later fragment",
                        packet().fragment(1480, true).payload_of(800),
                    ),
                    ("the last TTL that is enough", packet().ttl(2)),
                    ("a mark of congestion", packet().tos(3)),
                ] {
                    rows.push(whole(what, way, roles, &packet));
                }
            }
            rows.push(whole("extension headers", way, V6, &{
                inner(way, V6).options_header(extension::DESTINATION_OPTIONS)
            }));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn the_outer_header_may_say_what_it_likes_of_ttl_id_and_flags() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for way in ways().filter(|way| is_ours(*way, false) && !way.outer.is_v6()) {
            let packet = inner(way, V4);
            let stripped = opened(&packet);
            let bytes = stripped.len() - 14;
            let around = Tunnel::around(
                way.tunnel,
                &packet.macs(VTEP_B, VTEP_A).build(),
                way.outer.neighbour(),
                way.outer.host(),
            );
            for arriving in [around.clone().id(7), around.clone().ttl(1), around.ttl(255)] {
                let arriving = arriving.macs(HOST_B_MAC, HOST_A_MAC).build();
                rows.push(delivered(
                    format!("{way:?}"),
                    arriving,
                    V4,
                    &stripped,
                    bytes,
                ));
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn what_ethernet_padded_stays_behind_the_packet() {
    in_rig(|rig| {
        fill(rig);
        let way = Way::new(Tunnel::Ipip, V4);
        let packet = inner(way, V4);
        let bytes = packet.build().len() - 14;
        let stripped = opened(&packet.clone().padding(9));
        let arriving = way.arriving(&packet).padding(9).build();
        run_all(
            rig,
            &[delivered("padded".into(), arriving, V4, &stripped, bytes)],
        );
    });
}

#[test]
fn ecn_follows_rfc_6040_out_of_every_family_into_every_family() {
    in_rig(|rig| {
        fill(rig);
        let (not_ect, ect_1, ect_0, ce) = (0, 1, 2, 3);
        // RFC 6040 §4.2, figure 4: by the inner field, for Not-ECT, ECT(0), ECT(1) and CE outside.
        let table = [
            (not_ect, [Some(not_ect), Some(not_ect), Some(not_ect), None]),
            (ect_0, [Some(ect_0), Some(ect_0), Some(ect_1), Some(ce)]),
            (ect_1, [Some(ect_1), Some(ect_1), Some(ect_1), Some(ce)]),
            (ce, [Some(ce), Some(ce), Some(ce), Some(ce)]),
        ];
        let mut rows = Vec::new();
        for outer in FAMILIES {
            let way = Way::new(VXLAN, outer);
            for roles in FAMILIES {
                for (inside, wanted) in table {
                    for (outside, wanted) in [not_ect, ect_0, ect_1, ce].into_iter().zip(wanted) {
                        rows.push(ecn(way, roles, (outside, inside), wanted));
                    }
                }
            }
        }
        run_all(rig, &rows);
    });
}

/// A packet with ECN outside and inside, which must become `wanted`, or be dropped.
fn ecn(way: Way, roles: Roles, (outside, inside): (u8, u8), wanted: Option<u8>) -> Row {
    let dscp = 0x2e << 2;
    let packet = |ecn| inner(way, roles).tos(dscp | ecn);
    let arriving = way.arriving(&packet(inside)).tos(outside).build();
    let what = format!("{outside:02b} outside, {inside:02b} inside: {roles:?} out of {way:?}");
    match wanted {
        Some(ecn) => {
            let stripped = opened(&packet(ecn));
            delivered(what, arriving, roles, &stripped, stripped.len() - 14)
        }
        None => {
            let fate = Fate::left(Outcome::EcnDropped, opened(&packet(inside)));
            Row::new(what, arriving).at(&WIRE, &fate)
        }
    }
}

#[test]
fn an_inner_ttl_that_ends_here_is_answered_by_way_of_the_containers_network() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for roles in FAMILIES {
            let way = Way::new(VXLAN, V4);
            let packet = inner(way, roles).ttl(1);
            let stripped = opened(&packet);
            let error = ErrorReply {
                fragment_word: 0x4000,
                ..ErrorReply::from(roles.gateway())
            };
            let mut error = error.time_exceeded(&stripped);
            // It comes in there, to be routed into the tunnel like any packet.
            error[..12].copy_from_slice(&[DOCKER_A_MAC; 2].concat());
            let counter = roles.counter(Known::Network);
            let fate = Fate::sent(Outcome::TtlExceeded, error, counter, stripped.len() - 14);
            let row = Row::new(format!("{roles:?}"), way.arriving(&packet).build());
            rows.push(row.popped(&stripped, &fate));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn what_rfcs_reserve_is_ignored() {
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            for (tunnel, patches) in [
                // RFC 7348 §5: the reserved flags, 24 bits, and the last byte.
                (VXLAN, [(0, 0xff), (2, 0xff), (7, 0xff)]),
                // RFC 8926 §3.4: six bits, and the last byte.
                (GENEVE, [(1, 0x3f), (7, 0xff), (7, 1)]),
                // RFC 2784 §2.3: bits 6 to 12.
                (Tunnel::Gre(None), [(0, 0x03), (1, 0xf8), (1, 0x80)]),
            ] {
                let way = Way::new(tunnel, outer);
                for (at, byte) in patches {
                    let packet = inner(way, V4);
                    let mut arriving = way.arriving(&packet).build();
                    arriving[way.shim() + at] = byte;
                    let stripped = opened(&packet);
                    let what = format!("byte {at} is {byte:#04x} in {way:?}");
                    rows.push(delivered(
                        what,
                        arriving,
                        V4,
                        &stripped,
                        stripped.len() - 14,
                    ));
                }
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn geneve_options_that_need_not_be_understood_are_skipped() {
    const ONE: &[u8] = &[0x01, 0x02, 0x03, 0x00];
    const MANY: &[u8] = &[0; 252];
    in_rig(|rig| {
        fill(rig);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            for roles in FAMILIES {
                for options in [ONE, MANY] {
                    let tunnel = Tunnel::Geneve {
                        port: 6081,
                        vni: VNI,
                        options,
                    };
                    let packet = inner(Way::new(GENEVE, outer), roles).payload_of(30);
                    let frame = packet.clone().macs(VTEP_B, VTEP_A).build();
                    let arriving = tunnel
                        .around(&frame, outer.neighbour(), outer.host())
                        .macs(HOST_B_MAC, HOST_A_MAC)
                        .build();
                    let stripped = opened(&packet);
                    let what = format!("{} bytes, {roles:?} in {outer:?}", options.len());
                    rows.push(delivered(
                        what,
                        arriving,
                        roles,
                        &stripped,
                        stripped.len() - 14,
                    ));
                }
            }
        }
        run_all(rig, &rows);
    });
}

#[test]
fn the_right_key_is_the_one_that_is_set() {
    in_rig(|rig| {
        fill(rig);
        settings(rig, true);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            let way = Way::new(Tunnel::Gre(Some(KEY)), outer);
            rows.push(whole("the right key", way, V4, &inner(way, V4)));
            for wrong in [
                Tunnel::Gre(Some(KEY ^ 1)),
                Tunnel::GreEthernet(Some(0)),
                Tunnel::Gre(None),
            ] {
                let frame = inner(way, V4).macs(VTEP_B, VTEP_A).build();
                let arriving = wrong
                    .around(&frame, outer.neighbour(), outer.host())
                    .macs(HOST_B_MAC, HOST_A_MAC)
                    .build();
                let what = format!("{wrong:?} over {outer:?}");
                rows.push(Row::new(what, arriving).passed(Outcome::ForeignTunnel));
            }
        }
        run_all(rig, &rows);
    });
}
