//! What is answered with an ICMP error, and what may not be.

use std::time::Instant;

use routemesh::datapath::Decision;
use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{ErrorReply, Packet, Transport, extension},
    program::{Counts, FAMILIES, Known, Place, Roles, Row, V4, V6, in_rig, run_all},
};

use super::{inbound, outbound};

/// Errors to containers, which know this host as their gateway.
fn from_gateway(f: Roles) -> ErrorReply {
    ErrorReply {
        fragment_word: 0x4000,
        ..ErrorReply::from(f.gateway())
    }
}

/// Errors to the wire.
fn from_host(f: Roles) -> ErrorReply {
    ErrorReply {
        fragment_word: 0x4000,
        ..ErrorReply::from(f.host())
    }
}

#[test]
fn a_used_up_ttl_is_told_to_the_sender() {
    in_rig(|rig| {
        for f in FAMILIES {
            run_all(rig, &expired_on_the_way_out(f));
            run_all(rig, &expired_on_the_way_in(f));
        }
    });
}

fn expired_on_the_way_out(f: Roles) -> Vec<Row> {
    let bare = |bytes: usize| {
        let packet = outbound(f, f.remote()).transport(Transport::Bare(200));
        packet.payload_of(bytes - f.header())
    };
    let most = if f.is_v6() { 1232 } else { 548 };
    [
        ("UDP without payload", outbound(f, f.remote())),
        ("a ping", outbound(f, f.remote()).ping().payload_of(56)),
        ("TCP", outbound(f, f.remote()).tcp(1, 2).payload_of(1000)),
        ("an odd length", outbound(f, f.remote()).payload_of(33)),
        ("padding", outbound(f, f.remote()).padding(18)),
        ("no payload at all", bare(f.header())),
        ("all that can be quoted", bare(most)),
        ("a byte less than that", bare(most - 1)),
        ("a byte more than that", bare(most + 1)),
        ("a full frame", bare(1500)),
        ("marks of service", outbound(f, f.remote()).tos(0xbb)),
        ("the first fragment", {
            outbound(f, f.remote()).fragment(0, true).payload_of(64)
        }),
    ]
    .into_iter()
    .flat_map(|(what, packet)| [0, 1].map(|ttl| (what, ttl, packet.clone().ttl(ttl))))
    .map(|(what, ttl, packet)| {
        Row::from_container(format!("{f:?} TTL {ttl}, {what}"), &packet).answered(
            f.counter(Known::Remote),
            Outcome::TtlExceeded,
            from_gateway(f).time_exceeded(&packet.build()),
        )
    })
    .collect()
}

fn expired_on_the_way_in(f: Roles) -> Vec<Row> {
    [
        ("to a learnt container", f.container()),
        ("to a container nothing is known of", f.unlearnt()),
        ("through to another host", f.remote()),
    ]
    .map(|(what, dst)| {
        let packet = inbound(f, dst).ttl(1).tcp(1, 2);
        let known = if dst == f.remote() {
            Known::Remote
        } else {
            Known::Network
        };
        Row::from_wire(format!("{f:?} TTL 1 {what}"), &packet).answered(
            f.counter(known),
            Outcome::TtlExceeded,
            from_host(f).time_exceeded(&packet.build()),
        )
    })
    .into()
}

#[test]
fn the_mtu_is_told_to_who_sends_too_much() {
    in_rig(|rig| {
        for f in FAMILIES {
            run_all(rig, &too_big(f));
            run_all(rig, &too_big_for_a_container(f));
        }
    });
}

fn too_big(f: Roles) -> Vec<Row> {
    let narrow = f.counter(Known::Narrow);
    let sized = |bytes| sized(f, outbound(f, f.narrow()), bytes);
    let answered = |what: &str, packet: &Packet| {
        Row::from_container(format!("{f:?} {what}"), packet).answered(
            narrow,
            Outcome::TooBig,
            from_gateway(f).too_big(&packet.build(), 1400),
        )
    };
    let stream = |transport: Transport| {
        let packet = outbound(f, f.narrow()).transport(transport);
        undivided(f, packet.payload_of(2900))
    };
    let room = 1400 - f.header() as u32;
    vec![
        Row::from_container(format!("{f:?} just small enough"), &sized(1400)).routed(narrow),
        answered("a byte too big", &sized(1401)),
        answered("far too big", &sized(3000)),
        answered("TCP segments a byte too big", &stream(Transport::tcp(1, 2)))
            .segment(room - 20 + 1),
        answered("UDP segments a byte too big", &stream(Transport::udp(1, 2)))
            .segment(room - 8 + 1),
    ]
}

fn too_big_for_a_container(f: Roles) -> Vec<Row> {
    let refused = |what: &str, known, dst| {
        let packet = sized(f, inbound(f, dst), 1401);
        Row::from_wire(format!("{f:?} too big for {what}"), &packet).answered(
            f.counter(known),
            Outcome::TooBig,
            from_host(f).too_big(&packet.build(), 1400),
        )
    };
    vec![
        refused("a container", Known::Network, f.narrow_container()),
        refused(
            "the network of a container nothing is known of",
            Known::SecondNetwork,
            f.narrow_unlearnt(),
        ),
        Row::from_wire(
            format!("{f:?} as big as the network of a container nothing is known of"),
            &sized(f, inbound(f, f.narrow_unlearnt()), 1400),
        )
        .delivered_by_neighbour(f.counter(Known::SecondNetwork)),
    ]
}

