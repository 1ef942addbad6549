//! What is on the wire and what is in the container, byte for byte, by us and by the other end.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::Result;
use nix::sys::socket::{setsockopt, sockopt};
use routemesh_tests::{
    lab::{Capture, Node, Pair, Segments, eventually},
    packet::{difference, internet_checksum},
};

use crate::tunnel::{Protocol, TOS, Tunnel};

const ETHERNET: usize = 14;
/// In the byte of the flags of IPv4.
const DONT_FRAGMENT: u8 = 0x40;
const MARK: &[u8] = b"the same datagram each time";

/// Sends the same datagrams from A through a tunnel of ours and of theirs: the frames on the wire
/// differ only in the UDP source port and the identification.
pub(crate) fn pushes_alike(tunnel: &Tunnel) {
    let pair = Pair::new().unwrap();
    if tunnel.reads_memory() {
        // Its frames have their checksums, so ours must too.
        pair.a.segment(Segments::ByUplink).unwrap();
    }
    let wire = Capture::start(&pair.b.host).unwrap();
    let remote = tunnel.address(&pair.b.host);
    let said = |to| {
        sent(&pair.a.container, to, &wire, |frame| {
            destination(frame) == Some(remote)
        })
    };
    let both = [pair.b.container.v4(), pair.b.container.v6()];
    let ours = {
        let _a = tunnel.routemesh(&pair.a, &pair.b);
        both.map(said)
    };
    let _a = tunnel.other_end(&pair, &pair.a, &pair.b);
    wire.drain().unwrap();
    for (ours, to) in ours.iter().zip(both) {
        let theirs = said(to);
        let differs = difference(&leveled(tunnel, &theirs), &leveled(tunnel, ours));
        assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}

/// Sends the same datagrams from the other end on B to a tunnel of ours and of theirs on A: the
/// frames in the container are the same.
pub(crate) fn pops_alike(tunnel: &Tunnel) {
    let pair = Pair::new().unwrap();
    let _b = tunnel.other_end(&pair, &pair.b, &pair.a);
    let inside = Capture::start(&pair.a.container).unwrap();
    let heard = |to| {
        sent(&pair.b.container, to, &inside, |frame| {
            destination(frame) == Some(to)
        })
    };
    let both = [pair.a.container.v4(), pair.a.container.v6()];
    let ours = {
        let _a = tunnel.routemesh(&pair.a, &pair.b);
        both.map(heard)
    };
    let _a = tunnel.other_end(&pair, &pair.a, &pair.b);
    inside.drain().unwrap();
    for (ours, to) in ours.iter().zip(both) {
        let level = |frame: &[u8]| inner_leveled(frame, ETHERNET);
        let differs = difference(&level(&heard(to)), &level(ours));
        assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}

/// Sends a datagram that is the same each time, until a frame that is `wanted` carries it. The
/// first ones may meet neighbours that are not resolved, or a port that is still in use: by a
/// program that another test starts, until it has closed what it inherited.
fn sent(from: &Node, to: IpAddr, seen: &Capture, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let wanted = |frame: &[u8]| wanted(frame) && frame.ends_with(MARK);
    let once = || {
        from.enter(|| send(to))?;
        seen.wait_for(Duration::from_secs(1), wanted)
    };
    eventually("the datagram to come", Duration::from_secs(5), once).unwrap()
}

fn send(to: IpAddr) -> Result<()> {
    let any: IpAddr = if to.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 4007))?;
    if to.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4Tos, &i32::from(TOS))?;
    } else {
        setsockopt(&socket, sockopt::Ipv6TClass, &i32::from(TOS))?;
    }
    socket.send_to(MARK, SocketAddr::new(to, 7004))?;
    Ok(())
}

/// Where the packet in a frame goes.
fn destination(frame: &[u8]) -> Option<IpAddr> {
    let ip = frame.get(ETHERNET..)?;
    match u16::from_be_bytes([frame[12], frame[13]]) {
        0x0800 => Some(IpAddr::from(<[u8; 4]>::try_from(ip.get(16..20)?).ok()?)),
        0x86dd => Some(IpAddr::from(<[u8; 16]>::try_from(ip.get(24..40)?).ok()?)),
        _ => None,
    }
}

/// The frame without what may differ: identification of the outer header and UDP source port, and
/// what the other end cannot be told of.
fn leveled(tunnel: &Tunnel, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if !tunnel.over_v6 {
        level_ipv4(&mut frame[ETHERNET..ETHERNET + 20]);
        if !tunnel.forbids_fragments() {
            frame[ETHERNET + 6] &= !DONT_FRAGMENT;
        }
    }
    let behind = ETHERNET + tunnel.outer();
    if tunnel.shim().0 == Protocol::Udp {
        frame[behind..behind + 2].fill(0);
        if tunnel.sums_over_v6() {
            frame[behind + 6..behind + 8].fill(0);
        }
    }
    inner_leveled(&frame, ETHERNET + tunnel.overhead() as usize)
}

/// The frame without what differs by no doing of the tunnel's: the identification that the
/// sending kernel gives each IPv4 packet, and the UDP checksum, which may still be the network
/// card's to compute. `at` is where the IP header stands.
fn inner_leveled(frame: &[u8], at: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let udp = if frame[at] >> 4 == 4 {
        level_ipv4(&mut frame[at..at + 20]);
        at + 20
    } else {
        at + 40
    };
    frame[udp + 6..udp + 8].fill(0);
    frame
}

fn level_ipv4(header: &mut [u8]) {
    assert_eq!(internet_checksum(header), 0, "checksum of an IPv4 header");
    header[4..6].fill(0);
    header[10..12].fill(0);
}
