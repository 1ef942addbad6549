//! Cutting an IPv4 packet in two (RFC 791 §3.2, RFC 1812 §5.2.6).
//!
//! Packets with options do not come here, so which of them go into each fragment is no question.

use routemesh_common::Outcome;

use crate::{
    checksum::Sum,
    packet::Packet,
    parse::Datagram,
    wire::{ETH_LEN, IPV4_LEN, IpProto, Ipv4Hdr},
};

/// Longest packet that is cut, in bytes: the kernel lets programs resize what it can keep in one
/// piece of 16 KiB (`BPF_SKB_MAX_LEN`), and no card sends longer ones.
pub const LONGEST: u32 = 15_000;
/// Most payload of the first part: the kernel lets programs take away so much at once.
const MOST: u32 = 0xff8;
/// Fragments begin at multiples of so many bytes.
const UNIT: u32 = 8;
/// Bytes that are summed at once, which kernels before 6.13 do of 512 at most.
pub const SUM_BLOCK: usize = 512;
/// Where an IPv4 packet's payload begins in its frame.
pub const PAYLOAD: usize = ETH_LEN + IPV4_LEN;

const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Bytes of payload in the first of two parts, where packets of `mtu` bytes come through.
///
/// # Errors
/// [`Outcome::NeedsFragmentation`] where the packet cannot be cut: there is no room for payload, or
/// its parts would begin where no packet reaches.
#[inline(always)]
pub fn first(datagram: &Datagram, mtu: u32) -> Result<u32, Outcome> {
    let room = mtu.saturating_sub(IPV4_LEN as u32) & !(UNIT - 1);
    let first = if room > MOST { MOST } else { room };
    let offset = u32::from(datagram.fragment_field() & OFFSET) + first / UNIT;
    if first == 0
        || datagram.length() > LONGEST
        || datagram.length() <= first + IPV4_LEN as u32
        || offset > u32::from(OFFSET)
    {
        return Err(Outcome::NeedsFragmentation);
    }
    Ok(first)
}

/// Makes the header that of the first part, with `first` bytes of payload. More may follow them in
/// the frame.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub fn begin(packet: &mut impl Packet, datagram: &Datagram, first: u32) -> Result<(), Outcome> {
    let field = datagram.fragment_field() | MORE_FRAGMENTS;
    write(packet, first + IPV4_LEN as u32, field)
}

/// Makes the header that of what is left behind the `first` bytes of payload, which were taken
/// away.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub fn end(packet: &mut impl Packet, datagram: &Datagram, first: u32) -> Result<(), Outcome> {
    let field = datagram.fragment_field() + (first / UNIT) as u16;
    write(packet, datagram.length() - first, field)
}

#[inline(always)]
fn write(packet: &mut impl Packet, length: u32, field: u16) -> Result<(), Outcome> {
    let ip = packet.header_mut::<Ipv4Hdr>(ETH_LEN)?;
    ip.tot_len = (length as u16).to_be_bytes();
    ip.frags = field.to_be_bytes();
    ip.check = [0; 2];
    let check = Sum::new().bytes(packet.header::<[u8; IPV4_LEN]>(ETH_LEN)?);
    packet.header_mut::<Ipv4Hdr>(ETH_LEN)?.check = check.checksum();
    Ok(())
}

/// Where the frame has the checksum over a whole datagram that network cards compute.
///
/// # Errors
/// [`Outcome::NeedsFragmentation`] where it has none of that kind, or is a fragment.
#[inline(always)]
pub fn checksum_at(datagram: &Datagram) -> Result<usize, Outcome> {
    match datagram.proto() {
        IpProto::UDP if !datagram.fragment() => Ok(PAYLOAD + 6),
        IpProto::TCP if !datagram.fragment() => Ok(PAYLOAD + 16),
        _ => Err(Outcome::NeedsFragmentation),
    }
}

