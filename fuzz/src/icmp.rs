//! An ICMP error is the one that the RFCs describe, and never answers another.

use std::net::{Ipv4Addr, Ipv6Addr};

use routemesh_common::{Family, Outcome};
use routemesh_ebpf::{
    icmp::{self, Complaint},
    parse::{self, Datagram},
    wire::ETH_LEN,
};
use routemesh_tests::packet::ErrorReply;

use crate::{
    frame::{Frame, LARGEST},
    parse::read,
};

const FROM_V4: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 1);
const FROM_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x100, 0, 0, 0, 0, 1);

/// Complains of the frame behind the first three bytes, which say what of.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some(([kind, mtu @ ..], bytes)) = data.split_first_chunk::<3>() else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(LARGEST)];
    let Ok(datagram) = read(&Frame::whole(bytes)) else {
        return;
    };
    let may = icmp::may_complain(&Frame::whole(bytes), &datagram);
    if datagram.family() == Family::V4 {
        // IPv6's may be behind headers that lie outside of what tc reads.
        assert_eq!(may, icmp::may_complain(&Frame::at_tc(bytes), &datagram));
    }
    if is_error(&bytes[ETH_LEN..]) || datagram.later_fragment() {
        assert_eq!(may, Err(Outcome::ErrorSuppressed));
    }
    if may.is_err() {
        return;
    }
    let complaint = match kind & 1 {
        0 => Complaint::TimeExceeded,
        _ => Complaint::TooBig(u32::from(u16::from_be_bytes(*mtu))),
    };
    let reply = reply(bytes, &datagram, complaint);
    assert_eq!(reply.bytes(), expected(bytes, &datagram, complaint));
    let answer = parse::ip(&reply, reply.length()).expect("an error is a good packet");
    assert_eq!(
        icmp::may_complain(&reply, &answer),
        Err(Outcome::ErrorSuppressed)
    );
}

/// Whether the packet is an ICMP error, itself or behind two IPv6 headers at most.
fn is_error(ip: &[u8]) -> bool {
    if ip[0] >> 4 == 4 {
        let first = u16::from_be_bytes([ip[6], ip[7]]) & 0x1fff == 0;
        let queries = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18];
        return ip[9] == 1 && first && ip.get(20).is_some_and(|kind| !queries.contains(kind));
    }
    let (mut next, mut rest) = (ip[6], &ip[40..]);
    for _ in 0..=2 {
        let (Some(kind), true) = (rest.first(), rest.len() >= 4) else {
            return false;
        };
        let length = match next {
            58 => return *kind < 128,
            43 | 60 => (usize::from(rest[1]) + 1) * 8,
            44 if rest[2] == 0 && rest[3] & 0xf8 == 0 => 8,
            _ => return false,
        };
        next = *kind;
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// As the program at tc makes it.
fn reply(bytes: &[u8], datagram: &Datagram, complaint: Complaint) -> Frame {
    let family = datagram.family();
    let most = icmp::most_quoted(family);
    let quote = (datagram.length() as usize).min(most);
    let room = icmp::room(family);
    let [first, second] = [0, 0xff].map(|fill| {
        let mut frame = Frame::whole(bytes).filling(fill);
        let station = *bytes.first_chunk().expect("it was parsed");
        frame.resize(ETH_LEN + quote);
        frame.resize(ETH_LEN + most);
        insert(&mut frame, bytes, room);
        let written = if family == Family::V4 {
            icmp::write_v4(&mut frame, complaint, quote, FROM_V4.octets(), station)
        } else {
            icmp::write_v6(&mut frame, complaint, quote, &FROM_V6.octets(), station)
        };
        written.expect("there is room");
        frame.resize(ETH_LEN + room + quote);
        frame
    });
    // The EtherType is the old one's.
    assert_eq!(
        first.bytes()[14..],
        second.bytes()[14..],
        "all of it is written"
    );
    first
}

/// Room behind the Ethernet header, which stays: what the kernel does, and tunnels need not.
fn insert(frame: &mut Frame, bytes: &[u8], room: usize) {
    frame.insert(room);
    frame.set_ethernet(bytes.first_chunk().expect("it was parsed"));
}

fn expected(bytes: &[u8], datagram: &Datagram, complaint: Complaint) -> Vec<u8> {
    let reply = if datagram.family() == Family::V4 {
        ErrorReply {
            fragment_word: 0x4000,
            ..ErrorReply::from(FROM_V4)
        }
    } else {
        ErrorReply::from(FROM_V6)
    };
    match complaint {
        Complaint::TimeExceeded => reply.time_exceeded(bytes),
        Complaint::TooBig(mtu) => reply.too_big(bytes, mtu as u16),
    }
}
