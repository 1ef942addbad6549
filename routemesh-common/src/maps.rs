//! Capacities of maps, and the types of their keys and values.

use core::fmt;

use bytemuck::{Pod, Zeroable};

use crate::OUTCOME_ROOM;

/// Next hops a host can use at once; slot 0 is never given out.
pub const NEXT_HOP_SLOTS: u32 = 16_384;
/// Peers a host can have at once.
pub const PEER_SLOTS: u32 = 16_384;
/// VNIs and keys a host can use at once.
pub const NETWORK_ID_SLOTS: u32 = 16_384;
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

pub(crate) use map_types;

map_types! {
    Route = 12;
    RouteRecord = 64;
    IndexBucket = 64;
    IndexedLength = 24;
    TableState = 112;
    NextHop = 104;
    NetworkId = 8;
    NetworkUse = 1;
    TunnelSettings = 16;
    Endpoint = 24;
    Interface = 40;
    Counter = 16;
    TokenBucket = 16;
}

/// What a route does with a packet.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RouteKind(pub u8);

impl RouteKind {
    /// No route.
    pub const NONE: Self = Self(0);
    /// To the next hop in slot [`Route::target`].
    pub const DIRECT: Self = Self(1);
    /// Dropped without a word.
    pub const BLACKHOLE: Self = Self(2);
    /// A container subnet of this host, on the interface with index [`Route::target`].
    pub const LOCAL: Self = Self(3);
    /// An address of this host itself: the stack has it.
    pub const HOST: Self = Self(4);
}

/// What holds for all routes; the only entry of its map.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TableState {
    /// The number of the table in force. A packet reads it once, and its answers are all of that
    /// table: so one store puts any number of changed routes into force.
    pub epoch: u64,
    /// Until when, in nanoseconds of the coarse monotonic clock, a daemon follows the neighbours:
    /// packets go by the MACs of [`NextHop`] till then, and have the kernel look for them after.
    pub followed_until: u64,
    /// The lengths of prefixes that the index may hold, of IPv4 and of IPv6.
    pub indexed: [[IndexedLength; INDEXED_LENGTHS]; 2],
}

/// How many lengths of prefixes of one family the index may hold: one look-up each.
pub const INDEXED_LENGTHS: usize = 2;

/// A length of prefixes that the index may hold.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct IndexedLength {
    /// The bits of an address that such a prefix has, as two words in memory order.
    pub mask: [u64; 2],
    /// The length in bits (IPv4: 96 more); 0 for none.
    pub length: u64,
}

/// A part of the index, which finds in one look-up what the trie would in many: prefixes that no
/// longer one lies within, so that none but one of them holds an address. What has no room here
/// is in the trie.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct IndexBucket {
    /// The tag of an address (above) and the slot of its record (below); 0 where there is none.
    /// No two in a bucket have the same tag.
    pub entries: [u64; 8],
}

impl IndexBucket {
    /// The entry for a tag, and a record's slot.
    #[must_use]
    #[inline(always)]
    pub const fn entry(tag: u32, slot: u32) -> u64 {
        (tag as u64) << 32 | slot as u64
    }
}

/// What is answered for one prefix, by the table in force and by the one before or after it.
///
/// The answer that is not in use is written, then `state`, then [`TableState::epoch`]; and none
/// is written again before the packets that may read it are done (an RCU grace period).
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RouteRecord {
    /// The prefix's address, as two words in memory order.
    pub dst: [u64; 2],
    /// The newer answer's place in `answers`, in the lowest bit; above it, the epoch that the
    /// answer holds from. Before that epoch the other one does.
    pub state: u64,
    /// The answers. That of a prefix with no route of its own is `borrowed`, or of kind
    /// [`RouteKind::NONE`].
    pub answers: [Route; 2],
    /// Bits of the prefix (IPv4: 96 more).
    pub length: u32,
    /// What may lead here: [`Self::INDEXED`], [`Self::IN_TRIE`]. 0: the slot is free.
    pub found_by: u32,
    /// Zero.
    pub reserved: u64,
}

impl RouteRecord {
    /// The index leads here.
    pub const INDEXED: u32 = 1;
    /// The trie leads here.
    pub const IN_TRIE: u32 = 2;

