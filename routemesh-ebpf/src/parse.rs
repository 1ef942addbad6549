//! A frame, as far as a router must know it.

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::Sum,
    packet::Packet,
    wire::{Address, ETH_LEN, Eth, EtherType, IPV4_LEN, IPV6_LEN, IpProto, Ipv4Hdr, Ipv6Hdr, Mac},
};

/// An IP packet that may be routed.
///
/// Its fields are double words, whatever they hold: where the compiler keeps one on the BPF stack, it
/// would write several narrow ones at once, and the verifier wants what is written there aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    dst: Address,
    length: u64,
    ttl: u64,
    proto: u64,
    family: u64,
    fragment: u64,
    tos: u64,
}

/// Of the IPv4 fragment field: do not fragment.
const DONT_FRAGMENT: u64 = 0x4000;
/// Of the IPv4 fragment field: more fragments.
const MORE_FRAGMENTS: u64 = 0x2000;
/// Of the IPv4 fragment field: more fragments, and the offset.
const FRAGMENT: u64 = 0x3fff;
/// Of the IPv4 fragment field: the offset.
const OFFSET: u64 = 0x1fff;
/// The upper half of 169.254.0.0/16.
const LINK_LOCAL_IPV4: u32 = 0xa9fe;

impl Datagram {
    /// Its family.
    #[must_use]
    #[inline(always)]
    pub fn family(&self) -> Family {
        Family(self.family as u8)
    }

    /// TTL or hop limit.
    #[must_use]
    #[inline(always)]
    pub fn ttl(&self) -> u32 {
        self.ttl as u32
    }

    /// What the IP header says follows it.
    #[must_use]
    #[inline(always)]
    pub fn proto(&self) -> IpProto {
        IpProto(self.proto as u8)
    }

    /// Whether an IPv4 sender forbids fragmentation; of IPv6, always.
    #[must_use]
    #[inline(always)]
    pub fn dont_fragment(&self) -> bool {
        self.fragment & DONT_FRAGMENT != 0
    }

    /// Whether it is a fragment. (Of IPv6, a header of its own says so.)
    #[must_use]
    #[inline(always)]
    pub fn fragment(&self) -> bool {
        self.fragment & FRAGMENT != 0
    }

    /// Whether it is a fragment that does not end its datagram.
    #[must_use]
    #[inline(always)]
    pub fn earlier_fragment(&self) -> bool {
        self.fragment & MORE_FRAGMENTS != 0
    }

    /// Whether it is a fragment that does not begin its datagram.
    #[must_use]
    #[inline(always)]
    pub fn later_fragment(&self) -> bool {
        self.fragment & OFFSET != 0
    }

    /// The fragment field of an IPv4 header: three flags and the offset, in units of eight bytes.
    #[must_use]
    #[inline(always)]
    pub(crate) fn fragment_field(&self) -> u16 {
        self.fragment as u16
    }

    /// DSCP and ECN: type of service, or traffic class.
    #[must_use]
    #[inline(always)]
    pub fn tos(&self) -> u8 {
        self.tos as u8
    }

    /// Bytes of the IP packet, without what Ethernet padded.
    #[must_use]
    #[inline(always)]
    pub fn length(&self) -> u32 {
        self.length as u32
    }

    /// Where it goes.
    #[must_use]
    #[inline(always)]
    pub fn dst(&self) -> Address {
        self.dst
    }
}

/// Reads the frame: `frame_length` bytes in all, of which the headers at least lie in
/// `packet`. `station` is the MAC that frames for this host carry.
///
/// # Errors
/// How the packet ends when it is not one to be routed.
#[inline(always)]
pub fn frame(
    packet: &impl Packet,
    frame_length: u32,
    station: &[u8; 6],
) -> Result<Datagram, Outcome> {
    let eth = packet.header::<Eth>(0)?;
    if Mac::from(&eth.dst) != Mac::from(station) {
        return Err(if eth.dst[0] & 1 == 1 {
            Outcome::Group
        } else {
            Outcome::OtherStation
        });
    }
    ip(packet, frame_length)
}

