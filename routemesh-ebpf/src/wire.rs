//! Headers as they stand on the wire.
#![expect(
    unsafe_code,
    reason = "a marker for types that any bytes are valid for"
)]

use bytemuck::{Pod, Zeroable};
pub use network_types::{
    icmp::{Icmpv4Hdr, Icmpv6Hdr},
    ip::{Ipv4Hdr, Ipv6Hdr},
};
use routemesh_common::Family;

use crate::{
    fragment::SUM_BLOCK,
    icmp::{ICMP_QUOTE, ICMPV6_QUOTE},
};

/// A type that packet bytes may be read as.
///
/// # Safety
/// Alignment 1, no padding, and valid for any bytes.
pub unsafe trait Wire: Copy {
    #[doc(hidden)]
    const ALIGNED: () = assert!(align_of::<Self>() == 1);
}

macro_rules! wire {
    ($($name:ty = $size:literal;)*) => {
        $(
            // SAFETY: a struct of byte arrays; size and alignment are asserted.
            unsafe impl Wire for $name {}
            const _: () = assert!(size_of::<$name>() == $size);
            const _: () = <$name as Wire>::ALIGNED;
        )*
    };
}

wire! {
    Eth = 14;
    Ipv4Hdr = 20;
    Ipv6Hdr = 40;
    Icmpv4Hdr = 8;
    Icmpv6Hdr = 8;
    Udp = 8;
    u8 = 1;
    [u8; 8] = 8;
    [u8; 2] = 2;
    [u8; 4] = 4;
    [u8; 20] = 20;
    [u8; SUM_BLOCK] = 512;
    [u8; ICMP_QUOTE] = 548;
    [u8; ICMPV6_QUOTE] = 1232;
}

/// An Ethernet header. (`network_types::eth::EthHdr` has a `u16`, so alignment 2.)
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eth {
    /// Destination MAC.
    pub dst: [u8; 6],
    /// Source MAC.
    pub src: [u8; 6],
    /// What follows.
    pub ether_type: EtherType,
}

/// A UDP header. (`network_types` has no constructor that leaves the byte order alone.)
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub src: [u8; 2],
    /// Destination port.
    pub dst: [u8; 2],
    /// Bytes of header and payload.
    pub length: [u8; 2],
    /// Checksum; zero for none.
    pub check: [u8; 2],
}

/// An address of 16 bytes, IPv4 mapped, as two words in memory order.
///
/// Words, because what is kept on the stack must be aligned, whatever the packet was.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address([u64; 2]);

impl Address {
    /// No address: the unspecified one.
    pub const NONE: Self = Self([0, 0]);

    /// An IPv4 address, in its mapped form.
    #[must_use]
    #[inline(always)]
    pub const fn v4([a, b, c, d]: [u8; 4]) -> Self {
        Self([0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])])
    }

    /// An IPv6 address, or any in its 16-byte form.
    #[must_use]
    #[inline(always)]
    pub const fn v6(bytes: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self([
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ])
    }

    /// The address of four words in memory order.
    #[must_use]
    #[inline(always)]
    pub const fn from_words([a, b, c, d]: [u32; 4]) -> Self {
        Self([joined(a, b), joined(c, d)])
    }

    /// The address of two words in memory order.
    #[must_use]
    #[inline(always)]
    pub const fn from_double_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// The address as two words in memory order.
    #[must_use]
    #[inline(always)]
    pub const fn double_words(self) -> [u64; 2] {
        self.0
    }

    /// The address as four words in memory order.
    #[must_use]
    #[inline(always)]
    pub const fn words(self) -> [u32; 4] {
        let [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]] =
            [self.0[0].to_ne_bytes(), self.0[1].to_ne_bytes()];
        [
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes([e, f, g, h]),
            u32::from_ne_bytes([i, j, k, l]),
            u32::from_ne_bytes([m, n, o, p]),
        ]
    }
}

impl From<Address> for [u8; 16] {
    #[inline(always)]
    fn from(Address(words): Address) -> Self {
        bytemuck::cast(words)
    }
}

