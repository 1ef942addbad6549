//! Checksums of outer UDP headers, where they are switched on.

use routemesh_tests::{
    packet::{
        CONTAINER_A_MAC, DOCKER_A_MAC, HOST_A_MAC, Packet, STRANGER_MAC, Transport, difference,
        transport_checksum,
    },
    program::{
        FAMILIES, Place, Rig, Roles, in_rig,
        tunnels::{Way, change, fill, ways},
    },
};

/// What takes a way on which there are checksums, by hook.
const PLACES: [Place; 3] = [Place::Port, Place::Uplink, Place::UplinkXdp];

fn over_udp(rig: &mut Rig) -> Vec<Way> {
    fill(rig);
    let ways: Vec<_> = ways().filter(|way| way.tunnel.over_udp()).collect();
    for way in &ways {
        change(rig, *way, |hop| hop.udp_checksum = 1);
    }
    ways
}

/// From a container, or off the wire where the place is there.
fn packet(way: Way, roles: Roles, place: Place) -> Packet {
    if place == Place::Port {
        Packet::new(roles.container(), way.far(roles)).macs(CONTAINER_A_MAC, DOCKER_A_MAC)
    } else {
        Packet::new(roles.unlearnt(), way.far(roles)).macs(STRANGER_MAC, HOST_A_MAC)
    }
}

/// Pushes the packet, and returns the frame's outer checksum and what it should be. All else is as
/// it is without.
fn pushed(rig: &Rig, way: Way, place: Place, frame: &[u8]) -> ([u8; 2], [u8; 2]) {
    let mut run = rig.run(place, frame, 0).unwrap().frame;
    let at = way.source_port().unwrap();
    let check = [run[at + 6], run[at + 7]];
    run[at + 6..at + 8].fill(0);
    let mut expected = way.wrapped(frame).build();
    expected[at..at + 2].copy_from_slice(&run[at..at + 2]);
    let differs = difference(&expected, &run);
    assert!(
        differs.is_none(),
        "{way:?} {place:?}: {}",
        differs.unwrap_or_default()
    );
    let (src, dst) = (way.outer.host(), way.outer.neighbour());
    let right = match transport_checksum(src, dst, 17, &run[at..]) {
        0 => 0xffff,
        right => right,
    };
    (check, right.to_be_bytes())
}

#[test]
fn the_checksum_is_right_for_what_has_one_itself() {
    in_rig(|rig| {
        let mut given = 0;
        for way in over_udp(rig) {
            for (roles, place) in FAMILIES
                .into_iter()
                .flat_map(|it| PLACES.map(|at| (it, at)))
            {
                for length in [0, 1, 2, 3, 700, 1001] {
                    let plain = || packet(way, roles, place).payload_of(length);
                    for packet in [
                        plain().tcp(1, 2),
                        plain().udp(length as u16, 4),
                        plain().ping(),
                    ] {
                        let (check, right) = pushed(rig, way, place, &packet.build());
                        assert_eq!(
                            check, right,
                            "{roles:?} in {way:?} at {place:?}: {packet:?}"
                        );
                        given += 1;
                    }
                }
            }
        }
        assert_eq!(given, 4 * 2 * 3 * 6 * 3);
    });
}

#[test]
fn there_is_none_where_the_payload_would_have_to_be_read() {
    in_rig(|rig| {
        for way in over_udp(rig) {
            for (roles, place) in FAMILIES
                .into_iter()
                .flat_map(|it| PLACES.map(|at| (it, at)))
            {
                let plain = || packet(way, roles, place).payload_of(40);
                let mut unsummed = plain().udp(3, 4).build();
                let at = 14 + roles.header() + 6;
                unsummed[at..at + 2].fill(0);
                let mut frames = vec![unsummed, plain().transport(Transport::Bare(132)).build()];
                if !roles.is_v6() {
                    frames.push(plain().tcp(1, 2).fragment(0, true).build());
                    frames.push(plain().tcp(1, 2).fragment(800, false).build());
                }
                for frame in frames {
                    let (check, _) = pushed(rig, way, place, &frame);
                    assert_eq!(check, [0, 0], "{roles:?} in {way:?} at {place:?}");
                }
            }
        }
    });
}

/// Its sum is still the pseudo-header's: the network card, or the kernel for want of one that can,
/// puts the checksum there. The outer one must be right for when that is done.
#[test]
fn an_unfinished_inner_checksum_is_counted_as_if_it_were_finished() {
    in_rig(|rig| {
        for way in over_udp(rig) {
            for roles in FAMILIES {
                let place = Place::Port;
                let finished = packet(way, roles, place).tcp(1, 2).payload_of(99).build();
                let mut unfinished = finished.clone();
                let at = 14 + roles.header() + 16;
                unfinished[at..at + 2].fill(0);
                let segment = unfinished[14 + roles.header()..].to_vec();
                let (src, dst) = (roles.container(), way.far(roles));
                // Of an empty segment with the length of this one: the pseudo-header alone.
                let pseudo = !transport_checksum(src, dst, 6, &vec![0; segment.len()]);
                unfinished[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
                let (check, _) = pushed(rig, way, place, &unfinished);
                let (_, right) = pushed(rig, way, place, &finished);
                assert_eq!(check, right, "{roles:?} in {way:?}");
            }
        }
    });
}
