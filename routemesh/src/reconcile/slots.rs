//! Slots of next hops and of route records.

use std::collections::{BTreeMap, BTreeSet};

use super::hops::HopKey;

/// Next-hop slots in use. A slot names one next hop for as long as any route uses it, and as
/// long as a packet may be under way that found one that did.
#[derive(Debug, Default)]
pub struct Slots {
    by_key: BTreeMap<HopKey, u32>,
    by_slot: BTreeMap<u32, (HopKey, usize)>,
    /// No route is to use them, but one in the kernel still may.
    retired: Vec<u32>,
    /// No route in the kernel uses them, but a packet under way still may.
    resting: Vec<u32>,
    free: Vec<u32>,
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

    /// Keeps slots from being given out: routes in the kernel use them, of a daemon before.
    pub(super) fn occupy(&mut self, slots: &BTreeSet<u32>) {
        self.retired.extend(slots);
        self.free.extend(gaps(slots));
        self.next = slots.last().copied().unwrap_or_default();
    }

    /// Moves a next hop, with all its routes, to a slot that is occupied.
    pub(super) fn settle(&mut self, slot: u32, occupied: u32) {
        let Some((key, users)) = self.by_slot.remove(&slot) else {
            return;
        };
        self.by_key.insert(key.clone(), occupied);
        self.by_slot.insert(occupied, (key, users));
        self.retired.retain(|retired| *retired != occupied);
        self.retired.push(slot);
    }

    /// The kernel has no route that uses a retired slot: once the packets under way are done, it
    /// may be [reclaimed](Self::reclaim).
    pub fn rest(&mut self) {
        self.resting.append(&mut self.retired);
    }

    /// Makes the slots that rested available.
    pub fn reclaim(&mut self) {
        self.free.append(&mut self.resting);
    }

    /// Whether none waits to be available.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.retired.is_empty() && self.resting.is_empty()
    }

    fn unused(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
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

/// Slots of route records; 0 is never given out.
#[derive(Debug)]
pub(super) struct RecordSlots {
    free: Vec<u32>,
    /// Those from here on were never given out.
    next: u32,
    end: u32,
}

impl RecordSlots {
    /// Those below `end`.
    pub(super) fn up_to(end: u32) -> Self {
        Self {
            free: Vec::new(),
            next: 1,
            end,
        }
    }

    /// One that is free, where there is one.
    pub(super) fn take(&mut self) -> Option<u32> {
        let fresh = self.next;
        self.free.pop().or_else(|| {
            self.next += u32::from(fresh < self.end);
            (fresh < self.end).then_some(fresh)
        })
    }

    pub(super) fn give_back(&mut self, slots: &[u32]) {
        self.free.extend(slots);
    }

    /// Keeps slots from being given out that are in use already.
    pub(super) fn occupy(&mut self, slots: &BTreeSet<u32>) {
        self.free.extend(gaps(slots));
        self.next = slots.last().map_or(1, |last| last + 1);
    }

    /// How many are free.
    pub(super) fn left(&self) -> usize {
        self.free.len() + (self.end - self.next) as usize
    }
}

/// Slots below the highest that are not among them.
fn gaps(slots: &BTreeSet<u32>) -> impl Iterator<Item = u32> {
    let highest = slots.last().copied().unwrap_or_default();
    (1..highest).filter(|slot| !slots.contains(slot))
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
        let first = slots.take(&key("192.168.1.2"));
        slots.release(first);
        slots.reclaim();
        assert_ne!(slots.take(&key("192.168.1.3")), first);
        slots.rest();
        assert_ne!(slots.take(&key("192.168.1.4")), first);
        slots.reclaim();
        assert_eq!(slots.take(&key("192.168.1.5")), first);
    }

    #[test]
    fn a_record_slot_is_given_out_once() {
        let mut slots = RecordSlots::up_to(3);
        assert_eq!([(); 3].map(|()| slots.take()), [Some(1), Some(2), None]);
        slots.give_back(&[1]);
        assert_eq!((slots.left(), slots.take(), slots.left()), (1, Some(1), 0));
    }

    #[test]
    fn a_slot_in_use_since_before_is_not_given_out() {
        let mut slots = Slots::default();
        slots.occupy(&[2, 3].into());
        let given = [1, 2, 3, 4].map(|host| slots.take(&key(&format!("10.0.{host}.1"))));
        assert_eq!(given, [1, 4, 5, 6]);
        slots.rest();
        slots.reclaim();
        assert!([2, 3].contains(&slots.take(&key("10.0.5.1"))));
    }

    #[test]
    fn a_next_hop_settles_in_a_slot_of_before() {
        let mut slots = Slots::default();
        slots.occupy(&[7].into());
        let a = key("192.168.1.2");
        let slot = slots.take(&a);
        slots.take(&a);
        slots.settle(slot, 7);
        assert_eq!((slots.key(slot), slots.key(7)), (None, Some(&a)));
        slots.release(7);
        assert_eq!(slots.take(&a), 7, "there was a second route");
        slots.rest();
        slots.reclaim();
        assert!(!slots.free.contains(&7) && slots.free.contains(&slot));
    }

    #[test]
    fn records_in_use_since_before_are_not_given_out() {
        let mut records = RecordSlots::up_to(7);
        records.occupy(&[2, 4].into());
        assert_eq!(records.left(), 4);
        let mut given = [(); 5].map(|()| records.take());
        given.sort_unstable();
        assert_eq!(given, [None, Some(1), Some(3), Some(5), Some(6)]);
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
