//! The routes in force, as the kernel has them, and how it gets from one table to the next.
//!
//! Each prefix has a record in the kernel that answers for it by the table in force and by the
//! one before or after. So that a packet sees one table and no other, a prefix that is new has a
//! record that answered, up to now, as the longest route around it did; and one that goes answers
//! like the longest around it from now on, until no packet can tell the difference and the record
//! is removed.

use std::collections::BTreeMap;

use routemesh_common::Route;

use super::{
    indexed::{Indexed, Length},
    slots::RecordSlots,
};
use crate::model::Prefix;

/// A route that should be in force, or none for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The prefix.
    pub dst: Prefix,
    /// What should be in force for it. The counter is its record's, whatever stands here.
    pub route: Option<Route>,
}

/// A record in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub slot: u32,
    /// What it answers for.
    pub dst: Prefix,
}

/// What a record answers at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The record.
    pub place: Place,
    /// What it answers. Where that is no route of its own, the record is to be removed.
    pub route: Route,
    /// Whether the index leads to it.
    pub indexed: bool,
}

/// What is to be done to a record before the next table is put into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The index may have prefixes of another length. There is none left in it of the one before.
    Index(Length),
    /// The record's prefix is no longer the only one that holds its addresses: by the trie.
    Nest(Place),
    /// The record answers otherwise from the next table on.
    Answer(Place, Route),
    /// There is a record, with its answers up to now and from the next table on.
    Add {
        /// The record, which was free.
        place: Place,
        /// Up to now.
        before: Route,
        /// From the next table on.
        after: Route,
        /// The longest record around it, which answered up to now.
        within: Option<u32>,
        /// Whether no other prefix lies within it: the index may lead to it.
        alone: bool,
    },
}

impl Step {
    /// What answers otherwise from the next table on: the record, and how.
    #[must_use]
    pub fn answer(&self) -> Option<(Place, Route)> {
        match *self {
            Self::Answer(place, after) | Self::Add { place, after, .. } => Some((place, after)),
            Self::Index(_) | Self::Nest(_) => None,
        }
    }
}

/// Slots for so many routes: slot 0 is never given out, and a change needs a record for what
/// comes while it still has one for what goes.
#[must_use]
pub fn slots(route_limit: u32) -> u32 {
    1 + route_limit + (route_limit / 8).max(1024)
}

/// The routes in force.
#[derive(Debug)]
pub struct Fib {
    records: BTreeMap<Prefix, Record>,
    /// How many records there are of each length, by family.
    lengths: BTreeMap<(bool, u8), usize>,
    indexed: Indexed,
    own: usize,
    /// Records that no route is for, with the epoch since when.
    leaving: BTreeMap<Prefix, u64>,
    /// Slots of records that were removed, with the epoch since when.
    resting: Vec<(u32, u64)>,
    slots: RecordSlots,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    slot: u32,
    /// What it answers now.
    route: Route,
    /// Whether the index may lead to it.
    indexed: bool,
}

impl Fib {
    /// An empty one for a kernel with room for `route_limit` routes.
    #[must_use]
    pub fn new(route_limit: u32) -> Self {
        Self {
            records: BTreeMap::new(),
            lengths: BTreeMap::new(),
            indexed: Indexed::default(),
            own: 0,
            leaving: BTreeMap::new(),
            resting: Vec::new(),
            slots: RecordSlots::up_to(slots(route_limit)),
        }
    }

    /// Takes the records of a daemon before, as they answer at `epoch`, and the lengths that are
    /// in the index. Only an empty one may.
    pub fn take_over(&mut self, records: &[Answer], indexed: &[Length], epoch: u64) {
        for length in indexed {
            self.indexed.set(*length);
        }
        for Answer {
            place,
            route,
            indexed,
        } in records
        {
            let record = Record {
                slot: place.slot,
                route: *route,
                indexed: *indexed,
            };
            self.records.insert(place.dst, record);
            *self.lengths.entry(key(place.dst)).or_default() += 1;
            if route.is_own() {
                self.own += 1;
            } else {
                self.leaving.insert(place.dst, epoch);
            }
        }
        let slots = records.iter().map(|record| record.place.slot);
        self.slots.occupy(&slots.collect());
    }

    /// The route in force for exactly this prefix.
    #[must_use]
    pub fn get(&self, dst: Prefix) -> Option<Route> {
        let record = self.records.get(&dst)?;
        record.route.is_own().then_some(record.route)
    }

