//! Edits of the clients' routes: checked together, then applied together.

use std::collections::{BTreeMap, btree_map::Entry};

use routemesh_common::NEXT_HOP_SLOTS;

use super::Daemon;
use crate::{
    api::{Applied, Error, ErrorKind, RouteBatch, RouteEdit, RouteOp},
    config::rules,
    model::{Action, NetworkNumbers, Prefix, Route, Source},
    reconcile::hops::{self, HopKey, Unreachable},
};

/// What a batch comes to, found out before any of it is done.
#[derive(Default)]
struct Draft {
    /// By prefix, the route it ends with; none for one that is removed.
    routes: BTreeMap<Prefix, Option<Route>>,
    hops: Hops,
}

/// Next hops that were looked at already.
type Hops = BTreeMap<HopKey, Result<(), String>>;

impl Daemon {
    /// Applies all edits, or none.
    pub(super) fn edit(&mut self, batch: RouteBatch) -> Result<Applied, Error> {
        let mut draft = Draft::default();
        for (index, edit) in batch.edits.iter().enumerate() {
            self.draft(&mut draft, edit)
                .map_err(|error| error.at_edit(index))?;
        }
        self.has_room(&draft)?;
        self.journal
            .append(&batch.edits)
            .map_err(|error| Error::new(ErrorKind::Failed, format!("{error:#}")))?;
        // A million of them are a fifth of all memory, and the table is to grow now.
        drop(batch);
        let applied = self.carry_out(draft);
        self.sync_edited_routes();
        let [_, _, routes] = self.table.counts();
        if let Err(error) = self.journal.compact(routes) {
            tracing::warn!("{error:#}; the file goes on growing");
        }
        Ok(applied)
    }

    /// Takes the routes that clients of an earlier daemon asked for. Their next hops may come
    /// later, so they are not looked at.
    pub(super) fn take_over(&mut self, routes: Vec<RouteEdit>) {
        for edit in routes {
            match route(&edit) {
                Ok(route) => {
                    self.table.set_cli(&route);
                }
                Err(error) => tracing::warn!("not taken over: {error}"),
            }
        }
    }

    /// Removes all routes of clients.
    pub(super) fn flush(&mut self) -> Result<Applied, Error> {
        self.journal
            .clear()
            .map_err(|error| Error::new(ErrorKind::Failed, format!("{error:#}")))?;
        let removed = self.table.flush_cli();
        self.sync_edited_routes();
        Ok(Applied {
            removed,
            ..Applied::default()
        })
    }

    fn draft(&self, draft: &mut Draft, edit: &RouteEdit) -> Result<(), Error> {
        let sources = self.table.sources_of(edit.dst);
        let entry = draft.routes.entry(edit.dst);
        let cli = match &entry {
            Entry::Occupied(drafted) => drafted.get().is_some(),
            Entry::Vacant(_) => sources.contains(&Source::Cli),
        };
        let file = sources.contains(&Source::File);
        if edit.op == RouteOp::Del {
            return match (cli, file) {
                (true, _) => {
                    entry.insert_entry(None);
                    Ok(())
                }
                (false, true) => Err(not_found(
                    edit.dst,
                    "; the file's is removed in the file, or hidden by 'route replace'",
                )),
                (false, false) => Err(not_found(edit.dst, "")),
            };
        }
        if sources.contains(&Source::Kernel) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{} is this host's own: packets for it stay here", edit.dst),
            ));
        }
        if edit.op == RouteOp::Add && (cli || file) {
            return Err(exists(edit.dst, cli));
        }
        let route = route(edit)?;
        self.check_hop(&mut draft.hops, &route)?;
        entry.insert_entry(Some(route));
        Ok(())
    }

    fn check_hop(&self, hops: &mut Hops, route: &Route) -> Result<(), Error> {
        let Some(key) = HopKey::of(route) else {
            return Ok(());
        };
        let via = key.via;
        let found = hops.entry(key).or_insert_with_key(|key| {
            match hops::resolve(key, self.underlay()) {
                // The kernel is asked for the way to a tunnel's end once there is a route to it.
                Ok(_) | Err(Unreachable::NoPath) => Ok(()),
                Err(reason) => Err(reason.to_string()),
            }
        });
        found
            .clone()
            .map_err(|reason| Error::new(ErrorKind::Invalid, format!("next hop {via}: {reason}")))
    }

    /// The limits are counted as if nothing of the batch were there yet, so a batch never ends
    /// half-way.
    fn has_room(&self, draft: &Draft) -> Result<(), Error> {
        let [host, file, cli] = self.table.counts();
        let new = draft
            .routes
            .iter()
            .filter(|(dst, route)| route.is_some() && self.table.sources_of(**dst).is_empty());
        let total = host + file + cli + new.count();
        if total > self.route_limit as usize {
            return Err(Error::new(
                ErrorKind::Failed,
                format!(
                    "{total} routes are more than the {} there is room for: raise limits.routes in the configuration and restart",
                    self.route_limit
                ),
            ));
        }
        if self.table.hops().len() + draft.hops.len() >= NEXT_HOP_SLOTS as usize {
            return Err(Error::new(
                ErrorKind::Failed,
                format!("more than {NEXT_HOP_SLOTS} next hops"),
            ));
        }
        Ok(())
    }

    fn carry_out(&mut self, draft: Draft) -> Applied {
        let mut applied = Applied::default();
        for (dst, route) in draft.routes {
            match route {
                Some(route) if self.table.set_cli(&route) => applied.changed += 1,
                Some(_) => applied.added += 1,
                None => applied.removed += usize::from(self.table.remove_cli(dst)),
            }
        }
        applied
    }
}

/// The route an edit asks for.
pub(super) fn route(edit: &RouteEdit) -> Result<Route, Error> {
    let action = match (edit.via, edit.blackhole) {
        (Some(via), false) => Action::Via {
            via,
            dev: edit.dev.clone(),
            mode: edit.mode.unwrap_or_default(),
            vtep_mac: edit.vtep_mac,
            network: NetworkNumbers {
                vni: edit.vni,
                gre_key: edit.gre_key,
            },
        },
        (None, true) => Action::Blackhole,
        (Some(_), true) => return Err(invalid(edit, "a blackhole has no next hop")),
        (None, false) => {
            return Err(invalid(
                edit,
                "name the next hop with 'via', or 'blackhole'",
            ));
        }
    };
    let route = Route {
        dst: edit.dst,
        action,
        mtu: edit.mtu,
    };
    rules::route(&route).map_err(|wrong| Error::new(ErrorKind::Invalid, wrong.to_string()))?;
    Ok(route)
}

fn invalid(edit: &RouteEdit, what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("route {}: {what}", edit.dst))
}

fn exists(dst: Prefix, cli: bool) -> Error {
    let whose = if cli {
        ""
    } else {
        " in the configuration file"
    };
    Error::new(
        ErrorKind::Exists,
        format!("route {dst} exists{whose}: 'route replace' takes its place"),
    )
}

fn not_found(dst: Prefix, hint: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("no route {dst} was added by a client{hint}"),
    )
}
