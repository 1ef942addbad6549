//! What a router must make of a frame: the forwarded frame, and the ICMP errors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ETHERTYPE_IPV6, internet_checksum, transport_checksum};

const ETHERNET: usize = 14;
const IPV6_HEADER: usize = 40;
const ICMP_HEADER: usize = 8;
/// Largest ICMP error as a whole IP packet: RFC 1812 §4.3.2.3.
const LARGEST_V4: usize = 576;
/// Largest ICMPv6 error as a whole IP packet: RFC 4443 §2.4 (c).
const LARGEST_V6: usize = 1280;

/// `frame` (untagged IP) as a router sends it on: other MACs, TTL or hop limit one less, and
/// the IPv4 header checksum computed anew.
#[must_use]
pub fn expected_forward(frame: &[u8], src_mac: [u8; 6], dst_mac: [u8; 6]) -> Vec<u8> {
    let mut out = frame.to_vec();
    out[..6].copy_from_slice(&dst_mac);
    out[6..12].copy_from_slice(&src_mac);
    if is_ipv6(frame) {
        out[ETHERNET + 7] -= 1;
        return out;
    }
    out[ETHERNET + 8] -= 1;
    let header = usize::from(out[ETHERNET] & 0x0f) * 4;
    write_checksum(&mut out[ETHERNET..ETHERNET + header], 10);
    out
}

/// An ICMP or ICMPv6 error about a frame, sent back to where the frame came from.
///
/// What the RFCs leave open is a field, with the value Linux gives it.
#[derive(Clone, Copy, Debug)]
pub struct ErrorReply {
    /// The router's address, the source of the error.
    pub from: IpAddr,
    /// TTL or hop limit of the error.
    pub ttl: u8,
    /// Type of service or traffic class: RFC 1812 §4.3.2.5 asks for precedence 6 over IPv4.
    pub tos: u8,
    /// Don't-fragment bit and fragment offset of the IPv4 error.
    pub fragment_word: u16,
}

impl ErrorReply {
    /// Errors sent by the router with the address `from`.
    #[must_use]
    pub fn from(from: impl Into<IpAddr>) -> Self {
        let from = from.into();
        Self {
            from,
            ttl: 64,
            tos: if from.is_ipv4() { 0xc0 } else { 0 },
            fragment_word: 0,
        }
    }

    /// Time exceeded in transit: RFC 792, RFC 4443 §3.3.
    #[must_use]
    pub fn time_exceeded(&self, frame: &[u8]) -> Vec<u8> {
        match self.from {
            IpAddr::V4(from) => self.v4(from, frame, [11, 0], [0; 4]),
            IpAddr::V6(from) => self.v6(from, frame, [3, 0], [0; 4]),
        }
    }

    /// Fragmentation needed and don't-fragment set (RFC 1191 §4), or packet too big (RFC 4443
    /// §3.2); `mtu` is that of the next hop, in bytes.
    #[must_use]
    pub fn too_big(&self, frame: &[u8], mtu: u16) -> Vec<u8> {
        let [high, low] = mtu.to_be_bytes();
        match self.from {
            IpAddr::V4(from) => self.v4(from, frame, [3, 4], [0, 0, high, low]),
            IpAddr::V6(from) => self.v6(from, frame, [2, 0], [0, 0, high, low]),
        }
    }

    fn v4(&self, from: Ipv4Addr, frame: &[u8], message: [u8; 2], rest: [u8; 4]) -> Vec<u8> {
        let original = &frame[ETHERNET..];
        let length = usize::from(u16::from_be_bytes([original[2], original[3]]));
        let quoted = length
            .min(original.len())
            .min(LARGEST_V4 - 20 - ICMP_HEADER);
        let mut icmp = [message.as_slice(), &[0, 0], &rest, &original[..quoted]].concat();
        write_checksum(&mut icmp, 2);

        let mut ip = vec![0x45, self.tos];
        ip.extend((20 + icmp.len() as u16).to_be_bytes());
        ip.extend([0, 0]);
        ip.extend(self.fragment_word.to_be_bytes());
        ip.extend([self.ttl, 1, 0, 0]);
        ip.extend(from.octets());
        ip.extend(&original[12..16]);
        write_checksum(&mut ip, 10);
        [back(frame), ip, icmp].concat()
    }

    fn v6(&self, from: Ipv6Addr, frame: &[u8], message: [u8; 2], rest: [u8; 4]) -> Vec<u8> {
        let original = &frame[ETHERNET..];
        let length = IPV6_HEADER + usize::from(u16::from_be_bytes([original[4], original[5]]));
        let quoted = length
            .min(original.len())
            .min(LARGEST_V6 - IPV6_HEADER - ICMP_HEADER);
        let mut icmp = [message.as_slice(), &[0, 0], &rest, &original[..quoted]].concat();
        let to: [u8; 16] = original[8..24].try_into().expect("sixteen bytes");
        let checksum = transport_checksum(from.into(), Ipv6Addr::from(to).into(), 58, &icmp);
        icmp[2..4].copy_from_slice(&checksum.to_be_bytes());

        let first = (6_u32 << 28) | (u32::from(self.tos) << 20);
        let mut ip = first.to_be_bytes().to_vec();
        ip.extend((icmp.len() as u16).to_be_bytes());
        ip.extend([58, self.ttl]);
        ip.extend(from.octets());
        ip.extend(to);
        [back(frame), ip, icmp].concat()
    }
}

/// The Ethernet header of an answer to `frame`.
fn back(frame: &[u8]) -> Vec<u8> {
    [&frame[6..12], &frame[..6], &frame[12..ETHERNET]].concat()
}

fn is_ipv6(frame: &[u8]) -> bool {
    frame[12..ETHERNET] == ETHERTYPE_IPV6.to_be_bytes()
}

fn write_checksum(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].fill(0);
    let checksum = internet_checksum(bytes);
    bytes[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, SlicedPacket};

    use super::{super::*, *};

    #[test]
    fn a_forwarded_packet_has_a_right_checksum() {
        let frame = Packet::new(CONTAINER_A, CONTAINER_B).ttl(1).build();
        let out = expected_forward(&frame, HOST_A_MAC, HOST_B_MAC);
        let sliced = SlicedPacket::from_ethernet(&out).unwrap();
        let Some(NetSlice::Ipv4(ipv4)) = sliced.net else {
            panic!("not IPv4");
        };
        let header = ipv4.header().to_header();
        assert_eq!(header.time_to_live, 0);
        assert_eq!(header.header_checksum, header.calc_header_checksum());
    }

    #[test]
    fn an_error_quotes_as_much_as_its_limit_allows() {
        let v4 = Packet::new(CONTAINER_A, CONTAINER_B).payload_of(1400);
        let v6 = Packet::new(CONTAINER_A_V6, CONTAINER_B_V6).payload_of(1400);
        let v4 = ErrorReply::from(GATEWAY_A).too_big(&v4.build(), 1400);
        let v6 = ErrorReply::from(GATEWAY_A_V6).too_big(&v6.build(), 1400);
        assert_eq!((v4.len(), v6.len()), (14 + 576, 14 + 1280));
    }

    #[test]
    fn an_error_leaves_the_padding_of_a_short_frame_out() {
        let frame = Packet::new(CONTAINER_A, CONTAINER_B).padding(18).build();
        let error = ErrorReply::from(GATEWAY_A).time_exceeded(&frame);
        assert_eq!(error.len(), 14 + 20 + 8 + 28);
    }
}
