//! The contract between routemesh's kernel programs and its daemon.
//!
//! Types and tables only: no logic, no allocation, no `std`. Addresses are 16 bytes in network
//! byte order, IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2); every other integer is in the
//! machine's own order. A type that is defined otherwise gives its maps another [`layout`], because
//! a running kernel may hold maps of the old one.
#![no_std]

pub mod bench;
mod cache;
mod index;
mod layout;
pub mod map_names;
mod maps;
mod outcome;

pub use cache::{CACHE_SLOTS, CachedCounter, CachedRoute, cache_place};
pub use index::index_place;
pub use layout::layout;
pub use maps::*;
pub use outcome::{OUTCOME_ROOM, Outcome, Verdict};

/// Part of every [`layout`]: to be raised where maps mean something else though no type of their
/// entries says so.
pub const ABI_VERSION: u32 = 3;

/// Program names, each within the kernel's 15 characters.
pub mod programs {
    /// tc ingress: of uplinks, of container networks' interfaces and of their bridge ports.
    pub const TC: &str = "rm_tc";
    /// XDP of uplinks.
    pub const XDP: &str = "rm_xdp";
    /// Of sockets of this host's processes, by what is about to be done to one: `rm_connect4` and so on.
    pub const SOCKETS: [&str; 4] = ["rm_connect4", "rm_connect6", "rm_sendmsg4", "rm_sendmsg6"];
}

/// Globals that the loader writes before the programs are verified.
pub mod globals {
    /// `u32`: route counters per CPU, so the length of [`crate::map_names::ROUTE_COUNTERS`] over
    /// the number of possible CPUs.
    pub const ROUTE_SLOTS: &str = "ROUTE_SLOTS";
    /// `u64`: cookie of the network namespace whose sockets are this host's.
    pub const NETWORK_NAMESPACE: &str = "NETWORK_NAMESPACE";
    /// `u32`, a power of two: the length of [`crate::map_names::ROUTE_INDEX`].
    pub const INDEX_BUCKETS: &str = "INDEX_BUCKETS";
    /// `u32`, a power of two: entries per CPU of [`crate::map_names::ROUTE_CACHE`] and of
    /// [`crate::map_names::COUNTER_CACHE`].
    pub const CACHE_LENGTH: &str = "CACHE_LENGTH";
}
