//! Bringing the kernel to what is desired.
//!
//! The order: what new routes need (interfaces, containers, next hops), routes, hooks; then what
//! no route needs any more. A step that fails is said once, counted, and tried again in the next
//! round; the others are done.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use routemesh_common::{NEXT_HOP_SLOTS, NextHop};

use super::{Daemon, tunnels::peer};
use crate::{
    api::LinkRole,
    datapath::Hook,
    model::UplinkMode,
    reconcile::{
        diff,
        fib::Step,
        hops::{self, Unreachable},
        plan::{self, Attachment},
    },
};

/// What a round left undone.
#[derive(Default)]
pub(super) struct Failures(Vec<String>);

impl Failures {
    pub(super) fn note(&mut self, result: anyhow::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.0.push(format!("{error:#}"));
                false
            }
        }
    }
}

impl Daemon {
    /// Has the kernel verify the programs that are to be attached here.
    ///
    /// # Errors
    /// When it refuses that of tc, without which nothing is forwarded.
    pub(super) fn load_programs(&mut self) -> anyhow::Result<()> {
        let plan = plan::plan(&self.config, &self.world, &mut self.rows);
        let mut attachments = plan.attachments.values();
        let with_xdp = attachments.any(|attachment| xdp_hook(attachment).is_some());
        self.datapath.load_programs(with_xdp)
    }

    /// One round: plans anew, and does all that differs.
    pub(super) fn sync(&mut self) {
        let begun = Instant::now();
        let mut failures = Failures::default();
        self.plan = plan::plan(&self.config, &self.world, &mut self.rows);
        self.table.set_host(&self.plan.routes);
        self.sync_interfaces(&mut failures);
        self.sync_endpoints(&mut failures);
        self.sync_tunnel_settings(&mut failures);
        self.sync_routes(&mut failures);
        failures.note(self.datapath.maps_filled());
        self.sync_hooks(&mut failures);
        self.sync_sockets(&mut failures);
        self.sync_tx_ports(&mut failures);
        self.forget_interfaces(&mut failures);
        failures.note(self.datapath.forget_other_maps());
        self.end_round(begun, failures);
    }

    /// The part of a round that an edit of routes needs.
    pub(super) fn sync_edited_routes(&mut self) {
        let begun = Instant::now();
        let mut failures = Failures::default();
        self.sync_routes(&mut failures);
        self.end_round(begun, failures);
        self.edited.notify_one();
    }

    pub(super) fn end_round(&mut self, begun: Instant, failures: Failures) {
        self.rounds.done += 1;
        self.rounds.last_seconds = begun.elapsed().as_secs_f64();
        let Failures(undone) = failures;
        if !undone.is_empty() {
            self.rounds.incomplete += 1;
        }
        for failure in &undone {
            if !self.rounds.undone.contains(failure) {
                tracing::warn!("{failure}; it is tried again");
            }
        }
        self.rounds.undone = undone;
    }

    fn sync_interfaces(&mut self, failures: &mut Failures) {
        for (ifindex, interface) in diff(&self.plan.interfaces, &self.actual.interfaces).set {
            if failures.note(self.datapath.set_interface(interface)) {
                self.actual.interfaces.insert(ifindex, interface);
            }
        }
    }

    fn sync_endpoints(&mut self, failures: &mut Failures) {
        let difference = diff(&self.plan.endpoints, &self.actual.endpoints);
        for (address, endpoint) in difference.set {
            if failures.note(self.datapath.set_endpoint(address, endpoint)) {
                self.actual.endpoints.insert(address, endpoint);
            }
        }
        // A container that is gone is at once the network's to look for: its address may be
        // another's next.
        for address in difference.remove {
            if failures.note(self.datapath.remove_endpoint(address)) {
                self.actual.endpoints.remove(&address);
            }
        }
    }

    fn sync_routes(&mut self, failures: &mut Failures) {
        self.sync_hops(failures);
        self.add_peers(failures);
        self.add_networks(failures);
        // With the second what there is no slot for until those of what goes are free.
        for _ in 0..2 {
            self.make_room(failures);
            self.stage_routes(failures);
            if !self.table.must_wait() {
                break;
            }
        }
        self.forget_hops();
        self.forget_peers(failures);
        self.narrow_networks(failures);
        self.changed.notify_one();
    }