/// Reads a frame that is for this host, whatever its MACs.
///
/// # Errors
/// As [`frame`].
#[inline(always)]
pub fn ip(packet: &impl Packet, frame_length: u32) -> Result<Datagram, Outcome> {
    let ether_type = packet.header::<Eth>(0)?.ether_type;
    let room = frame_length - ETH_LEN as u32;
    // Not a `match`, which would look at one byte after the other.
    if ether_type == EtherType::IPV4 {
        ipv4(packet, room)
    } else if ether_type == EtherType::IPV6 {
        ipv6(packet, room)
    } else if ether_type == EtherType::VLAN || ether_type == EtherType::QINQ {
        Err(Outcome::Vlan)
    } else {
        Err(Outcome::NotIp)
    }
}

/// The source of a packet that was read.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was read does not give.
#[inline(always)]
pub fn source(packet: &impl Packet, family: Family) -> Result<Address, Outcome> {
    Ok(if family == Family::V4 {
        Address::v4(packet.header::<Ipv4Hdr>(ETH_LEN)?.src_addr)
    } else {
        Address::v6(&packet.header::<Ipv6Hdr>(ETH_LEN)?.src_addr)
    })
}

#[inline(always)]
fn ipv4(packet: &impl Packet, room: u32) -> Result<Datagram, Outcome> {
    let ip = packet.header::<[u8; IPV4_LEN]>(ETH_LEN)?;
    // As words: of single bytes the compiler would make them again, to sum them.
    let words: &[[u8; 4]; IPV4_LEN / 4] = bytemuck::cast_ref(ip);
    let [first, second, third, src, dst] = words.map(u32::from_be_bytes);
    if first >> 28 != 4 {
        return Err(Outcome::BadVersion);
    }
    let header = (first >> 24 & 0xf) * 4;
    if header < IPV4_LEN as u32 || header > room {
        return Err(Outcome::BadHeaderLength);
    }
    let mut length = first & 0xffff;
    if length < header {
        // IPv4 packets above 64 KiB, which exist within a host only, say 0 (Linux "BIG TCP").
        if length != 0 || room <= 0xffff {
            return Err(Outcome::BadTotalLength);
        }
        length = room;
    }
    if length > room {
        return Err(Outcome::BadTotalLength);
    }
    if header > IPV4_LEN as u32 {
        return Err(Outcome::IpOptions);
    }
    if !Sum::new().bytes(ip).is_right() {
        return Err(Outcome::BadChecksum);
    }
    source_ipv4(src)?;
    destination_ipv4(dst)?;
    Ok(Datagram {
        dst: Address::v4(dst.to_be_bytes()),
        length: u64::from(length),
        ttl: u64::from(third >> 24),
        proto: u64::from(third >> 16 & 0xff),
        family: u64::from(Family::V4.0),
        fragment: u64::from(second & 0xffff),
        tos: u64::from(first >> 16 & 0xff),
    })
}

/// RFC 1812 §5.3.7 and RFC 6890: sources that no packet on a link may have.
#[inline(always)]
fn source_ipv4(address: u32) -> Result<(), Outcome> {
    match (address >> 24, address >> 16) {
        (0, _) | (_, LINK_LOCAL_IPV4) => Err(Outcome::LinkLocal),
        (127 | 224..=255, _) => Err(Outcome::MartianSource),
        _ => Ok(()),
    }
}

#[inline(always)]
fn destination_ipv4(address: u32) -> Result<(), Outcome> {
    match (address >> 24, address >> 16) {
        (224..=239, _) => Err(Outcome::Group),
        (255, _) if address == u32::MAX => Err(Outcome::Group),
        (_, LINK_LOCAL_IPV4) => Err(Outcome::LinkLocal),
        (0 | 127 | 240..=255, _) => Err(Outcome::MartianDestination),
        _ => Ok(()),
    }
}

