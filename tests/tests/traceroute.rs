//! ICMP errors about packets that came out of a tunnel go back through it.

use std::{
    net::{IpAddr, UdpSocket},
    ops::RangeInclusive,
};

use routemesh_tests::{
    lab::{Capture, PATIENCE, Pair, Routemesh, Side},
    packet::Packet,
};

const ETHERNET: usize = 14;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Router and neighbour discovery, which belongs to the link.
const DISCOVERY: RangeInclusive<u8> = 133..=137;
const TIME_EXCEEDED: [u8; 2] = [11, 3];

#[test]
fn a_ttl_that_runs_out_behind_a_tunnel_is_told_through_the_tunnel() {
    the_far_host_answers("tc");
}

#[test]
fn a_ttl_that_runs_out_behind_xdp_is_told_through_the_tunnel() {
    the_far_host_answers("xdp");
}

/// The tunnel packets are a process's own, so that they come in as from a network card: what one
/// namespace's programs put into a tunnel is still marked so by the kernel in the next.
fn the_far_host_answers(mode: &str) {
    let pair = Pair::new().unwrap();
    let start = |side: &Side, other: &Side| {
        let config = side.config(mode, other);
        let config = config.replace("via = ", "mode = \"vxlan\"\nvia = ");
        Routemesh::start(&side.host, &config).unwrap()
    };
    let (_a, b) = (start(&pair.a, &pair.b), start(&pair.b, &pair.a));
    let (from, to) = (&pair.a.container, &pair.b.container);
    let inside = Capture::start(from).unwrap();
    let wire = Capture::start(pair.lab.wire().node()).unwrap();
    let ways = [
        (from.v4(), to.v4(), "10.200.0.1"),
        (from.v6(), to.v6(), "fd00:10:200::1"),
    ];
    for (src, dst, router) in ways {
        let tired = Packet::new(src, dst).udp(5555, 7777).ttl(1).build();
        let vxlan = [&[8, 0, 0, 0, 0, 0, 100, 0], &tired[..]].concat();
        let host = &pair.a.host;
        let outer = pair.lab.wire().address(&pair.b.host, dst);
        let own = pair.lab.wire().address(host, dst);
        host.enter(|| Ok(UdpSocket::bind((own, 0))?.send_to(&vxlan, (outer, 4789))?))
            .unwrap();
        let error = inside
            .wait_for(PATIENCE, |frame| {
                icmp_type(frame).is_some_and(|kind| TIME_EXCEEDED.contains(&kind))
            })
            .unwrap();
        assert_eq!(source(&error), router.parse::<IpAddr>().unwrap());
    }
    assert_eq!(b.packets("tc", "ttl_exceeded").unwrap(), 2);
    let seen = wire.drain().unwrap();
    let naked = seen.iter().filter_map(|frame| icmp_type(frame));
    assert_eq!(naked.count(), 0, "ICMP in the open");
}

/// The type of the ICMP message that a frame holds outside of any tunnel, but for discovery.
fn icmp_type(frame: &[u8]) -> Option<u8> {
    let (proto, kind) = match frame[12..ETHERNET] {
        [8, 0] => (frame[ETHERNET + 9] == ICMP, frame[ETHERNET + 20]),
        [0x86, 0xdd] => (frame[ETHERNET + 6] == ICMPV6, frame[ETHERNET + 40]),
        _ => return None,
    };
    (proto && !DISCOVERY.contains(&kind)).then_some(kind)
}

fn source(frame: &[u8]) -> IpAddr {
    let at = |from: usize, length: usize| &frame[ETHERNET + from..][..length];
    if frame[12..ETHERNET] == [8, 0] {
        <[u8; 4]>::try_from(at(12, 4)).unwrap().into()
    } else {
        <[u8; 16]>::try_from(at(8, 16)).unwrap().into()
    }
}