/// A UDP packet of so many bytes in all, from its IP header on.
fn sized(f: Roles, packet: Packet, bytes: usize) -> Packet {
    undivided(f, packet.payload_of(bytes - f.header() - 8))
}

/// A packet that no router may fragment, as none may with IPv6.
fn undivided(f: Roles, packet: Packet) -> Packet {
    if f.is_v6() {
        packet
    } else {
        packet.dont_fragment()
    }
}

#[test]
fn no_error_is_sent_about_an_error() {
    in_rig(|rig| {
        for f in FAMILIES {
            run_all(rig, &icmp_of_every_type(f));
        }
        let behind = |number| outbound(V6, V6.remote()).options_header(number).ttl(1);
        let routing = extension::ROUTING;
        let options = extension::DESTINATION_OPTIONS;
        let suppressed = |what: &str, packet: &Packet| {
            Row::from_container(what, packet)
                .ends_on(V6.counter(Known::Remote), Outcome::ErrorSuppressed)
        };
        run_all(
            rig,
            &[
                suppressed("behind options", &behind(options).icmp(1, 0, [0; 4])),
                suppressed(
                    "behind a routing header",
                    &behind(routing).icmp(3, 0, [0; 4]),
                ),
                suppressed(
                    "behind two headers",
                    &behind(options).fragment(0, true).icmp(2, 0, [0; 4]),
                ),
                answered_v6("a ping behind options", &behind(options).ping()),
                answered_v6(
                    "UDP behind a fragment header",
                    &outbound(V6, V6.remote()).fragment(0, true).ttl(1),
                ),
                answered_v6(
                    "a later fragment, which RFC 4443 does not except",
                    &outbound(V6, V6.remote()).fragment(1480, true).ttl(1),
                ),
            ],
        );
    });
}

fn answered_v6(what: &str, packet: &Packet) -> Row {
    Row::from_container(what, packet).answered(
        V6.counter(Known::Remote),
        Outcome::TtlExceeded,
        from_gateway(V6).time_exceeded(&packet.build()),
    )
}

fn icmp_of_every_type(f: Roles) -> Vec<Row> {
    // RFC 1122 §3.2.2 and RFC 4443 §2.1. Every type not known to be a query is an error's.
    let queries: &[u8] = if f.is_v6() {
        &[128, 129, 133, 200, 255]
    } else {
        &[0, 8, 9, 10, 13, 14, 15, 16, 17, 18]
    };
    let errors: &[u8] = if f.is_v6() {
        &[0, 1, 2, 3, 4, 100, 127]
    } else {
        &[3, 4, 5, 11, 12, 1, 7, 19, 40, 255]
    };
    let expired = |kind| outbound(f, f.remote()).icmp(kind, 0, [0; 4]).ttl(1);
    let answered = queries.iter().map(|kind| {
        Row::from_container(format!("{f:?} query of type {kind}"), &expired(*kind)).answered(
            f.counter(Known::Remote),
            Outcome::TtlExceeded,
            from_gateway(f).time_exceeded(&expired(*kind).build()),
        )
    });
    let suppressed = errors.iter().map(|kind| {
        Row::from_container(format!("{f:?} error of type {kind}"), &expired(*kind))
            .ends_on(f.counter(Known::Remote), Outcome::ErrorSuppressed)
    });
    answered.chain(suppressed).collect()
}

#[test]
fn no_error_is_sent_about_a_later_fragment_or_without_an_address() {
    in_rig(|rig| {
        let later = outbound(V4, V4.remote()).fragment(1480, true).ttl(1);
        let last = outbound(V4, V4.remote()).fragment(8, false).ttl(1);
        let mut rows = [later, last].map(|packet| {
            Row::from_container("a later fragment", &packet)
                .ends_on(V4.counter(Known::Remote), Outcome::ErrorSuppressed)
        });
        run_all(rig, &rows);
        rows = FAMILIES.map(|f| {
            let expired = inbound(f, f.container()).ttl(1);
            Row::at(&[Place::Bare], format!("{f:?} with no address"), &expired)
                .ends_on(f.counter(Known::Network), Outcome::ErrorSuppressed)
        });
        run_all(rig, &rows);
    });
}

#[test]
fn errors_are_limited_in_their_rate() {
    in_rig(|rig| {
        let expired = outbound(V4, V4.remote()).ttl(1).build();
        let reply = from_gateway(V4).time_exceeded(&expired);
        let (mut answered, mut limited) = (0, Counts::default());
        let before = rig.counts();
        let start = Instant::now();
        while limited.packets() < 1000 {
            let run = rig.run(Place::Docker, &expired, 0).unwrap();
            if run.decision == Decision::Drop {
                assert_eq!(run.frame, expired);
                limited.outcome(Place::Docker, Outcome::ErrorRateLimited, 28);
                limited.route(V4.counter(Known::Remote), 28);
            } else {
                assert_eq!(run.frame, reply);
                answered += 1;
                limited.route(V4.counter(Known::Remote), 28);
            }
        }
        // A burst of 100, and 1,000 a second.
        let allowed = 100 + start.elapsed().as_millis() as u64 + 1;
        assert!(
            (100..=allowed).contains(&answered),
            "{answered} of {allowed}"
        );
        let mut counted = rig.counts().since(&before);
        let key = (Place::Docker.row(), Outcome::TtlExceeded as u8);
        let replies = counted.outcomes.remove(&key);
        assert_eq!(replies, Some(("ttl_exceeded", answered, answered * 28)));
        assert_eq!(counted, limited);
    });
}
