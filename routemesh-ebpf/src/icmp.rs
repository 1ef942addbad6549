//! ICMP errors (RFC 792, RFC 1191, RFC 1812 §4.3) and ICMPv6 errors (RFC 4443).

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::Sum,
    packet::Packet,
    parse::Datagram,
    wire::{
        ETH_LEN, Eth, ICMP_LEN, IPV4_LEN, IPV6_LEN, Icmpv4Hdr, Icmpv6Hdr, IpProto, Ipv4Hdr, Ipv6Hdr,
    },
};

/// Most bytes an ICMP error quotes: it has 576 at most, IP header included (RFC 1812 §4.3.2.3).
pub(crate) const ICMP_QUOTE: usize = 576 - IPV4_LEN - ICMP_LEN;
/// Most bytes an ICMPv6 error quotes: it has the least MTU at most (RFC 4443 §2.4c).
pub(crate) const ICMPV6_QUOTE: usize = 1280 - IPV6_LEN - ICMP_LEN;
/// TTL and hop limit of what this host sends by itself (RFC 1700).
const TTL: u8 = 64;
/// Precedence 6, internetwork control, which ICMP errors have (RFC 1812 §4.3.2.5).
const INTERNETWORK_CONTROL: u8 = 0xc0;
/// IPv6 extension headers that are looked behind. Packets that need more are hardly sent.
const EXTENSIONS: usize = 2;
const DONT_FRAGMENT: [u8; 2] = [0x40, 0];

/// What is wrong with a packet, to be told its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// TTL or hop limit used up.
    TimeExceeded,
    /// Larger than the next hop's MTU, which is given in bytes.
    TooBig(u32),
}

impl Complaint {
    /// How a packet that was answered so has ended.
    #[inline(always)]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::TimeExceeded => Outcome::TtlExceeded,
            Self::TooBig(_) => Outcome::TooBig,
        }
    }
}

/// Bytes that go in front of the packet complained of.
#[must_use]
#[inline(always)]
pub fn room(family: Family) -> usize {
    if family == Family::V4 {
        IPV4_LEN + ICMP_LEN
    } else {
        IPV6_LEN + ICMP_LEN
    }
}

/// Most bytes of the packet complained of that the error quotes: "as much as possible".
#[must_use]
#[inline(always)]
pub fn most_quoted(family: Family) -> usize {
    if family == Family::V4 {
        ICMP_QUOTE
    } else {
        ICMPV6_QUOTE
    }
}

/// Whether an error may be sent about the packet: not about an error, and not about a fragment
/// that does not begin its datagram.
///
/// # Errors
/// [`Outcome::ErrorSuppressed`] when not.
#[inline(always)]
pub fn may_complain(packet: &impl Packet, datagram: &Datagram) -> Result<(), Outcome> {
    let about_error = match datagram.proto() {
        IpProto::ICMP if datagram.family() == Family::V4 && !datagram.later_fragment() => {
            // All but the queries: echo, router discovery, timestamp, information, mask.
            !matches!(
                *packet.header::<u8>(ETH_LEN + IPV4_LEN)?,
                0 | 8..=10 | 13..=18
            )
        }
        _ if datagram.family() == Family::V6 => {
            // What cannot be read is taken for no error, as by Linux.
            is_icmpv6_error(packet, datagram.proto()).unwrap_or(false)
        }
        _ => false,
    };
    if about_error || datagram.later_fragment() {
        Err(Outcome::ErrorSuppressed)
    } else {
        Ok(())
    }
}

/// Whether an IPv6 packet carries an ICMPv6 error, itself or behind [`EXTENSIONS`] headers.
#[inline(always)]
fn is_icmpv6_error(packet: &impl Packet, first: IpProto) -> Result<bool, Outcome> {
    let mut proto = first;
    let mut at = ETH_LEN + IPV6_LEN;
    let mut headers = 0;
    while headers <= EXTENSIONS {
        let [next, length, high, low] = *packet.header::<[u8; 4]>(at)?;
        at += match proto {
            // The message's type; errors are those below 128.
            IpProto::ICMPV6 => return Ok(next < 128),
            IpProto::ROUTING | IpProto::DESTINATION_OPTIONS => (length as usize + 1) * 8,
            IpProto::FRAGMENT if high == 0 && low & 0xf8 == 0 => 8,
            _ => return Ok(false),
        };
        proto = IpProto(next);
        headers += 1;
    }
    Ok(false)
}

