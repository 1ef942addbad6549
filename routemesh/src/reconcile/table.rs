//! Which route is in force for each prefix.
//!
//! Every source keeps its own routes: the host itself, the file, and clients. For a prefix the
//! host's own comes first, then the clients', then the file's. What changes is noted, prefix by
//! prefix, until it is in the kernel; so an edit costs what it edits, however large the table.

use std::collections::{BTreeMap, BTreeSet};

use routemesh_common::{self as common, Family, RouteKind};

use super::{
    fib::{Answer, Change, Fib, Step},
    hops::HopKey,
    indexed::Length,
    plan::HostRoute,
    slots::Slots,
};
use crate::{
    api::Applied,
    model::{Prefix, Route, Source},
};

/// What a source asks for: the slot of a next hop, or 0 to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked(u32);

/// The routes of all sources, and what of them is in the kernel.
#[derive(Debug)]
pub struct Table {
    file: BTreeMap<Prefix, Asked>,
    cli: BTreeMap<Prefix, Asked>,
    host: BTreeMap<Prefix, HostRoute>,
    fib: Fib,
    dirty: BTreeSet<Prefix>,
    /// What of that is staged: neither in force yet nor refused.
    staged: BTreeSet<Prefix>,
    hops: Slots,
}

/// One route of one source, as `route list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Destinations.
    pub dst: Prefix,
    /// Who asked for it.
    pub source: Source,
    /// The host's own route, of that source.
    pub host: Option<HostRoute>,
    /// The next hop's slot and the next hop, of a direct route.
    pub hop: Option<(u32, &'a HopKey)>,
    /// Whether a route of another source comes first.
    pub overridden: bool,
    /// What is in the kernel for the prefix.
    pub installed: Option<common::Route>,
}

impl Table {
    /// An empty one for a kernel with room for `route_limit` routes.
    #[must_use]
    pub fn new(route_limit: u32) -> Self {
        Self {
            file: BTreeMap::new(),
            cli: BTreeMap::new(),
            host: BTreeMap::new(),
            fib: Fib::new(route_limit),
            dirty: BTreeSet::new(),
            staged: BTreeSet::new(),
            hops: Slots::default(),
        }
    }

    /// Takes `routes` in place of the file's.
    pub fn set_file(&mut self, routes: &[Route]) -> Applied {
        let mut before = std::mem::take(&mut self.file);
        let mut applied = Applied::default();
        for route in routes {
            let asked = self.asked(route);
            match before.remove(&route.dst) {
                Some(old) if old == asked => self.hops.release(old.0),
                Some(old) => {
                    self.hops.release(old.0);
                    self.dirty.insert(route.dst);
                    applied.changed += 1;
                }
                None => {
                    self.dirty.insert(route.dst);
                    applied.added += 1;
                }
            }
            self.file.insert(route.dst, asked);
        }
        applied.removed = before.len();
        for (dst, old) in before {
            self.hops.release(old.0);
            self.dirty.insert(dst);
        }
        applied
    }

    /// Takes `routes` in place of the host's own.
    pub fn set_host(&mut self, routes: &BTreeMap<Prefix, HostRoute>) {
        let difference = super::diff(routes, &self.host);
        let changed = difference.set.iter().map(|(dst, _)| *dst);
        self.dirty.extend(changed.chain(difference.remove));
        self.host.clone_from(routes);
    }

    /// Sets a client's route; says whether there was one already.
    pub fn set_cli(&mut self, route: &Route) -> bool {
        let asked = self.asked(route);
        let before = self.cli.insert(route.dst, asked);
        if let Some(old) = before {
            self.hops.release(old.0);
        }
        self.dirty.insert(route.dst);
        before.is_some()
    }

    /// Removes a client's route; says whether there was one.
    pub fn remove_cli(&mut self, dst: Prefix) -> bool {
        let before = self.cli.remove(&dst);
        if let Some(old) = before {
            self.hops.release(old.0);
            self.dirty.insert(dst);
        }
        before.is_some()
    }