    /// Routes in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own == 0
    }

    /// How many prefixes that have no record yet may get one.
    #[must_use]
    pub fn room(&self) -> usize {
        self.slots.left()
    }

    /// Whether the prefix has a record.
    #[must_use]
    pub fn has_record(&self, dst: Prefix) -> bool {
        self.records.contains_key(&dst)
    }

    /// What must be staged so that `changes`, which are in order, can take effect at once. Then
    /// [`Self::commit`] or [`Self::abort`] must follow.
    pub fn stage(&mut self, changes: &[Change]) -> Vec<Step> {
        let added: Vec<bool> = changes
            .iter()
            .map(|change| change.route.is_some() && self.begin(change.dst))
            .collect();
        let mut steps = self.index();
        for (change, is_new) in changes.iter().zip(added) {
            let Some(record) = self.records.get(&change.dst) else {
                continue;
            };
            let place = place(change.dst, record);
            let after = match change.route {
                Some(route) => own(route, record.slot),
                None => self.around(change.dst, changes),
            };
            if is_new {
                self.add(place, after, &mut steps);
            } else {
                steps.push(Step::Answer(place, after));
            }
        }
        steps.extend(self.followers(changes));
        steps
    }

    /// The index leads to the prefixes of the lengths that most have.
    fn index(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for length in self.indexed.better(&self.lengths) {
            let before = self.indexed.key(length);
            let led_to = self
                .records
                .iter()
                .filter(|(dst, record)| record.indexed && Some(key(**dst)) == before);
            steps.extend(led_to.map(|(dst, record)| Step::Nest(place(*dst, record))));
            steps.push(Step::Index(length));
        }
        steps
    }

    /// What puts a new record beside the others.
    fn add(&mut self, place: Place, after: Route, steps: &mut Vec<Step>) {
        let within = self.wider(place.dst).next();
        let within = within.map(|(dst, record)| (self::place(dst, record), record.indexed));
        if let Some((outer, true)) = within {
            steps.push(Step::Nest(outer));
        }
        let mut from_here = self.records.range_mut(place.dst..);
        let Some((_, record)) = from_here.next() else {
            return;
        };
        let alone = from_here
            .next()
            .is_none_or(|(next, _)| !place.dst.contains(next.address()));
        record.indexed = alone;
        steps.push(Step::Add {
            place,
            before: record.route,
            after,
            within: within.map(|(outer, _)| outer.slot),
            alone,
        });
    }

    /// What answers for prefixes that have no route follows the routes around them.
    fn followers(&self, changes: &[Change]) -> Vec<Step> {
        let unchanged = self
            .leaving
            .keys()
            .filter(|dst| change(changes, **dst).is_none());
        let step = |dst: &Prefix| {
            let record = self.records.get(dst)?;
            let after = self.around(*dst, changes);
            (after != record.route).then(|| Step::Answer(place(*dst, record), after))
        };
        unchanged.filter_map(step).collect()
    }

    /// Notes that what was staged is in force since `epoch`.
    pub fn commit(&mut self, steps: &[Step], epoch: u64) {
        for step in steps {
            match *step {
                Step::Index(length) => self.indexed.set(length),
                Step::Nest(place) => self.nest(place),
                Step::Answer(place, after) | Step::Add { place, after, .. } => {
                    self.answers(place, after, epoch);
                }
            }
        }
    }

    fn nest(&mut self, place: Place) {
        if let Some(record) = self.records.get_mut(&place.dst) {
            record.indexed = false;
        }
    }

    fn answers(&mut self, place: Place, after: Route, epoch: u64) {
        let Some(record) = self.records.get_mut(&place.dst) else {
            return;
        };
        self.own -= usize::from(record.route.is_own());
        self.own += usize::from(after.is_own());
        record.route = after;
        if after.is_own() {
            self.leaving.remove(&place.dst);
        } else {
            self.leaving.entry(place.dst).or_insert(epoch);
        }
    }

    /// Notes that nothing of what was staged is in force: what was added is gone before `epoch`
    /// began.
    pub fn abort(&mut self, steps: &[Step], epoch: u64) {
        let added = steps.iter().filter_map(|step| match step {
            Step::Add { place, .. } => Some(*place),
            Step::Index(_) | Step::Nest(_) | Step::Answer(..) => None,
        });
        self.removed(&added.collect::<Vec<Place>>(), epoch);
    }

    /// Records that no packet needs, once none is under way that came before epoch `settled`.
    #[must_use]
    pub fn removable(&self, settled: u64) -> Vec<Place> {
        let since = self.leaving.iter().filter(|(_, since)| **since <= settled);
        since
            .filter_map(|(dst, _)| Some(place(*dst, self.records.get(dst)?)))
            .collect()
    }

    /// Notes that records were removed before `epoch` began.
    pub fn removed(&mut self, places: &[Place], epoch: u64) {
        for place in places {
            self.leaving.remove(&place.dst);
            self.records.remove(&place.dst);
            self.resting.push((place.slot, epoch));
            let key = key(place.dst);
            if let Some(count) = self.lengths.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&key);
                }
            }
        }
    }

    /// Slots that no packet uses, once none is under way that came before epoch `settled`. They
    /// are free from now on: their counters must be cleared first.
    pub fn release(&mut self, settled: u64) -> Vec<u32> {
        let free = self.resting.extract_if(.., |(_, since)| *since <= settled);
        let free: Vec<u32> = free.map(|(slot, _)| slot).collect();
        self.slots.give_back(&free);
        free
    }

    /// Whether something waits for packets that are under way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.leaving.is_empty() && self.resting.is_empty()
    }

    /// Gives a prefix a record, where it has none and one is free; it answers as was answered
    /// without it.
    fn begin(&mut self, dst: Prefix) -> bool {
        if self.records.contains_key(&dst) {
            return false;
        }
        let Some(slot) = self.slots.take() else {
            return false;
        };
        let route = self.around(dst, &[]);
        let record = Record {
            slot,
            route,
            indexed: false,
        };
        self.records.insert(dst, record);
        *self.lengths.entry(key(dst)).or_default() += 1;
        true
    }

    /// What the longest route around a prefix answers once `changes` are in force.
    fn around(&self, dst: Prefix, changes: &[Change]) -> Route {
        let mut routes =
            self.wider(dst)
                .filter_map(|(wider, record)| match change(changes, wider) {
                    Some(change) => change.route.map(|route| own(route, record.slot)),
                    None => record.route.is_own().then_some(record.route),
                });
        routes.next().map_or(Route::NONE, |route| Route {
            borrowed: 1,
            ..route
        })
    }

    /// The records around a prefix, the longest first.
    fn wider(&self, dst: Prefix) -> impl Iterator<Item = (Prefix, &Record)> {
        let family = dst.is_ipv6();
        let shorter = self.lengths.range((family, 0)..(family, dst.length()));
        shorter.rev().filter_map(move |((_, length), _)| {
            let wider = Prefix::around(dst.address(), *length).ok()?;
            Some((wider, self.records.get(&wider)?))
        })
    }
}

