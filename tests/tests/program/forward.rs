//! What is sent on, and how it is changed by that.

use std::time::Duration;

use routemesh::datapath::Decision;
use routemesh_common::Outcome;
use routemesh_tests::{
    packet::{
        CONTAINER_A, CONTAINER_A_MAC, CONTAINER_B, DOCKER_A_MAC, HOST_A_MAC, HOST_B_MAC, Packet,
        STRANGER_MAC, Transport, extension, internet_checksum,
    },
    program::{
        CROSSED, DOCKER1_MAC, ETH1_MAC, FAMILIES, Known, NEXT_MAC, PEERLESS_MAC, Place, Roles, Row,
        Target, V4, V6, in_rig, run_all,
    },
};

use super::{inbound, outbound, transit};

/// The slot of default routes' counter.
const DEFAULT: u32 = 90;

#[test]
fn packets_reach_containers_of_this_host() {
    in_rig(|rig| {
        for roles in FAMILIES {
            run_all(rig, &deliveries(roles));
        }
    });
}

fn deliveries(f: Roles) -> Vec<Row> {
    let network = f.counter(Known::Network);
    let second = f.counter(Known::SecondNetwork);
    vec![
        Row::from_wire(
            format!("{f:?} to a learnt container"),
            &inbound(f, f.container()).tcp(1, 2).payload_of(1000),
        )
        .delivered(network, DOCKER_A_MAC, CONTAINER_A_MAC),
        Row::from_wire(
            format!("{f:?} ping to a learnt container"),
            &inbound(f, f.container()).ping().payload_of(56),
        )
        .delivered(network, DOCKER_A_MAC, CONTAINER_A_MAC),
        Row::from_wire(
            format!("{f:?} to a container nothing is known of"),
            &inbound(f, f.unlearnt()),
        )
        .delivered_by_neighbour(network),
        Row::from_wire(
            format!("{f:?} to a container on no veth pair"),
            &inbound(f, f.peerless()),
        )
        .delivered(second, DOCKER1_MAC, PEERLESS_MAC),
        Row::from_container(
            format!("{f:?} from one network of the host to another"),
            &outbound(f, f.peerless()).tcp(1, 2),
        )
        .delivered(second, DOCKER1_MAC, PEERLESS_MAC),
        Row::from_container(
            format!("{f:?} to a container of the same network by the gateway"),
            &outbound(f, f.unlearnt()),
        )
        .delivered_by_neighbour(network),
        Row::at(
            &[Place::Bare],
            format!("{f:?} by an interface without addresses"),
            &inbound(f, f.container()),
        )
        .delivered(network, DOCKER_A_MAC, CONTAINER_A_MAC),
        Row::from_wire(
            format!("{f:?} as big as the container network carries"),
            &inbound(f, f.narrow_container()).payload_of(1400 - f.header() - 8),
        )
        .delivered(network, DOCKER_A_MAC, CONTAINER_A_MAC),
    ]
}

#[test]
fn packets_are_routed_by_the_longest_prefix() {
    in_rig(|rig| {
        for roles in FAMILIES {
            run_all(rig, &routes(roles));
        }
    });
}

#[test]
fn ipv4_packets_go_through_ipv6_next_hops() {
    let counter = V4.counter(Known::Crossed);
    in_rig(move |rig| {
        run_all(
            rig,
            &[
                Row::from_container("to another host", &outbound(V4, CROSSED)).routed(counter),
                Row::from_wire("transit", &transit(V4, CROSSED))
                    .routed(counter)
                    .by_xdp(Decision::Redirect, HOST_A_MAC, HOST_B_MAC),
            ],
        );
    });
}

#[test]
fn a_next_hop_is_addressed_while_a_daemon_follows_it() {
    in_rig(|rig| {
        for f in FAMILIES {
            let known =
                |what| Row::from_container(format!("{f:?} {what}"), &outbound(f, f.remote()));
            let counter = f.counter(Known::Remote);
            let addressed = known("followed").addressed(counter, HOST_A_MAC, HOST_B_MAC);
            let unknown = Row::from_container("not known", &outbound(f, f.unresolved()))
                .routed(f.counter(Known::Unresolved));
            rig.datapath
                .follow_neighbours_for(Duration::from_secs(3600))
                .unwrap();
            run_all(rig, &[addressed, unknown]);
            rig.datapath.follow_neighbours_for(Duration::ZERO).unwrap();
            run_all(rig, &[known("followed no more").routed(counter)]);
        }
    });
}