#[inline(always)]
fn ipv6(packet: &impl Packet, room: u32) -> Result<Datagram, Outcome> {
    let ip = packet.header::<Ipv6Hdr>(ETH_LEN)?;
    if ip.vcf[0] >> 4 != 6 {
        return Err(Outcome::BadVersion);
    }
    let next = IpProto(ip.next_hdr);
    if next == IpProto::HOP_BY_HOP {
        return Err(Outcome::HopByHop);
    }
    let length = u32::from(u16::from_be_bytes(ip.payload_len)) + IPV6_LEN as u32;
    if length > room {
        return Err(Outcome::BadTotalLength);
    }
    let [src, dst] = [&ip.src_addr, &ip.dst_addr].map(Address::v6);
    source_ipv6(src)?;
    destination_ipv6(dst)?;
    Ok(Datagram {
        dst,
        length: u64::from(length),
        ttl: u64::from(ip.hop_limit),
        proto: u64::from(next.0),
        family: u64::from(Family::V6.0),
        fragment: DONT_FRAGMENT,
        tos: u64::from(ip.vcf[0] << 4 | ip.vcf[1] >> 4),
    })
}

/// RFC 4291 §2.5 and §2.7: sources that no packet on a link may have.
#[inline(always)]
fn source_ipv6(address: Address) -> Result<(), Outcome> {
    match Block::of(address) {
        Block::Unspecified | Block::LinkLocal => Err(Outcome::LinkLocal),
        Block::Loopback | Block::Mapped | Block::Group => Err(Outcome::MartianSource),
        Block::Other => Ok(()),
    }
}

#[inline(always)]
fn destination_ipv6(address: Address) -> Result<(), Outcome> {
    match Block::of(address) {
        Block::Unspecified | Block::Loopback | Block::Mapped => Err(Outcome::MartianDestination),
        Block::LinkLocal => Err(Outcome::LinkLocal),
        Block::Group => Err(Outcome::Group),
        Block::Other => Ok(()),
    }
}

/// What an IPv6 address is one of (RFC 4291 §2.4).
enum Block {
    Unspecified,
    Loopback,
    Mapped,
    LinkLocal,
    Group,
    Other,
}

