//! Packets around packets, as the tunnels' RFCs have them.

use std::net::IpAddr;

use super::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Packet, Transport};

/// Protocol numbers of what an outer IP header is followed by.
const IPV4: u8 = 4;
const UDP: u8 = 17;
const IPV6: u8 = 41;
const GRE: u8 = 47;
/// EtherType of an Ethernet frame in GRE or Geneve: transparent Ethernet bridging.
const BRIDGED: u16 = 0x6558;
const ETHERNET: usize = 14;

/// A kind of tunnel, with what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// IP in IP (RFC 2003, RFC 2473, RFC 4213).
    Ipip,
    /// GRE around IP (RFC 2784), with a key (RFC 2890) or without.
    Gre(Option<u32>),
    /// GRE around an Ethernet frame.
    GreEthernet(Option<u32>),
    /// VXLAN (RFC 7348).
    Vxlan {
        /// UDP destination port.
        port: u16,
        /// Network identifier, 24 bits.
        vni: u32,
    },
    /// Geneve around an Ethernet frame (RFC 8926).
    Geneve {
        /// UDP destination port.
        port: u16,
        /// Network identifier, 24 bits.
        vni: u32,
        /// The options, a multiple of four bytes.
        options: &'static [u8],
    },
}

impl Tunnel {
    /// The UDP source port of packets built here.
    pub const SOURCE_PORT: u16 = 0xc123;

    /// The packet from `src` to `dst` that holds `frame`, untagged IP. IPv4 outside says
    /// don't-fragment and identification 0; UDP has no checksum.
    #[must_use]
    pub fn around(self, frame: &[u8], src: impl Into<IpAddr>, dst: impl Into<IpAddr>) -> Packet {
        let ethertype = u16::from_be_bytes([frame[12], frame[13]]);
        let (number, shim) = self.shim(ethertype, frame.len());
        let carried = if self.carries_frames() {
            frame
        } else {
            &frame[ETHERNET..]
        };
        let (src, dst) = (src.into(), dst.into());
        let packet = Packet::new(src, dst)
            .transport(Transport::Bare(number))
            .payload([&shim, carried].concat());
        if src.is_ipv4() {
            packet.dont_fragment().id(0)
        } else {
            packet
        }
    }

    /// Whether the inner packet has an Ethernet header.
    #[must_use]
    pub fn carries_frames(self) -> bool {
        !matches!(self, Self::Ipip | Self::Gre(_))
    }

    /// Whether it runs over UDP.
    #[must_use]
    pub fn over_udp(self) -> bool {
        matches!(self, Self::Vxlan { .. } | Self::Geneve { .. })
    }

    /// Bytes between the outer IP header and the inner IP header.
    #[must_use]
    pub fn overhead(self) -> usize {
        let (_, shim) = self.shim(ETHERTYPE_IPV4, 0);
        shim.len() + if self.carries_frames() { ETHERNET } else { 0 }
    }

    /// What the outer IP header says follows it, and what stands before the inner packet:
    /// around one of that EtherType, in a frame of so many bytes.
    fn shim(self, ethertype: u16, frame: usize) -> (u8, Vec<u8>) {
        match self {
            Self::Ipip if ethertype == ETHERTYPE_IPV6 => (IPV6, Vec::new()),
            Self::Ipip => (IPV4, Vec::new()),
            Self::Gre(key) => (GRE, gre(ethertype, key)),
            Self::GreEthernet(key) => (GRE, gre(BRIDGED, key)),
            Self::Vxlan { port, vni } => {
                let vxlan = [[0x08, 0, 0, 0], (vni << 8).to_be_bytes()].concat();
                (UDP, udp(port, &vxlan, frame))
            }
            Self::Geneve { port, vni, options } => {
                let first = ((options.len() / 4) as u32) << 24 | u32::from(BRIDGED);
                let fixed = [first.to_be_bytes(), (vni << 8).to_be_bytes()].concat();
                (UDP, udp(port, &[&fixed, options].concat(), frame))
            }
        }
    }
}

fn gre(ethertype: u16, key: Option<u32>) -> Vec<u8> {
    let flags: u16 = if key.is_some() { 0x2000 } else { 0 };
    let mut header = [flags.to_be_bytes(), ethertype.to_be_bytes()].concat();
    header.extend(key.map(u32::to_be_bytes).into_iter().flatten());
    header
}

/// A UDP header without a checksum, and the shim behind it.
fn udp(port: u16, shim: &[u8], frame: usize) -> Vec<u8> {
    let length = (8 + shim.len() + frame) as u16;
    let header = [Tunnel::SOURCE_PORT, port, length, 0].map(u16::to_be_bytes);
    [&header.concat(), shim].concat()
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    fn around(tunnel: Tunnel) -> Vec<u8> {
        let inner = Packet::new(CONTAINER_B, CONTAINER_A).build();
        tunnel.around(&inner, HOST_B, HOST_A).build()
    }

    #[test]
    fn a_vxlan_header_is_as_in_rfc_7348_section_5() {
        let frame = around(Tunnel::Vxlan {
            port: 4789,
            vni: 0x12_3456,
        });
        assert_eq!(frame[14 + 9], 17);
        assert_eq!(frame[36..42], [0x12, 0xb5, 0, 8 + 8 + 14 + 28, 0, 0]);
        assert_eq!(frame[42..50], [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    }

    #[test]
    fn a_geneve_header_is_as_in_rfc_8926_section_3_4() {
        let frame = around(Tunnel::Geneve {
            port: 6081,
            vni: 7,
            options: &[0xff, 0xff, 0x01, 0],
        });
        assert_eq!(
            frame[42..54],
            [1, 0, 0x65, 0x58, 0, 0, 7, 0, 0xff, 0xff, 1, 0]
        );
    }

    #[test]
    fn a_gre_header_is_as_in_rfc_2890_section_2() {
        let frame = around(Tunnel::Gre(Some(0x0102_0304)));
        assert_eq!(frame[34..42], [0x20, 0, 8, 0, 1, 2, 3, 4]);
        assert_eq!(frame[42] >> 4, 4);
    }

    #[test]
    fn an_overhead_is_what_a_frame_grows_by() {
        let bare = Packet::new(CONTAINER_B, CONTAINER_A).build().len();
        for tunnel in [
            Tunnel::Ipip,
            Tunnel::Gre(None),
            Tunnel::GreEthernet(Some(1)),
            Tunnel::Vxlan { port: 1, vni: 1 },
        ] {
            assert_eq!(around(tunnel).len(), bare + 20 + tunnel.overhead());
        }
    }
}
