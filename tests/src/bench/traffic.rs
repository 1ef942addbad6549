//! What a source of frames sends: to whom, and in what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use routemesh_common::bench::{IPV4, IPV6, IPV6_PAYLOAD, Layout, MARK, PLAIN, Stream, WRAPPED};
use routemesh_tests::packet::{Packet, Tunnel};

use crate::load::Family;

/// What is routed to the sink: 16.0.0.0/4, so 2²⁸ addresses; of IPv6 as many, by their last 32 bits.
pub(crate) const SPACE: (u32, u32) = (0x1000_0000, 28);
const SPACES: [&str; 2] = ["16.0.0.0/4", "fd00:16::1000:0/100"];
/// The source's own subnets, which lie behind it.
const BEHIND: [&str; 2] = ["10.50.0.0/16", "fd00:10:50::/64"];
const FROM: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 50, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0x50, 0, 0, 0, 0, 2)),
];
/// MAC of a kernel's vxlan device; routemesh takes any in its place.
pub(crate) const VTEP: [u8; 6] = [2, 0, 0, 0, 5, 2];
pub(crate) const VNI: u32 = 100;
const VXLAN: Tunnel = Tunnel::Vxlan {
    port: 4789,
    vni: VNI,
};
/// Bytes of an IPv4 datagram's payload in a frame of 64, of which four are the wire's.
const IPV4_PAYLOAD: usize = 60 - 14 - 20 - 8;
/// Routers and tunnels count down from here.
pub(crate) const TTL: u8 = 64;

/// What the source sends.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) family: Family,
    /// Whether in VXLAN over IPv4.
    pub(crate) wrapped: bool,
    pub(crate) target: Target,
}

/// To whom.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// By the other wire, to so many addresses, as a power of two, spread evenly over [`SPACE`].
    Wire(u32),
    /// To a container of the host.
    Container,
}

/// Who sends to whom on the cable before the host.
pub(crate) struct Cable {
    pub(crate) macs: [[u8; 6]; 2],
    pub(crate) addresses: [Ipv4Addr; 2],
}

impl Traffic {
    /// IPv4 in the open, to so many destinations, as a power of two.
    pub(crate) const fn to(destinations: u32) -> Self {
        Self {
            family: Family::V4,
            wrapped: false,
            target: Target::Wire(destinations),
        }
    }

    /// The same to a container.
    pub(crate) const fn into_container(self) -> Self {
        Self {
            target: Target::Container,
            ..self
        }
    }

    /// The same over IPv6.
    pub(crate) const fn over_ipv6(self) -> Self {
        Self {
            family: Family::V6,
            ..self
        }
    }

    /// The same in VXLAN.
    pub(crate) const fn in_vxlan(self) -> Self {
        Self {
            wrapped: true,
            ..self
        }
    }

