//! What the CPUs count of routes in their caches, before it is in the routes' own counters.

use std::sync::atomic::{Ordering, fence};

use anyhow::Result;
use aya::maps::MapData;
use routemesh_common::{CACHE_SLOTS, Counter, cache_place};

use super::{mapping::SharedCached, windows::Windows};

/// Entries per CPU of the caches of a table with room for so many routes.
pub(super) fn length(slots: u32) -> u32 {
    slots.next_power_of_two().min(CACHE_SLOTS)
}

/// The caches of all CPUs.
pub(super) struct Cache {
    entries: Windows<SharedCached>,
    length: usize,
}

impl Cache {
    /// The map's entries, `length` for each CPU.
    pub(super) fn of(map: MapData, length: usize, cpus: usize) -> Self {
        Self {
            entries: Windows::of(map, length * cpus),
            length,
        }
    }

    /// What each CPU has counted of which slots, in their order. To be read before the counters,
    /// in which all is that is not here.
    ///
    /// # Errors
    /// When the kernel does not map it.
    pub(super) fn read(&self) -> Result<Vec<Vec<(usize, Counter)>>> {
        let mut found = vec![Vec::new(); self.entries.len() / self.length];
        self.entries.visit(0..self.entries.len(), |at, entry| {
            found[at / self.length].extend(entry.read());
            Ok(())
        })?;
        for of_cpu in &mut found {
            of_cpu.sort_unstable_by_key(|(slot, _)| *slot);
        }
        Ok(found)
    }

    /// Has no CPU count for a slot any more that no packet counts for. One that gives its entry to
    /// another slot at this moment may still write the counter, until a grace period has ended.
    ///
    /// # Errors
    /// When the kernel does not map it.
    pub(super) fn forget(&self, slot: u32) -> Result<()> {
        let place = cache_place(slot.into()) as usize & (self.length - 1);
        for at in (place..self.entries.len()).step_by(self.length) {
            self.entries.entry(at)?.forget(slot);
        }
        Ok(())
    }
}

impl SharedCached {
    /// Takes the slot's entry from it, if it has this one.
    fn forget(&self, slot: u32) {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner as u32 == slot {
            let nobody = owner >> 32 << 32;
            let _ =
                self.owner
                    .compare_exchange(owner, nobody, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Slot and counter; none where there is none, or while it changes: then the counter has all.
    fn read(&self) -> Option<(usize, Counter)> {
        loop {
            let owner = self.owner.load(Ordering::Acquire);
            let counter = Counter {
                packets: self.packets.load(Ordering::Relaxed),
                bytes: self.bytes.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if owner as u32 == 0 {
                return None;
            }
            if self.owner.load(Ordering::Relaxed) == owner {
                return Some((owner as u32 as usize, counter));
            }
        }
    }
}
