//! The routes in the kernel.
//!
//! A prefix leads to a record, by the trie or, where no other prefix lies within it, by the index
//! in front of the trie, which is asked first. A record has two answers with the epoch from which
//! the newer one holds. A change of any number of routes is staged answer by answer, which no
//! packet sees; then one store moves the epoch, and each packet goes by the whole table of before
//! or by the whole one of after.
//!
//! A daemon that is killed in between leaves answers staged, and records that no route is for any
//! more. [`Datapath::recover_routes`] takes the former back and tells of the latter.

use std::{sync::atomic::Ordering, time::Duration};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    maps::{LpmTrie, MapData, lpm_trie::Key},
};
use routemesh_common::{INDEXED_LENGTHS, Route, RouteRecord, map_names};

use super::{
    Datapath, gone,
    grace::grace_period,
    index::{self, Index},
    mapping::{Mapping, SharedLength, SharedRecord, SharedState, array},
    take, typed,
    windows::Windows,
};
use crate::{
    model::{Prefix, mapped, unmapped},
    reconcile::{
        fib::{Answer, Place, Step},
        indexed::Length,
    },
};

/// Trie and index, the records they lead to, and the epoch.
pub(super) struct Routes {
    trie: LpmTrie<MapData, [u8; 16], u32>,
    index: Index,
    records: Windows<SharedRecord>,
    state: Mapping<SharedState>,
    /// No packet is under way that came before this epoch.
    settled: u64,
    /// What `state` is of: programs that are loaded later name this map.
    _state: MapData,
}

impl Routes {
    pub(super) fn new(ebpf: &mut Ebpf, slots: u32) -> Result<Self> {
        let records = array(take(ebpf, map_names::ROUTE_RECORDS)?)?;
        let state = array(take(ebpf, map_names::TABLE_STATE)?)?;
        Ok(Self {
            trie: typed(ebpf, map_names::ROUTES)?,
            index: Index::new(ebpf, index::buckets(slots))?,
            records: Windows::of(records, slots as usize),
            state: Mapping::of(&state, 1)?,
            settled: 0,
            _state: state,
        })
    }

    fn epoch(&self) -> u64 {
        self.state.entries()[0].epoch.load(Ordering::Acquire)
    }