fn routes(f: Roles) -> Vec<Row> {
    vec![
        Row::from_container(
            format!("{f:?} to another host"),
            &outbound(f, f.remote()).tcp(1, 2).payload_of(1000),
        )
        .routed(f.counter(Known::Remote)),
        Row::from_container(
            format!("{f:?} to another host by a longer prefix"),
            &outbound(f, f.specific()),
        )
        .routed(f.counter(Known::Specific)),
        Row::from_container(
            format!("{f:?} through a next hop that tc has the kernel resolve"),
            &outbound(f, f.unresolved()),
        )
        .routed(f.counter(Known::Unresolved)),
        Row::from_container(format!("{f:?} into a blackhole"), &outbound(f, f.hole()))
            .ends_on(f.counter(Known::Hole), Outcome::Blackhole),
        Row::from_wire(
            format!("{f:?} off the wire into a blackhole"),
            &inbound(f, f.hole()),
        )
        .ends_on(f.counter(Known::Hole), Outcome::Blackhole),
        Row::from_wire(
            format!("{f:?} into a blackhole with its TTL used up"),
            &inbound(f, f.hole()).ttl(1),
        )
        .ends_on(f.counter(Known::Hole), Outcome::Blackhole),
        Row::from_container(
            format!("{f:?} into a blackhole amid a routed prefix"),
            &outbound(f, f.hole_in_remote()),
        )
        .ends_on(f.counter(Known::HoleInRemote), Outcome::Blackhole),
    ]
}

#[test]
fn transit_is_settled_by_xdp_where_it_can_be() {
    in_rig(|rig| {
        for roles in FAMILIES {
            run_all(rig, &transits(roles));
        }
    });
}

fn transits(f: Roles) -> Vec<Row> {
    vec![
        Row::from_wire(
            format!("{f:?} back out of the uplink it came in by"),
            &transit(f, f.remote()),
        )
        .routed(f.counter(Known::Remote))
        .by_xdp(Decision::Redirect, HOST_A_MAC, HOST_B_MAC),
        Row::from_wire(
            format!("{f:?} to a next hop that is not resolved"),
            &transit(f, f.unresolved()),
        )
        .routed(f.counter(Known::Unresolved)),
        Row::from_wire(
            format!("{f:?} out of an interface that XDP cannot send by"),
            &transit(f, f.portless()),
        )
        .routed(f.counter(Known::Portless)),
        Row::from_wire(
            format!("{f:?} to the very station it came from"),
            &inbound(f, f.remote()),
        )
        .ends_on(f.counter(Known::Remote), Outcome::Loop),
    ]
}

#[test]
fn whatever_a_packet_holds_it_goes_from_one_uplink_to_another() {
    in_rig(|rig| {
        for f in FAMILIES {
            let whole = || transit(f, f.specific());
            run_all(
                rig,
                &from_uplink_to_uplink(vec![
                    (f, "TCP", whole().tcp(1, 2).payload_of(1400)),
                    (f, "from the next hop's station", {
                        whole().macs(NEXT_MAC, HOST_A_MAC)
                    }),
                    (f, "the last TTL that is enough", whole().ttl(2)),
                    (f, "the largest TTL", whole().ttl(255)),
                    (f, "padding", whole().padding(18)),
                    (f, "marks of congestion and service", whole().tos(0xbb)),
                    (f, "a protocol without ports", {
                        whole().transport(Transport::Bare(47)).payload_of(64)
                    }),
                    (f, "nothing behind the IP header", {
                        whole().transport(Transport::Bare(59))
                    }),
                ]),
            );
        }
    });
}

/// Rows of packets that XDP and tc of one uplink send out of the other.
fn from_uplink_to_uplink(packets: Vec<(Roles, &str, Packet)>) -> Vec<Row> {
    let row = |(f, what, packet): (Roles, &str, Packet)| {
        Row::from_wire(format!("{f:?} {what}"), &packet)
            .routed(f.counter(Known::Specific))
            .by_xdp(Decision::Redirect, ETH1_MAC, NEXT_MAC)
    };
    packets.into_iter().map(row).collect()
}

#[test]
fn fragments_and_extension_headers_are_carried() {
    in_rig(|rig| {
        let mut packets = Vec::new();
        for f in FAMILIES {
            let whole = || transit(f, f.specific());
            packets.extend([
                (
                    f,
                    "first fragment",
                    whole().fragment(0, true).payload_of(800),
                ),
                (
                    f,
                    "later fragment",
                    whole().fragment(1480, true).payload_of(800),
                ),
                (
                    f,
                    "last fragment",
                    whole().fragment(65_512, false).payload_of(8),
                ),
            ]);
        }
        let whole = || transit(V6, V6.specific());
        packets.extend([
            (V4, "that must not be fragmented", {
                transit(V4, V4.specific()).dont_fragment()
            }),
            (
                V6,
                "with a flow label",
                whole().flow_label(0xf_ffff).tos(0xff),
            ),
            (V6, "with destination options", {
                whole().options_header(extension::DESTINATION_OPTIONS)
            }),
            (V6, "with a routing header", {
                whole().extension(extension::ROUTING, &[0, 4, 0, 0, 0, 0, 0])
            }),
            (V6, "with two extension headers", {
                whole()
                    .options_header(extension::DESTINATION_OPTIONS)
                    .fragment(0, true)
            }),
        ]);
        run_all(rig, &from_uplink_to_uplink(packets));
    });
}

