//! What a router changes in a packet it sends on.

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::after_ttl_decrement,
    packet::Packet,
    parse::Datagram,
    wire::{ETH_LEN, Eth, IpProto, Ipv4Hdr, Ipv6Hdr},
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
pub fn set_macs(packet: &mut impl Packet, dst: [u8; 6], src: [u8; 6]) -> Result<(), Outcome> {
    let eth = packet.header_mut::<Eth>(0)?;
    eth.dst = through_registers(dst);
    eth.src = through_registers(src);
    Ok(())
}

/// The same MAC. Written so that it is copied as two numbers: for a plain copy from a map value
/// to the packet the compiler calls `memmove`, which the verifier refuses on packet memory.
#[inline(always)]
fn through_registers(mac: [u8; 6]) -> [u8; 6] {
    let [a, b, c, d, e, f] = mac;
    let [a, b, c, d] = u32::from_ne_bytes([a, b, c, d]).to_ne_bytes();
    let [e, f] = u16::from_ne_bytes([e, f]).to_ne_bytes();
    [a, b, c, d, e, f]
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
        return Ok(datagram.length);
    }
    let ip_length = if datagram.family == Family::V4 {
        size_of::<Ipv4Hdr>()
    } else {
        size_of::<Ipv6Hdr>()
    };
    let transport = match datagram.proto {
        // The data offset, in words, is the upper half of the 13th byte (RFC 9293 §3.1).
        IpProto::TCP => (u32::from(*packet.header::<u8>(ETH_LEN + ip_length + 12)?) >> 4) * 4,
        IpProto::UDP => 8,
        _ => 0,
    };
    Ok(ip_length as u32 + transport + segment)
}
