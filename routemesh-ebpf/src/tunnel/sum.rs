//! The checksum of an outer UDP header, from headers alone.
//!
//! What the inner transport's checksum covers, sums up to the complement of its pseudo-header,
//! whatever the payload is: that is what the checksum is for. So the payload need not be read, and
//! it does not matter whether that checksum is in its place already or is left to the network card
//! (`CHECKSUM_PARTIAL`): the kernel calls it local checksum offload. A packet whose own checksum is
//! wrong gets a wrong outer one, too, and is refused a step earlier.

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::Sum,
    packet::Packet,
    parse::Datagram,
    wire::{ETH_LEN, IPV4_LEN, IPV6_LEN, IpProto, Ipv4Hdr, Udp},
};

/// The sum of the whole packet, its IP header included. 0, which is the sum of nothing, where no
/// checksum covers what is behind the IP header: fragments, UDP without one, other protocols.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub(super) fn packet(packet: &impl Packet, datagram: &Datagram) -> Result<u16, Outcome> {
    if datagram.fragment() {
        return Ok(0);
    }
    let (header, icmp) = if datagram.family() == Family::V4 {
        (IPV4_LEN, IpProto::ICMP)
    } else {
        (IPV6_LEN, IpProto::ICMPV6)
    };
    let proto = datagram.proto();
    let summed = proto == IpProto::TCP
        || proto == icmp
        || proto == IpProto::UDP && packet.header::<Udp>(ETH_LEN + header)?.check != [0; 2];
    if !summed {
        return Ok(0);
    }
    let length = datagram.length() as u16 - header as u16;
    if datagram.family() == Family::V6 {
        // The addresses are in the header and, as a complement, in the pseudo-header.
        let start = packet.header::<[u8; 8]>(ETH_LEN)?;
        let sum = Sum::new().bytes(start).number(!length);
        return Ok(sum.number(!u16::from(proto.0)).folded());
    }
    // An IPv4 header sums up to zero by itself, and so does ICMP over IPv4.
    if proto == IpProto::ICMP {
        return Ok(0xffff);
    }
    let ip = packet.header::<Ipv4Hdr>(ETH_LEN)?;
    let pseudo = Sum::new().bytes(&ip.src_addr).bytes(&ip.dst_addr);
    let pseudo = pseudo.number(u16::from(proto.0)).number(length).folded();
    // The complement of all ones is nothing, which is the same number.
    Ok(if pseudo == 0xffff { pseudo } else { !pseudo })
}
