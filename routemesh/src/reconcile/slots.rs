//! Slots of next hops and of counters.

use std::collections::{BTreeMap, VecDeque};

use routemesh_common::NEXT_HOP_SLOTS;

use super::hops::HopKey;

/// Free slots that are not given out while there are others. A program that looked a route up
/// just before it was replaced reads the slot a moment later, and that must not be another next
/// hop's by then, however fast the edits come.
const RESTING: usize = 64;

/// Next-hop slots in use. A slot names one next hop for as long as any route uses it, and as
/// long as the kernel may have a route that did.
#[derive(Debug, Default)]
pub struct Slots {
    by_key: BTreeMap<HopKey, u32>,
    by_slot: BTreeMap<u32, (HopKey, usize)>,
    /// No route is to use them, but one in the kernel still may.
    retired: Vec<u32>,
    /// The one that was free for longest comes first.
    free: VecDeque<u32>,
    next: u32,
}

impl Slots {
    /// The slot of a next hop, for one more route.
    pub fn take(&mut self, key: &HopKey) -> u32 {
        if let Some(slot) = self.by_key.get(key).copied() {
            if let Some((_, users)) = self.by_slot.get_mut(&slot) {
                *users += 1;
            }
            return slot;
        }
        let slot = self.unused();
        self.by_key.insert(key.clone(), slot);
        self.by_slot.insert(slot, (key.clone(), 1));
        slot
    }

    /// Takes back one route's use of a slot; the last one retires it.
    pub fn release(&mut self, slot: u32) {
        let Some((_, users)) = self.by_slot.get_mut(&slot) else {
            return;
        };
        *users -= 1;
        if *users == 0
            && let Some((key, _)) = self.by_slot.remove(&slot)
        {
            self.by_key.remove(&key);
            self.retired.push(slot);
        }
    }

    /// Moves a next hop, with all its routes, to another slot, which it answers.
    pub fn renew(&mut self, slot: u32) -> Option<u32> {
        let (key, users) = self.by_slot.remove(&slot)?;
        let renewed = self.unused();
        self.by_key.insert(key.clone(), renewed);
        self.by_slot.insert(renewed, (key, users));
        self.retired.push(slot);
        Some(renewed)
    }

    /// Makes retired slots available: the kernel has no route any more that uses one.
    pub fn reclaim(&mut self) {
        self.free.extend(self.retired.drain(..));
    }

    fn unused(&mut self) -> u32 {
        let others = self.free.len() > RESTING || self.next + 1 >= NEXT_HOP_SLOTS;
        let rested = others.then(|| self.free.pop_front()).flatten();
        rested.unwrap_or_else(|| {
            self.next += 1;
            self.next
        })
    }

    /// The next hop in a slot.
    #[must_use]
    pub fn key(&self, slot: u32) -> Option<&HopKey> {
        self.by_slot.get(&slot).map(|(key, _)| key)
    }

    /// The next hops in use, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &HopKey)> {
        self.by_slot.iter().map(|(slot, (key, _))| (*slot, key))
    }

    /// How many are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }
}

/// Slots of route counters; 0 is never given out.
#[derive(Debug, Default)]
pub(super) struct CounterSlots {
    free: Vec<u32>,
    next: u32,
}

impl CounterSlots {
    pub(super) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next
        })
    }

    pub(super) fn give_back(&mut self, slot: u32) {
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mode, NetworkNumbers};

    fn key(via: &str) -> HopKey {
        HopKey {
            via: via.parse().unwrap(),
            dev: None,
            mtu: None,
            mode: Mode::Direct,
            vtep_mac: None,
            network: NetworkNumbers::default(),
        }
    }

    #[test]
    fn a_slot_lives_as_long_as_its_last_route() {
        let mut slots = Slots::default();
        let (a, b) = (key("192.168.1.2"), key("192.168.1.3"));
        let slot = slots.take(&a);
        assert_ne!(slot, 0, "slot 0 is never given out");
        assert_eq!(slots.take(&a), slot);
        assert_ne!(slots.take(&b), slot);
        slots.release(slot);
        assert_eq!(slots.key(slot), Some(&a));
        slots.release(slot);
        assert_eq!(slots.key(slot), None);
    }

    #[test]
    fn a_slot_is_another_s_only_when_the_kernel_has_done_with_it() {
        let mut slots = Slots::default();
        let first = slots.take(&key("192.168.1.2"));
        slots.release(first);
        for host in 1..100 {
            assert_ne!(slots.take(&key(&format!("192.168.2.{host}"))), first);
        }
    }

    #[test]
    fn a_slot_rests_before_it_is_another_s() {
        let mut slots = Slots::default();
        let mut edit = |host: usize| {
            let slot = slots.take(&key(&format!("10.0.{}.{}", host / 250, host % 250)));
            slots.release(slot);
            slots.reclaim();
            slot
        };
        let first = edit(0);
        let others: Vec<u32> = (1..=RESTING).map(&mut edit).collect();
        assert!(!others.contains(&first), "{others:?}");
        assert_eq!(edit(RESTING + 1), first);
    }

    #[test]
    fn a_slot_that_rests_is_better_than_none() {
        let mut slots = Slots {
            next: NEXT_HOP_SLOTS - 2,
            ..Slots::default()
        };
        let last = slots.take(&key("192.168.1.2"));
        assert_eq!(last, NEXT_HOP_SLOTS - 1);
        slots.release(last);
        slots.reclaim();
        assert_eq!(slots.take(&key("192.168.1.3")), last);
    }

    #[test]
    fn a_renewed_next_hop_keeps_its_routes() {
        let mut slots = Slots::default();
        let a = key("192.168.1.2");
        let slot = slots.take(&a);
        slots.take(&a);
        let renewed = slots.renew(slot).unwrap();
        assert_ne!(renewed, slot);
        assert_eq!((slots.key(slot), slots.key(renewed)), (None, Some(&a)));
        slots.release(renewed);
        assert_eq!(slots.take(&a), renewed, "there was a second route");
    }
}