impl Block {
    #[inline(always)]
    fn of(address: Address) -> Self {
        let [high, low] = address.double_words().map(u64::from_be);
        match (high, low) {
            (0, 0) => Self::Unspecified,
            (0, 1) => Self::Loopback,
            (0, _) if low >> 32 == 0xffff => Self::Mapped,
            _ if high >> 54 == 0xfe80 >> 6 => Self::LinkLocal,
            _ if high >> 56 == 0xff => Self::Group,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, STATION};

    fn parsed(packet: &Frame) -> Result<Datagram, Outcome> {
        frame(packet, packet.0.len() as u32, &STATION)
    }

    #[test]
    fn an_ipv4_packet_is_read() {
        let expected = Datagram {
            dst: Address::v4([10, 1, 0, 2]),
            length: 28,
            ttl: 64,
            proto: u64::from(IpProto::UDP.0),
            family: u64::from(Family::V4.0),
            fragment: 0,
            tos: 0,
        };
        assert_eq!(parsed(&Frame::ipv4()), Ok(expected));
        let padded = Frame::ipv4().followed_by(&[0; 18]);
        assert_eq!(parsed(&padded), Ok(expected));
    }

    #[test]
    fn an_ipv6_packet_is_read() {
        let datagram = parsed(&Frame::ipv6()).unwrap();
        assert_eq!(
            (datagram.family(), datagram.ttl(), datagram.proto()),
            (Family::V6, 64, IpProto::UDP)
        );
        assert_eq!((datagram.length(), datagram.dont_fragment()), (48, true));
        assert_eq!(datagram.dst().words()[0].to_ne_bytes()[..2], [0xfd, 1]);
    }

    #[test]
    fn what_ipv4_says_of_fragments_is_kept() {
        for (field, expected) in [
            ([0x40, 0], (true, false)),
            ([0x20, 0], (false, false)),
            ([0x20, 1], (false, true)),
            ([0x1f, 0xff], (false, true)),
        ] {
            let datagram = parsed(&Frame::ipv4().with(20, &field)).unwrap();
            assert_eq!(
                (datagram.dont_fragment(), datagram.later_fragment()),
                expected
            );
        }
    }

    #[test]
    fn a_super_packet_above_64_kib_has_the_frames_length() {
        let packet = Frame::ipv4().with(16, &[0, 0]);
        let length =
            |frame_length| frame(&packet, frame_length, &STATION).map(|found| found.length);
        assert_eq!(length(70_014), Ok(70_000));
        assert_eq!(length(14 + 0xffff), Err(Outcome::BadTotalLength));
    }

    #[test]
    fn a_frame_that_ends_within_its_headers_is_truncated() {
        for (packet, headers) in [(Frame::ipv4(), 34), (Frame::ipv6(), 54)] {
            for length in 0..headers {
                let cut = Frame(packet.0[..length].into());
                assert_eq!(parsed(&cut), Err(Outcome::Truncated), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_frame_without_an_ethernet_header_is_truncated_whatever_its_macs() {
        for length in 0..ETH_LEN {
            let cut = Frame(Frame::ipv4().0[..length].into());
            assert_eq!(ip(&cut, length as u32), Err(Outcome::Truncated), "{length}");
        }
    }

    #[test]
    fn addresses_at_the_edges_of_their_blocks_are_told_apart() {
        use Outcome::{Group, LinkLocal, MartianDestination, MartianSource};
        for (address, as_source, as_destination) in [
            (
                [0, 255, 255, 255],
                Some(LinkLocal),
                Some(MartianDestination),
            ),
            ([1, 0, 0, 0], None, None),
            ([126, 255, 255, 255], None, None),
            (
                [127, 0, 0, 0],
                Some(MartianSource),
                Some(MartianDestination),
            ),
            ([128, 0, 0, 0], None, None),
            ([169, 253, 255, 255], None, None),
            ([169, 254, 0, 0], Some(LinkLocal), Some(LinkLocal)),
            ([169, 255, 0, 0], None, None),
            ([223, 255, 255, 255], None, None),
            ([224, 0, 0, 0], Some(MartianSource), Some(Group)),
            (
                [240, 0, 0, 0],
                Some(MartianSource),
                Some(MartianDestination),
            ),
            ([255, 255, 255, 255], Some(MartianSource), Some(Group)),
        ] {
            let source = parsed(&Frame::ipv4().with(26, &address)).err();
            let destination = parsed(&Frame::ipv4().with(30, &address)).err();
            assert_eq!(
                (source, destination),
                (as_source, as_destination),
                "{address:?}"
            );
        }
    }

    #[test]
    fn ipv6_addresses_of_no_link_are_told_apart() {
        use Outcome::{Group, LinkLocal, MartianDestination, MartianSource};
        let low = |last: u8| Frame::ipv6().with(22, &[0; 16]).with(37, &[last]);
        assert_eq!(parsed(&low(0)), Err(LinkLocal));
        assert_eq!(parsed(&low(1)), Err(MartianSource));
        assert!(parsed(&low(2)).is_ok());
        let to = |first: [u8; 2]| parsed(&Frame::ipv6().with(38, &first)).err();
        assert_eq!(to([0xfe, 0x7f]), None);
        assert_eq!(to([0xfe, 0x80]), Some(LinkLocal));
        assert_eq!(to([0xfe, 0xbf]), Some(LinkLocal));
        assert_eq!(to([0xfe, 0xc0]), None);
        assert_eq!(to([0xff, 0x02]), Some(Group));
        let mapped = Frame::ipv6().with(38, &routemesh_common::mapped([10, 0, 0, 2]));
        assert_eq!(parsed(&mapped), Err(MartianDestination));
    }
}