    /// Has packets go by the next hops' MACs until that time of the coarse monotonic clock.
    pub(super) fn follow_neighbours_until(&self, time: Duration) {
        let until = &self.state.entries()[0].followed_until;
        until.store(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn flip(&self) -> u64 {
        // Everything that was staged is seen by whoever sees the new epoch.
        let epoch = &self.state.entries()[0].epoch;
        epoch.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn record(&self, slot: u32) -> Result<&SharedRecord> {
        let record = self.records.entry(slot as usize);
        record.with_context(|| format!("route record {slot}"))
    }

    /// Whether packets may be under way that would see what is to be written.
    fn is_read(&self, step: &Step) -> bool {
        let record = match step {
            Step::Answer(place, _) => Some(place.slot),
            // Its first answer is that one's, which must be the same for all of them.
            Step::Add { within, .. } => *within,
            Step::Index(_) | Step::Nest(_) => None,
        };
        record
            .and_then(|slot| self.record(slot).ok())
            .is_some_and(|record| {
                let since = record.state.load(Ordering::Relaxed) >> 1;
                since > self.settled && since <= self.epoch()
            })
    }

    fn stage(&mut self, step: &Step) -> Result<()> {
        let next = self.epoch() + 1;
        match *step {
            Step::Index(length) => self.indexed(length.v6)[length.at].set(length.mapped()),
            Step::Nest(place) => {
                self.add_to_trie(place)?;
                self.index.remove(place)?;
                let found_by = &self.record(place.slot)?.found_by;
                found_by.fetch_and(!RouteRecord::INDEXED, Ordering::Release);
            }
            Step::Answer(place, route) => self.record(place.slot)?.stage(next, route),
            Step::Add {
                place,
                before,
                after,
                alone,
                ..
            } => {
                self.record(place.slot)?.begin(place.dst, before);
                self.record(place.slot)?.stage(next, after);
                if !(alone && self.add_to_index(place)?) {
                    self.add_to_trie(place)?;
                }
            }
        }
        Ok(())
    }

    fn add_to_trie(&mut self, place: Place) -> Result<()> {
        self.record(place.slot)?.mark(RouteRecord::IN_TRIE);
        self.trie
            .insert(&trie_key(place.dst), place.slot, 0)
            .with_context(|| format!("set route {}", place.dst))
    }

    /// Says whether the index has room for the prefix.
    fn add_to_index(&self, place: Place) -> Result<bool> {
        let length = mapped_length(place.dst);
        let lengths = self.indexed(place.dst.is_ipv6());
        if !lengths.iter().any(|indexed| indexed.get() == length) {
            return Ok(false);
        }
        let record = self.record(place.slot)?;
        record.mark(RouteRecord::INDEXED);
        let found_room = self.index.insert(place)?;
        if !found_room {
            record.found_by.store(0, Ordering::Release);
        }
        Ok(found_room)
    }

    /// The lengths of a family that may be in the index.
    fn indexed(&self, v6: bool) -> &[SharedLength; INDEXED_LENGTHS] {
        &self.state.entries()[0].indexed[usize::from(v6)]
    }

    /// Takes back what was staged of a step.
    fn unstage(&mut self, step: &Step) -> Result<()> {
        match *step {
            Step::Answer(place, _) => {
                self.record(place.slot)?.unstage(self.epoch());
                Ok(())
            }
            Step::Add { place, .. } => {
                self.record(place.slot)?.unstage(self.epoch());
                self.remove(place)
            }
            Step::Index(_) | Step::Nest(_) => Ok(()),
        }
    }

    /// Whether the trie leads to the record for exactly its prefix.
    fn in_trie(&self, place: Place) -> bool {
        // Of all prefixes no longer than the key's the longest is found.
        let slot = self.trie.get(&trie_key(place.dst), 0);
        slot.is_ok_and(|slot| slot == place.slot)
    }

    fn remove(&mut self, place: Place) -> Result<()> {
        let found_by = self.record(place.slot)?.found_by.load(Ordering::Acquire);
        if found_by & RouteRecord::IN_TRIE != 0 {
            gone(self.trie.remove(&trie_key(place.dst)))
                .with_context(|| format!("remove route {}", place.dst))?;
        }
        if found_by & RouteRecord::INDEXED != 0 {
            self.index.remove(place)?;
        }
        self.record(place.slot)?
            .found_by
            .store(0, Ordering::Release);
        Ok(())
    }
}

impl SharedRecord {
    /// Describes a free record, which nothing leads to yet.
    fn begin(&self, dst: Prefix, answer: Route) {
        let words: [u64; 2] = bytemuck::cast(mapped(dst.address()));
        for (to, word) in self.dst.iter().zip(words) {
            to.store(word, Ordering::Relaxed);
        }
        self.length.store(mapped_length(dst), Ordering::Relaxed);
        self.state.store(0, Ordering::Relaxed);
        self.write(0, answer);
    }

    /// Notes that something is about to lead here.
    fn mark(&self, found_by: u32) {
        self.found_by.fetch_or(found_by, Ordering::Release);
    }

    /// Has the record answer with `route` from epoch `next` on.
    fn stage(&self, next: u64, route: Route) {
        let side = 1 - self.side(next - 1);
        self.write(side, route);
        self.state.store(next << 1 | side as u64, Ordering::Release);
    }

    /// Has the record answer for good as it does at `epoch`.
    fn unstage(&self, epoch: u64) {
        let side = self.side(epoch);
        if self.state.load(Ordering::Relaxed) >> 1 > epoch {
            self.state.store(side as u64, Ordering::Release);
        }
    }

    fn side(&self, epoch: u64) -> usize {
        RouteRecord::side(self.state.load(Ordering::Relaxed), epoch)
    }

    fn write(&self, side: usize, route: Route) {
        let words: [u32; 3] = bytemuck::cast(route);
        for (to, word) in self.answers[side].iter().zip(words) {
            to.store(word, Ordering::Relaxed);
        }
    }

    fn read(&self, epoch: u64) -> Route {
        let mut words = [0; 3];
        for (word, from) in words.iter_mut().zip(&self.answers[self.side(epoch)]) {
            *word = from.load(Ordering::Relaxed);
        }
        bytemuck::cast(words)
    }

    /// What it is, if it is in use, at `epoch`.
    pub(super) fn found(&self, slot: u32, epoch: u64) -> Option<Answer> {
        if self.found_by.load(Ordering::Acquire) == 0 {
            return None;
        }
        let words = [&self.dst[0], &self.dst[1]].map(|word| word.load(Ordering::Relaxed));
        let address = unmapped(bytemuck::cast(words));
        let length = self.length.load(Ordering::Relaxed);
        let length = if address.is_ipv4() {
            length.checked_sub(96)?
        } else {
            length
        };
        let dst = Prefix::around(address, u8::try_from(length).ok()?).ok()?;
        Some(Answer {
            place: Place { slot, dst },
            route: self.read(epoch),
            indexed: false,
        })
    }
}

impl Datapath {
    /// Has all `steps` take effect at once, and tells the epoch since when they do.
    ///
    /// # Errors
    /// When the kernel refuses one of them. Then none takes effect, and no record was added.
    pub fn change_routes(&mut self, steps: &[Step]) -> Result<u64> {
        for (at, step) in steps.iter().enumerate() {
            if let Err(error) = self.stage_route(step) {
                let undone = steps[..=at]
                    .iter()
                    .try_for_each(|step| self.routes.unstage(step));
                // Packets that came before now may still read records that were added.
                self.flip_routes();
                return Err(undone.err().unwrap_or(error));
            }
        }
        Ok(self.flip_routes())
    }

    /// Writes what holds from the next epoch on, which no packet sees. Waits until none is under
    /// way that could.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stage_route(&mut self, step: &Step) -> Result<()> {
        if self.routes.is_read(step) {
            let epoch = self.routes.epoch();
            grace_period();
            self.routes.settled = epoch;
        }
        self.routes.stage(step)
    }

    /// Puts all that is staged into force, and tells the epoch since when it is.
    pub fn flip_routes(&mut self) -> u64 {
        self.routes.flip()
    }

    /// The number of the table in force.
    #[must_use]
    pub fn route_epoch(&self) -> u64 {
        self.routes.epoch()
    }

    /// No packet is under way that came before this epoch, as far as is known.
    #[must_use]
    pub fn settled_epoch(&self) -> u64 {
        self.routes.settled
    }

    /// Notes that no packet is under way any more that came before that epoch: it was in force
    /// when a [`grace_period`] began that has ended.
    pub fn routes_settled(&mut self, epoch: u64) {
        self.routes.settled = self.routes.settled.max(epoch);
    }

    /// Removes a record that answers as if it were not there, and did so when the last grace
    /// period began. Its slot is free after the next one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_route(&mut self, place: Place) -> Result<()> {
        self.counters.forget_route(place.slot)?;
        self.routes.remove(place)
    }

    /// The lengths of prefixes that may be in the index.
    #[must_use]
    pub fn indexed_lengths(&self) -> Vec<Length> {
        let of = |v6: bool| {
            let lengths = self.routes.indexed(v6).iter().enumerate();
            lengths.filter_map(move |(at, indexed)| Length::read(v6, at, indexed.get()))
        };
        of(false).chain(of(true)).collect()
    }

    /// All that is in the maps, by slot, as packets see it at present. What an earlier daemon had
    /// staged and not put into force is taken back first, and a record freed that nothing
    /// leads to, or no more: call this before any change.
    ///
    /// # Errors
    /// When the kernel does not map them.
    pub fn recover_routes(&mut self) -> Result<Vec<Answer>> {
        let routes = &self.routes;
        let epoch = routes.epoch();
        let mut answers = Vec::new();
        routes
            .records
            .visit(0..routes.records.len(), |slot, record| {
                record.unstage(epoch);
                let Some(found) = record.found(slot as u32, epoch) else {
                    return Ok(());
                };
                let indexed = routes.index.leads_to(found.place)?;
                if found.route.is_own() || indexed || routes.in_trie(found.place) {
                    answers.push(Answer { indexed, ..found });
                } else {
                    record.found_by.store(0, Ordering::Release);
                }
                Ok(())
            })?;
        Ok(answers)
    }
}

/// Prefix and address as the trie has them.
fn trie_key(prefix: Prefix) -> Key<[u8; 16]> {
    Key::new(mapped_length(prefix), mapped(prefix.address()))
}

fn mapped_length(prefix: Prefix) -> u32 {
    let above = if prefix.is_ipv6() { 0 } else { 96 };
    above + u32::from(prefix.length())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicU32, AtomicU64};

