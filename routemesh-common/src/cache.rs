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

impl CachedCounter {
    /// What numbers are multiplied by for their places: of the type, because a counter that another
    /// build placed otherwise would not be found again.
    ///
    /// Addresses and slots come in equal steps, most of them powers of two or a few of these, and no
    /// multiplier is good for all steps: with the golden ratio, which is common, half of 4096 numbers
    /// in steps of 32 share a place. This one was sought at random, for the fewest that do with fifty
    /// such steps and in caches of all lengths.
    const MULTIPLIER: u64 = 0x5fda_0785_7be2_ef7f;
}

/// Where a cache has a number: the lowest bits are the place. Numbers that follow one another in equal
/// steps get places far apart (multiplicative hashing: Knuth, The Art of Computer Programming 3, 6.4).
#[must_use]
#[inline(always)]
pub const fn cache_place(number: u64) -> u32 {
    (number.wrapping_mul(CachedCounter::MULTIPLIER) >> (64 - CACHE_SLOTS.trailing_zeros())) as u32
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers that a cache is to hold at once.
    const NUMBERS: u64 = CACHE_SLOTS as u64 / 4;

    #[test]
    fn numbers_in_equal_steps_have_places_of_their_own() {
        let powers = (0..=20).map(|power| 1 << power);
        let others = [
            3, 5, 6, 7, 10, 12, 24, 48, 100, 250, 254, 255, 257, 768, 1000, 2560, 10_000, 25_600,
        ];
        for step in powers.chain(others) {
            let places: BTreeSet<_> = (0..NUMBERS)
                .map(|number| cache_place(number * step))
                .collect();
            let shared = NUMBERS - places.len() as u64;
            assert!(
                shared < NUMBERS / 100,
                "steps of {step}: {shared} share a place"
            );
        }
    }
}
