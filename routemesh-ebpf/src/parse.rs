//! A frame, as far as a router must know it.

use routemesh_common::{Family, Outcome, mapped};

use crate::{
    checksum::Sum,
    packet::Packet,
    wire::{ETH_LEN, Eth, EtherType, IPV4_LEN, IPV6_LEN, IpProto, Ipv4Hdr, Ipv6Hdr},
};

/// An IP packet that may be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its family.
    pub family: Family,
    /// TTL or hop limit.
    pub ttl: u8,
    /// What the IP header says follows it.
    pub proto: IpProto,
    /// Whether an IPv4 sender forbids fragmentation; of IPv6, always.
    pub dont_fragment: bool,
    /// Whether it is a fragment that does not begin its datagram.
    pub later_fragment: bool,
    /// Bytes of the IP packet, without what Ethernet padded.
    pub length: u32,
    /// Where it goes.
    pub dst: [u8; 16],
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
    station: [u8; 6],
) -> Result<Datagram, Outcome> {
    let eth = packet.header::<Eth>(0)?;
    if eth.dst != station {
        return Err(if eth.dst[0] & 1 == 1 {
            Outcome::Group
        } else {
            Outcome::OtherStation
        });
    }
    let room = frame_length - ETH_LEN as u32;
    match eth.ether_type {
        EtherType::IPV4 => ipv4(packet, room),
        EtherType::IPV6 => ipv6(packet, room),
        EtherType::VLAN | EtherType::QINQ => Err(Outcome::Vlan),
        _ => Err(Outcome::NotIp),
    }
}

#[inline(always)]
fn ipv4(packet: &impl Packet, room: u32) -> Result<Datagram, Outcome> {
    let ip = packet.header::<Ipv4Hdr>(ETH_LEN)?;
    if ip.vihl >> 4 != 4 {
        return Err(Outcome::BadVersion);
    }
    let header = u32::from(ip.vihl & 0xf) * 4;
    if header < IPV4_LEN as u32 || header > room {
        return Err(Outcome::BadHeaderLength);
    }
    // IPv4 packets above 64 KiB, which exist within a host only, say 0 (Linux "BIG TCP").
    let claimed = u32::from(u16::from_be_bytes(ip.tot_len));
    let length = if claimed == 0 && room > 0xffff {
        room
    } else {
        claimed
    };
    if length < header || length > room {
        return Err(Outcome::BadTotalLength);
    }
    if header > IPV4_LEN as u32 {
        return Err(Outcome::IpOptions);
    }
    if Sum::new()
        .bytes(packet.header::<[u8; 20]>(ETH_LEN)?)
        .folded()
        != 0xffff
    {
        return Err(Outcome::BadChecksum);
    }
    source_ipv4(ip.src_addr)?;
    destination_ipv4(ip.dst_addr)?;
    let fragment = u16::from_be_bytes(ip.frags);
    Ok(Datagram {
        family: Family::V4,
        ttl: ip.ttl,
        proto: IpProto(ip.proto),
        dont_fragment: fragment & 0x4000 != 0,
        later_fragment: fragment & 0x1fff != 0,
        length,
        dst: mapped(ip.dst_addr),
    })
}

/// RFC 1812 §5.3.7 and RFC 6890: sources that no packet on a link may have.
#[inline(always)]
fn source_ipv4(address: [u8; 4]) -> Result<(), Outcome> {
    match address {
        [0, ..] | [169, 254, ..] => Err(Outcome::LinkLocal),
        [127 | 224..=255, ..] => Err(Outcome::MartianSource),
        _ => Ok(()),
    }
}

#[inline(always)]
fn destination_ipv4(address: [u8; 4]) -> Result<(), Outcome> {
    match address {
        [224..=239, ..] | [255, 255, 255, 255] => Err(Outcome::Group),
        [169, 254, ..] => Err(Outcome::LinkLocal),
        [0 | 127 | 240..=255, ..] => Err(Outcome::MartianDestination),
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
    source_ipv6(&ip.src_addr)?;
    destination_ipv6(&ip.dst_addr)?;
    Ok(Datagram {
        family: Family::V6,
        ttl: ip.hop_limit,
        proto: next,
        dont_fragment: true,
        later_fragment: false,
        length,
        dst: ip.dst_addr,
    })
}

/// RFC 4291 §2.5 and §2.7: sources that no packet on a link may have.
#[inline(always)]
fn source_ipv6(address: &[u8; 16]) -> Result<(), Outcome> {
    if address[0] == 0 {
        return match special(address) {
            Special::Unspecified => Err(Outcome::LinkLocal),
            Special::Loopback | Special::Mapped => Err(Outcome::MartianSource),
            Special::None => Ok(()),
        };
    }
    match (address[0], address[1] & 0xc0) {
        (0xff, _) => Err(Outcome::MartianSource),
        (0xfe, 0x80) => Err(Outcome::LinkLocal),
        _ => Ok(()),
    }
}

#[inline(always)]
fn destination_ipv6(address: &[u8; 16]) -> Result<(), Outcome> {
    if address[0] == 0 {
        return match special(address) {
            Special::Unspecified | Special::Loopback | Special::Mapped => {
                Err(Outcome::MartianDestination)
            }
            Special::None => Ok(()),
        };
    }
    match (address[0], address[1] & 0xc0) {
        (0xff, _) => Err(Outcome::Group),
        (0xfe, 0x80) => Err(Outcome::LinkLocal),
        _ => Ok(()),
    }
}

enum Special {
    None,
    Unspecified,
    Loopback,
    Mapped,
}

#[inline(always)]
fn special(address: &[u8; 16]) -> Special {
    let mut upper = 0;
    let mut at = 0;
    while at < 10 {
        upper |= address[at];
        at += 1;
    }
    let [_, _, _, _, _, _, _, _, _, _, e, f, a, b, c, d] = *address;
    match (upper, [e, f], [a, b, c, d]) {
        (0, [0xff, 0xff], _) => Special::Mapped,
        (0, [0, 0], [0, 0, 0, 0]) => Special::Unspecified,
        (0, [0, 0], [0, 0, 0, 1]) => Special::Loopback,
        _ => Special::None,
    }
}