    fn stage_routes(&mut self, failures: &mut Failures) {
        let hops = &self.hops;
        let steps = self
            .table
            .stage(|slot| matches!(hops.get(&slot), Some(Ok(_))));
        if !steps.is_empty() {
            self.change_routes(&steps, failures);
        }
    }

    /// All at once: a packet goes by the routes before or by those after.
    fn change_routes(&mut self, steps: &[Step], failures: &mut Failures) {
        match self.datapath.change_routes(steps) {
            Ok(epoch) => {
                self.table.committed(steps, epoch);
                self.generation += steps.len() as u64;
            }
            Err(error) => {
                let epoch = self.datapath.route_epoch();
                self.table.aborted(steps, epoch);
                failures.note(Err(error));
            }
        }
    }

    /// Resolves the next hops in use, and notes which became reachable or ceased to be.
    fn sync_hops(&mut self, failures: &mut Failures) {
        self.settle_hops();
        let mut turned = BTreeSet::new();
        for (slot, resolved) in self.resolved_anew() {
            let was_reachable = matches!(self.hops.get(&slot), Some(Ok(_)));
            let slot = self.slot_for(slot, &resolved);
            if let Ok(hop) = resolved
                && !failures.note(self.set_next_hop(slot, hop))
            {
                continue;
            }
            if was_reachable != resolved.is_ok() {
                turned.insert(slot);
            }
            self.hops.insert(slot, resolved);
        }
        self.table.hops_changed(&turned);
    }

    /// Recognizes next hops that routes in the kernel lead to since a daemon before, so that such
    /// a route need not change.
    fn settle_hops(&mut self) {
        if self.found_hops.is_empty() {
            return;
        }
        let mut found: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for (slot, hop) in &self.found_hops {
            found.entry(hops::identity(hop)).or_default().push(*slot);
        }
        let mut moves = BTreeMap::new();
        for (slot, resolved) in self.resolved_anew() {
            let like = resolved.ok().map(|hop| hops::identity(&hop));
            let like = like.and_then(|identity| found.get_mut(&identity)?.pop());
            if let Some(occupied) = like
                && let Some(hop) = self.found_hops.remove(&occupied)
            {
                moves.insert(slot, occupied);
                self.hops.insert(occupied, Ok(hop));
            }
        }
        self.table.settle_hops(&moves);
    }

    /// Next hops that lead elsewhere than they did, by slot.
    fn resolved_anew(&self) -> Vec<(u32, Result<NextHop, Unreachable>)> {
        let slots = self.table.hops().iter();
        slots
            .map(|(slot, key)| (slot, hops::resolve(key, self.underlay())))
            .filter(|(slot, resolved)| self.hops.get(slot) != Some(resolved))
            .collect()
    }

    /// The slot to describe a next hop in: another one where packets that use the old
    /// description must not see half of the new.
    fn slot_for(&mut self, slot: u32, resolved: &Result<NextHop, Unreachable>) -> u32 {
        match (self.hops.get(&slot), resolved) {
            (Some(Ok(before)), Ok(after)) if !hops::is_same(before, after) => {
                self.table.renew_hop(slot).unwrap_or(slot)
            }
            _ => slot,
        }
    }

    fn set_next_hop(&mut self, slot: u32, hop: NextHop) -> anyhow::Result<()> {
        if slot >= NEXT_HOP_SLOTS {
            anyhow::bail!(
                "next hop {}: the table of {NEXT_HOP_SLOTS} is full",
                peer(&hop)
            );
        }
        self.datapath.set_next_hop(slot, hop)
    }

    /// Next hops that no route is to use need not be resolved.
    fn forget_hops(&mut self) {
        self.found_hops.clear();
        let table = &self.table;
        self.hops
            .retain(|slot, _| table.hops().key(*slot).is_some());
    }