    /// Removes all routes of clients; says how many there were.
    pub fn flush_cli(&mut self) -> usize {
        let all: Vec<Prefix> = self.cli.keys().copied().collect();
        all.into_iter().filter(|dst| self.remove_cli(*dst)).count()
    }

    /// Notes that the next hops in these slots became reachable or ceased to be.
    pub fn hops_changed(&mut self, slots: &BTreeSet<u32>) {
        if slots.is_empty() {
            return;
        }
        let uses = |(dst, asked): (&Prefix, &Asked)| slots.contains(&asked.0).then_some(*dst);
        self.dirty.extend(self.file.iter().filter_map(uses));
        self.dirty.extend(self.cli.iter().filter_map(uses));
    }

    /// Moves the next hop in a slot to another one, with all its routes, and says which: packets
    /// that find the old route find the old next hop.
    pub fn renew_hop(&mut self, slot: u32) -> Option<u32> {
        let renewed = self.hops.renew(slot)?;
        for (dst, asked) in self.file.iter_mut().chain(&mut self.cli) {
            if asked.0 == slot {
                asked.0 = renewed;
                self.dirty.insert(*dst);
            }
        }
        Some(renewed)
    }

    /// Takes what is in the kernel from a daemon before, as it answers at `epoch`, and the lengths
    /// that are in the index. Only an empty table may.
    pub fn take_over(&mut self, records: &[Answer], indexed: &[Length], epoch: u64) {
        let direct = records
            .iter()
            .filter(|record| record.route.kind == RouteKind::DIRECT);
        let slots = direct.map(|record| record.route.target);
        self.hops.occupy(&slots.collect());
        self.fib.take_over(records, indexed, epoch);
        let own = records.iter().filter(|record| record.route.is_own());
        self.dirty.extend(own.map(|record| record.place.dst));
    }

    /// Moves next hops, with all their routes, to slots that routes in the kernel lead to.
    pub fn settle_hops(&mut self, moves: &BTreeMap<u32, u32>) {
        for (slot, occupied) in moves {
            self.hops.settle(*slot, *occupied);
        }
        for asked in self.file.values_mut().chain(self.cli.values_mut()) {
            asked.0 = moves.get(&asked.0).copied().unwrap_or(asked.0);
        }
    }

    /// Whether there may be too few slots for all that is to be added, as long as packets may be
    /// under way that read records which went.
    #[must_use]
    pub fn must_wait(&self) -> bool {
        let room = self.fib.room();
        let added = || self.dirty.iter().filter(|dst| !self.fib.has_record(**dst));
        !self.fib.is_settled() && self.dirty.len() > room && added().count() > room
    }

    /// What must be staged in the kernel so that it can go by this table. Then
    /// [`Self::committed`] or [`Self::aborted`] must follow.
    pub fn stage(&mut self, reachable: impl Fn(u32) -> bool) -> Vec<Step> {
        let changes = self.changes(reachable);
        self.fib.stage(&changes)
    }

    /// What differs between kernel and table. What there is no room for yet is left for later.
    fn changes(&mut self, reachable: impl Fn(u32) -> bool) -> Vec<Change> {
        let mut room = self.fib.room();
        let mut changes = Vec::new();
        let mut staged = std::mem::take(&mut self.dirty);
        staged.append(&mut self.staged);
        let mut waiting = BTreeSet::new();
        staged.retain(|dst| {
            let route = self.wanted(*dst, &reachable);
            let now = self.fib.get(*dst);
            if route
                == now.map(|route| common::Route {
                    counter: 0,
                    ..route
                })
            {
                return false;
            }
            if now.is_none() && !self.fib.has_record(*dst) {
                let Some(left) = room.checked_sub(1) else {
                    waiting.insert(*dst);
                    return false;
                };
                room = left;
            }
            changes.push(Change { dst: *dst, route });
            true
        });
        (self.staged, self.dirty) = (staged, waiting);
        changes
    }

