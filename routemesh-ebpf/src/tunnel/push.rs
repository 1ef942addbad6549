//! Putting a tunnel header around a packet.

use routemesh_common::{Family, NextHop, Outcome, Shim};

use super::{Room, ecn, ether_type, source_port, sum};
use crate::{
    checksum::Sum,
    packet::Resize,
    parse::Datagram,
    wire::{
        Address, ETH_LEN, Eth, EtherType, IPV4_LEN, IPV6_LEN, IpProto, Ipv4Hdr, Ipv6Hdr, Mac, Udp,
        ip_length,
    },
};

/// Version 4, five words.
const VERSION_IHL: u8 = 0x45;
/// No tunnel packet of ours is fragmented on its way: what is too big is refused before.
const DONT_FRAGMENT: [u8; 2] = [0x40, 0];
/// The VNI is there (RFC 7348 §5).
const VXLAN_FLAGS: [u8; 4] = [0x08, 0, 0, 0];
/// Version 0, no options, an Ethernet frame inside (RFC 8926 §3.4).
const GENEVE_FLAGS: [u8; 4] = [0, 0, 0x65, 0x58];
/// There is a key (RFC 2890 §2).
const GRE_KEY: [u8; 2] = [0x20, 0];

/// Puts the tunnel of `hop` around the packet, whose TTL was decremented before.
///
/// # Errors
/// [`Outcome::HelperFailed`] when there is no room to be had.
#[inline(always)]
pub fn push(packet: &mut impl Resize, datagram: &Datagram, hop: &NextHop) -> Result<(), Outcome> {
    let room = Room::of(hop.shim, hop.keyed == 1, hop.outer, datagram.family());
    let port = if room.proto == IpProto::UDP {
        source_port(packet, datagram)?
    } else {
        [0; 2]
    };
    let sum = if hop.udp_checksum == 1 && room.proto == IpProto::UDP && !packet.is_super_packet() {
        sum::packet(packet, datagram)?
    } else {
        0
    };
    packet.open(room)?;
    let tos = ecn::outer(datagram.tos(), hop.dscp);
    let macs = (&hop.dst_mac, &hop.src_mac);
    ethernet(packet, 0, macs, ether_type(hop.outer))?;
    if hop.outer == Family::V4 {
        outer_ipv4(packet, hop, room, datagram, tos)?;
    } else {
        outer_ipv6(packet, hop, room, datagram, tos)?;
    }
    let at = ETH_LEN + ip_length(hop.outer);
    shim(packet, at, hop, datagram, (port, sum))?;
    if room.ethernet {
        let at = at + room.shim as usize - ETH_LEN;
        let macs = (&hop.inner_dst, &hop.inner_src);
        ethernet(packet, at, macs, ether_type(datagram.family()))?;
    }
    Ok(())
}

#[inline(always)]
fn ethernet(
    packet: &mut impl Resize,
    at: usize,
    (dst, src): (&[u8; 6], &[u8; 6]),
    ether_type: EtherType,
) -> Result<(), Outcome> {
    let eth = packet.header_mut::<Eth>(at)?;
    Mac::from(dst).write(&mut eth.dst);
    Mac::from(src).write(&mut eth.src);
    eth.ether_type = ether_type;
    Ok(())
}

#[inline(always)]
fn outer_ipv4(
    packet: &mut impl Resize,
    hop: &NextHop,
    room: Room,
    datagram: &Datagram,
    tos: u8,
) -> Result<(), Outcome> {
    let length = IPV4_LEN as u32 + room.shim + datagram.length();
    // What the sum was made with, and what differs from it in this packet.
    let template = match hop.shim {
        Shim::IPIP => IpProto::IPV4,
        _ => room.proto,
    };
    let tot_len = clamped(length);
    let check = Sum::new()
        .wide(hop.sum)
        .number(u16::from(tos))
        .number(u16::from(room.proto.0 - template.0))
        .bytes(&tot_len)
        .checksum();
    let [.., a, b, c, d] = hop.local;
    let [.., e, f, g, h] = hop.remote;
    *packet.header_mut::<Ipv4Hdr>(ETH_LEN)? = Ipv4Hdr {
        vihl: VERSION_IHL,
        tos,
        tot_len,
        id: [0; 2],
        frags: DONT_FRAGMENT,
        ttl: hop.ttl,
        proto: room.proto.0,
        check,
        src_addr: [a, b, c, d],
        dst_addr: [e, f, g, h],
    };
    Ok(())
}