    const OLD: Route = Route {
        target: 1,
        ..Route::NONE
    };
    const NEW: Route = Route {
        target: 2,
        ..Route::NONE
    };

    /// A record that answers [`OLD`].
    fn record() -> SharedRecord {
        let record = SharedRecord {
            dst: [const { AtomicU64::new(0) }; 2],
            state: AtomicU64::new(0),
            answers: [const { [const { AtomicU32::new(0) }; 3] }; 2],
            length: AtomicU32::new(0),
            found_by: AtomicU32::new(RouteRecord::IN_TRIE),
            reserved: AtomicU64::new(0),
        };
        record.begin("10.1.0.0/16".parse().unwrap(), OLD);
        record
    }

    #[test]
    fn what_is_staged_holds_from_its_epoch_on() {
        let record = record();
        record.stage(8, NEW);
        assert_eq!([6, 7, 8, 9].map(|at| record.read(at)), [OLD, OLD, NEW, NEW]);
        record.stage(9, OLD);
        assert_eq!((record.read(8), record.read(9)), (NEW, OLD));
    }

    #[test]
    fn what_is_staged_again_takes_the_place_of_what_was() {
        let record = record();
        record.stage(8, NEW);
        record.stage(8, Route::NONE);
        assert_eq!((record.read(7), record.read(8)), (OLD, Route::NONE));
    }

    #[test]
    fn what_was_taken_back_never_takes_effect() {
        let record = record();
        record.stage(8, NEW);
        record.unstage(7);
        assert_eq!([7, 8, 9].map(|at| record.read(at)), [OLD; 3]);
        record.stage(8, NEW);
        record.unstage(8);
        assert_eq!(record.read(8), NEW, "it is in force already");
    }

    #[test]
    fn a_record_reads_back() {
        let found = record().found(7, 0).unwrap();
        assert_eq!(found.place.dst, "10.1.0.0/16".parse().unwrap());
        assert_eq!((found.place.slot, found.route), (7, OLD));
        let free = record();
        free.found_by.store(0, Ordering::Relaxed);
        assert_eq!(free.found(7, 0), None);
    }
}
