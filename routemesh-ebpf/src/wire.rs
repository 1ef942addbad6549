//! Headers as they stand on the wire.
#![expect(
    unsafe_code,
    reason = "a marker for types that any bytes are valid for"
)]

pub use network_types::{
    icmp::{Icmpv4Hdr, Icmpv6Hdr},
    ip::{Ipv4Hdr, Ipv6Hdr},
};

use crate::icmp::{ICMP_QUOTE, ICMPV6_QUOTE};

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
    u8 = 1;
    [u8; 2] = 2;
    [u8; 4] = 4;
    [u8; 20] = 20;
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

/// What an Ethernet frame carries, as on the wire.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType(pub [u8; 2]);

impl EtherType {
    /// Internet Protocol version 4.
    pub const IPV4: Self = Self([0x08, 0x00]);
    /// Internet Protocol version 6.
    pub const IPV6: Self = Self([0x86, 0xdd]);
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
/// Bytes of an ICMP header, of either family.
pub const ICMP_LEN: usize = size_of::<Icmpv4Hdr>();