fn change(changes: &[Change], dst: Prefix) -> Option<&Change> {
    let at = changes.binary_search_by_key(&dst, |change| change.dst);
    at.ok().map(|at| &changes[at])
}

/// A prefix's own route; the record's slot is that of its counters too.
fn own(route: Route, slot: u32) -> Route {
    Route {
        counter: slot,
        borrowed: 0,
        ..route
    }
}

fn place(dst: Prefix, record: &Record) -> Place {
    Place {
        slot: record.slot,
        dst,
    }
}

fn key(dst: Prefix) -> (bool, u8) {
    (dst.is_ipv6(), dst.length())
}

#[cfg(test)]
mod tests {
    use routemesh_common::{Family, RouteKind};

    use super::*;

    /// Changes to these routes, each by its target; 0 for none.
    fn changes(routes: &[(&str, u32)]) -> Vec<Change> {
        let change = |(dst, target): &(&str, u32)| Change {
            dst: dst.parse().unwrap(),
            route: (*target != 0).then_some(Route {
                kind: RouteKind::DIRECT,
                family: Family::V4,
                target: *target,
                ..Route::NONE
            }),
        };
        let mut changes: Vec<Change> = routes.iter().map(change).collect();
        changes.sort_by_key(|change| change.dst);
        changes
    }

    /// A table with these routes, put into force at epoch 1.
    fn fib(routes: &[(&str, u32)]) -> Fib {
        let mut fib = Fib::new(10);
        let steps = fib.stage(&changes(routes));
        fib.commit(&steps, 1);
        fib
    }

    /// What is staged, by prefix: the targets of the answers, and whose they are.
    fn told(steps: &[Step]) -> Vec<String> {
        let answer = |route: &Route| match (route.is_own(), route.target) {
            (_, 0) => "none".to_owned(),
            (true, target) => format!("{target}"),
            (false, target) => format!("{target} of another"),
        };
        let told = |step: &Step| match step {
            Step::Index(_) | Step::Nest(_) => None,
            Step::Answer(place, after) => Some(format!("{}: {}", place.dst, answer(after))),
            Step::Add {
                place,
                before,
                after,
                ..
            } => Some(format!(
                "{}: {}, then {}",
                place.dst,
                answer(before),
                answer(after)
            )),
        };
        steps.iter().filter_map(told).collect()
    }

