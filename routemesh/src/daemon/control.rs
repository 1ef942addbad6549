//! What clients of the socket may ask.

use std::net::IpAddr;

use super::{Daemon, supervisor};
use crate::{
    api::{
        Applied, Checked, ConfigText, Control, Endpoint, Error, ErrorKind, Link, MapFill, Metrics,
        OutcomeCount, Reloaded, Route, RouteBatch, Status,
    },
    config::{Config, Report},
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
        let reloaded = self.read_anew();
        supervisor::ready();
        reloaded
    }

    fn metrics(&self) -> Metrics {
        let entries = [
            self.table.installed(),
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

impl Daemon {
    /// Reads the configuration again, and applies the difference.
    fn read_anew(&mut self) -> Result<Reloaded, Error> {
        let invalid = |report: Report| Error::new(ErrorKind::Invalid, report.to_string());
        let mut config = self
            .origin
            .read()
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("{error:#}")))?;
        self.fits_host(&config).map_err(invalid)?;
        if config.routes.len() > self.route_limit as usize {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "{} routes are more than the {} there is room for: limits.routes takes effect at the next start",
                    config.routes.len(),
                    self.route_limit
                ),
            ));
        }
        let restart_needed = self.fixed_settings(&config);
        let routes = self.table.set_file(&config.routes);
        config.limits = self.config.limits;
        config.metrics = self.config.metrics;
        self.config = config;
        self.actual.refused.clear();
        self.sync();
        Ok(Reloaded {
            routes,
            restart_needed,
        })
    }

    fn fits_host(&self, config: &Config) -> Result<(), Report> {
        config.problems(&self.world).map_or(Ok(()), Err)
    }

    /// Settings that differ from those in force, which are fixed since the start.
    fn fixed_settings(&self, config: &Config) -> Vec<String> {
        [
            ("limits.routes", config.limits != self.config.limits),
            ("metrics.listen", config.metrics != self.config.metrics),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .collect()
    }
}
