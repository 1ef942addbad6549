//! The interfaces the programs know, by slot: each in its own, or in the next that is free.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use anyhow::{Context as _, Result};
use aya::maps::{HashMap, MapData};
use routemesh_common::{INTERFACE_SLOTS, Interface};

use super::{
    gone,
    mapping::{Mapping, SharedInterface},
};

/// The map of interfaces, and that of those which are not in their own slots.
pub(super) struct Interfaces {
    interfaces: MapData,
    displaced: HashMap<MapData, u32, u32>,
    slots: Slots,
}

impl Interfaces {
    pub(super) fn new(interfaces: MapData, displaced: HashMap<MapData, u32, u32>) -> Self {
        Self {
            interfaces,
            displaced,
            slots: Slots::default(),
        }
    }

    /// What is there already, by index. A daemon that was killed may have left one that is not in
    /// its own slot without its way to it.
    pub(super) fn read(&mut self) -> Result<BTreeMap<u32, Interface>> {
        let mut found = BTreeMap::new();
        for (slot, interface) in entries(&self.interfaces)? {
            self.place(interface.ifindex, slot)?;
            found.insert(interface.ifindex, interface);
        }
        Ok(found)
    }

    pub(super) fn set(&mut self, interface: Interface) -> Result<()> {
        let ifindex = interface.ifindex;
        let slot = self.slots.of(ifindex).context("the map is full")?;
        self.write(slot, interface)?;
        self.place(ifindex, slot)
    }

    fn place(&mut self, ifindex: u32, slot: u32) -> Result<()> {
        if slot != own(ifindex) {
            self.displaced.insert(ifindex, slot, 0)?;
        }
        self.slots.take(ifindex, slot);
        Ok(())
    }

    pub(super) fn remove(&mut self, ifindex: u32) -> Result<()> {
        let Some(slot) = self.slots.taken_by(ifindex) else {
            return Ok(());
        };
        gone(self.displaced.remove(&ifindex))?;
        self.write(slot, Interface::default())?;
        self.slots.free(ifindex);
        Ok(())
    }

    fn write(&self, slot: u32, interface: Interface) -> Result<()> {
        let mapping = mapped(&self.interfaces)?;
        let shared = mapping.entries().get(slot as usize);
        shared.context("there is no such slot")?.write(interface);
        Ok(())
    }
}

/// The first row of outcome counters of each interface, by index; but of bridge ports, which
/// count in their bridge's.
pub(super) fn rows(interfaces: &MapData) -> Result<BTreeMap<u32, u32>> {
    let entries = entries(interfaces)?.into_iter();
    let first = entries.filter(|(_, interface)| interface.port == 0);
    Ok(first
        .map(|(_, interface)| (interface.ifindex, interface.row))
        .collect())
}

/// What is in the map, by slot.
fn entries(interfaces: &MapData) -> Result<Vec<(u32, Interface)>> {
    let mapping = mapped(interfaces)?;
    let found = (0..).zip(mapping.entries().iter().map(SharedInterface::read));
    Ok(found
        .filter(|(_, interface)| interface.ifindex != 0)
        .collect())
}

/// The map in memory, for as long as it takes: its pages would count as this process's own.
fn mapped(interfaces: &MapData) -> Result<Mapping<SharedInterface>> {
    Mapping::of(interfaces, INTERFACE_SLOTS as usize)
}

impl SharedInterface {
    fn read(&self) -> Interface {
        bytemuck::cast(
            self.words
                .each_ref()
                .map(|word| word.load(Ordering::Relaxed)),
        )
    }

    fn write(&self, interface: Interface) {
        let words: [u64; 5] = bytemuck::cast(interface);
        for (to, word) in self.words.iter().zip(words) {
            to.store(word, Ordering::Relaxed);
        }
    }
}

/// Who has which slot.
#[derive(Default)]
struct Slots {
    by_interface: BTreeMap<u32, u32>,
    taken: BTreeSet<u32>,
}

impl Slots {
    /// The slot that the interface has or is to have; none when all are taken.
    fn of(&self, ifindex: u32) -> Option<u32> {
        let mut slots = (0..INTERFACE_SLOTS).map(|step| own(own(ifindex) + step));
        self.taken_by(ifindex)
            .or_else(|| slots.find(|slot| !self.taken.contains(slot)))
    }

    fn taken_by(&self, ifindex: u32) -> Option<u32> {
        self.by_interface.get(&ifindex).copied()
    }

    fn take(&mut self, ifindex: u32, slot: u32) {
        self.by_interface.insert(ifindex, slot);
        self.taken.insert(slot);
    }

    fn free(&mut self, ifindex: u32) {
        if let Some(slot) = self.by_interface.remove(&ifindex) {
            self.taken.remove(&slot);
        }
    }
}

/// Where the programs look for an interface first.
fn own(ifindex: u32) -> u32 {
    ifindex % INTERFACE_SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taking(slots: &mut Slots, ifindex: u32) -> Option<u32> {
        let slot = slots.of(ifindex)?;
        slots.take(ifindex, slot);
        Some(slot)
    }

    #[test]
    fn an_interface_has_its_own_slot_or_the_next_that_is_free() {
        let mut slots = Slots::default();
        let last = INTERFACE_SLOTS - 1;
        assert_eq!(taking(&mut slots, 2), Some(2));
        assert_eq!(taking(&mut slots, 3), Some(3));
        assert_eq!(taking(&mut slots, INTERFACE_SLOTS + 2), Some(4));
        assert_eq!(taking(&mut slots, last), Some(last));
        assert_eq!(taking(&mut slots, INTERFACE_SLOTS + last), Some(0));
        assert_eq!(taking(&mut slots, INTERFACE_SLOTS + 2), Some(4));
    }

    #[test]
    fn a_slot_that_is_left_is_free_for_another() {
        let mut slots = Slots::default();
        taking(&mut slots, 2);
        slots.free(2);
        assert_eq!(slots.taken_by(2), None);
        assert_eq!(taking(&mut slots, INTERFACE_SLOTS + 2), Some(2));
    }

    #[test]
    fn there_are_no_more_than_there_may_be() {
        let mut slots = Slots::default();
        for ifindex in 0..INTERFACE_SLOTS {
            taking(&mut slots, ifindex);
        }
        assert_eq!(slots.of(INTERFACE_SLOTS), None);
        assert_eq!(slots.of(7), Some(7));
    }
}