    /// What is routed to the sink on the other wire.
    pub(crate) fn space(self) -> &'static str {
        self.family.of(SPACES)
    }

    /// What lies behind the source.
    pub(crate) fn behind(self) -> &'static str {
        self.family.of(BEHIND)
    }

    /// The frames, whose length that is in bytes, on the cable to the host of `container`.
    pub(crate) fn stream(self, cable: &Cable, container: [IpAddr; 2]) -> (Stream, usize) {
        let (base, bits) = SPACE;
        let container = self.family.of(container);
        let (net, base, destinations) = match self.target {
            Target::Wire(count) => (self.first(), base, count),
            Target::Container => (container, low(container), 0),
        };
        let frame = self.frame(cable, without_low(net));
        let at = if self.wrapped { WRAPPED } else { PLAIN };
        let stream = Stream {
            head: words(&frame),
            at,
            ipv6: self.family.of([0, 1]),
            base,
            mask: (1 << destinations) - 1,
            shift: bits - destinations,
            sum: self.sum(&frame[at as usize..]),
        };
        (stream, frame.len())
    }

    /// The first address of the space.
    fn first(self) -> IpAddr {
        let (base, _) = SPACE;
        let v6 = Ipv6Addr::from((0xfd00_0016 << 96) | u128::from(base));
        self.family.of([Ipv4Addr::from(base).into(), v6.into()])
    }

    /// A frame to `dst`.
    fn frame(self, cable: &Cable, dst: IpAddr) -> Vec<u8> {
        let [from, to] = cable.macs;
        let mut payload = MARK.to_vec();
        payload.resize(self.family.of([IPV4_PAYLOAD, IPV6_PAYLOAD]), 0);
        let inner = Packet::new(self.family.of(FROM), dst)
            .ttl(TTL)
            .udp(9, 9)
            .payload(payload);
        if !self.wrapped {
            return self.built(&inner.macs(from, to));
        }
        let inner = self.built(&inner.macs(from, VTEP));
        let [near, here] = cable.addresses;
        VXLAN.around(&inner, near, here).macs(from, to).build()
    }

    /// Over IPv4 without UDP's checksum, or there were two to be told of another destination.
    fn built(self, packet: &Packet) -> Vec<u8> {
        let mut frame = packet.build();
        if matches!(self.family, Family::V4) {
            let udp = PLAIN as usize + IPV4.transport;
            frame[udp + 6..udp + 8].fill(0);
        }
        frame
    }

    /// What the checksum of the packet sums up.
    fn sum(self, packet: &[u8]) -> u32 {
        let at = self.layout().checksum;
        u32::from(!u16::from_be_bytes([packet[at], packet[at + 1]]))
    }

    fn layout(self) -> Layout {
        self.family.of([IPV4, IPV6])
    }
}

/// The last 32 bits of an address.
fn low(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => u128::from(v6) as u32,
    }
}

/// The address with zeros in their place.
fn without_low(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 32 << 32).into(),
    }
}

/// Bytes of a frame as words in memory order.
fn words(frame: &[u8]) -> [u64; 16] {
    let mut head = [0; 16];
    for (word, bytes) in head.iter_mut().zip(frame.chunks(8)) {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(eight);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    const CABLE: Cable = Cable {
        macs: [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]],
        addresses: [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)],
    };

    /// What the source makes of a stream.
    fn made((stream, length): (Stream, usize), layout: Layout, dst: u32) -> Vec<u8> {
        let bytes = stream.head.iter().flat_map(|word| word.to_ne_bytes());
        let mut frame: Vec<u8> = bytes.take(length).collect();
        let mut sum = stream.sum + (dst >> 16) + (dst & 0xffff);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        let packet = &mut frame[stream.at as usize..];
        packet[layout.checksum..][..2].copy_from_slice(&(!sum as u16).to_be_bytes());
        packet[layout.destination..][..4].copy_from_slice(&dst.to_be_bytes());
        frame
    }

    #[test]
    fn a_frame_whose_destination_is_written_in_is_as_one_built_whole() {
        let v4 = Traffic::to(8);
        let container = ["10.100.0.2", "fd00:10:100::2"].map(|text| text.parse().unwrap());
        for traffic in [v4, v4.over_ipv6()] {
            for traffic in [traffic, traffic.in_vxlan()] {
                let stream = traffic.stream(&CABLE, container);
                let made = made(stream, traffic.layout(), stream.0.base);
                assert_eq!(made, traffic.frame(&CABLE, traffic.first()));

                let traffic = traffic.into_container();
                let stream = traffic.stream(&CABLE, container);
                let made = super::tests::made(stream, traffic.layout(), stream.0.base);
                assert_eq!(made, traffic.frame(&CABLE, traffic.family.of(container)));
            }
        }
    }

    #[test]
    fn a_frame_of_ipv4_has_64_bytes_with_the_wires_own() {
        let (_, length) = Traffic::to(8).stream(&CABLE, FROM);
        assert_eq!(length, 60);
    }
}
