//! What is cut is the packet again when its parts are put together.

use routemesh_common::{Family, Outcome};
use routemesh_ebpf::{
    fragment::{self, PAYLOAD},
    parse::Datagram,
    wire::{ETH_LEN, IPV4_LEN},
};
use routemesh_tests::packet::internet_checksum;

use crate::{
    frame::{Frame, LARGEST},
    parse::read,
};

/// Parts that are looked at: further ones are cut alike.
const PARTS: usize = 16;

const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Cuts the packet behind the first two bytes, which are the MTU, until its parts come through.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some((mtu, bytes)) = data.split_first_chunk::<2>() else {
        return;
    };
    let mtu = usize::from(u16::from_be_bytes(*mtu));
    let bytes = &bytes[..bytes.len().min(LARGEST)];
    let Ok(datagram) = read(&Frame::whole(bytes)) else {
        return;
    };
    if datagram.family() == Family::V6 {
        return;
    }
    let packet = &bytes[..ETH_LEN + datagram.length() as usize];
    checksum_is_right(packet, &datagram);
    let parts = parts(packet, mtu);
    for part in &parts {
        assert_eq!(
            constant(part),
            constant(packet),
            "the header's other fields"
        );
    }
    let payload: Vec<&[u8]> = parts.iter().map(|part| &part[PAYLOAD..]).collect();
    assert_eq!(payload.concat(), packet[PAYLOAD..]);
    let (mut offset, mut flags) = (field(packet) & OFFSET, field(packet) & !OFFSET);
    let ended = flags;
    for (number, part) in parts.iter().enumerate() {
        let is_last = number == parts.len() - 1;
        flags = if is_last {
            ended
        } else {
            ended | MORE_FRAGMENTS
        };
        assert_eq!(field(part), flags | offset);
        offset += ((part.len() - PAYLOAD) / 8) as u16;
    }
}

/// The packet in parts, in order; the last is longer than `mtu` where it cannot be cut, or where
/// there are enough of them.
fn parts(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), packet.to_vec());
    while rest.len() - ETH_LEN > mtu && parts.len() < PARTS {
        let Some((part, behind)) = cut(&rest, mtu) else {
            break;
        };
        assert!(part.len() - ETH_LEN <= mtu, "the part comes through");
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    parts
}

/// The first part and what is behind it, as the program at tc makes them.
fn cut(packet: &[u8], mtu: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut frame = Frame::at_tc(packet);
    let datagram = read(&frame).expect("a part is a good packet");
    let first = fragment::first(&datagram, mtu as u32);
    let room = mtu.saturating_sub(IPV4_LEN) / 8;
    let has_offset = usize::from(field(packet) & OFFSET) + room.min(0x1ff) <= usize::from(OFFSET);
    let expected = (room > 0 && has_offset).then_some((room * 8).min(0xff8) as u32);
    assert_eq!(first, expected.ok_or(Outcome::NeedsFragmentation));
    let first = expected?;

    fragment::begin(&mut frame, &datagram, first).expect("it was parsed");
    let part = read(&frame).expect("the first part is a good packet");
    assert!(part.earlier_fragment(), "what follows it is cut off");
    let part = frame.bytes()[..ETH_LEN + part.length() as usize].to_vec();

    let (header, payload) = frame.bytes().split_at(PAYLOAD);
    let mut behind = Frame::at_tc(&[header, &payload[first as usize..]].concat());
    fragment::end(&mut behind, &datagram, first).expect("it was parsed");
    read(&behind).expect("what is left is a good packet");
    Some((part, behind.bytes().to_vec()))
}

fn field(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[20], packet[21]])
}

/// What cutting does not change: all of the headers but length, fragment field and checksum.
fn constant(packet: &[u8]) -> [&[u8]; 4] {
    [
        &packet[..16],
        &packet[18..20],
        &packet[22..24],
        &packet[26..PAYLOAD],
    ]
}

/// That a card was to compute, which stands over all of the payload: it is computed before the
/// packet is cut.
fn checksum_is_right(packet: &[u8], datagram: &Datagram) {
    let Ok(at) = fragment::checksum_at(datagram) else {
        let has_one = [6, 17].contains(&datagram.proto().0);
        assert!(datagram.fragment() || !has_one);
        return;
    };
    let mut packet = packet.to_vec();
    let Some(check) = packet.get_mut(at..at + 2) else {
        return;
    };
    check.fill(0);
    let (addresses, segment) = (&packet[26..PAYLOAD], &packet[PAYLOAD..]);
    let length = (segment.len() as u16).to_be_bytes();
    let pseudo_header = [addresses, &[0, datagram.proto().0], &length].concat();
    let right = internet_checksum(&[&pseudo_header, segment].concat()).to_be_bytes();
    // The sender leaves what the pseudo-header sums up to.
    let left = !internet_checksum(&pseudo_header);
    packet[at..at + 2].copy_from_slice(&left.to_be_bytes());
    let written = fragment::checksum(sum(&packet[PAYLOAD..]));
    assert_eq!(written, if right == [0; 2] { [0xff; 2] } else { right });
}

/// The sum of words of four bytes, as `bpf_csum_diff` has it.
fn sum(payload: &[u8]) -> u32 {
    payload.chunks(4).fold(0, |sum: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let (sum, carry) = sum.overflowing_add(u32::from_ne_bytes(word));
        sum + u32::from(carry)
    })
}
