//! The largest segment that TCP's ends tell one another, where it is to be clamped.

use routemesh::datapath::Decision;
use routemesh_tests::{
    packet::{
        CONTAINER_A_MAC, DOCKER_A_MAC, HOST_A_MAC, Packet, STRANGER_MAC, Transport, difference,
        transport_checksum,
    },
    program::{
        FAMILIES, Place, Rig, Roles, in_rig,
        tunnels::{Way, change, fill, is_ours, ways},
    },
};

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
/// What Ethernet's 1500 bytes leave without a tunnel.
const WISHED: u16 = 1460;

/// A segment with options of which the one in question comes third.
fn segment(
    packet: Packet,
    src: std::net::IpAddr,
    dst: std::net::IpAddr,
    flags: u8,
    mss: u16,
) -> Packet {
    let mut tcp = vec![
        0x12,
        0x34,
        0,
        80,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        8 << 4,
        flags,
        0xfa,
        0xf0,
    ];
    tcp.extend([0; 4]);
    tcp.extend([1, 3, 3, 7, 2, 4]);
    tcp.extend(mss.to_be_bytes());
    tcp.extend([4, 2, 1, 0]);
    let checksum = transport_checksum(src, dst, 6, &tcp);
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    packet.transport(Transport::Bare(6)).payload(tcp)
}

fn clamping(rig: &mut Rig) -> Vec<Way> {
    fill(rig);
    let ways: Vec<_> = ways().filter(|way| is_ours(*way, false)).collect();
    for way in &ways {
        change(rig, *way, |hop| hop.clamp_mss = 1);
    }
    ways
}

/// What fits through the way.
fn fitting(way: Way, roles: Roles) -> u16 {
    (way.mtu() - roles.header() - 20) as u16
}

/// What is said of `flags` with `mss`, and what comes of that.
fn cases(way: Way, roles: Roles) -> [(u8, u16, u16); 4] {
    let fits = fitting(way, roles);
    [
        (SYN, WISHED, fits),
        (SYN_ACK, 9000, fits),
        (SYN, fits - 1, fits - 1),
        (ACK, WISHED, WISHED),
    ]
}

fn same(what: &str, expected: &[u8], actual: &[u8]) {
    let differs = difference(expected, actual);
    assert!(differs.is_none(), "{what}: {}", differs.unwrap_or_default());
}

#[test]
fn what_goes_into_a_tunnel_is_clamped() {
    in_rig(|rig| {
        for way in clamping(rig) {
            for roles in FAMILIES {
                for (flags, said, clamped) in cases(way, roles) {
                    let packet = |mss| {
                        let (src, dst) = (roles.container(), way.far(roles));
                        let packet = Packet::new(src, dst).macs(CONTAINER_A_MAC, DOCKER_A_MAC);
                        segment(packet, src, dst, flags, mss).build()
                    };
                    let run = rig.run(Place::Port, &packet(said), 0).unwrap();
                    let mut expected = way.wrapped(&packet(clamped)).build();
                    if let Some(at) = way.source_port() {
                        expected[at..at + 2].copy_from_slice(&run.frame[at..at + 2]);
                    }
                    same(&format!("{said} in {way:?}"), &expected, &run.frame);
                }
            }
        }
    });
}

/// XDP leaves these to tc, and takes the rest of the connection.
#[test]
fn what_opens_a_connection_into_a_tunnel_is_left_to_tc() {
    in_rig(|rig| {
        for way in clamping(rig) {
            for roles in FAMILIES {
                for (flags, opens) in [(SYN, true), (SYN_ACK, true), (ACK, false)] {
                    let (src, dst) = (roles.unlearnt(), way.far(roles));
                    let packet = Packet::new(src, dst).macs(STRANGER_MAC, HOST_A_MAC);
                    let packet = segment(packet, src, dst, flags, WISHED).build();
                    let run = rig.run(Place::UplinkXdp, &packet, 0).unwrap();
                    let passed = run.decision == Decision::Pass && run.frame == packet;
                    assert_eq!(passed, opens, "{flags:#x} in {way:?}: {:?}", run.decision);
                }
            }
        }
    });
}