    /// Which of the answers holds at `epoch`.
    #[must_use]
    #[inline(always)]
    pub const fn side(state: u64, epoch: u64) -> usize {
        // With no branch, of which the verifier would follow both: neither number has 63 bits.
        let later = epoch.wrapping_sub(state >> 1) >> 63;
        ((state ^ later) & 1) as usize
    }
}

/// An address family.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Family(pub u8);

impl Family {
    /// IPv4, in its mapped form.
    pub const V4: Self = Self(4);
    /// IPv6.
    pub const V6: Self = Self(6);
}

/// What becomes of packets to a prefix.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Route {
    /// What to do.
    pub kind: RouteKind,
    /// The family the prefix was written in: `::/0` must not catch IPv4.
    pub family: Family,
    /// Who asked for the route, as the daemon numbers it; the kernel does not look.
    pub source: u8,
    /// 1 when the prefix has no route of its own: this is the answer of the longest one around it.
    pub borrowed: u8,
    /// Next-hop slot, or interface index: see [`RouteKind`].
    pub target: u32,
    /// Slot of the route's counters; 0 is shared by those nobody asks about.
    pub counter: u32,
}

impl Route {
    /// No route.
    pub const NONE: Self = Self {
        kind: RouteKind::NONE,
        family: Family(0),
        source: 0,
        borrowed: 0,
        target: 0,
        counter: 0,
    };

    /// Whether it is a route that the prefix has itself.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.kind.0 != RouteKind::NONE.0 && self.borrowed == 0
    }
}

/// How packets are wrapped on their way to a next hop.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Shim(pub u8);

impl Shim {
    /// Not at all: the packet goes to the next hop as it is.
    pub const NONE: Self = Self(0);
    /// IP in IP: IPv4 (protocol 4, RFC 2003) or IPv6 (protocol 41, RFC 2473, RFC 4213).
    pub const IPIP: Self = Self(1);
    /// GRE around an IP packet (RFC 2784; with a key, RFC 2890).
    pub const GRE: Self = Self(2);
    /// GRE around an Ethernet frame, as Open vSwitch and `gretap` have it.
    pub const GRE_ETHERNET: Self = Self(3);
    /// VXLAN (RFC 7348).
    pub const VXLAN: Self = Self(4);
    /// Geneve around an Ethernet frame (RFC 8926).
    pub const GENEVE: Self = Self(5);

    /// Bytes between the outer IP header and the inner one.
    #[must_use]
    pub const fn length(self, keyed: bool) -> u32 {
        let gre = if keyed { 8 } else { 4 };
        match self {
            Self::GRE => gre,
            Self::GRE_ETHERNET => gre + 14,
            // UDP, the shim itself, and the inner frame's Ethernet header.
            Self::VXLAN | Self::GENEVE => 8 + 8 + 14,
            _ => 0,
        }
    }
}

/// Where a `direct` route sends packets, and how it wraps them.
///
/// The array that holds it is not updated atomically, so what may change under a live route
/// lies within one aligned 8-byte word each; the rest is a next hop's identity and is never
/// changed in place.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct NextHop {
    /// MAC of the gateway; meaningless while `resolved` is 0.
    pub dst_mac: [u8; 6],
    /// 1 when `dst_mac` is known.
    pub resolved: u8,
    /// Family of `gateway`.
    pub family: Family,
    /// MAC of the interface the packet leaves by.
    pub src_mac: [u8; 6],
    /// 1 when TCP's ends are told of no larger segments than fit into the tunnel.
    pub clamp_mss: u8,
    /// Zero.
    pub reserved: u8,
    /// Interface the packet leaves by.
    pub ifindex: u32,
    /// Largest IP packet that may be sent this way, in bytes: what the interface carries less
    /// what the tunnel adds.
    pub mtu: u32,
    /// The address of the station the frame goes to: the gateway, or the peer itself.
    pub gateway: [u8; 16],
    /// How the packet is wrapped. What follows is of tunnels only.
    pub shim: Shim,
    /// Family of `local` and `remote`.
    pub outer: Family,
    /// TTL or hop limit of the outer header.
    pub ttl: u8,
    /// DSCP of the outer header, in the upper six bits; 0xff: as the inner one's.
    pub dscp: u8,
    /// UDP destination port, in network order.
    pub port: [u8; 2],
    /// 1 when GRE has a key.
    pub keyed: u8,
    /// 1 when UDP has a checksum, where it can have one.
    pub udp_checksum: u8,
    /// VNI of VXLAN and Geneve, of 24 bits. Like `keyed` and `gre_key` it is there without a shim
    /// too: what comes from the next hop must have it.
    pub vni: u32,
    /// Sum of those 16-bit words of the outer IPv4 header that do not differ between packets,
    /// in network order: version, identification and flags, TTL and protocol, addresses.
    pub sum: u32,
    /// This host's underlay address.
    pub local: [u8; 16],
    /// The peer's underlay address.
    pub remote: [u8; 16],
    /// Destination MAC of the inner frame: the peer's VTEP.
    pub inner_dst: [u8; 6],
    /// Source MAC of the inner frame.
    pub inner_src: [u8; 6],
    /// Key of GRE; 0 without one.
    pub gre_key: u32,
}

