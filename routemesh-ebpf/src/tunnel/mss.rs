//! The largest segment that TCP's ends tell one another (RFC 9293 §3.7.1), lowered to what fits into
//! a tunnel: where ICMP errors do not come through, connections would hang (RFC 4459 §3.2).

use routemesh_common::Outcome;

use crate::{
    packet::{Packet, Resize},
    parse::Datagram,
    wire::{ETH_LEN, IpProto, TCP_LEN, ip_length},
};

const SYN: u8 = 0x02;
/// Kinds of option: the end, padding, the largest segment.
const END: u8 = 0;
const PADDING: u8 = 1;
const LARGEST: u8 = 2;
/// Options that are looked at. There is room for 40 bytes of them, and what stands before this one is
/// padding at most, in every stack that is known.
const LOOKED_AT: usize = 8;
/// No header is longer: a number whose bits are all set.
const MOST: usize = 63;

/// Lowers what a packet that opens a connection says of the largest segment, where packets of more
/// than `mtu` bytes do not come through.
///
/// # Errors
/// [`Outcome::HelperFailed`], which a packet that was parsed does not give.
///
/// A function of its own also for the verifier, which would else follow the rest of the program
/// for each way through it.
#[inline(never)]
pub fn clamp(packet: &mut impl Resize, datagram: &Datagram, mtu: u32) -> Result<(), Outcome> {
    let Some(length) = opens(packet, datagram) else {
        return Ok(());
    };
    let tcp = ETH_LEN + ip_length(datagram.family());
    let headers = (tcp - ETH_LEN + TCP_LEN) as u32;
    let most = mtu.saturating_sub(headers).min(0xffff);
    lower(packet, tcp as u32, length, most)
}

/// Of a packet that opens a TCP connection or answers one that does, the TCP header's bytes.
#[inline(always)]
pub fn opens(packet: &impl Packet, datagram: &Datagram) -> Option<u32> {
    if datagram.proto() != IpProto::TCP || datagram.fragment() {
        return None;
    }
    let tcp = ETH_LEN + ip_length(datagram.family());
    let [offset, flags] = *packet.header::<[u8; 2]>(tcp + 12).ok()?;
    (flags & SYN != 0).then_some(u32::from(offset >> 4) * 4)
}

/// Lowers the number of the segment that starts at `tcp` and whose header ends `end` bytes on.
#[inline(always)]
fn lower(packet: &mut impl Resize, tcp: u32, end: u32, most: u32) -> Result<(), Outcome> {
    let (tcp, end, most) = (tcp as usize, end as usize, most as u16);
    packet.reach(tcp + end);
    let Some(at) = largest(packet, tcp, end) else {
        return Ok(());
    };
    let before = *packet.header::<[u8; 2]>(at)?;
    if u16::from_be_bytes(before) <= most {
        return Ok(());
    }
    let after = most.to_be_bytes();
    *packet.header_mut::<[u8; 2]>(at)? = after;
    // Words are summed from the segment's start on, so one that begins at an odd byte is turned.
    let turned = |[a, b]: [u8; 2]| if at % 2 == 0 { [a, b] } else { [b, a] };
    packet.replace_sum(tcp + 16, turned(before), turned(after))
}

/// Where the number of the option stands.
#[inline(always)]
fn largest(packet: &impl Resize, tcp: usize, end: usize) -> Option<usize> {
    let mut at = TCP_LEN;
    for _ in 0..LOOKED_AT {
        if at + 4 > end {
            return None;
        }
        let [kind, length] = *packet.header::<[u8; 2]>(tcp + at).ok()?;
        if kind == LARGEST && length == 4 {
            return Some(tcp + at + 2);
        }
        let step = step(kind, length);
        if kind == END || step == 0 || at + step > MOST {
            return None;
        }
        // Which the verifier need not know of: each round begins with the same bounds.
        at = (at + step) & MOST;
    }
    None
}

/// Bytes of an option. With no branch, both sides of which the verifier would follow, at each option
/// anew: the compiler would make one of it if it knew that one is 1.
#[inline(always)]
fn step(kind: u8, length: u8) -> usize {
    let one = core::hint::black_box(1_u64);
    let padding = u64::from(kind ^ PADDING).wrapping_sub(one) >> 63;
    let length = u64::from(length);
    (length ^ ((length ^ 1) & padding.wrapping_neg())) as usize
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::{checksum::Sum, frame::Frame, parse};

    fn clamped(options: &[u8], mtu: u32) -> (Frame, bool) {
        let length = TCP_LEN + options.len();
        let mut tcp = std::vec![0; TCP_LEN];
        tcp[12] = ((length / 4) as u8) << 4;
        tcp[13] = SYN;
        tcp[16..18].copy_from_slice(&[0x12, 0x34]);
        tcp.extend(options);
        let mut frame = Frame::ipv4().with(23, &[6]).followed_by(&tcp);
        let total = (20 + length) as u16;
        frame.0.truncate(ETH_LEN + 20);
        frame.0.extend(&tcp);
        frame.0[16..18].copy_from_slice(&total.to_be_bytes());
        frame.0[24..26].fill(0);
        let header: [u8; 20] = frame.0[14..34].try_into().unwrap();
        let check = Sum::new().bytes(&header).checksum();
        frame.0[24..26].copy_from_slice(&check);
        let datagram = parse::ip(&frame, frame.0.len() as u32).unwrap();
        let sum = |frame: &Frame| {
            let words = frame.0[34..].chunks(2);
            words
                .fold(Sum::new(), |sum, word| sum.bytes(&[word[0], word[1]]))
                .folded()
        };
        let before = sum(&frame);
        clamp(&mut frame, &datagram, mtu).unwrap();
        let kept = sum(&frame) == before;
        (frame, kept)
    }

    #[test]
    fn the_number_is_lowered_wherever_it_stands_and_the_sum_stays() {
        for (options, at) in [
            (&[2, 4, 5, 0xb4][..], 2),
            (&[1, 2, 4, 5, 0xb4, 1, 1, 0], 3),
            (&[3, 3, 7, 2, 4, 5, 0xb4, 0], 5),
            (&[8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4, 0, 0], 12),
        ] {
            let (frame, kept) = clamped(options, 1450);
            let at = ETH_LEN + 20 + TCP_LEN + at;
            assert_eq!(frame.0[at..at + 2], 1410_u16.to_be_bytes());
            assert!(kept, "{options:?}");
        }
    }

    #[test]
    fn what_is_small_enough_or_broken_is_left_alone() {
        for options in [
            &[2, 4, 5, 0x82][..],
            &[2, 3, 5, 0xb4],
            &[3, 0, 2, 4, 5, 0xb4, 0, 0],
            &[0, 2, 4, 5, 0xb4, 0, 0, 0],
            &[3, 40, 2, 4, 5, 0xb4, 0, 0],
            &[],
        ] {
            let (frame, kept) = clamped(options, 1450);
            assert!(kept);
            assert_eq!(frame.0[ETH_LEN + 40..], *options);
        }
    }
}
