//! What is too big and may be fragmented, one packet at a time.
//!
//! The first part comes in anew as a copy, which test runs do not show. How it looks is in the core's
//! tests, what it ends as is here, and that all parts arrive is in `tests/fragments.rs`.

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{Packet, Transport},
    program::{Known, Row, V4, in_rig, run_all},
};

use super::{inbound, outbound, transit};

/// Bytes of payload that fit into a packet of 1400 bytes, in units of eight.
const FIRST: usize = 1376;
const HEADERS: usize = 14 + 20;

#[test]
fn a_packet_too_big_is_cut_in_two() {
    in_rig(|rig| {
        let sent = || outbound(V4, V4.narrow());
        let bare = |offset, more| {
            let packet = sent().transport(Transport::Bare(17));
            packet.payload_of(1400).fragment(offset, more)
        };
        let rows = [
            ("UDP", sent().payload_of(1400), (0, false)),
            ("a ping", sent().ping().payload_of(1400), (0, false)),
            ("TCP", sent().tcp(1, 2).payload_of(1400), (0, false)),
            ("a byte too big", sent().payload_of(1373), (0, false)),
            ("far too big", sent().payload_of(3001), (0, false)),
            ("marked", sent().tos(0xbb).payload_of(1400), (0, false)),
            (
                "with padding",
                sent().payload_of(1400).padding(9),
                (0, false),
            ),
            ("a first fragment", bare(0, true), (0, true)),
            ("a middle fragment", bare(1480, true), (1480, true)),
            ("a last fragment", bare(1480, false), (1480, false)),
            ("as far as it goes", bare(64_152, false), (64_152, false)),
        ];
        let rows = rows.map(|(what, packet, (offset, more))| {
            let rest = rest(&packet, sent(), (offset, more));
            Row::from_container(what, &packet).cut(rest.build())
        });
        run_all(rig, &rows);
    });
}

#[test]
fn a_packet_too_big_for_a_container_is_cut_in_two() {
    in_rig(|rig| {
        let rows = [V4.narrow_container(), V4.narrow_unlearnt()].map(|dst| {
            let packet = inbound(V4, dst).payload_of(1400);
            let rest = rest(&packet, inbound(V4, dst), (0, false));
            Row::from_wire(format!("to {dst}"), &packet).cut(rest.build())
        });
        run_all(rig, &rows);
    });
}

#[test]
fn what_follows_the_first_part_of_a_packet_goes_no_further() {
    in_rig(|rig| {
        let part = |packet: Packet| {
            let packet = packet.payload_of(1400).fragment(0, true);
            packet.length((20 + FIRST) as u16)
        };
        let to_network = part(inbound(V4, V4.narrow_unlearnt()));
        let through = transit(V4, V4.remote()).payload_of(1500);
        run_all(
            rig,
            &[
                Row::from_container("a next hop", &part(outbound(V4, V4.narrow())))
                    .routed(V4.counter(Known::Narrow))
                    .trimmed(),
                Row::from_wire("a network", &to_network)
                    .delivered_by_neighbour(V4.counter(Known::SecondNetwork))
                    .trimmed(),
                // Not by XDP, which cannot cut it off.
                Row::from_wire("a host", &through.fragment(0, true).length(1492))
                    .routed(V4.counter(Known::Remote))
                    .trimmed(),
            ],
        );
    });
}

#[test]
fn what_cannot_be_cut_is_left_to_the_stack() {
    in_rig(|rig| {
        let sent = || outbound(V4, V4.narrow());
        let beyond = sent().transport(Transport::Bare(17)).payload_of(1400);
        let stream = sent().tcp(1, 2).payload_of(2900);
        run_all(
            rig,
            &[
                Row::from_container("segments too big", &stream)
                    .segment(1361)
                    .ends(Outcome::NeedsFragmentation),
                Row::from_container("reaches too far", &beyond.fragment(64_160, false))
                    .ends(Outcome::NeedsFragmentation),
            ],
        );
    });
}

/// What is left of a packet whose first part was taken out; `like` has its addresses.
fn rest(packet: &Packet, like: Packet, (offset, more): (u16, bool)) -> Packet {
    let frame = packet.build();
    let length = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let payload = &frame[HEADERS + FIRST..14 + length];
    let like = like.transport(Transport::Bare(frame[23])).tos(frame[15]);
    like.payload(payload).fragment(offset + FIRST as u16, more)
}
