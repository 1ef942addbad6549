//! What is left to do after routes changed, once no packet is under way that goes by the table
//! before: their records and next hops are free for others then.

use std::sync::{Arc, Mutex};

use anyhow::Result;

use super::{Daemon, run::lock, sync::Failures};
use crate::datapath::grace_period;

/// Tidies up after each change of routes, for ever.
pub(super) async fn settle(daemon: &Mutex<Daemon>) {
    let changed = Arc::clone(&lock(daemon).changed);
    loop {
        changed.notified().await;
        loop {
            let Some(epoch) = lock(daemon).begin_grace() else {
                break;
            };
            let waited = tokio::task::spawn_blocking(grace_period).await;
            if waited.is_err() || !lock(daemon).end_grace(epoch) {
                break;
            }
        }
    }
}

impl Daemon {
    /// The epoch that packets of before are to be waited for, where there is a need to.
    fn begin_grace(&mut self) -> Option<u64> {
        let epoch = self.datapath.route_epoch();
        let settled = self.table.is_settled() && self.datapath.settled_epoch() == epoch;
        self.table.grace_begins();
        (!settled).then_some(epoch)
    }

    /// Does what waited for packets from before `epoch`; says whether all of it went well.
    fn end_grace(&mut self, epoch: u64) -> bool {
        self.table.grace_ended();
        let (freed, result) = self.tidy_up(epoch);
        if self.table.unsettled() > 0 && freed {
            self.sync_edited_routes();
        }
        if let Err(error) = &result {
            tracing::warn!("{error:#}; it is tried again");
        }
        result.is_ok()
    }

    /// Waits until there are slots for all routes that are to be added, or none is to come free: those
    /// of records that went lately are when no packet is under way that may read them.
    pub(super) fn make_room(&mut self, failures: &mut Failures) {
        while self.table.must_wait() {
            let epoch = self.datapath.route_epoch();
            grace_period();
            let (_, result) = self.tidy_up(epoch);
            if !failures.note(result) {
                break;
            }
        }
    }

    /// Frees slots, and removes records, that packets from before `epoch` may have read; says whether
    /// slots came free.
    fn tidy_up(&mut self, epoch: u64) -> (bool, Result<()>) {
        self.datapath.routes_settled(epoch);
        let freed = self.table.fib_mut().release(epoch);
        let (mut removed, mut result) = (Vec::new(), self.datapath.clear_route_counters(&freed));
        for place in self.table.fib().removable(epoch) {
            match self.datapath.remove_route(place) {
                Ok(()) => removed.push(place),
                Err(error) => result = Err(error),
            }
        }
        if !removed.is_empty() {
            // Packets that came before now may still read these records.
            let epoch = self.datapath.flip_routes();
            self.table.fib_mut().removed(&removed, epoch);
        }
        (!freed.is_empty(), result)
    }
}
