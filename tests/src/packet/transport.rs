//! What an IP packet carries.

use std::net::IpAddr;

use super::{internet_checksum, transport_checksum};

/// Protocol numbers.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The header behind the IP header; its checksum is computed, and right.
#[derive(Clone, Debug)]
pub enum Transport {
    /// UDP.
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// TCP without options.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Flag bits, FIN the lowest.
        flags: u8,
    },
    /// ICMP, or over IPv6 ICMPv6.
    Icmp {
        /// The message's type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The four bytes behind the checksum.
        rest: [u8; 4],
    },
    /// The payload alone, under a protocol number.
    Bare(u8),
}

impl Transport {
    /// UDP between two ports.
    #[must_use]
    pub fn udp(src_port: u16, dst_port: u16) -> Self {
        Self::Udp { src_port, dst_port }
    }

    /// A TCP acknowledgement between two ports.
    #[must_use]
    pub fn tcp(src_port: u16, dst_port: u16) -> Self {
        Self::Tcp {
            src_port,
            dst_port,
            flags: 0x10,
        }
    }

    /// Protocol number and bytes between two addresses, `payload` included.
    pub(super) fn build(&self, src: IpAddr, dst: IpAddr, payload: &[u8]) -> (u8, Vec<u8>) {
        let (number, checksum_at, mut bytes) = self.header(src, payload.len());
        bytes.extend(payload);
        let Some(at) = checksum_at else {
            return (number, bytes);
        };
        let checksum = if number == ICMP {
            internet_checksum(&bytes)
        } else {
            transport_checksum(src, dst, number, &bytes)
        };
        // RFC 768: zero means "no checksum", so a computed zero is sent as its complement.
        let sent = if number == UDP && checksum == 0 {
            0xffff
        } else {
            checksum
        };
        bytes[at..at + 2].copy_from_slice(&sent.to_be_bytes());
        (number, bytes)
    }

    /// Protocol number, where the checksum stands, and the header with a zero there.
    fn header(&self, src: IpAddr, payload: usize) -> (u8, Option<usize>, Vec<u8>) {
        let ports = |src: u16, dst: u16| [src.to_be_bytes(), dst.to_be_bytes()].concat();
        match *self {
            Self::Udp { src_port, dst_port } => {
                let mut bytes = ports(src_port, dst_port);
                bytes.extend((8 + payload as u16).to_be_bytes());
                bytes.extend([0, 0]);
                (UDP, Some(6), bytes)
            }
            Self::Tcp {
                src_port,
                dst_port,
                flags,
            } => {
                let mut bytes = ports(src_port, dst_port);
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 5 << 4, flags]);
                bytes.extend([0xfa, 0xf0, 0, 0, 0, 0]);
                (TCP, Some(16), bytes)
            }
            Self::Icmp { kind, code, rest } => {
                let number = if src.is_ipv4() { ICMP } else { ICMPV6 };
                let bytes = [&[kind, code, 0, 0], rest.as_slice()].concat();
                (number, Some(2), bytes)
            }
            Self::Bare(number) => (number, None, Vec::new()),
        }
    }
}
