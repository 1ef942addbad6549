//! Frames for the packet tables: every field can be set, the wrong ones too.
//!
//! [`Packet`] builds a frame; [`expected_forward`] says how a router must change it and
//! [`ErrorReply`] how it must answer it, both from the RFCs and with every checksum computed
//! from scratch, so that they share no mistake with the programs under test.

mod checksum;
mod corpus;
mod reply;
mod roles;
mod show;
mod transport;
mod tunnel;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use checksum::{internet_checksum, transport_checksum};
pub use corpus::{Named, corpus};
pub use reply::{ErrorReply, expected_forward};
pub use roles::*;
pub use show::{describe, difference, hexdump};
pub use transport::Transport;
pub use tunnel::Tunnel;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// Tag protocol identifier of a customer VLAN tag.
pub const TPID_VLAN: u16 = 0x8100;
/// Tag protocol identifier of a service VLAN tag.
pub const TPID_SERVICE_VLAN: u16 = 0x88a8;

/// IPv6 extension header numbers.
pub mod extension {
    /// Hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// Routing.
    pub const ROUTING: u8 = 43;
    /// Fragment.
    pub const FRAGMENT: u8 = 44;
    /// Destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
}

/// A frame to be. Setters take and return it; [`Packet::build`] makes the bytes.
///
/// What is not set is right: lengths, checksums, protocol numbers. By default the frame goes
/// from [`CONTAINER_A_MAC`] to [`DOCKER_A_MAC`] with TTL 64 and holds an empty UDP datagram.
#[derive(Clone, Debug)]
pub struct Packet {
    dst_mac: [u8; 6],
    src_mac: [u8; 6],
    tags: Vec<(u16, u16)>,
    ethertype: Option<u16>,
    network: Network,
    ttl: u8,
    tos: u8,
    version: Option<u8>,
    length: Option<u16>,
    protocol: Option<u8>,
    transport: Transport,
    payload: Vec<u8>,
    cut: Option<usize>,
    padding: usize,
}

#[derive(Clone, Debug)]
enum Network {
    V4(V4),
    V6(V6),
    Raw,
}

#[derive(Clone, Debug)]
struct V4 {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ihl: Option<u8>,
    id: u16,
    flags_and_offset: u16,
    checksum: Option<u16>,
    options: Vec<u8>,
}

#[derive(Clone, Debug)]
struct V6 {
    src: Ipv6Addr,
    dst: Ipv6Addr,
    flow_label: u32,
    extensions: Vec<(u8, Vec<u8>)>,
}

impl Packet {
    /// A packet from `src` to `dst`.
    ///
    /// # Panics
    /// When the two are of different families.
    #[must_use]
    pub fn new(src: impl Into<IpAddr>, dst: impl Into<IpAddr>) -> Self {
        match (src.into(), dst.into()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Self::over(Network::V4(V4 {
                src,
                dst,
                ihl: None,
                id: 0x1234,
                flags_and_offset: 0,
                checksum: None,
                options: Vec::new(),
            })),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Self::over(Network::V6(V6 {
                src,
                dst,
                flow_label: 0,
                extensions: Vec::new(),
            })),
            (src, dst) => panic!("{src} and {dst} are of different families"),
        }
    }

    /// A frame that holds `payload` under `ethertype`, and no IP.
    #[must_use]
    pub fn raw(ethertype: u16, payload: impl Into<Vec<u8>>) -> Self {
        Self::over(Network::Raw)
            .ethertype(ethertype)
            .payload(payload)
    }

    fn over(network: Network) -> Self {
        Self {
            dst_mac: DOCKER_A_MAC,
            src_mac: CONTAINER_A_MAC,
            tags: Vec::new(),
            ethertype: None,
            network,
            ttl: 64,
            tos: 0,
            version: None,
            length: None,
            protocol: None,
            transport: Transport::udp(40_000, 5_000),
            payload: Vec::new(),
            cut: None,
            padding: 0,
        }
    }

    /// Says another source, of the same family.
    ///
    /// # Panics
    /// When it is of the other family.
    #[must_use]
    pub fn from(mut self, src: IpAddr) -> Self {
        match (&mut self.network, src) {
            (Network::V4(v4), IpAddr::V4(src)) => v4.src = src,
            (Network::V6(v6), IpAddr::V6(src)) => v6.src = src,
            (_, src) => panic!("{src} is no source for {:?}", self.network),
        }
        self
    }

    /// Sets both MACs.
    #[must_use]
    pub fn macs(mut self, src: [u8; 6], dst: [u8; 6]) -> Self {
        (self.src_mac, self.dst_mac) = (src, dst);
        self
    }

    /// Adds a VLAN tag behind those that are there: `tpid` is [`TPID_VLAN`] or its like, and
    /// `tci` holds priority and number.
    #[must_use]
    pub fn tag(mut self, tpid: u16, tci: u16) -> Self {
        self.tags.push((tpid, tci));
        self
    }

