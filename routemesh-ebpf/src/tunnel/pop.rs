//! Taking a tunnel header off a packet.

use routemesh_common::{Family, NetworkId, Outcome, TunnelSettings};

use super::{Room, ecn, ether_type};
use crate::{
    checksum::replaced,
    packet::{Packet, Resize},
    parse::{self, Datagram},
    wire::{
        Address, ETH_LEN, Eth, EtherType, IpProto, Ipv4Hdr, Ipv6Hdr, Udp, ip_length, looked_at,
    },
};

// Of the first word of VXLAN and Geneve. The second has the VNI, above eight bits.
/// The I flag: the VNI is there (RFC 7348 §5).
const VXLAN_I: u32 = 0x0800_0000;
/// Version, of Geneve (RFC 8926 §3.4; so below).
const GENEVE_VERSION: u32 = 0xc000_0000;
/// A control packet.
const GENEVE_CONTROL: u32 = 0x0080_0000;
/// Some option must be understood.
const GENEVE_CRITICAL: u32 = 0x0040_0000;
/// Checksum, routing, sequence number, strict source route, and what else RFC 2784 §2.3 wants
/// refused where it is not understood; the two bits behind are to be ignored.
const GRE_UNKNOWN: u8 = 0xdc;
const GRE_KEY: u8 = 0x20;
const GRE_VERSION: u8 = 0x07;

/// Bytes of shim and inner Ethernet header, at most and without options of Geneve's.
const SHIM: usize = 8 + 8 + ETH_LEN;

/// A tunnel packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What lies in front of the inner IP header.
    pub room: Room,
    /// Family of the inner packet.
    pub inner: Family,
    /// Who sent it.
    pub from: Address,
    /// Who sent the inner packet.
    pub source: Address,
    /// The network it says it is of.
    pub network: NetworkId,
    /// Type of service of the outer header.
    tos: u8,
}

impl Arrival {
    /// How it ends when no peer sent it: without a VNI it may be another's.
    #[inline(always)]
    pub fn of_stranger(&self) -> Outcome {
        if self.room.proto == IpProto::UDP {
            Outcome::UnknownPeer
        } else {
            Outcome::ForeignTunnel
        }
    }
}

/// Whether a packet would be taken for a tunnel packet of ours by who receives it.
#[inline(always)]
pub fn resembles(packet: &impl Packet, outer: &Datagram, settings: &TunnelSettings) -> bool {
    match outer.proto() {
        IpProto::GRE | IpProto::IPV4 | IpProto::IPV6 => true,
        IpProto::UDP if !outer.later_fragment() => {
            let at = ETH_LEN + ip_length(outer.family());
            packet
                .header::<Udp>(at)
                .is_ok_and(|udp| udp.dst == settings.vxlan_port || udp.dst == settings.geneve_port)
        }
        _ => false,
    }
}

/// Reads the tunnel header of a packet that is addressed to this host. `is_peer` tells whether
/// an underlay address is a peer's, `is_ours` whether a route is of a network that is not in the
/// settings. None: it is no tunnel packet.
///
/// Whether it may be taken off is not seen yet: who sent it may be no peer.
///
/// # Errors
/// How the packet ends when it is a tunnel packet but none to be taken off.
#[inline(always)]
pub fn arrival(
    packet: &mut impl Resize,
    outer: &Datagram,
    settings: &TunnelSettings,
    is_peer: impl Fn(Address) -> bool,
    is_ours: impl Fn(NetworkId) -> bool,
) -> Result<Option<Arrival>, Outcome> {
    if !resembles(packet, outer, settings) {
        return Ok(None);
    }
    if outer.fragment() {
        return Err(Outcome::TunnelFragment);
    }
    let from = parse::source(packet, outer.family())?;
    match opened(packet, outer, from, (settings, is_ours)) {
        // Without a VNI, what does not come from a peer may be another's.
        Err(_) if outer.proto() != IpProto::UDP && !is_peer(from) => Err(Outcome::ForeignTunnel),
        read => read.map(Some),
    }
}

#[inline(always)]
fn opened(
    packet: &mut impl Resize,
    outer: &Datagram,
    from: Address,
    known: (&TunnelSettings, impl Fn(NetworkId) -> bool),
) -> Result<Arrival, Outcome> {
    let at = ETH_LEN + ip_length(outer.family());
    packet.reach(at + SHIM);
    let shim = match outer.proto() {
        IpProto::UDP => udp_shim(packet, at, outer, known)?,
        IpProto::GRE => gre(packet, at, known)?,
        IpProto::IPV4 => Shim::none(EtherType::IPV4),
        _ => Shim::none(EtherType::IPV6),
    };
    let inner = family(shim.holds)?;
    let at = at + shim.length as usize;
    packet.reach(at + looked_at(inner));
    let source = if inner == Family::V4 {
        Address::v4(packet.header::<Ipv4Hdr>(at)?.src_addr)
    } else {
        Address::v6(&packet.header::<Ipv6Hdr>(at)?.src_addr)
    };
    Ok(Arrival {
        room: Room {
            outer: outer.family(),
            proto: outer.proto(),
            ethernet: shim.ethernet,
            shim: shim.length,
        },
        inner,
        from,
        source,
        network: shim.network,
        tos: outer.tos(),
    })
}