/// Two words, one behind the other in memory.
#[inline(always)]
const fn joined(first: u32, second: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// A MAC as two numbers in memory order, to be kept or copied.
///
/// For a plain copy from a map value to the packet the compiler calls `memmove`, which the
/// verifier refuses on packet memory; and six bytes that it takes for one number it writes one
/// after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(u32, u16);

/// The bytes of the two numbers.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MacBytes {
    high: [u8; 4],
    low: [u8; 2],
}

impl Mac {
    /// Writes it where a header has one.
    #[inline(always)]
    pub fn write(self, to: &mut [u8; 6]) {
        let to: &mut MacBytes = bytemuck::cast_mut(to);
        to.high = self.0.to_ne_bytes();
        to.low = self.1.to_ne_bytes();
    }
}

impl From<&[u8; 6]> for Mac {
    #[inline(always)]
    fn from(bytes: &[u8; 6]) -> Self {
        let MacBytes { high, low }: &MacBytes = bytemuck::cast_ref(bytes);
        Self(u32::from_ne_bytes(*high), u16::from_ne_bytes(*low))
    }
}

impl From<Mac> for [u8; 6] {
    #[inline(always)]
    fn from(Mac(high, low): Mac) -> Self {
        let ([a, b, c, d], [e, f]) = (high.to_ne_bytes(), low.to_ne_bytes());
        [a, b, c, d, e, f]
    }
}

/// What an Ethernet frame carries, as on the wire.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType(pub [u8; 2]);

impl EtherType {
    /// Internet Protocol version 4.
    pub const IPV4: Self = Self([0x08, 0x00]);
    /// Internet Protocol version 6.
    pub const IPV6: Self = Self([0x86, 0xdd]);
    /// Transparent Ethernet bridging: a frame inside a tunnel.
    pub const ETHERNET: Self = Self([0x65, 0x58]);
    /// A customer VLAN tag (IEEE 802.1Q).
    pub const VLAN: Self = Self([0x81, 0x00]);
    /// A service VLAN tag (IEEE 802.1ad).
    pub const QINQ: Self = Self([0x88, 0xa8]);
}

/// What an IP packet carries.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpProto(pub u8);

impl IpProto {
    /// IPv4 in IP.
    pub const IPV4: Self = Self(4);
    /// IPv6 in IP.
    pub const IPV6: Self = Self(41);
    /// Generic routing encapsulation.
    pub const GRE: Self = Self(47);
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// An IPv6 routing header.
    pub const ROUTING: Self = Self(43);
    /// An IPv6 fragment header.
    pub const FRAGMENT: Self = Self(44);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: Self = Self(60);
}

/// Bytes of an Ethernet header, so where the IP header begins.
pub const ETH_LEN: usize = size_of::<Eth>();
/// Bytes of an IPv4 header without options.
pub const IPV4_LEN: usize = size_of::<Ipv4Hdr>();
/// Bytes of an IPv6 header.
pub const IPV6_LEN: usize = size_of::<Ipv6Hdr>();
/// Bytes of a TCP header without options (RFC 9293 section 3.1).
pub const TCP_LEN: usize = 20;
/// Bytes of an ICMP header, of either family.
pub const ICMP_LEN: usize = size_of::<Icmpv4Hdr>();

/// Bytes of an IP header of that family without options.
#[must_use]
#[inline(always)]
pub fn ip_length(family: Family) -> usize {
    if family == Family::V4 {
        IPV4_LEN
    } else {
        IPV6_LEN
    }
}

/// Bytes that parsing and forwarding look at from where the IP header of that family begins: it and
/// the start of TCP.
///
/// No more is brought into the piece that programs can read. The data of a TCP stream may begin right
/// behind, and one byte of it makes the kernel copy the packet's head and hold each page of data anew.
#[must_use]
#[inline(always)]
pub fn looked_at(family: Family) -> usize {
    ip_length(family) + TCP_LEN
}