#[inline(always)]
fn outer_ipv6(
    packet: &mut impl Resize,
    hop: &NextHop,
    room: Room,
    datagram: &Datagram,
    tos: u8,
) -> Result<(), Outcome> {
    *packet.header_mut::<Ipv6Hdr>(ETH_LEN)? = Ipv6Hdr {
        vcf: [0x60 | tos >> 4, tos << 4, 0, 0],
        payload_len: clamped(room.shim + datagram.length()),
        next_hdr: room.proto.0,
        hop_limit: hop.ttl,
        src_addr: Address::v6(&hop.local).into(),
        dst_addr: Address::v6(&hop.remote).into(),
    };
    debug_assert!(IPV6_LEN as u32 + room.shim == room.length());
    Ok(())
}

/// A length as headers have it. A super-packet above 64 KiB says 0 (Linux "BIG TCP"); its
/// segments get their own lengths.
#[inline(always)]
fn clamped(length: u32) -> [u8; 2] {
    if length > 0xffff {
        [0; 2]
    } else {
        (length as u16).to_be_bytes()
    }
}

#[inline(always)]
fn shim(
    packet: &mut impl Resize,
    at: usize,
    hop: &NextHop,
    datagram: &Datagram,
    port_and_sum: ([u8; 2], u16),
) -> Result<(), Outcome> {
    match hop.shim {
        Shim::VXLAN => {
            let vxlan = with_vni(VXLAN_FLAGS, hop.vni);
            udp(packet, at, (hop, vxlan), datagram, port_and_sum)?;
        }
        Shim::GENEVE => {
            let geneve = with_vni(GENEVE_FLAGS, hop.vni);
            udp(packet, at, (hop, geneve), datagram, port_and_sum)?;
        }
        Shim::GRE => gre(packet, at, hop, ether_type(datagram.family()))?,
        Shim::GRE_ETHERNET => gre(packet, at, hop, EtherType::ETHERNET)?,
        _ => {}
    }
    Ok(())
}

/// Without a checksum unless one is wanted: over IPv4 the usual choice (RFC 7348 §5), over IPv6
/// allowed to tunnels (RFC 6935). The inner packet has its own.
///
/// A super-packet has none in any case. Its segments would all get the same, since the kernel
/// computes them anew only with `SKB_GSO_UDP_TUNNEL_CSUM` (net/ipv4/udp_offload.c), which
/// `bpf_skb_adjust_room` does not set (net/core/filter.c), nor does any other helper.
#[inline(always)]
fn udp(
    packet: &mut impl Resize,
    at: usize,
    (hop, shim): (&NextHop, [u8; 8]),
    datagram: &Datagram,
    (port, sum): ([u8; 2], u16),
) -> Result<(), Outcome> {
    let length = clamped(hop.shim.length(false) + datagram.length());
    let check = if sum == 0 {
        [0; 2]
    } else {
        let sum = Sum::new()
            .number(sum)
            .bytes(&shim)
            .bytes(&port)
            .bytes(&length);
        checksum(sum, (hop, length), datagram)
    };
    *packet.header_mut::<Udp>(at)? = Udp {
        src: port,
        dst: hop.port,
        length,
        check,
    };
    *packet.header_mut::<[u8; 8]>(at + 8)? = shim;
    Ok(())
}

/// With what is summed of the packet already: the inner Ethernet header, and the pseudo-header. An
/// IPv4-mapped address sums up to what the IPv4 address does, since 0xffff is zero.
#[inline(always)]
fn checksum(sum: Sum, (hop, length): (&NextHop, [u8; 2]), datagram: &Datagram) -> [u8; 2] {
    let check = sum
        .bytes(&hop.port)
        .bytes(&hop.inner_dst)
        .bytes(&hop.inner_src)
        .bytes(&ether_type(datagram.family()).0)
        .bytes(&hop.local)
        .bytes(&hop.remote)
        .number(u16::from(IpProto::UDP.0))
        .bytes(&length)
        .checksum();
    // Zero would say that there is none (RFC 768).
    if check == [0; 2] { [0xff; 2] } else { check }
}

#[inline(always)]
fn with_vni([a, b, c, d]: [u8; 4], vni: u32) -> [u8; 8] {
    let [e, f, g, h] = (vni << 8).to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn gre(
    packet: &mut impl Resize,
    at: usize,
    hop: &NextHop,
    EtherType([c, d]): EtherType,
) -> Result<(), Outcome> {
    if hop.keyed == 1 {
        let [a, b] = GRE_KEY;
        let [e, f, g, h] = hop.gre_key.to_be_bytes();
        *packet.header_mut::<[u8; 8]>(at)? = [a, b, c, d, e, f, g, h];
    } else {
        *packet.header_mut::<[u8; 4]>(at)? = [0, 0, c, d];
    }
    Ok(())
}
