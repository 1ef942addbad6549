//! What was counted in the maps before, carried over into those that took their place.
//!
//! It is done when no program writes to the old maps any more. What is carried over has a
//! stretch of its own in the new ones, which no program writes to; so it may be done twice. Where a
//! daemon was killed before it was done, there are more sets of before than one: what each has counted
//! is carried over into the next, and the oldest is removed first, so that nothing is lost or counted
//! twice wherever this one is killed.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use aya::maps::MapData;
use routemesh_common::{Counter, OUTCOME_ROOM, OUTCOME_SLOTS, map_names};

use super::{
    Datapath,
    cache::Cache,
    counters::{Counters, carry, mapped, summed},
    interfaces,
    mapping::{Mapping, SharedRecord},
    shape::Shapes,
    windows::Windows,
};
use crate::model::Prefix;

/// Rows of outcome counters that an interface has, and the common ones.
const ROWS: u32 = 2;

/// The first row of each interface, by index.
type Rows = BTreeMap<u32, u32>;

/// A set of maps that is pinned.
struct Set<'a> {
    path: PathBuf,
    own: &'a Shapes,
    shapes: Shapes,
}

/// What each route of a set has counted.
struct RouteCounters {
    /// The slots of records, which are those of their counters.
    slots: BTreeMap<Prefix, u32>,
    counters: Mapping<AtomicU64>,
    /// Of a stretch.
    length: usize,
}

impl Set<'_> {
    /// Opens a map, where its entries are as this build has them; with its length.
    fn open(&self, name: &str) -> Result<Option<(MapData, usize)>> {
        let mut pins = self.own.pin_names();
        let pin = pins.find(|(known, _)| *known == name && self.own.reads(name, &self.shapes));
        let (Some((_, pin)), Some(length)) = (pin, self.shapes.capacity(name)) else {
            return Ok(None);
        };
        let path = self.path.join(pin);
        let map = MapData::from_pin(&path).with_context(|| format!("open {}", path.display()))?;
        Ok(Some((map, length as usize)))
    }

    fn routes(&self) -> Result<Option<RouteCounters>> {
        let maps = (
            self.open(map_names::ROUTE_RECORDS)?,
            self.open(map_names::TABLE_STATE)?,
            self.open(map_names::ROUTE_COUNTERS)?,
        );
        let (Some((records, length)), Some((state, _)), Some((counters, all))) = maps else {
            return Ok(None);
        };
        let state = Mapping::<AtomicU64>::of(&state, 1)?;
        let epoch = state.entries()[0].load(Ordering::Acquire);
        let mut slots = BTreeMap::new();
        Windows::<SharedRecord>::of(records, length).visit(0..length, |slot, record| {
            let found = record.found(slot as u32, epoch);
            if let Some(found) = found.filter(|found| found.route.is_own()) {
                slots.insert(found.place.dst, found.place.slot);
            }
            Ok(())
        })?;
        Ok(Some(RouteCounters {
            slots,
            counters: mapped(&counters, all)?,
            length,
        }))
    }

    /// What CPUs have counted in their caches, where they have such.
    fn cached(&self, routes: &RouteCounters) -> Result<Vec<Vec<(usize, Counter)>>> {
        let Some((map, length)) = self.open(map_names::COUNTER_CACHE)? else {
            return Ok(Vec::new());
        };
        let stretches = routes.counters.entries().len() / 2 / routes.length;
        let cpus = Counters::cpus(stretches);
        Cache::of(map, length / cpus, cpus).read()
    }

    /// The interfaces' rows, and the counters of all rows.
    fn outcomes(&self) -> Result<Option<(Rows, Mapping<AtomicU64>)>> {
        let maps = (
            self.open(map_names::INTERFACES)?,
            self.open(map_names::OUTCOMES)?,
        );
        let (Some((rows, _)), Some((counters, length))) = maps else {
            return Ok(None);
        };
        Ok(Some((interfaces::rows(&rows)?, mapped(&counters, length)?)))
    }

    /// Carries over into this set what another has counted.
    fn carry(&self, from: &Set<'_>) -> Result<()> {
        self.carry_routes(from)?;
        self.carry_outcomes(from)
    }

    fn carry_routes(&self, from: &Set<'_>) -> Result<()> {
        let (Some(to), Some(before)) = (self.routes()?, from.routes()?) else {
            return Ok(());
        };
        let cached = from.cached(&before)?;
        let counted = summed(&before.counters, before.length, &cached);
        let routes = before
            .slots
            .iter()
            .filter_map(|(dst, slot)| Some((*to.slots.get(dst)?, *counted.get(*slot as usize)?)));
        carry(&to.counters, to.length, routes);
        Ok(())
    }

    fn carry_outcomes(&self, from: &Set<'_>) -> Result<()> {
        let (Some((to, counters)), Some((before, counted))) = (self.outcomes()?, from.outcomes()?)
        else {
            return Ok(());
        };
        let counted = summed(&counted, OUTCOME_SLOTS as usize, &[]);
        let slots = carried_rows(&before, &to)
            .into_iter()
            .flat_map(|rows| (0..OUTCOME_ROOM).map(move |at| slots(rows, at)));
        let outcomes = slots.filter_map(|(from, to)| Some((to, *counted.get(from as usize)?)));
        carry(&counters, OUTCOME_SLOTS as usize, outcomes);
        Ok(())
    }
}

impl Datapath {
    /// Carries over what each of the pinned sets has counted into the next, the last of which is
    /// this one's.
    pub(super) fn carry_counters(&self) -> Result<()> {
        let sets = self.pins.sets();
        let numbers = sets.numbers()?;
        let set = |number: u32| -> Result<Set<'_>> {
            let path = sets.path(number);
            Ok(Set {
                shapes: Shapes::pinned(&path)?,
                own: &self.shapes,
                path,
            })
        };
        let pairs = numbers.windows(2).map(|pair| (pair[0], pair[1]));
        let carried = pairs.map(|(before, after)| set(after)?.carry(&set(before)?));
        // What one of them cannot is no reason not to carry over what the others can.
        carried.fold(Ok(()), Result::and)
    }
}

/// The slots of an outcome in a row of before and in the one of now.
fn slots((from, to): (u32, u32), at: u32) -> (u32, u32) {
    (from * OUTCOME_ROOM + at, to * OUTCOME_ROOM + at)
}

/// Rows of before, each with the one of now.
fn carried_rows(from: &Rows, to: &Rows) -> Vec<(u32, u32)> {
    let firsts = from
        .iter()
        .filter_map(|(index, row)| Some((*row, *to.get(index)?)));
    let kept = firsts.filter(|(from, to)| *from > 0 && *to > 0);
    let all = std::iter::once((0, 0)).chain(kept);
    all.flat_map(|(from, to)| (0..ROWS).map(move |at| (from + at, to + at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_carried_to_the_same_interface_s_and_the_common_ones_to_themselves() {
        let from = BTreeMap::from([(3, 2), (4, 4), (5, 6)]);
        let to = BTreeMap::from([(4, 2), (5, 0), (6, 8)]);
        assert_eq!(carried_rows(&from, &to), [(0, 0), (1, 1), (4, 2), (5, 3)]);
    }
}