    #[test]
    fn what_comes_answered_so_far_like_the_longest_around_it() {
        let mut fib = fib(&[("10.0.0.0/8", 1), ("10.1.0.0/16", 2)]);
        let steps = fib.stage(&changes(&[
            ("10.1.2.0/24", 3),
            ("10.2.0.0/24", 4),
            ("11.0.0.0/24", 5),
        ]));
        let expected = [
            "10.1.2.0/24: 2 of another, then 3",
            "10.2.0.0/24: 1 of another, then 4",
            "11.0.0.0/24: none, then 5",
        ];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn what_goes_answers_from_then_on_like_the_longest_around_it() {
        let mut fib = fib(&[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.2.0/24", 3)]);
        let steps = fib.stage(&changes(&[("10.1.0.0/16", 0), ("10.1.2.0/24", 0)]));
        let expected = ["10.1.0.0/16: 1 of another", "10.1.2.0/24: 1 of another"];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn both_go_by_the_new_routes_where_those_around_change_too() {
        let mut fib = fib(&[("10.0.0.0/8", 1), ("10.1.2.0/24", 2)]);
        let steps = fib.stage(&changes(&[
            ("10.0.0.0/8", 3),
            ("10.1.0.0/16", 4),
            ("10.1.2.0/24", 0),
        ]));
        let expected = [
            "10.0.0.0/8: 3",
            "10.1.0.0/16: 1 of another, then 4",
            "10.1.2.0/24: 4 of another",
        ];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn a_record_that_waits_to_be_removed_follows_what_is_around_it() {
        let mut fib = fib(&[("10.0.0.0/8", 1), ("10.1.0.0/16", 2)]);
        let steps = fib.stage(&changes(&[("10.1.0.0/16", 0)]));
        fib.commit(&steps, 2);
        assert_eq!((fib.len(), fib.is_settled()), (1, false));
        let steps = fib.stage(&changes(&[("10.0.0.0/8", 3)]));
        assert_eq!(told(&steps), ["10.0.0.0/8: 3", "10.1.0.0/16: 3 of another"]);
    }

    #[test]
    fn a_slot_is_free_when_no_packet_can_have_found_it() {
        let mut fib = fib(&[("10.1.0.0/16", 2)]);
        let steps = fib.stage(&changes(&[("10.1.0.0/16", 0)]));
        fib.commit(&steps, 2);
        assert!(fib.removable(1).is_empty());
        let places = fib.removable(2);
        assert_eq!(places.len(), 1);
        fib.removed(&places, 3);
        assert_eq!(fib.release(2), [0; 0]);
        assert_eq!(fib.release(3), [places[0].slot]);
        assert!(fib.is_settled());
    }

    #[test]
    fn what_was_not_put_into_force_leaves_nothing_but_slots_that_rest() {
        let mut fib = fib(&[("10.0.0.0/8", 1)]);
        let steps = fib.stage(&changes(&[("10.0.0.0/8", 2), ("10.1.0.0/16", 3)]));
        fib.abort(&steps, 2);
        let of = |dst: &str| fib.get(dst.parse().unwrap()).map(|route| route.target);
        assert_eq!((of("10.0.0.0/8"), of("10.1.0.0/16")), (Some(1), None));
        assert_eq!((fib.is_settled(), fib.release(2).len()), (false, 1));
        let steps = fib.stage(&changes(&[("10.1.0.0/16", 4)]));
        assert_eq!(told(&steps), ["10.1.0.0/16: 1 of another, then 4"]);
    }

    #[test]
    fn the_index_leads_to_what_nothing_lies_within() {
        let mut fib = fib(&[("10.1.0.0/16", 1)]);
        let steps = fib.stage(&changes(&[
            ("10.1.2.0/24", 2),
            ("10.2.0.0/16", 3),
            ("10.2.2.0/24", 4),
            ("10.3.0.0/16", 5),
        ]));
        let nested: Vec<String> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Nest(place) => Some(place.dst.to_string()),
                Step::Index(_) | Step::Answer(..) | Step::Add { .. } => None,
            })
            .collect();
        assert_eq!(nested, ["10.1.0.0/16"]);
        let alone: Vec<String> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Add { place, alone, .. } => alone.then(|| place.dst.to_string()),
                Step::Index(_) | Step::Answer(..) | Step::Nest(_) => None,
            })
            .collect();
        assert_eq!(alone, ["10.1.2.0/24", "10.2.2.0/24", "10.3.0.0/16"]);
    }
}