/// The checksum of a datagram whose payload sums up to `sum`, the sum of its pseudo-header in the
/// checksum's place. Zero would say that there is none (RFC 768); TCP takes either for the same.
#[must_use]
#[inline(always)]
pub fn checksum(sum: u32) -> [u8; 2] {
    let [high, low] = [(sum >> 16) as u16, sum as u16];
    let check = Sum::new()
        .bytes(&high.to_ne_bytes())
        .bytes(&low.to_ne_bytes())
        .checksum();
    if check == [0; 2] { [0xff; 2] } else { check }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::{
        frame::{Frame, STATION},
        parse,
    };

    /// A packet of so many bytes, with that fragment field.
    fn packet(length: u16, field: u16) -> (Frame, Datagram) {
        let payload: Vec<u8> = (0..length - 28).map(|index| index as u8).collect();
        let frame = Frame::ipv4()
            .followed_by(&payload)
            .with(16, &length.to_be_bytes())
            .with(20, &field.to_be_bytes());
        let datagram = parse::frame(&frame, frame.0.len() as u32, &STATION).unwrap();
        (frame, datagram)
    }

    /// Length, fragment field and payload of each part, in order.
    fn parts(length: u16, field: u16, mtu: u32) -> Vec<(u32, u16, Vec<u8>)> {
        let (mut frame, mut datagram) = packet(length, field);
        let mut parts = Vec::new();
        while datagram.length() > mtu {
            let first = first(&datagram, mtu).unwrap();
            begin(&mut frame, &datagram, first).unwrap();
            parts.push(part(&frame));
            frame.0.drain(PAYLOAD..PAYLOAD + first as usize);
            end(&mut frame, &datagram, first).unwrap();
            datagram = parse::frame(&frame, frame.0.len() as u32, &STATION).unwrap();
        }
        parts.push(part(&frame));
        parts
    }

    fn part(frame: &Frame) -> (u32, u16, Vec<u8>) {
        // That its header is right, parsing tells.
        let datagram = parse::frame(frame, frame.0.len() as u32, &STATION).unwrap();
        let end = ETH_LEN + datagram.length() as usize;
        let payload = frame.0[PAYLOAD..end].into();
        (datagram.length(), datagram.fragment_field(), payload)
    }

    fn fields(parts: &[(u32, u16, Vec<u8>)]) -> Vec<(u32, u16)> {
        parts.iter().map(|part| (part.0, part.1)).collect()
    }

    #[test]
    fn parts_fit_and_are_the_packet_together() {
        for (length, mtu) in [
            (1500, 1450),
            (1500, 1499),
            (1500, 68),
            (9000, 1430),
            (300, 28),
        ] {
            let parts = parts(length, 0, mtu);
            let payload: Vec<u8> = parts.iter().flat_map(|part| part.2.clone()).collect();
            assert_eq!(payload, packet(length, 0).0.0[PAYLOAD..]);
            let mut offset = 0;
            let last = parts.len() - 1;
            for (index, (length, field, payload)) in parts.iter().enumerate() {
                assert!(*length <= mtu);
                assert_eq!(field & MORE_FRAGMENTS != 0, index != last);
                assert_eq!(usize::from(field & OFFSET) * 8, offset);
                offset += payload.len();
            }
        }
    }

    #[test]
    fn parts_of_a_fragment_stand_where_it_stood() {
        // From byte 800 on, with more behind it, and last; and a flag that is none.
        let cut = |field| fields(&parts(1500, field, 1450));
        assert_eq!(cut(0x2064), [(1444, 0x2064), (76, 0x2116)]);
        assert_eq!(cut(0x0064), [(1444, 0x2064), (76, 0x0116)]);
        assert_eq!(cut(0x8000), [(1444, 0xa000), (76, 0x80b2)]);
    }

    #[test]
    fn a_first_part_is_no_longer_than_what_can_be_taken_away_at_once() {
        let parts = parts(9000, 0, 8900);
        let lengths: Vec<u32> = parts.iter().map(|part| part.0).collect();
        assert_eq!(lengths, [4108, 4912]);
    }

    #[test]
    fn what_cannot_be_cut_is_not() {
        let refused = |length, field, mtu| first(&packet(length, field).1, mtu).is_err();
        for mtu in [0, 19, 27] {
            assert!(refused(1500, 0, mtu), "{mtu}");
        }
        assert!(!refused(15_000, 0, 1450));
        assert!(refused(15_001, 0, 1450));
        // 178 units on there is no offset left.
        assert!(!refused(1500, 0x1fff - 178, 1450));
        assert!(refused(1500, 0x1fff - 177, 1450));
    }

    #[test]
    fn only_udp_and_tcp_have_checksums_that_cards_compute() {
        let at = |proto: u8, field: u16| {
            let frame = Frame::ipv4().with(20, &field.to_be_bytes());
            let frame = frame.with(23, &[proto]);
            checksum_at(&parse::ip(&frame, 42).unwrap())
        };
        assert_eq!(at(17, 0), Ok(40));
        assert_eq!(at(6, 0), Ok(50));
        for (proto, field) in [(1, 0), (47, 0), (132, 0), (17, 0x2000), (17, 1)] {
            assert_eq!(at(proto, field), Err(Outcome::NeedsFragmentation));
        }
    }

    #[test]
    fn a_checksum_is_never_that_for_none() {
        assert_eq!(checksum(0xffff_0000), [0xff; 2]);
        let sum = u32::from(u16::from_ne_bytes([0x12, 0x34]));
        assert_eq!(checksum(sum), [!0x12, !0x34]);
        assert_eq!(checksum(sum << 16 | sum), [!0x24, !0x68]);
    }
}