/// What stands between the outer IP header and the inner one.
struct Shim {
    /// Bytes.
    length: u32,
    /// Whether they end in an Ethernet header.
    ethernet: bool,
    /// What follows.
    holds: EtherType,
    network: NetworkId,
}

impl Shim {
    #[inline(always)]
    fn none(holds: EtherType) -> Self {
        Self {
            length: 0,
            ethernet: false,
            holds,
            network: NetworkId::UNSAID,
        }
    }
}

#[inline(always)]
fn udp_shim(
    packet: &mut impl Resize,
    at: usize,
    outer: &Datagram,
    (settings, is_ours): (&TunnelSettings, impl Fn(NetworkId) -> bool),
) -> Result<Shim, Outcome> {
    // Above 64 KiB (Linux "BIG TCP") there is no length to be had.
    let length = outer.length() + ETH_LEN as u32 - at as u32;
    let claimed = u16::from_be_bytes(packet.header::<Udp>(at)?.length);
    if u32::from(claimed) != length && length <= 0xffff {
        return Err(Outcome::BadTunnelHeader);
    }
    let words: [[u8; 4]; 2] = bytemuck::cast(*packet.header::<[u8; 8]>(at + 8)?);
    let [head, number] = words.map(u32::from_be_bytes);
    let vxlan = packet.header::<Udp>(at)?.dst == settings.vxlan_port;
    let options = if vxlan {
        if head & VXLAN_I == 0 {
            return Err(Outcome::BadTunnelHeader);
        }
        0
    } else {
        if head & (GENEVE_VERSION | GENEVE_CONTROL) != 0 {
            return Err(Outcome::BadTunnelHeader);
        }
        // Their length is in words.
        (head >> 24 & 0x3f) * 4
    };
    let vni = number >> 8;
    let network = NetworkId::vni(vni);
    if vni != settings.vni && !is_ours(network) {
        return Err(Outcome::ForeignTunnel);
    }
    if !vxlan && head & GENEVE_CRITICAL != 0 {
        return Err(Outcome::GeneveCriticalOption);
    }
    if !vxlan && EtherType((head as u16).to_be_bytes()) != EtherType::ETHERNET {
        return Err(Outcome::InnerNotIp);
    }
    let shim = 8 + 8 + options;
    if options > 0 {
        packet.reach(at + SHIM + options as usize);
    }
    Ok(Shim {
        length: shim + ETH_LEN as u32,
        ethernet: true,
        holds: packet.header::<Eth>(at + shim as usize)?.ether_type,
        network,
    })
}

#[inline(always)]
fn gre(
    packet: &impl Packet,
    at: usize,
    (settings, is_ours): (&TunnelSettings, impl Fn(NetworkId) -> bool),
) -> Result<Shim, Outcome> {
    let [flags, version, p, q] = *packet.header::<[u8; 4]>(at)?;
    if version & GRE_VERSION != 0 {
        return Err(Outcome::BadTunnelHeader);
    }
    if flags & GRE_UNKNOWN != 0 {
        return Err(Outcome::GreFlags);
    }
    let (length, network) = if flags & GRE_KEY != 0 {
        let key = u32::from_be_bytes(*packet.header::<[u8; 4]>(at + 4)?);
        (8, NetworkId::gre(1, key))
    } else {
        (4, NetworkId::gre(0, 0))
    };
    if network != NetworkId::gre(settings.gre_keyed, settings.gre_key) && !is_ours(network) {
        return Err(Outcome::ForeignTunnel);
    }
    let holds = EtherType([p, q]);
    let ethernet = holds == EtherType::ETHERNET;
    if !ethernet {
        return Ok(Shim {
            length,
            ethernet,
            holds,
            network,
        });
    }
    Ok(Shim {
        length: length + ETH_LEN as u32,
        ethernet,
        holds: packet.header::<Eth>(at + length as usize)?.ether_type,
        network,
    })
}

#[inline(always)]
fn family(ether_type: EtherType) -> Result<Family, Outcome> {
    match ether_type {
        EtherType::IPV4 => Ok(Family::V4),
        EtherType::IPV6 => Ok(Family::V6),
        _ => Err(Outcome::InnerNotIp),
    }
}

/// Takes the tunnel header off. The frame then is the inner packet's, from and to the stations of
/// the outer one.
///
/// # Errors
/// [`Outcome::EcnDropped`], or [`Outcome::HelperFailed`] when the packet is shorter than it says.
#[inline(always)]
pub fn strip(packet: &mut impl Resize, arrival: &Arrival) -> Result<(), Outcome> {
    packet.close(arrival.room, arrival.inner)?;
    packet.header_mut::<Eth>(0)?.ether_type = ether_type(arrival.inner);
    if arrival.inner == Family::V4 {
        let ip = packet.header_mut::<Ipv4Hdr>(ETH_LEN)?;
        let tos = ecn::inner(arrival.tos, ip.tos)?;
        if tos != ip.tos {
            ip.check = replaced(ip.check, [0, ip.tos], [0, tos]);
            ip.tos = tos;
        }
    } else {
        let ip = packet.header_mut::<Ipv6Hdr>(ETH_LEN)?;
        let before = ip.vcf[0] << 4 | ip.vcf[1] >> 4;
        let tos = ecn::inner(arrival.tos, before)?;
        ip.vcf[1] = tos << 4 | ip.vcf[1] & 0xf;
    }
    Ok(())
}