    /// Says `ethertype`, whatever the frame holds.
    #[must_use]
    pub fn ethertype(mut self, ethertype: u16) -> Self {
        self.ethertype = Some(ethertype);
        self
    }

    /// Sets the TTL or hop limit.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the type of service or traffic class.
    #[must_use]
    pub fn tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Says IP version `version`, whatever follows.
    #[must_use]
    pub fn version(mut self, version: u8) -> Self {
        self.version = Some(version);
        self
    }

    /// Says total length (IPv4) or payload length (IPv6) `length`, whatever follows.
    #[must_use]
    pub fn length(mut self, length: u16) -> Self {
        self.length = Some(length);
        self
    }

    /// Says protocol or (last) next header `protocol`, whatever follows.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Says IPv4 header length `ihl`, in words of four bytes, whatever follows.
    #[must_use]
    pub fn ihl(self, ihl: u8) -> Self {
        self.v4(|v4| v4.ihl = Some(ihl))
    }

    /// Sets the IPv4 identification.
    #[must_use]
    pub fn id(self, id: u16) -> Self {
        self.v4(|v4| v4.id = id)
    }

    /// Sets IPv4's don't-fragment bit.
    #[must_use]
    pub fn dont_fragment(self) -> Self {
        self.v4(|v4| v4.flags_and_offset |= 0x4000)
    }

    /// Makes the packet a fragment `offset` bytes (a multiple of eight) into its datagram: by
    /// IPv4's header, or by an IPv6 fragment header.
    #[must_use]
    pub fn fragment(mut self, offset: u16, more: bool) -> Self {
        let units = offset / 8;
        match &mut self.network {
            Network::V4(v4) => {
                v4.flags_and_offset =
                    (v4.flags_and_offset & 0x4000) | (u16::from(more) << 13) | units;
            }
            Network::V6(v6) => {
                let [high, low] = ((units << 3) | u16::from(more)).to_be_bytes();
                let body = vec![0, high, low, 0, 0, 0x12, 0x34];
                v6.extensions.push((extension::FRAGMENT, body));
            }
            Network::Raw => panic!("a frame without IP has no fragments"),
        }
        self
    }

    /// Says IPv4 header checksum `checksum`, right or wrong.
    #[must_use]
    pub fn checksum(self, checksum: u16) -> Self {
        self.v4(|v4| v4.checksum = Some(checksum))
    }

    /// Sets IPv4 options, padded with end-of-list to a multiple of four bytes.
    #[must_use]
    pub fn options(self, options: &[u8]) -> Self {
        self.v4(|v4| {
            v4.options = options.to_vec();
            v4.options.resize(options.len().next_multiple_of(4), 0);
        })
    }

    /// Sets the IPv6 flow label, 20 bits.
    #[must_use]
    pub fn flow_label(self, label: u32) -> Self {
        self.v6(|v6| v6.flow_label = label)
    }

    /// Adds an IPv6 extension header behind those that are there: its number, and its bytes
    /// from the second on (what follows the next-header byte).
    #[must_use]
    pub fn extension(self, number: u8, rest: &[u8]) -> Self {
        self.v6(|v6| v6.extensions.push((number, rest.to_vec())))
    }

    /// Adds an options header (hop-by-hop or destination) that holds eight bytes of padding.
    #[must_use]
    pub fn options_header(self, number: u8) -> Self {
        self.extension(number, &[0, 1, 4, 0, 0, 0, 0])
    }

    /// Sets what the IP packet carries.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Carries UDP.
    #[must_use]
    pub fn udp(self, src_port: u16, dst_port: u16) -> Self {
        self.transport(Transport::udp(src_port, dst_port))
    }

    /// Carries TCP, an acknowledgement.
    #[must_use]
    pub fn tcp(self, src_port: u16, dst_port: u16) -> Self {
        self.transport(Transport::tcp(src_port, dst_port))
    }

    /// Carries an ICMP or ICMPv6 message; `rest` are the four bytes behind its checksum.
    #[must_use]
    pub fn icmp(self, kind: u8, code: u8, rest: [u8; 4]) -> Self {
        self.transport(Transport::Icmp { kind, code, rest })
    }

    /// Carries an echo request.
    #[must_use]
    pub fn ping(self) -> Self {
        let kind = match &self.network {
            Network::V6(_) => 128,
            Network::V4(_) | Network::Raw => 8,
        };
        self.icmp(kind, 0, [0x11, 0x22, 0, 1])
    }

    /// Sets the bytes behind the transport header.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Sets `length` bytes behind the transport header, each different from its neighbours.
    #[must_use]
    pub fn payload_of(self, length: usize) -> Self {
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        self.payload(bytes)
    }