/// Writes an ICMP error over the [`room`] opened behind the Ethernet header. The packet
/// complained of follows, cut to `quote` bytes and then filled with zeroes to [`most_quoted`]:
/// they do not change the checksum, and a loop of one length is one the verifier follows once.
/// `from` is this host's address, `station` its MAC.
///
/// # Errors
/// [`Outcome::Truncated`] when the room was not opened.
#[inline(always)]
pub fn write_v4(
    packet: &mut impl Packet,
    complaint: Complaint,
    quote: usize,
    from: [u8; 4],
    station: [u8; 6],
) -> Result<(), Outcome> {
    const QUOTE: usize = ETH_LEN + IPV4_LEN + ICMP_LEN;
    let to = packet.header::<Ipv4Hdr>(QUOTE)?.src_addr;
    let (type_, code, data) = match complaint {
        Complaint::TimeExceeded => (11, 0, [0; 4]),
        Complaint::TooBig(mtu) => {
            let [high, low] = clamp_u16(mtu).to_be_bytes();
            (3, 4, [0, 0, high, low])
        }
    };
    let check = Sum::new()
        .bytes(&[type_, code])
        .bytes(&data)
        .bytes(packet.header::<[u8; ICMP_QUOTE]>(QUOTE)?)
        .checksum();
    *packet.header_mut::<Icmpv4Hdr>(ETH_LEN + IPV4_LEN)? = Icmpv4Hdr {
        type_,
        code,
        check,
        data,
    };
    let tot_len = ((IPV4_LEN + ICMP_LEN + quote) as u16).to_be_bytes();
    let header = Sum::new()
        .bytes(&[0x45, INTERNETWORK_CONTROL])
        .bytes(&tot_len)
        .bytes(&DONT_FRAGMENT)
        .bytes(&[TTL, IpProto::ICMP.0])
        .bytes(&from)
        .bytes(&to);
    *packet.header_mut::<Ipv4Hdr>(ETH_LEN)? = Ipv4Hdr {
        vihl: 0x45,
        tos: INTERNETWORK_CONTROL,
        tot_len,
        id: [0, 0],
        frags: DONT_FRAGMENT,
        ttl: TTL,
        proto: IpProto::ICMP.0,
        check: header.checksum(),
        src_addr: from,
        dst_addr: to,
    };
    turn_back(packet, station)
}

/// As [`write_v4`], for IPv6.
///
/// # Errors
/// [`Outcome::Truncated`] when the room was not opened.
#[inline(always)]
pub fn write_v6(
    packet: &mut impl Packet,
    complaint: Complaint,
    quote: usize,
    from: &[u8; 16],
    station: [u8; 6],
) -> Result<(), Outcome> {
    const QUOTE: usize = ETH_LEN + IPV6_LEN + ICMP_LEN;
    let to = packet.header::<Ipv6Hdr>(QUOTE)?.src_addr;
    let (type_, data) = match complaint {
        Complaint::TimeExceeded => (3, [0; 4]),
        Complaint::TooBig(mtu) => (2, mtu.to_be_bytes()),
    };
    let payload_len = ((ICMP_LEN + quote) as u16).to_be_bytes();
    let check = Sum::new()
        .bytes(from)
        .bytes(&to)
        .bytes(&payload_len)
        .number(u16::from(IpProto::ICMPV6.0))
        .bytes(&[type_, 0])
        .bytes(&data)
        .bytes(packet.header::<[u8; ICMPV6_QUOTE]>(QUOTE)?)
        .checksum();
    *packet.header_mut::<Icmpv6Hdr>(ETH_LEN + IPV6_LEN)? = Icmpv6Hdr {
        type_,
        code: 0,
        check,
        data,
    };
    *packet.header_mut::<Ipv6Hdr>(ETH_LEN)? = Ipv6Hdr {
        vcf: [0x60, 0, 0, 0],
        payload_len,
        next_hdr: IpProto::ICMPV6.0,
        hop_limit: TTL,
        src_addr: *from,
        dst_addr: to,
    };
    turn_back(packet, station)
}

/// Sends the frame back to the station it came from.
#[inline(always)]
fn turn_back(packet: &mut impl Packet, station: [u8; 6]) -> Result<(), Outcome> {
    let eth = packet.header_mut::<Eth>(0)?;
    eth.dst = eth.src;
    eth.src = station;
    Ok(())
}

