//! What each CPU keeps of routes and counters, by key: what thousands of destinations need of a large
//! table then lies close together.

use bytemuck::{Pod, Zeroable};

use crate::{Counter, Route, maps::map_types};

map_types! {
    CachedRoute = 64;
    CachedCounter = 32;
}

/// Entries that a CPU has in each of its caches, at most; a power of two.
pub const CACHE_SLOTS: u32 = 1 << 14;

/// What a CPU last found for an address, in the table with that epoch.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct CachedRoute {
    /// The address, as two words in memory order.
    pub dst: [u64; 2],
    /// The table's epoch: what was found in another one counts for nothing.
    pub epoch: u64,
    /// What was found; of kind [`crate::RouteKind::NONE`] where nothing was.
    pub route: Route,
    /// Zero.
    pub reserved: [u32; 7],
}

/// What a CPU counts of a route, in the place of the route's own counter, which is written when
/// another route gets this one.
///
/// A counter only rises, so of this one and the route's own the larger holds.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct CachedCounter {
    /// Slot of the route's counter in the lower half, 0 for none; above it, how often that changed.
    pub owner: u64,
    /// Packets and bytes.
    pub counter: Counter,
    /// Zero.
    pub reserved: u64,
}

/// Where a cache has a number: the lowest bits are the place. Numbers that follow one another in equal
/// steps get places far apart (Knuth's multiplicative hashing).
#[must_use]
#[inline(always)]
pub const fn cache_place(number: u64) -> u32 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - CACHE_SLOTS.trailing_zeros())) as u32
}