    fn sync_hooks(&mut self, failures: &mut Failures) {
        let wanted = self.wanted_hooks();
        let taken_over = self.taken_over();
        // Before the first program is exchanged, so that XDP sends on what comes in meanwhile.
        for key in taken_over.iter().filter(|key| wanted.contains_key(key)) {
            self.add_tx_port(*key, failures);
        }
        let present = |ifindex: &u32| self.world.interfaces.contains_key(ifindex);
        self.actual
            .refused
            .retain(|key, _| wanted.contains_key(key));
        let stale: Vec<(u32, Hook)> = self
            .actual
            .attached
            .keys()
            .copied()
            .chain(taken_over)
            .filter(|key| !wanted.contains_key(key) || !present(&key.0))
            .collect();
        for (key, name) in &wanted {
            if self.actual.attached.contains_key(key) || self.actual.refused.contains_key(key) {
                continue;
            }
            self.attach(*key, name, failures);
        }
        for (ifindex, hook) in stale {
            if failures.note(self.datapath.detach(hook, ifindex)) {
                self.actual.attached.remove(&(ifindex, hook));
            }
        }
    }

    /// Hooks that a daemon before has left, as long as it is not known what became of them.
    fn taken_over(&self) -> BTreeSet<(u32, Hook)> {
        if self.rounds.done > 0 {
            return BTreeSet::new();
        }
        let pinned = self.datapath.pinned().unwrap_or_default();
        let keys = pinned.into_iter().map(|(hook, ifindex)| (ifindex, hook));
        keys.collect()
    }

    fn attach(&mut self, key: (u32, Hook), name: &str, failures: &mut Failures) {
        let (ifindex, hook) = key;
        match (self.datapath.attach(hook, ifindex, name), hook) {
            (Ok(attached), _) => {
                self.actual.attached.insert(key, attached);
            }
            (Err(error), Hook::Tc) => {
                failures.note(Err(error));
            }
            (Err(error), Hook::Xdp | Hook::XdpGeneric) => {
                tracing::warn!("{error:#}; {name} goes on with tc alone");
                self.actual.refused.insert(key, format!("{error:#}"));
            }
        }
    }

    fn wanted_hooks(&self) -> BTreeMap<(u32, Hook), String> {
        let mut wanted = BTreeMap::new();
        for (ifindex, attachment) in &self.plan.attachments {
            wanted.insert((*ifindex, Hook::Tc), attachment.name.clone());
            if let Some(hook) = xdp_hook(attachment) {
                wanted.insert((*ifindex, hook), attachment.name.clone());
            }
        }
        wanted
    }

    /// XDP may send out of the uplinks it is attached to: many drivers take frames only then.
    fn sync_tx_ports(&mut self, failures: &mut Failures) {
        let attached: Vec<_> = self.actual.attached.keys().copied().collect();
        for key in &attached {
            self.add_tx_port(*key, failures);
        }
        let wanted: BTreeSet<u32> = attached
            .iter()
            .filter(|(_, hook)| *hook != Hook::Tc)
            .map(|(ifindex, _)| *ifindex)
            .collect();
        for ifindex in self.actual.tx_ports.clone().difference(&wanted) {
            if failures.note(self.datapath.remove_tx_port(*ifindex)) {
                self.actual.tx_ports.remove(ifindex);
            }
        }
    }

    fn add_tx_port(&mut self, (ifindex, hook): (u32, Hook), failures: &mut Failures) {
        if hook != Hook::Tc
            && !self.actual.tx_ports.contains(&ifindex)
            && failures.note(self.datapath.set_tx_port(ifindex))
        {
            self.actual.tx_ports.insert(ifindex);
        }
    }

    fn forget_interfaces(&mut self, failures: &mut Failures) {
        for ifindex in diff(&self.plan.interfaces, &self.actual.interfaces).remove {
            if failures.note(self.datapath.remove_interface(ifindex)) {
                self.actual.interfaces.remove(&ifindex);
            }
        }
    }
}

/// The XDP hook an interface is to have, if any.
pub(super) fn xdp_hook(attachment: &Attachment) -> Option<Hook> {
    if attachment.role != LinkRole::Uplink {
        return None;
    }
    match attachment.mode {
        UplinkMode::Auto => attachment.driver.then_some(Hook::Xdp),
        UplinkMode::Xdp => Some(Hook::Xdp),
        UplinkMode::XdpGeneric => Some(Hook::XdpGeneric),
        UplinkMode::Tc => None,
    }
}
