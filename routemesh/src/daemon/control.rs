//! What clients of the socket may ask.

use std::net::IpAddr;

use super::{Daemon, supervisor};
use crate::{
    api::{
        Applied, Apply, Changed, Checked, ConfigText, Confirmed, Control, Endpoint, Error,
        ErrorKind, Link, MapFill, Metrics, OutcomeCount, Reloaded, Route, RouteBatch, Status,
        Terms,
    },
    config::Config,
};

impl Control for Daemon {
    fn ready(&self) -> bool {
        self.rounds.done > 0
    }

    fn status(&self) -> Status {
        self.view_status()
    }

    fn routes(&self) -> Vec<Route> {
        self.view_routes()
    }

    fn route_for(&self, address: IpAddr) -> Result<Route, Error> {
        self.view_winner(address).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("no route for {address}: its packets are left to the kernel's stack"),
            )
        })
    }

    fn edit_routes(&mut self, batch: RouteBatch) -> Result<Applied, Error> {
        self.edit(batch)
    }

    fn flush_routes(&mut self) -> Result<Applied, Error> {
        self.flush()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.view_endpoints()
    }

    fn links(&self) -> Vec<Link> {
        self.view_links()
    }

    fn outcomes(&self) -> Vec<OutcomeCount> {
        self.view_outcomes()
    }

    fn config(&self) -> String {
        self.config.to_toml()
    }

    fn check_config(&self, config: &ConfigText) -> Checked {
        Checked {
            problems: Config::parse(&config.text, &config.name)
                .and_then(|config| self.fits_host(&config))
                .err()
                .map(|report| report.to_string()),
        }
    }

    fn reload(&mut self) -> Result<Reloaded, Error> {
        supervisor::reloading();
        let reloaded = self.reload_file();
        supervisor::ready();
        reloaded
    }

    fn apply(&mut self, apply: &Apply) -> Result<Changed, Error> {
        self.apply_text(apply)
    }

    fn confirm(&mut self) -> Result<Confirmed, Error> {
        self.confirm_trial()
    }

    fn rollback(&mut self, terms: Terms) -> Result<Changed, Error> {
        self.roll_back(terms)
    }

    fn metrics(&self) -> Metrics {
        let entries = [
            self.table.fib().len(),
            self.table.hops().len(),
            self.actual.endpoints.len(),
            self.actual.interfaces.len(),
            self.actual.peers.len(),
        ];
        let maps = self.datapath.capacities(self.route_limit);
        Metrics {
            status: self.view_status(),
            outcomes: self.view_outcomes(),
            maps: maps
                .into_iter()
                .zip(entries)
                .map(|(map, entries)| MapFill {
                    entries: entries as u64,
                    ..map
                })
                .collect(),
            start_time_seconds: self
                .started
                .clock
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
            reconcile_rounds: self.rounds.done,
            reconcile_errors: self.rounds.incomplete,
            reconcile_seconds: self.rounds.last_seconds,
        }
    }
}
