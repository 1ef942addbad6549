//! What the kernel is told, and keeps, of the room that a tunnel header takes in a super-packet.

use routemesh_common::Family;
use routemesh_ebpf::{
    tunnel::Room,
    wire::{ETH_LEN, IpProto},
};

// `BPF_F_ADJ_ROOM_*` of linux/bpf.h.
pub(crate) const FIXED_GSO: u64 = 1 << 0;
const ENCAP_L3_IPV4: u64 = 1 << 1;
const ENCAP_L3_IPV6: u64 = 1 << 2;
const ENCAP_L4_GRE: u64 = 1 << 3;
const ENCAP_L4_UDP: u64 = 1 << 4;
const ENCAP_L2_ETH: u64 = 1 << 6;
const DECAP_L3_IPV4: u64 = 1 << 7;
const DECAP_L3_IPV6: u64 = 1 << 8;
const ENCAP_L2_SHIFT: u64 = 56;

/// As what the kernel marks a super-packet in a tunnel (`SKB_GSO_UDP_TUNNEL` and the like), and what
/// else decides how it cuts one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u32);

impl Kind {
    /// In no tunnel.
    pub(crate) const NONE: Self = Self(0);

    /// That of a tunnel without a checksum.
    #[inline(always)]
    pub(crate) fn of(room: Room) -> Self {
        let (proto, family) = match room.proto {
            // Either family may be around these.
            IpProto::UDP | IpProto::GRE => (room.proto, 0),
            _ => (IpProto::IPV4, room.outer.0),
        };
        let ethernet = u32::from(room.ethernet);
        Self(u32::from(proto.0) | u32::from(family) << 8 | ethernet << 15)
    }

    /// The same with that checksum, which is none of ours unless it is 0: the kernel puts one into
    /// all segments then (`SKB_GSO_UDP_TUNNEL_CSUM`).
    #[inline(always)]
    pub(crate) fn with(self, check: [u8; 2]) -> Self {
        Self(self.0 | u32::from(u16::from_ne_bytes(check)) << 16)
    }
}

/// What tells the kernel the family of the packet that is left.
#[inline(always)]
pub(crate) fn decapsulation(family: Family) -> u64 {
    if family == Family::V4 {
        DECAP_L3_IPV4
    } else {
        DECAP_L3_IPV6
    }
}

/// What the kernel must know of a tunnel header to cut a super-packet behind it into segments.
/// The length of the inner Ethernet header is that alone, without the shim before it: the kernel
/// looks for the inner frame that many bytes before the inner IP header.
#[inline(always)]
pub(crate) fn encapsulation(room: Room) -> u64 {
    let ip = if room.outer == Family::V4 {
        ENCAP_L3_IPV4
    } else {
        ENCAP_L3_IPV6
    };
    let shim = match room.proto {
        IpProto::UDP => ENCAP_L4_UDP,
        IpProto::GRE => ENCAP_L4_GRE,
        _ => 0,
    };
    let ethernet = if room.ethernet {
        ENCAP_L2_ETH | (ETH_LEN as u64) << ENCAP_L2_SHIFT
    } else {
        0
    };
    FIXED_GSO | ip | shim | ethernet
}
