//! Counters, read through memory mappings: one system call for a million of them.

use std::{
    collections::BTreeSet,
    iter,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use aya::maps::{Map, MapData};
use routemesh_common::{Counter, OUTCOME_ROOM, OUTCOME_SLOTS, Outcome};

use super::{
    cache::{self, Cache},
    grace::grace_period,
    mapping::{Mapping, array},
    windows::Windows,
};

/// The two counter maps, each of one stretch per CPU; and one more that the kernel does not
/// write, for what was counted in other maps before.
pub(super) struct Counters {
    outcomes: Windows<AtomicU64>,
    routes: Windows<AtomicU64>,
    cache: Cache,
    route_slots: usize,
}

/// One outcome counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeReading {
    /// The row of the interface's hook.
    pub row: u32,
    /// The outcome.
    pub outcome: Outcome,
    /// Packets and bytes.
    pub counter: Counter,
}

/// The counters of all routes, by slot.
#[derive(Clone, Debug)]
pub struct RouteReadings(Vec<Counter>);

impl RouteReadings {
    /// What the route with that slot counted.
    #[must_use]
    pub fn of(&self, slot: u32) -> Counter {
        self.0.get(slot as usize).copied().unwrap_or_default()
    }
}

impl Counters {
    /// Stretches of each map.
    pub(super) const fn stretches(cpus: u32) -> u32 {
        cpus + 1
    }

    /// CPUs, of stretches.
    pub(super) const fn cpus(stretches: usize) -> usize {
        stretches - 1
    }

    pub(super) fn new(
        outcomes: Map,
        routes: Map,
        cached: Map,
        route_slots: u32,
        cpus: u32,
    ) -> Result<Self> {
        let length = cache::length(route_slots) as usize;
        let stretches = Self::stretches(cpus) as usize;
        let windows = |map, slots: u32| -> Result<_> {
            Ok(Windows::of(array(map)?, slots as usize * stretches * 2))
        };
        Ok(Self {
            cache: Cache::of(array(cached)?, length, cpus as usize),
            outcomes: windows(outcomes, OUTCOME_SLOTS)?,
            routes: windows(routes, route_slots)?,
            route_slots: route_slots as usize,
        })
    }

    pub(super) fn routes(&self) -> Result<RouteReadings> {
        let cached = self.cache.read()?;
        let counters = self.routes.whole()?;
        Ok(RouteReadings(summed(&counters, self.route_slots, &cached)))
    }

    pub(super) fn outcomes(&self) -> Result<Vec<OutcomeReading>> {
        let slots = OUTCOME_SLOTS as usize;
        let summed = summed(&self.outcomes.whole()?, slots, &[]);
        let rows = summed.chunks(OUTCOME_ROOM as usize);
        Ok((0..)
            .zip(rows)
            .flat_map(|(row, counters)| {
                Outcome::ALL
                    .iter()
                    .zip(counters)
                    .filter(|(_, counter)| counter.packets > 0)
                    .map(move |(outcome, counter)| OutcomeReading {
                        row,
                        outcome: *outcome,
                        counter: *counter,
                    })
            })
            .collect())
    }

    pub(super) fn clear_routes(&self, slots: &[u32]) -> Result<()> {
        let mut slots = slots.to_vec();
        slots.sort_unstable();
        clear(&self.routes, self.route_slots, &slots)
    }

    /// Has no CPU count for that slot any more: see [`Cache::forget`].
    pub(super) fn forget_route(&self, slot: u32) -> Result<()> {
        self.cache.forget(slot)
    }

    /// Clears the counters of all routes but those with `kept` slots.
    pub(super) fn clear_other_routes(&self, kept: &BTreeSet<u32>) -> Result<()> {
        let is_left = |slot: &u32| !kept.contains(slot);
        let cached = self.cache.read()?.into_iter().flatten();
        let slots = cached.map(|(slot, _)| slot as u32);
        let mut left: BTreeSet<u32> = slots.filter(is_left).collect();
        // In windows: all of them at once would be more than a daemon has in memory else.
        self.routes.visit(0..self.routes.len(), |at, number| {
            let slot = (at / 2 % self.route_slots) as u32;
            if number.load(Ordering::Relaxed) > 0 && is_left(&slot) {
                left.insert(slot);
            }
            Ok(())
        })?;
        if !left.is_empty() {
            left.iter().try_for_each(|slot| self.forget_route(*slot))?;
            grace_period();
        }
        self.clear_routes(&left.into_iter().collect::<Vec<u32>>())
    }

    /// Clears the rows of outcome counters that are not `kept`.
    pub(super) fn clear_rows(&self, kept: impl Fn(u32) -> bool) -> Result<()> {
        let slots = OUTCOME_SLOTS as usize;
        let left = (0..OUTCOME_SLOTS).filter(|slot| !kept(slot / OUTCOME_ROOM));
        clear(&self.outcomes, slots, &left.collect::<Vec<u32>>())
    }
}

/// Adds what these slots had counted in other maps, in place of what was added before: in the last
/// stretch of `length`, which the kernel does not write to.
pub(super) fn carry(
    mapping: &Mapping<AtomicU64>,
    length: usize,
    counted: impl Iterator<Item = (u32, Counter)>,
) {
    let Some(stretch) = mapping.entries().chunks_exact(length * 2).next_back() else {
        return;
    };
    for (slot, counter) in counted {
        let at = slot as usize * 2;
        stretch[at].store(counter.packets, Ordering::Relaxed);
        stretch[at + 1].store(counter.bytes, Ordering::Relaxed);
    }
}

/// Sets some counters to zero, in each stretch of `length`. The slots rise.
fn clear(counters: &Windows<AtomicU64>, length: usize, slots: &[u32]) -> Result<()> {
    let stretches = (0..counters.len() / 2).step_by(length);
    let places = stretches.flat_map(|stretch| {
        let firsts = slots.iter().map(move |slot| (stretch + *slot as usize) * 2);
        firsts.flat_map(|first| [first, first + 1])
    });
    counters.visit(places, |_, number| {
        number.store(0, Ordering::Relaxed);
        Ok(())
    })
}

/// A counter map in memory, for as long as it takes to read it: the pages would count as this
/// process's own. `counters` is the length of the map.
pub(super) fn mapped(map: &MapData, counters: usize) -> Result<Mapping<AtomicU64>> {
    Mapping::of(
        map,
        counters * size_of::<Counter>() / size_of::<AtomicU64>(),
    )
}

/// The counters, added up over stretches of `slots`. `cached` is what CPUs had counted of some, a
/// stretch each, and read before: a counter only rises, so the larger number is the newer.
pub(super) fn summed(
    mapping: &Mapping<AtomicU64>,
    slots: usize,
    cached: &[Vec<(usize, Counter)>],
) -> Vec<Counter> {
    let mut sums = vec![Counter::default(); slots];
    let cached = cached
        .iter()
        .map(Vec::as_slice)
        .chain(iter::repeat(&[][..]));
    for (stretch, cached) in mapping.entries().chunks_exact(slots * 2).zip(cached) {
        let mut cached = cached.iter().peekable();
        for (slot, (sum, own)) in sums.iter_mut().zip(stretch.chunks_exact(2)).enumerate() {
            let newer = cached.next_if(|(of, _)| *of == slot);
            let newer = newer.map_or_else(Counter::default, |(_, counter)| *counter);
            sum.packets += own[0].load(Ordering::Relaxed).max(newer.packets);
            sum.bytes += own[1].load(Ordering::Relaxed).max(newer.bytes);
        }
    }
    sums
}
