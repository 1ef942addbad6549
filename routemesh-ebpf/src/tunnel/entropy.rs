//! The UDP source port, which tells a flow to who spreads packets over paths and queues.

use routemesh_common::{Family, Outcome};

use crate::{
    hash::mix,
    packet::Packet,
    parse::Datagram,
    wire::{ETH_LEN, IpProto, Ipv4Hdr, Ipv6Hdr, ip_length},
};

/// The source port for the packet's flow: the same for all of its packets, within the dynamic
/// ports 49152 to 65535 (RFC 7348 §5, RFC 8926 §3.3). In network order.
///
/// # Errors
/// [`Outcome::Truncated`], which a packet that was parsed does not give.
#[inline(always)]
pub fn source_port(packet: &impl Packet, datagram: &Datagram) -> Result<[u8; 2], Outcome> {
    let addresses = if datagram.family() == Family::V4 {
        let ip = packet.header::<Ipv4Hdr>(ETH_LEN)?;
        mix(word(&ip.src_addr), word(&ip.dst_addr))
    } else {
        let ip = packet.header::<Ipv6Hdr>(ETH_LEN)?;
        mix(folded(&ip.src_addr), folded(&ip.dst_addr))
    };
    let hash = mix(
        addresses,
        ports(packet, datagram) ^ u32::from(datagram.proto().0),
    );
    let port = 0xc000 | (hash >> 18) as u16;
    Ok(port.to_be_bytes())
}

/// Both ports, of a packet that has them. Of a fragmented datagram only the first fragment has,
/// and all are to go the same way.
#[inline(always)]
fn ports(packet: &impl Packet, datagram: &Datagram) -> u32 {
    let at = ETH_LEN + ip_length(datagram.family());
    match datagram.proto() {
        IpProto::TCP | IpProto::UDP if !datagram.fragment() => {
            packet.header::<[u8; 4]>(at).map_or(0, word)
        }
        _ => 0,
    }
}

#[inline(always)]
fn word(bytes: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*bytes)
}

#[inline(always)]
fn folded(address: &[u8; 16]) -> u32 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *address;
    let upper = mix(word(&[a, b, c, d]), word(&[e, f, g, h]));
    mix(mix(upper, word(&[i, j, k, l])), word(&[m, n, o, p]))
}