    /// Notes that what was staged is in force since `epoch`.
    pub fn committed(&mut self, steps: &[Step], epoch: u64) {
        self.staged.clear();
        self.fib.commit(steps, epoch);
    }

    /// Notes that the kernel refused what was staged, at `epoch`; it is staged again.
    pub fn aborted(&mut self, steps: &[Step], epoch: u64) {
        self.dirty.append(&mut self.staged);
        self.fib.abort(steps, epoch);
    }

    /// Notes that a grace period begins: next hops that no route in the kernel uses now may be
    /// reclaimed at its end.
    pub fn grace_begins(&mut self) {
        if self.dirty.is_empty() {
            self.hops.rest();
        }
    }

    /// Notes that a grace period has ended that was [noted](Self::grace_begins) to begin.
    pub fn grace_ended(&mut self) {
        self.hops.reclaim();
    }

    /// Whether nothing waits for packets that are under way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.fib.is_settled() && self.hops.is_settled()
    }

    /// What is in the kernel.
    #[must_use]
    pub fn fib(&self) -> &Fib {
        &self.fib
    }

    /// The same, for what becomes of its records.
    pub fn fib_mut(&mut self) -> &mut Fib {
        &mut self.fib
    }

    /// The next hops in use.
    #[must_use]
    pub fn hops(&self) -> &Slots {
        &self.hops
    }

    /// Who else has a route for exactly this prefix.
    #[must_use]
    pub fn sources_of(&self, dst: Prefix) -> Vec<Source> {
        [
            (Source::Kernel, self.host.contains_key(&dst)),
            (Source::Cli, self.cli.contains_key(&dst)),
            (Source::File, self.file.contains_key(&dst)),
        ]
        .into_iter()
        .filter_map(|(source, has)| has.then_some(source))
        .collect()
    }

    /// Routes of the host itself, the file and clients.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        [self.host.len(), self.file.len(), self.cli.len()]
    }

    /// Prefixes for which the kernel does not have what it should.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.dirty.len()
    }

    /// Whether the kernel refused what this prefix should have.
    #[must_use]
    pub fn is_unsettled(&self, dst: Prefix) -> bool {
        self.dirty.contains(&dst)
    }

    /// Every route of every source, by prefix.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let prefixes: BTreeSet<Prefix> = self
            .host
            .keys()
            .chain(self.file.keys())
            .chain(self.cli.keys())
            .copied()
            .collect();
        prefixes.into_iter().flat_map(|dst| self.rows_of(dst))
    }

    /// The routes for exactly this prefix, the one in force first.
    pub fn rows_of(&self, dst: Prefix) -> impl Iterator<Item = Row<'_>> {
        let host = self
            .host
            .get(&dst)
            .map(|route| (Source::Kernel, Some(*route), None));
        let cli = self
            .cli
            .get(&dst)
            .map(|asked| (Source::Cli, None, Some(*asked)));
        let file = self
            .file
            .get(&dst)
            .map(|asked| (Source::File, None, Some(*asked)));
        [host, cli, file].into_iter().flatten().enumerate().map(
            move |(place, (source, host, asked))| Row {
                dst,
                source,
                host,
                hop: asked.and_then(|asked| Some((asked.0, self.hops.key(asked.0)?))),
                overridden: place > 0,
                installed: self.fib.get(dst),
            },
        )
    }

    fn asked(&mut self, route: &Route) -> Asked {
        Asked(HopKey::of(route).map_or(0, |key| self.hops.take(&key)))
    }

    fn wanted(&self, dst: Prefix, reachable: impl Fn(u32) -> bool) -> Option<common::Route> {
        let route = |kind, source: Source, target| common::Route {
            kind,
            family: if dst.is_ipv6() {
                Family::V6
            } else {
                Family::V4
            },
            source: source as u8,
            borrowed: 0,
            target,
            counter: 0,
        };
        if let Some(host) = self.host.get(&dst) {
            return Some(route(host.kind, Source::Kernel, host.ifindex));
        }
        let cli = self.cli.get(&dst).map(|asked| (Source::Cli, *asked));
        let file = self.file.get(&dst).map(|asked| (Source::File, *asked));
        let (source, Asked(slot)) = cli.or(file)?;
        if slot == 0 {
            return Some(route(RouteKind::BLACKHOLE, source, 0));
        }
        reachable(slot).then(|| route(RouteKind::DIRECT, source, slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Mode, NetworkNumbers};

    fn direct(dst: &str, via: &str) -> Route {
        Route {
            dst: dst.parse().unwrap(),
            action: Action::Via {
                via: via.parse().unwrap(),
                dev: None,
                mode: Mode::Direct,
                vtep_mac: None,
                network: NetworkNumbers::default(),
            },
            mtu: None,
        }
    }

    fn blackhole(dst: &str) -> Route {
        Route {
            action: Action::Blackhole,
            ..direct(dst, "192.0.2.1")
        }
    }

    /// Does all that is to be done; tells the prefixes whose routes are set and removed.
    fn settle(table: &mut Table) -> (Vec<String>, Vec<String>) {
        let steps = table.stage(|_| true);
        table.committed(&steps, 1);
        table.grace_begins();
        table.grace_ended();
        let names = |set: bool| {
            let answers = steps.iter().filter_map(Step::answer);
            answers
                .map(|(place, _)| place.dst)
                .filter(|dst| table.fib().get(*dst).is_some() == set)
                .map(|dst| dst.to_string())
                .collect()
        };
        (names(true), names(false))
    }

    #[test]
    fn a_reload_touches_what_differs_and_nothing_else() {
        let mut table = Table::new(100);
        table.set_file(&[
            direct("10.1.0.0/24", "192.0.2.1"),
            direct("10.2.0.0/24", "192.0.2.1"),
        ]);
        settle(&mut table);
        let applied = table.set_file(&[
            direct("10.1.0.0/24", "192.0.2.1"),
            direct("10.2.0.0/24", "192.0.2.2"),
            direct("10.3.0.0/24", "192.0.2.1"),
        ]);
        assert_eq!((applied.added, applied.changed, applied.removed), (1, 1, 0));
        let (set, removed) = settle(&mut table);
        assert_eq!(set, ["10.2.0.0/24", "10.3.0.0/24"]);
        assert!(removed.is_empty());
    }

    #[test]
    fn routes_wait_for_the_slots_of_those_that_went() {
        let mut table = Table::new(1_000);
        let routes = |second: u8| -> Vec<Route> {
            let thirds = (0..4).flat_map(|third| (0..250).map(move |fourth| (third, fourth)));
            let dst = thirds.map(|(third, fourth)| format!("10.{second}.{third}.{fourth}/32"));
            dst.map(|dst| direct(&dst, "192.0.2.1")).collect()
        };
        for second in [1, 2] {
            table.set_file(&routes(second));
            assert!(!table.must_wait(), "nothing comes free");
            settle(&mut table);
        }
        table.set_file(&routes(3));
        assert!(table.must_wait());
        let leaving = table.fib().removable(1);
        table.fib_mut().removed(&leaving, 2);
        assert!(table.must_wait());
        table.fib_mut().release(2);
        assert!(!table.must_wait());
        assert_eq!(settle(&mut table).0.len(), 1_000);
    }

    #[test]
    fn a_clients_route_hides_the_files_and_uncovers_it_again() {
        let mut table = Table::new(100);
        table.set_file(&[direct("10.1.0.0/24", "192.0.2.1")]);
        settle(&mut table);
        let dst = "10.1.0.0/24".parse().unwrap();
        table.set_cli(&blackhole("10.1.0.0/24"));
        settle(&mut table);
        let rows: Vec<Row<'_>> = table.rows_of(dst).collect();
        assert_eq!((rows[0].source, rows[0].overridden), (Source::Cli, false));
        assert_eq!((rows[1].source, rows[1].overridden), (Source::File, true));
        assert_eq!(rows[0].installed.unwrap().kind, RouteKind::BLACKHOLE);
        assert!(table.remove_cli(dst));
        settle(&mut table);
        let row = table.rows_of(dst).next().unwrap();
        assert_eq!(row.installed.unwrap().kind, RouteKind::DIRECT);
    }

    #[test]
    fn the_hosts_own_route_comes_before_all() {
        let mut table = Table::new(100);
        table.set_cli(&blackhole("10.1.0.1/32"));
        let own = HostRoute {
            kind: RouteKind::HOST,
            ifindex: 3,
        };
        table.set_host(&BTreeMap::from([("10.1.0.1".parse().unwrap(), own)]));
        settle(&mut table);
        let row = table.rows().next().unwrap();
        assert_eq!(row.installed.unwrap().kind, RouteKind::HOST);
    }

    #[test]
    fn routes_of_a_hop_that_leads_nowhere_are_taken_out_and_put_back() {
        let mut table = Table::new(100);
        table.set_file(&[
            direct("10.1.0.0/24", "192.0.2.1"),
            direct("10.2.0.0/24", "192.0.2.2"),
        ]);
        settle(&mut table);
        let slot = table.rows().next().unwrap().hop.unwrap().0;
        table.hops_changed(&BTreeSet::from([slot]));
        let steps = table.stage(|other| other != slot);
        assert_eq!(steps.len(), 1);
        table.committed(&steps, 2);
        assert_eq!(table.fib().get("10.1.0.0/24".parse().unwrap()), None);
        table.hops_changed(&BTreeSet::from([slot]));
        assert_eq!(settle(&mut table).0, ["10.1.0.0/24"]);
    }

    #[test]
    fn routes_move_to_the_new_slot_of_their_hop_before_the_old_one_is_anothers() {
        let mut table = Table::new(100);
        table.set_file(&[direct("10.1.0.0/24", "192.0.2.1")]);
        table.set_cli(&direct("10.2.0.0/24", "192.0.2.1"));
        settle(&mut table);
        let slot = table.rows().next().unwrap().hop.unwrap().0;
        let renewed = table.renew_hop(slot).unwrap();
        table.grace_begins();
        table.grace_ended();
        table.set_cli(&direct("10.3.0.0/24", "192.0.2.3"));
        settle(&mut table);
        let targets: Vec<u32> = table
            .rows()
            .map(|row| row.installed.unwrap().target)
            .collect();
        assert_eq!(targets[..2], [renewed, renewed]);
        assert!(!targets.contains(&slot), "the kernel still used it");
        table.set_cli(&direct("10.4.0.0/24", "192.0.2.4"));
        settle(&mut table);
        assert!(table.hops().key(slot).is_some(), "in the end it is free");
    }

    #[test]
    fn what_the_kernel_refused_is_offered_again() {
        let mut table = Table::new(100);
        table.set_cli(&blackhole("10.1.0.0/24"));
        let steps = table.stage(|_| true);
        table.aborted(&steps, 1);
        assert_eq!(table.unsettled(), 1);
        assert_eq!(settle(&mut table).0, ["10.1.0.0/24"]);
    }

    #[test]
    fn what_there_is_no_room_for_waits() {
        let mut table = Table::new(0);
        let all: Vec<Route> = (0..1100_u32)
            .map(|at| blackhole(&format!("10.{}.{}.0/24", at / 256, at % 256)))
            .collect();
        table.set_file(&all);
        assert_eq!(settle(&mut table).0.len(), 1024);
        assert_eq!(table.unsettled(), 76);
    }

    #[test]
    fn a_prefix_keeps_its_counters_when_its_route_changes() {
        let mut table = Table::new(100);
        table.set_cli(&blackhole("10.1.0.0/24"));
        settle(&mut table);
        let before = table.rows().next().unwrap().installed.unwrap().counter;
        table.set_cli(&direct("10.1.0.0/24", "192.0.2.1"));
        settle(&mut table);
        let after = table.rows().next().unwrap().installed.unwrap().counter;
        assert_eq!(before, after);
    }
}