#[inline(always)]
fn clamp_u16(mtu: u32) -> u16 {
    if mtu > 0xffff { 0xffff } else { mtu as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{Frame, SENDER, STATION},
        parse,
    };

    fn complained(packet: &Frame) -> Result<(), Outcome> {
        let datagram = parse::frame(packet, packet.0.len() as u32, &STATION)?;
        may_complain(packet, &datagram)
    }

    /// The frame with [`room`] opened and zeroes up to the longest quote.
    fn opened(packet: Frame, family: Family) -> Frame {
        let mut bytes = packet.0;
        let behind = bytes.split_off(ETH_LEN);
        let quoted = behind.len();
        bytes.resize(ETH_LEN + room(family), 0);
        bytes.extend(behind);
        bytes.resize(bytes.len() + most_quoted(family) - quoted, 0);
        Frame(bytes)
    }

    #[test]
    fn an_icmp_error_has_right_checksums_and_goes_back() {
        let mut frame = opened(Frame::ipv4(), Family::V4);
        write_v4(
            &mut frame,
            Complaint::TooBig(1400),
            28,
            [10, 0, 0, 1],
            STATION,
        )
        .unwrap();
        assert_eq!(frame.0[..12], [SENDER, STATION].concat());
        let ip = frame.header::<[u8; 20]>(ETH_LEN).unwrap();
        assert_eq!(Sum::new().bytes(ip).folded(), 0xffff);
        assert_eq!(ip[2..4], [0, 56]);
        assert_eq!(ip[16..], [10, 0, 0, 2]);
        let icmp = frame.header::<Icmpv4Hdr>(34).unwrap();
        assert_eq!((icmp.type_, icmp.code, icmp.data), (3, 4, [0, 0, 5, 120]));
        let sum = Sum::new()
            .bytes(&[3, 4])
            .bytes(&icmp.check)
            .bytes(&icmp.data);
        let quote = frame.header::<[u8; ICMP_QUOTE]>(42).unwrap();
        assert_eq!(sum.bytes(quote).folded(), 0xffff);
        assert_eq!(frame.0[42..70], Frame::ipv4().0[14..]);
    }

    #[test]
    fn an_icmpv6_error_has_a_right_checksum_and_goes_back() {
        let from = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let mut frame = opened(Frame::ipv6(), Family::V6);
        write_v6(&mut frame, Complaint::TimeExceeded, 48, &from, STATION).unwrap();
        assert_eq!(frame.0[..12], [SENDER, STATION].concat());
        let ip = frame.header::<Ipv6Hdr>(ETH_LEN).unwrap();
        assert_eq!((ip.payload_len, ip.next_hdr), ([0, 56], 58));
        assert_eq!(ip.dst_addr[..2], [0xfd, 0]);
        let icmp = frame.header::<Icmpv6Hdr>(54).unwrap();
        assert_eq!((icmp.type_, icmp.code, icmp.data), (3, 0, [0; 4]));
        let pseudo = Sum::new()
            .bytes(&ip.src_addr)
            .bytes(&ip.dst_addr)
            .number(56)
            .number(58);
        let sum = pseudo.bytes(&[3, 0]).bytes(&icmp.check);
        let quote = frame.header::<[u8; ICMPV6_QUOTE]>(62).unwrap();
        assert_eq!(sum.bytes(quote).folded(), 0xffff);
    }

    #[test]
    fn an_mtu_that_sixteen_bits_cannot_say_is_the_greatest_they_can() {
        let mut frame = opened(Frame::ipv4(), Family::V4);
        write_v4(
            &mut frame,
            Complaint::TooBig(70_000),
            28,
            [10, 0, 0, 1],
            STATION,
        )
        .unwrap();
        assert_eq!(frame.0[38..42], [0, 0, 0xff, 0xff]);
    }

    #[test]
    fn where_no_room_was_opened_nothing_is_written_beyond_the_frame() {
        let mut frame = Frame::ipv4();
        let written = write_v4(&mut frame, Complaint::TimeExceeded, 28, [0; 4], STATION);
        assert_eq!(written, Err(Outcome::Truncated));
        assert_eq!(frame.0, Frame::ipv4().0);
    }

    #[test]
    fn errors_are_known_behind_the_headers_that_can_be_read() {
        let icmp = Frame::ipv6().with(20, &[58]).with(54, &[1]);
        assert_eq!(complained(&icmp), Err(Outcome::ErrorSuppressed));
        assert_eq!(complained(&icmp.with(54, &[128])), Ok(()));
        // Destination options of eight bytes, and ICMPv6 behind them.
        let options = Frame::ipv6().with(20, &[60]).with(54, &[58, 0]);
        let error = options.clone().followed_by(&[1, 0, 0, 0]);
        assert_eq!(complained(&error), Err(Outcome::ErrorSuppressed));
        assert_eq!(complained(&options), Ok(()));
        // Options that reach beyond the packet.
        assert_eq!(complained(&error.with(55, &[255])), Ok(()));
    }

    #[test]
    fn a_later_fragment_is_not_complained_of() {
        let later = Frame::ipv4().with(20, &[0, 185]);
        assert_eq!(complained(&later), Err(Outcome::ErrorSuppressed));
        assert_eq!(complained(&Frame::ipv4().with(20, &[0x20, 0])), Ok(()));
    }
}
