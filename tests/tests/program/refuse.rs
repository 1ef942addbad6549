//! What is dropped for what it is: cut, contradictory, or of addresses no packet may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Packet},
    program::{FAMILIES, Place, Roles, Row, V4, V6, in_rig, run_all},
};

use super::{inbound, outbound};

/// Bytes of an Ethernet header, below which the kernel hands no frame to a program.
const ETHERNET: usize = 14;

/// Where an IP frame without a whole IP header can be run: test runs of tc refuse it, though it
/// can come off a wire.
const HEADLESS: &[Place] = &[Place::UplinkXdp];

#[test]
fn a_frame_may_end_anywhere() {
    in_rig(|rig| {
        for f in FAMILIES {
            let whole = inbound(f, f.container()).tcp(1, 2).payload_of(8);
            for length in 0..ETHERNET {
                let cut = whole.clone().cut(length).build();
                for place in [Place::Uplink, Place::UplinkXdp] {
                    assert!(rig.run(place, &cut, 0).is_err());
                }
            }
            let headers = ETHERNET + f.header();
            let rows: Vec<Row> = (ETHERNET..whole.build().len())
                .map(|length| {
                    let what = format!("{f:?} cut to {length}");
                    let cut = whole.clone().cut(length);
                    if length < headers {
                        Row::at(HEADLESS, what, &cut).ends(Outcome::Truncated)
                    } else {
                        Row::from_wire(what, &cut).ends(Outcome::BadTotalLength)
                    }
                })
                .collect();
            run_all(rig, &rows);
        }
    });
}

#[test]
fn headers_that_contradict_the_frame_or_themselves_are_refused() {
    in_rig(|rig| {
        for f in FAMILIES {
            run_all(rig, &bad_versions(f));
        }
        run_all(rig, &bad_ipv4());
        run_all(rig, &bad_ipv6());
    });
}

fn bad_versions(f: Roles) -> Vec<Row> {
    let right = if f.is_v6() { 6 } else { 4 };
    (0..16)
        .filter(|version| *version != right)
        .map(|version| {
            let packet = inbound(f, f.container()).version(version);
            Row::from_wire(format!("{f:?} of version {version}"), &packet).ends(Outcome::BadVersion)
        })
        .collect()
}

fn bad_ipv4() -> Vec<Row> {
    use Outcome::{BadChecksum, BadHeaderLength, BadTotalLength};
    let whole = || inbound(V4, V4.container());
    let options = whole().options(&[1, 1, 1, 1]);
    let mut packets = vec![
        ("total length 0", whole().length(0), BadTotalLength),
        ("below the header", whole().length(19), BadTotalLength),
        ("beyond the frame", whole().length(29), BadTotalLength),
        ("the greatest", whole().length(0xffff), BadTotalLength),
        ("header beyond the frame", whole().ihl(8), BadHeaderLength),
        ("the longest header", whole().ihl(15), BadHeaderLength),
        (
            "header beyond packet",
            whole().ihl(8).padding(9),
            BadTotalLength,
        ),
        (
            "options beyond the frame",
            options.length(99),
            BadTotalLength,
        ),
        ("checksum 0", whole().checksum(0), BadChecksum),
        ("checksum 0xffff", whole().checksum(0xffff), BadChecksum),
    ];
    for ihl in 0..5 {
        packets.push(("header below 20 bytes", whole().ihl(ihl), BadHeaderLength));
    }
    let frame = whole().build();
    let right = u16::from_be_bytes([frame[24], frame[25]]);
    for bit in 0..16 {
        let flipped = whole().checksum(right ^ (1 << bit));
        packets.push(("a bit of the checksum", flipped, BadChecksum));
    }
    let row = |(what, packet, outcome)| Row::from_wire(what, &packet).ends(outcome);
    let mut rows: Vec<Row> = packets.into_iter().map(row).collect();
    let v6 = whole().ethertype(ETHERTYPE_IPV6);
    rows.push(Row::at(HEADLESS, "as IPv6", &v6).ends(Outcome::Truncated));
    rows
}

fn bad_ipv6() -> Vec<Row> {
    let whole = || inbound(V6, V6.container()).payload_of(10);
    let row = |what: &str, packet: Packet, outcome| Row::from_wire(what, &packet).ends(outcome);
    vec![
        row(
            "as IPv4",
            whole().ethertype(ETHERTYPE_IPV4),
            Outcome::BadVersion,
        ),
        row(
            "beyond the frame",
            whole().length(19),
            Outcome::BadTotalLength,
        ),
        row(
            "the greatest",
            whole().length(0xffff),
            Outcome::BadTotalLength,
        ),
    ]
}

#[test]
fn addresses_no_packet_may_have_are_refused() {
    in_rig(|rig| {
        let v4 = Ipv4Addr::new;
        let sources: Vec<IpAddr> = vec![
            v4(127, 0, 0, 1).into(),
            v4(127, 255, 255, 254).into(),
            v4(224, 0, 0, 1).into(),
            v4(239, 255, 255, 255).into(),
            v4(240, 0, 0, 1).into(),
            v4(255, 255, 255, 255).into(),
            Ipv6Addr::LOCALHOST.into(),
            v6("::ffff:10.200.0.2"),
            v6("ff02::1"),
            v6("ff0e::1"),
        ];
        let destinations: Vec<IpAddr> = vec![
            v4(0, 0, 0, 0).into(),
            v4(0, 1, 2, 3).into(),
            v4(127, 0, 0, 1).into(),
            v4(240, 0, 0, 1).into(),
            v4(255, 255, 255, 254).into(),
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::LOCALHOST.into(),
            v6("::ffff:10.100.0.2"),
        ];
        let mut rows = Vec::new();
        for address in sources {
            let f = if address.is_ipv6() { V6 } else { V4 };
            for (what, model) in [
                ("in", inbound(f, f.container())),
                ("out", outbound(f, f.remote())),
            ] {
                let packet = model.from(address);
                let row = if what == "in" {
                    Row::from_wire
                } else {
                    Row::from_container
                };
                rows.push(
                    row(format!("{what} from {address}"), &packet).ends(Outcome::MartianSource),
                );
            }
        }
        for address in destinations {
            let f = if address.is_ipv6() { V6 } else { V4 };
            let row = Row::from_wire(format!("to {address}"), &inbound(f, address));
            rows.push(row.ends(Outcome::MartianDestination));
        }
        run_all(rig, &rows);
    });
}

fn v6(text: &str) -> IpAddr {
    text.parse().unwrap()
}