impl NextHop {
    /// Whether packets of that network may come from the subnets behind this next hop.
    #[must_use]
    #[inline(always)]
    pub fn is_of(&self, network: NetworkId) -> bool {
        network == NetworkId::UNSAID
            || network == NetworkId::vni(self.vni)
            || network == NetworkId::gre(self.keyed, self.gre_key)
    }

    /// The underlay address of the host that this is: tunnel packets are taken from it.
    #[must_use]
    #[inline(always)]
    pub fn peer(&self) -> &[u8; 16] {
        if self.shim == Shim::NONE {
            &self.gateway
        } else {
            &self.remote
        }
    }
}

/// The network that a tunnel packet says it is of.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
pub struct NetworkId(u64);

impl NetworkId {
    /// It does not say: IP in IP.
    pub const UNSAID: Self = Self(0);

    /// Of VXLAN or Geneve.
    #[must_use]
    #[inline(always)]
    pub const fn vni(vni: u32) -> Self {
        Self(1 << 32 | vni as u64)
    }

    /// Of GRE: a key where `keyed` is 1, or that there is none.
    #[must_use]
    #[inline(always)]
    pub const fn gre(keyed: u8, key: u32) -> Self {
        if keyed == 1 {
            Self(2 << 32 | key as u64)
        } else {
            Self(3 << 32)
        }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0 as u32;
        match self.0 >> 32 {
            1 => write!(f, "VNI {number}"),
            2 => write!(f, "GRE key {number}"),
            3 => f.write_str("GRE without a key"),
            _ => f.write_str("IP in IP"),
        }
    }
}

/// Who may send packets of a network.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct NetworkUse(pub u8);

impl NetworkUse {
    /// Hosts whose route is of that network, from subnets routed so.
    pub const ROUTED: Self = Self(1);
    /// Every peer, from all of its subnets: while VNIs or keys change.
    pub const ANY: Self = Self(2);
}

/// What this host accepts from tunnels; the only entry of its map.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TunnelSettings {
    /// VNI of VXLAN and Geneve of routes without one of their own, of 24 bits: always ours.
    pub vni: u32,
    /// GRE key of routes without one of their own: always ours.
    pub gre_key: u32,
    /// UDP port of VXLAN, in network order.
    pub vxlan_port: [u8; 2],
    /// UDP port of Geneve, in network order.
    pub geneve_port: [u8; 2],
    /// 1 when there is such a key.
    pub gre_keyed: u8,
    /// Zero.
    pub reserved: [u8; 3],
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

/// What the programs must know of an interface they are attached to. What may change while packets
/// come in lies within one aligned 8-byte word, but for the addresses.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Interface {
    /// Destination MAC of frames that are this host's to route. For a bridge port, the bridge's.
    pub mac: [u8; 6],
    /// 1 for a bridge port: what its program passes on, the bridge's sees again.
    pub port: u8,
    /// 1 for a container network's interface or port: no tunnel packet may come from there.
    pub container: u8,
    /// Row of outcome counters of the tc hook; the XDP hook's is the next one.
    pub row: u32,
    /// Its index; 0 where the slot is free.
    pub ifindex: u32,
    /// Source of ICMP errors sent from here; zero when there is no IPv4 address.
    pub ipv4: [u8; 4],
    /// Source of ICMPv6 errors sent from here; zero when there is no IPv6 address.
    pub ipv6: [u8; 16],
    /// Largest IP packet the interface carries, in bytes.
    pub mtu: u32,
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