    /// Makes the frame end after `length` bytes, whatever its headers claim.
    #[must_use]
    pub fn cut(mut self, length: usize) -> Self {
        self.cut = Some(length);
        self
    }

    /// Adds `length` zero bytes behind the packet, as Ethernet does to short ones.
    #[must_use]
    pub fn padding(mut self, length: usize) -> Self {
        self.padding = length;
        self
    }

    /// The frame's bytes.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut frame = [self.dst_mac, self.src_mac].concat();
        for (tpid, tci) in &self.tags {
            frame.extend(tpid.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        let (ethertype, packet) = match &self.network {
            Network::V4(v4) => (ETHERTYPE_IPV4, self.ipv4(v4)),
            Network::V6(v6) => (ETHERTYPE_IPV6, self.ipv6(v6)),
            Network::Raw => (0, self.payload.clone()),
        };
        frame.extend(self.ethertype.unwrap_or(ethertype).to_be_bytes());
        frame.extend(packet);
        frame.resize(frame.len() + self.padding, 0);
        frame.truncate(self.cut.unwrap_or(frame.len()));
        frame
    }

    fn v4(mut self, set: impl FnOnce(&mut V4)) -> Self {
        match &mut self.network {
            Network::V4(v4) => set(v4),
            Network::V6(_) | Network::Raw => panic!("a field of IPv4, but the packet is not"),
        }
        self
    }

    fn v6(mut self, set: impl FnOnce(&mut V6)) -> Self {
        match &mut self.network {
            Network::V6(v6) => set(v6),
            Network::V4(_) | Network::Raw => panic!("a field of IPv6, but the packet is not"),
        }
        self
    }

    /// RFC 791 §3.1.
    fn ipv4(&self, v4: &V4) -> Vec<u8> {
        let (number, body) = self
            .transport
            .build(v4.src.into(), v4.dst.into(), &self.payload);
        let header = 20 + v4.options.len();
        let ihl = v4.ihl.unwrap_or((header / 4) as u8);
        let length = self.length.unwrap_or((header + body.len()) as u16);
        let mut packet = vec![(self.version.unwrap_or(4) << 4) | ihl, self.tos];
        packet.extend(length.to_be_bytes());
        packet.extend(v4.id.to_be_bytes());
        packet.extend(v4.flags_and_offset.to_be_bytes());
        packet.extend([self.ttl, self.protocol.unwrap_or(number), 0, 0]);
        packet.extend(v4.src.octets());
        packet.extend(v4.dst.octets());
        packet.extend(&v4.options);
        let checksum = v4.checksum.unwrap_or(internet_checksum(&packet));
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(body);
        packet
    }

    /// RFC 8200 §3 and §4.
    fn ipv6(&self, v6: &V6) -> Vec<u8> {
        let (number, body) = self
            .transport
            .build(v6.src.into(), v6.dst.into(), &self.payload);
        let mut next = self.protocol.unwrap_or(number);
        let mut behind = body;
        for (number, rest) in v6.extensions.iter().rev() {
            behind = [&[next], rest.as_slice(), &behind].concat();
            next = *number;
        }
        let first = (u32::from(self.version.unwrap_or(6)) << 28)
            | (u32::from(self.tos) << 20)
            | v6.flow_label;
        let mut packet = first.to_be_bytes().to_vec();
        let length = self.length.unwrap_or(behind.len() as u16);
        packet.extend(length.to_be_bytes());
        packet.extend([next, self.ttl]);
        packet.extend(v6.src.octets());
        packet.extend(v6.dst.octets());
        packet.extend(behind);
        packet
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    use super::*;

    #[test]
    fn etherparse_reads_what_was_built() {
        let frame = Packet::new(CONTAINER_A, CONTAINER_B)
            .tcp(1, 2)
            .payload_of(9);
        let bytes = frame.build();
        let sliced = SlicedPacket::from_ethernet(&bytes).unwrap();
        let Some(NetSlice::Ipv4(ipv4)) = sliced.net else {
            panic!("not IPv4");
        };
        let header = ipv4.header();
        assert_eq!(
            header.header_checksum(),
            header.to_header().calc_header_checksum()
        );
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
            panic!("not TCP");
        };
        assert_eq!(
            tcp.checksum(),
            tcp.calc_checksum_ipv4(CONTAINER_A.octets(), CONTAINER_B.octets())
                .unwrap()
        );
    }

    #[test]
    fn extension_headers_are_chained_in_order() {
        let bytes = Packet::new(CONTAINER_A_V6, CONTAINER_B_V6)
            .options_header(extension::HOP_BY_HOP)
            .fragment(1232, true)
            .ping()
            .build();
        assert_eq!((bytes[14 + 6], bytes[54], bytes[62]), (0, 44, 58));
        assert_eq!(&bytes[64..66], &(1232_u16 | 1).to_be_bytes());
    }
}