#[test]
fn the_checksum_follows_the_ttl_over_both_ends_of_its_range() {
    in_rig(|rig| {
        let packet = || Packet::new(CONTAINER_A, CONTAINER_B);
        let mut rows = Vec::new();
        // The last two of these pass through 0x0000, which is 0xffff in one's complement.
        for checksum in [
            0x0000, 0x00ff, 0x0100, 0xfdff, 0xfe00, 0xfeff, 0xfefe, 0xfffe,
        ] {
            let packet = packet().id(id_for(checksum));
            assert_eq!(packet.build()[24..26], u16::to_be_bytes(checksum));
            rows.push(
                Row::from_container(format!("checksum {checksum:#06x}"), &packet)
                    .routed(V4.counter(Known::Remote)),
            );
        }
        // Some senders write 0x0000 as 0xffff. It is as good.
        let odd = packet().id(id_for(0)).checksum(0xffff);
        rows.push(Row::from_container("checksum 0xffff", &odd).routed(V4.counter(Known::Remote)));
        for ttl in 2..=255 {
            rows.push(
                Row::from_container(format!("TTL {ttl}"), &packet().ttl(ttl))
                    .routed(V4.counter(Known::Remote)),
            );
        }
        run_all(rig, &rows);
    });
}

/// The identification with which the header's checksum is `checksum`.
fn id_for(checksum: u16) -> u16 {
    let header = Packet::new(CONTAINER_A, CONTAINER_B)
        .id(0)
        .checksum(0)
        .build();
    let rest = !internet_checksum(&header[14..34]);
    let (id, carry) = (!checksum).overflowing_sub(rest);
    id - u16::from(carry)
}

#[test]
fn super_packets_are_measured_by_their_segments() {
    in_rig(|rig| {
        for f in FAMILIES {
            let remote = f.counter(Known::Remote);
            let tcp = outbound(f, f.remote()).tcp(1, 2).payload_of(2900);
            let udp = outbound(f, f.remote()).udp(1, 2).payload_of(2900);
            let fits = 1500 - f.header() as u32;
            run_all(
                rig,
                &[
                    Row::from_container(format!("{f:?} TCP that just fits"), &tcp)
                        .segment(fits - 20)
                        .routed(remote),
                    Row::from_container(format!("{f:?} UDP that just fits"), &udp)
                        .segment(fits - 8)
                        .routed(remote),
                    Row::from_wire(
                        format!("{f:?} TCP that was put together on its way in"),
                        &inbound(f, f.container()).tcp(1, 2).payload_of(2900),
                    )
                    .segment(fits - 20)
                    .delivered(
                        f.counter(Known::Network),
                        DOCKER_A_MAC,
                        CONTAINER_A_MAC,
                    ),
                ],
            );
        }
    });
}

#[test]
fn no_prefix_is_taken_for_one_of_the_other_family() {
    in_rig(|rig| {
        rig.set_route("::/0".parse().unwrap(), Target::NextHop, DEFAULT);
        let stranger = |f: Roles| outbound(f, f.stranger());
        run_all(
            rig,
            &[
                Row::from_container("IPv4 under ::/0", &stranger(V4)).ends(Outcome::NoRoute),
                Row::from_container("IPv6 under ::/0", &stranger(V6)).routed(DEFAULT),
            ],
        );
        rig.set_route("0.0.0.0/0".parse().unwrap(), Target::NextHop, DEFAULT);
        run_all(
            rig,
            &[
                Row::from_container("IPv4 under both", &stranger(V4)).routed(DEFAULT),
                Row::from_container("IPv6 under both", &stranger(V6)).routed(DEFAULT),
                Row::from_container("IPv4 of a longer prefix", &outbound(V4, V4.remote()))
                    .routed(V4.counter(Known::Remote)),
            ],
        );
    });
}

#[test]
fn a_frame_of_another_station_is_not_routed() {
    in_rig(|rig| {
        for f in FAMILIES {
            let switched = outbound(f, f.unlearnt()).macs(CONTAINER_A_MAC, STRANGER_MAC);
            let overheard = inbound(f, f.container()).macs(HOST_B_MAC, STRANGER_MAC);
            run_all(
                rig,
                &[
                    Row::from_container(format!("{f:?} between containers"), &switched)
                        .ends(Outcome::OtherStation),
                    Row::from_wire(format!("{f:?} overheard"), &overheard)
                        .ends(Outcome::OtherStation),
                ],
            );
        }
    });
}
