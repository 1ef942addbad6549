//! Map names, capacities, and the types of keys and values.

use bytemuck::{Pod, Zeroable};

use crate::OUTCOME_ROOM;

/// Map names as they stand in the object.
pub mod map_names {
    /// LPM trie: prefix of an address to [`super::Route`].
    pub const ROUTES: &str = "ROUTES";
    /// Array: slot to [`super::NextHop`].
    pub const NEXT_HOPS: &str = "NEXT_HOPS";
    /// Hash: address to [`super::Endpoint`].
    pub const ENDPOINTS: &str = "ENDPOINTS";
    /// Hash: interface index (`u32`) to [`super::Interface`].
    pub const INTERFACES: &str = "INTERFACES";
    /// Device map by hash: interface index to the device XDP may redirect to.
    pub const TX_PORTS: &str = "TX_PORTS";
    /// Array, memory-mappable: CPU × row × outcome to [`super::Counter`].
    pub const OUTCOMES: &str = "OUTCOMES";
    /// Array, memory-mappable: CPU × slot to [`super::Counter`].
    pub const ROUTE_COUNTERS: &str = "ROUTE_COUNTERS";
    /// Per-CPU array of one [`super::TokenBucket`]: the rate of ICMP errors.
    pub const ICMP_BUDGET: &str = "ICMP_BUDGET";
}

/// Next hops a host can use at once; slot 0 is never given out.
pub const NEXT_HOP_SLOTS: u32 = 16_384;
/// Containers a host can have learnt at once.
pub const ENDPOINT_SLOTS: u32 = 65_536;
/// Interfaces the programs can be attached to at once.
pub const INTERFACE_SLOTS: u32 = 8_192;
/// Rows of outcome counters: one for each hook of each uplink and of each container network.
pub const OUTCOME_ROWS: u32 = 256;
/// Outcome counters per CPU.
pub const OUTCOME_SLOTS: u32 = OUTCOME_ROWS * OUTCOME_ROOM;

/// Declares the types that cross between kernel and userspace: asserts each size, and with
/// feature `user` lets aya read and write them as bytes.
macro_rules! map_types {
    ($($name:ident = $size:literal;)*) => {
        $(
            const _: () = assert!(size_of::<$name>() == $size);
            #[cfg(feature = "user")]
            #[expect(unsafe_code, reason = "aya's marker trait is unsafe to implement")]
            // SAFETY: bytemuck's derive of Pod has proved at compile time what aya's Pod asks:
            // no padding, no pointer, and every bit pattern valid.
            unsafe impl aya::Pod for $name {}
        )*
    };
}

map_types! {
    Route = 12;
    NextHop = 40;
    Endpoint = 24;
    Interface = 32;
    Counter = 16;
    TokenBucket = 16;
}

/// What a route does with a packet.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RouteKind(pub u8);

impl RouteKind {
    /// To the next hop in slot [`Route::target`].
    pub const DIRECT: Self = Self(1);
    /// Dropped without a word.
    pub const BLACKHOLE: Self = Self(2);
    /// A container subnet of this host, on the interface with index [`Route::target`].
    pub const LOCAL: Self = Self(3);
    /// An address of this host itself: the stack has it.
    pub const HOST: Self = Self(4);
}

/// An address family.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Family(pub u8);

impl Family {
    /// IPv4, in its mapped form.
    pub const V4: Self = Self(4);
    /// IPv6.
    pub const V6: Self = Self(6);
}

/// Value of the route trie. Its key is a prefix length in bits (IPv4: 96 more) and an address.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Route {
    /// What to do.
    pub kind: RouteKind,
    /// The family the prefix was written in: `::/0` must not catch IPv4.
    pub family: Family,
    /// Who asked for the route, as the daemon numbers it; the kernel does not look.
    pub source: u8,
    /// Zero.
    pub reserved: u8,
    /// Next-hop slot, or interface index: see [`RouteKind`].
    pub target: u32,
    /// Slot of the route's counters; 0 is shared by those nobody asks about.
    pub counter: u32,
}

/// Where a `direct` route sends packets.
///
/// The array that holds it is not updated atomically, so what may change under a live route
/// lies within one aligned 8-byte word each; a next hop's identity (`ifindex`, `gateway`) is
/// never changed in place.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct NextHop {
    /// MAC of the gateway; meaningless while `resolved` is 0.
    pub dst_mac: [u8; 6],
    /// 1 when `dst_mac` is known.
    pub resolved: u8,
    /// Family of `gateway`.
    pub family: Family,
    /// MAC of the interface the packet leaves by.
    pub src_mac: [u8; 6],
    /// Zero.
    pub reserved: [u8; 2],
    /// Interface the packet leaves by.
    pub ifindex: u32,
    /// Largest IP packet the interface carries, in bytes.
    pub mtu: u32,
    /// The gateway's address.
    pub gateway: [u8; 16],
}

/// A container of this host, learnt from the neighbour table and the bridge's FDB.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Endpoint {
    /// MAC of the container's interface.
    pub mac: [u8; 6],
    /// 1 when `ifindex` is one end of a veth pair whose other end is the container's.
    pub peer: u8,
    /// Zero.
    pub reserved: u8,
    /// MAC of the container network's interface: its gateway.
    pub gateway_mac: [u8; 6],
    /// Zero.
    pub reserved2: [u8; 2],
    /// Interface that leads to the container.
    pub ifindex: u32,
    /// Largest IP packet the container network carries, in bytes.
    pub mtu: u32,
}

/// What the programs must know of an interface they are attached to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Interface {
    /// Destination MAC of frames that are this host's to route. For a bridge port, the bridge's.
    pub mac: [u8; 6],
    /// 1 for a bridge port: what its program passes on, the bridge's sees again.
    pub port: u8,
    /// Zero.
    pub reserved: u8,
    /// Row of outcome counters of the tc hook; the XDP hook's is the next one.
    pub row: u32,
    /// Source of ICMP errors sent from here; zero when there is no IPv4 address.
    pub ipv4: [u8; 4],
    /// Source of ICMPv6 errors sent from here; zero when there is no IPv6 address.
    pub ipv6: [u8; 16],
}

/// Packets and their bytes, counted by one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Bytes behind the Ethernet header. Of a route, those of the IP packet; of an outcome, with
    /// what Ethernet padded.
    pub bytes: u64,
}

/// State of a rate limit on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TokenBucket {
    /// When tokens were last added, in nanoseconds of the monotonic clock.
    pub filled_at: u64,
    /// Tokens left.
    pub tokens: u64,
}

/// An IPv4 address in the 16-byte form all maps use.
#[must_use]
pub const fn mapped(address: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = address;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}
