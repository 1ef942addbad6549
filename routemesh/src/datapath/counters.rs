//! Counters, read through memory mappings: one system call for a million of them.
#![expect(unsafe_code, reason = "maps the kernel's counters into this process")]

use std::{
    num::NonZeroUsize,
    os::fd::AsFd as _,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result, bail};
use aya::maps::{Map, MapData};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use routemesh_common::{Counter, OUTCOME_ROOM, OUTCOME_SLOTS, Outcome};

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
        let mapping = Mapping::of(&self.routes, self.route_slots * self.cpus)?;
        Ok(RouteReadings(mapping.summed(self.route_slots)))
    }

    pub(super) fn outcomes(&self) -> Result<Vec<OutcomeReading>> {
        let slots = OUTCOME_SLOTS as usize;
        let mapping = Mapping::of(&self.outcomes, slots * self.cpus)?;
        let summed = mapping.summed(slots);
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
        let mapping = Mapping::of(&self.routes, self.route_slots * self.cpus)?;
        for stretch in mapping.words().chunks_exact(self.route_slots * 2) {
            for slot in slots {
                let at = *slot as usize * 2;
                stretch[at].store(0, Ordering::Relaxed);
                stretch[at + 1].store(0, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// The map itself, not a copy of its descriptor: programs that are loaded later name that number.
fn array(map: Map) -> Result<MapData> {
    let Map::Array(map) = map else {
        bail!("a counter map is no array");
    };
    Ok(map)
}

/// A counter map in this process's memory, for as long as it takes to read it: the pages would
/// count as this process's own.
struct Mapping {
    address: NonNull<AtomicU64>,
    bytes: NonZeroUsize,
}

impl Mapping {
    /// `counters` is the length of the map.
    fn of(map: &MapData, counters: usize) -> Result<Self> {
        let bytes = NonZeroUsize::new((counters * size_of::<Counter>()).next_multiple_of(4096))
            .context("a counter map has no entries")?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh shared mapping, which aliases no memory of this process.
        let address = unsafe {
            mmap(
                None,
                bytes,
                protection,
                MapFlags::MAP_SHARED,
                map.fd().as_fd(),
                0,
            )
        }
        .context("map counters into memory")?;
        Ok(Self {
            address: address.cast(),
            bytes,
        })
    }

    /// The counters, added up over stretches of `slots`.
    fn summed(&self, slots: usize) -> Vec<Counter> {
        let words = self.words();
        let mut sums = vec![Counter::default(); slots];
        for stretch in words.chunks_exact(slots * 2) {
            for (sum, counter) in sums.iter_mut().zip(stretch.chunks_exact(2)) {
                sum.packets += counter[0].load(Ordering::Relaxed);
                sum.bytes += counter[1].load(Ordering::Relaxed);
            }
        }
        sums
    }

    /// The map's memory as the numbers it is made of.
    fn words(&self) -> &[AtomicU64] {
        let words = self.bytes.get() / size_of::<AtomicU64>();
        // SAFETY: the mapping is readable, writable and of that length while `self` lives, page-aligned,
        // and holds numbers only; the kernel writes them as whole words, so they are atomics.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing borrows from it any more.
        let unmapped = unsafe { munmap(self.address.cast(), self.bytes.get()) };
        debug_assert!(unmapped.is_ok(), "unmap counters: {unmapped:?}");
    }
}
