//! What the benchmark's own kernel programs and the benchmark agree on.

use bytemuck::{Pod, Zeroable};

use crate::maps::map_types;

/// Program names, each within the kernel's 15 characters.
pub mod programs {
    /// XDP for live frames: makes each frame anew and sends it out of the interface it came in by.
    pub const SOURCE: &str = "rmb_source";
    /// XDP: counts the source's frames, if they are whole, and drops them.
    pub const SINK: &str = "rmb_sink";
    /// XDP: sends all frames out of the one interface of [`super::map_names::OUT`], as they are.
    pub const REDIRECT: &str = "rmb_redirect";
    /// XDP: passes all frames.
    pub const IDLE: &str = "rmb_idle";
    /// tc: passes all packets.
    pub const IDLE_TC: &str = "rmb_idle_tc";
}

/// Map names as they stand in the object.
pub mod map_names {
    /// Array of one [`super::Stream`].
    pub const STREAM: &str = "STREAM";
    /// Array of one [`super::Arrived`].
    pub const ARRIVED: &str = "ARRIVED";
    /// Device map of one device.
    pub const OUT: &str = "OUT";
}

/// What the payload of the source's datagrams begins with.
pub const MARK: [u8; 8] = *b"rm-bench";
/// Bytes of a datagram over IPv6 behind its headers: the mark, and what makes words of eight bytes of
/// the frame.
pub const IPV6_PAYLOAD: usize = 10;
/// The sink looks at the clock but for every so many frames: that takes as long as the rest of it.
pub const CLOCKED: u64 = 64;
/// Where a frame's first IP header begins: behind the Ethernet header.
pub const PLAIN: u32 = 14;
/// Where the IP header of a frame inside VXLAN over IPv4 begins.
pub const WRAPPED: u32 = 14 + 20 + 8 + 8 + 14;

/// Where things are in a packet of the source's, in bytes behind the beginning of its IP header.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The UDP header.
    pub transport: usize,
    /// What is checked at the sink: the IPv4 header's checksum, or that of UDP over IPv6.
    pub checksum: usize,
    /// The last 32 bits of the destination.
    pub destination: usize,
}

/// Of an IPv4 packet.
pub const IPV4: Layout = Layout {
    transport: 20,
    checksum: 10,
    destination: 16,
};
/// Of an IPv6 packet.
pub const IPV6: Layout = Layout {
    transport: 40,
    checksum: 46,
    destination: 36,
};

map_types! {
    Stream = 152;
    Arrived = 48;
}

/// The frames of the source: alike but for the destination, whose bits of `mask` are random, and for
/// the checksum.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Stream {
    /// The first bytes of each frame, in memory order, as far as the frame goes in words of
    /// eight bytes.
    pub head: [u64; 16],
    /// Where the IP header is whose destination varies: [`PLAIN`] or [`WRAPPED`].
    pub at: u32,
    /// Whether that is one of IPv6: 0 or 1.
    pub ipv6: u32,
    /// The first destination; of an IPv6 address the last 32 bits.
    pub base: u32,
    /// One bit less than the number of destinations, which is a power of two.
    pub mask: u32,
    /// From one destination to the next, as a power of two.
    pub shift: u32,
    /// Sum of the 16-bit words that the checksum covers, without those of the destination that vary.
    pub sum: u32,
}

/// What the sink has seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Arrived {
    /// The source's frames that came whole.
    pub packets: u64,
    /// Those that did not.
    pub broken: u64,
    /// When the first whole one came, in nanoseconds of the monotonic clock; 0 before.
    pub first: u64,
    /// When the last one came whose number is divided by [`CLOCKED`].
    pub last: u64,
    /// TTL, or hop limit, of the first one.
    pub ttl: u32,
    /// Bits in which that of any other differs from it.
    pub ttls: u32,
    /// Destination of the first one; of an IPv6 address the last 32 bits.
    pub destination: u32,
    /// Bits in which that of any other differs from it.
    pub destinations: u32,
}
