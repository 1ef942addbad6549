//! Map names as they stand in the object.

/// LPM trie: prefix of an address to the slot (`u32`) of its record.
pub const ROUTES: &str = "ROUTES";
/// Array, memory-mappable: hash of a prefix's address to an [`crate::IndexBucket`].
pub const ROUTE_INDEX: &str = "ROUTE_INDEX";
/// Array, memory-mappable: slot to [`crate::RouteRecord`].
pub const ROUTE_RECORDS: &str = "ROUTE_RECORDS";
/// Array of one [`crate::TableState`], memory-mappable.
pub const TABLE_STATE: &str = "TABLE_STATE";
/// Array: CPU × place to [`crate::CachedRoute`].
pub const ROUTE_CACHE: &str = "ROUTE_CACHE";
/// Array: slot to [`crate::NextHop`].
pub const NEXT_HOPS: &str = "NEXT_HOPS";
/// Hash: underlay address of a peer to 1 (`u8`).
pub const PEERS: &str = "PEERS";
/// Hash: [`crate::NetworkId`] of tunnel packets that are ours to [`crate::NetworkUse`].
pub const NETWORK_IDS: &str = "NETWORK_IDS";
/// Array of one [`crate::TunnelSettings`].
pub const TUNNEL_SETTINGS: &str = "TUNNEL_SETTINGS";
/// Hash: address to [`crate::Endpoint`].
pub const ENDPOINTS: &str = "ENDPOINTS";
/// Array, memory-mappable: slot to [`crate::Interface`]. An interface's own slot is its index modulo
/// the slots.
pub const INTERFACES: &str = "INTERFACES";
/// Hash: interface index (`u32`) to slot (`u32`), of those whose own slot is another's.
pub const DISPLACED: &str = "DISPLACED";
/// Device map by hash: interface index to the device XDP may redirect to.
pub const TX_PORTS: &str = "TX_PORTS";
/// Array, memory-mappable: CPU × row × outcome to [`crate::Counter`].
pub const OUTCOMES: &str = "OUTCOMES";
/// Array, memory-mappable: CPU × slot to [`crate::Counter`].
pub const ROUTE_COUNTERS: &str = "ROUTE_COUNTERS";
/// Array, memory-mappable: CPU × place to [`crate::CachedCounter`].
pub const COUNTER_CACHE: &str = "COUNTER_CACHE";
/// Per-CPU array of one [`crate::TokenBucket`]: the rate of ICMP errors.
pub const ICMP_BUDGET: &str = "ICMP_BUDGET";
