//! What was counted in the maps before, carried over into those that took their place.
//!
//! It is done when no program writes to the old maps any more. What is carried over has a
//! stretch of its own in the new ones, which no program writes to; so it may be done twice.

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
    counters::{Counters, mapped, summed},
    interfaces,
    mapping::{Mapping, SharedRecord},
    shape::Shapes,
};
use crate::model::Prefix;

/// Rows of outcome counters that an interface has, and the common ones.
const ROWS: u32 = 2;

/// The first row of each interface, by index.
type Rows = BTreeMap<u32, u32>;

/// A set of maps of before.
struct Before<'a> {
    path: PathBuf,
    own: &'a Shapes,
    shapes: Shapes,
}

impl Before<'_> {
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

    /// What each route had counted.
    fn routes(&self) -> Result<Vec<(Prefix, Counter)>> {
        let maps = (
            self.open(map_names::ROUTE_RECORDS)?,
            self.open(map_names::TABLE_STATE)?,
            self.open(map_names::ROUTE_COUNTERS)?,
        );
        let (Some((records, slots)), Some((state, _)), Some((counters, length))) = maps else {
            return Ok(Vec::new());
        };
        let records = Mapping::<SharedRecord>::of(&records, slots)?;
        let state = Mapping::<AtomicU64>::of(&state, 1)?;
        let epoch = state.entries()[0].load(Ordering::Acquire);
        let counters = summed(
            &mapped(&counters, length)?,
            slots,
            &self.cached(length / slots)?,
        );
        let found = (0..).zip(records.entries()).zip(counters);
        let own = found.filter_map(|((slot, record), counter)| {
            let found = record.found(slot, epoch)?;
            found.route.is_own().then_some((found.place.dst, counter))
        });
        Ok(own.collect())
    }

    /// What CPUs had counted in their caches, where they had such.
    fn cached(&self, stretches: usize) -> Result<Vec<Vec<(usize, Counter)>>> {
        let Some((map, length)) = self.open(map_names::COUNTER_CACHE)? else {
            return Ok(Vec::new());
        };
        let cpus = Counters::cpus(stretches);
        Cache::of(map, length / cpus, cpus).read()
    }

    /// The interfaces' rows, and the counters of all rows.
    fn outcomes(&self) -> Result<Option<(Rows, Vec<Counter>)>> {
        let maps = (
            self.open(map_names::INTERFACES)?,
            self.open(map_names::OUTCOMES)?,
        );
        let (Some((rows, _)), Some((counters, length))) = maps else {
            return Ok(None);
        };
        let counters = summed(&mapped(&counters, length)?, OUTCOME_SLOTS as usize, &[]);
        Ok(Some((interfaces::rows(&rows)?, counters)))
    }
}

impl Datapath {
    /// Carries over what the newest of the other sets has counted.
    pub(super) fn carry_counters(&self, current: u32) -> Result<()> {
        let sets = self.pins.sets();
        let numbers = sets.numbers()?;
        let Some(number) = numbers.into_iter().rfind(|number| *number != current) else {
            return Ok(());
        };
        let path = sets.path(number);
        let before = Before {
            shapes: Shapes::pinned(&path)?,
            own: &self.shapes,
            path,
        };
        let slots = self.routes.slots()?;
        let counted = before.routes()?;
        let routes = counted
            .into_iter()
            .filter_map(|(dst, counter)| Some((*slots.get(&dst)?, counter)));
        self.counters.carry_routes(routes)?;
        let Some((from, counters)) = before.outcomes()? else {
            return Ok(());
        };
        let carried = carried_rows(&from, &self.interfaces.rows()?);
        let outcomes = carried.into_iter().flat_map(|(from, to)| {
            let slot = |row: u32, at| row * OUTCOME_ROOM + at;
            let counters = &counters;
            (0..OUTCOME_ROOM)
                .filter_map(move |at| Some((slot(to, at), *counters.get(slot(from, at) as usize)?)))
        });
        self.counters.carry_outcomes(outcomes)
    }
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
