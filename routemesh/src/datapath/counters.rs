//! Counters, read through memory mappings: one system call for a million of them.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use aya::maps::{Map, MapData};
use routemesh_common::{Counter, OUTCOME_ROOM, OUTCOME_SLOTS, Outcome};

use super::mapping::{Mapping, array};

/// The two counter maps, each of one stretch per CPU.
pub(super) struct Counters {
    outcomes: MapData,
    routes: MapData,
    route_slots: usize,
    cpus: usize,
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
    pub(super) fn new(outcomes: Map, routes: Map, route_slots: u32, cpus: u32) -> Result<Self> {
        Ok(Self {
            outcomes: array(outcomes)?,
            routes: array(routes)?,
            route_slots: route_slots as usize,
            cpus: cpus as usize,
        })
    }

    pub(super) fn routes(&self) -> Result<RouteReadings> {
        let mapping = mapped(&self.routes, self.route_slots * self.cpus)?;
        Ok(RouteReadings(summed(&mapping, self.route_slots)))
    }

    pub(super) fn outcomes(&self) -> Result<Vec<OutcomeReading>> {
        let slots = OUTCOME_SLOTS as usize;
        let summed = summed(&mapped(&self.outcomes, slots * self.cpus)?, slots);
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
        if slots.is_empty() {
            return Ok(());
        }
        let mapping = mapped(&self.routes, self.route_slots * self.cpus)?;
        for stretch in mapping.entries().chunks_exact(self.route_slots * 2) {
            for slot in slots {
                let at = *slot as usize * 2;
                stretch[at].store(0, Ordering::Relaxed);
                stretch[at + 1].store(0, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// A counter map in memory, for as long as it takes to read it: the pages would count as this
/// process's own. `counters` is the length of the map.
fn mapped(map: &MapData, counters: usize) -> Result<Mapping<AtomicU64>> {
    Mapping::of(
        map,
        counters * size_of::<Counter>() / size_of::<AtomicU64>(),
    )
}

/// The counters, added up over stretches of `slots`.
fn summed(mapping: &Mapping<AtomicU64>, slots: usize) -> Vec<Counter> {
    let mut sums = vec![Counter::default(); slots];
    for stretch in mapping.entries().chunks_exact(slots * 2) {
        for (sum, counter) in sums.iter_mut().zip(stretch.chunks_exact(2)) {
            sum.packets += counter[0].load(Ordering::Relaxed);
            sum.bytes += counter[1].load(Ordering::Relaxed);
        }
    }
    sums
}
