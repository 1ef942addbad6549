//! What a router changes in a packet it sends on.

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::after_ttl_decrement,
    packet::Packet,
    parse::Datagram,
    wire::{ETH_LEN, Eth, IpProto, Ipv4Hdr, Ipv6Hdr, Mac, ip_length},
};

/// Takes one from the TTL or hop limit.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub fn decrement_ttl(packet: &mut impl Packet, family: Family) -> Result<(), Outcome> {
    if family == Family::V4 {
        let ip = packet.header_mut::<Ipv4Hdr>(ETH_LEN)?;
        ip.ttl -= 1;
        ip.check = after_ttl_decrement(ip.check);
    } else {
        packet.header_mut::<Ipv6Hdr>(ETH_LEN)?.hop_limit -= 1;
    }
    Ok(())
}

/// Addresses the frame anew.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub fn set_macs(packet: &mut impl Packet, dst: &[u8; 6], src: &[u8; 6]) -> Result<(), Outcome> {
    let eth = packet.header_mut::<Eth>(0)?;
    Mac::from(dst).write(&mut eth.dst);
    Mac::from(src).write(&mut eth.src);
    Ok(())
}

/// Bytes of the largest IP packet that `datagram` will be on the wire. `segment` is the payload
/// of each segment that a super-packet is still to be cut into, 0 for a packet as it is.
///
/// # Errors
/// [`Outcome::Truncated`] when the headers of a super-packet are not there.
#[inline(always)]
pub fn wire_length(
    packet: &impl Packet,
    datagram: &Datagram,
    segment: u32,
) -> Result<u32, Outcome> {
    if segment == 0 {
        return Ok(datagram.length());
    }
    let ip_length = ip_length(datagram.family());
    let transport = match datagram.proto() {
        // The data offset, in words, is the upper half of the 13th byte (RFC 9293 §3.1).
        IpProto::TCP => (u32::from(*packet.header::<u8>(ETH_LEN + ip_length + 12)?) >> 4) * 4,
        IpProto::UDP => 8,
        _ => 0,
    };
    Ok(ip_length as u32 + transport + segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checksum::Sum,
        frame::{Frame, SENDER, STATION},
        parse,
    };

    fn length_of(packet: &Frame, segment: u32) -> Result<u32, Outcome> {
        let datagram = parse::frame(packet, packet.0.len() as u32, &STATION)?;
        wire_length(packet, &datagram, segment)
    }

    #[test]
    fn a_packet_that_is_no_super_packet_has_its_own_length() {
        assert_eq!(length_of(&Frame::ipv4(), 0), Ok(28));
        assert_eq!(length_of(&Frame::ipv6().followed_by(&[0; 9]), 0), Ok(48));
    }

    #[test]
    fn each_segment_has_headers_of_its_own() {
        assert_eq!(length_of(&Frame::ipv4(), 1000), Ok(20 + 8 + 1000));
        assert_eq!(length_of(&Frame::ipv6(), 1000), Ok(40 + 8 + 1000));
        // TCP with twelve bytes of options.
        let mut tcp = [0; 32];
        tcp[12] = 8 << 4;
        let v4 = Frame::ipv4()
            .with(23, &[6])
            .followed_by(&tcp)
            .with(46, &[8 << 4]);
        assert_eq!(length_of(&v4, 1000), Ok(20 + 32 + 1000));
        let v6 = Frame::ipv6()
            .with(20, &[6])
            .followed_by(&tcp)
            .with(66, &[8 << 4]);
        assert_eq!(length_of(&v6, 1000), Ok(40 + 32 + 1000));
    }

    #[test]
    fn a_super_packet_without_its_tcp_header_is_truncated() {
        let cut = Frame::ipv4().with(23, &[6]);
        assert_eq!(length_of(&cut, 1000), Err(Outcome::Truncated));
    }

    #[test]
    fn one_is_taken_from_ttl_and_hop_limit() {
        let mut v4 = Frame::ipv4();
        decrement_ttl(&mut v4, Family::V4).unwrap();
        assert_eq!(v4.0[22], 63);
        let header = v4.header::<[u8; 20]>(ETH_LEN).unwrap();
        assert_eq!(Sum::new().bytes(header).folded(), 0xffff);
        let mut v6 = Frame::ipv6();
        decrement_ttl(&mut v6, Family::V6).unwrap();
        assert_eq!(v6.0, Frame::ipv6().with(21, &[63]).0);
    }

    #[test]
    fn macs_are_written_and_nothing_else() {
        let mut frame = Frame::ipv6();
        set_macs(&mut frame, &[1, 2, 3, 4, 5, 6], &STATION).unwrap();
        assert_eq!(frame.0[..12], [1, 2, 3, 4, 5, 6, 2, 0, 0, 0, 0, 1]);
        assert_eq!(frame.0[12..], Frame::ipv6().0[12..]);
        set_macs(&mut frame, &STATION, &SENDER).unwrap();
        assert_eq!(frame.0, Frame::ipv6().0);
    }
}
