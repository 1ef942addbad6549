//! A daemon for tests and fuzzing: it knows a table, and nothing of kernels.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use crate::{
    api::{
        Applied, Apply, Change, Changed, Checked, ConfigText, Confirmed, Control, Endpoint, Error,
        ErrorKind, Link, MapFill, Metrics, OutcomeCount, Reloaded, Route, RouteBatch, RouteOp,
        RouteState, RouteTotals, RouteType, SharedControl, Status, Terms, Unconfirmed,
    },
    model::{Mode, Prefix, Source},
};

/// A table of routes, and whether the daemon is ready.
#[derive(Debug, Default)]
pub struct Fake {
    /// The table.
    pub routes: Vec<Route>,
    /// Whether it is.
    pub ready: bool,
}

impl Fake {
    /// A daemon with `count` routes, as a server wants it.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn with_routes(count: u32) -> SharedControl {
        let routes = (0..count).map(|number| {
            let address = IpAddr::from((0x0a00_0000 + number * 256).to_be_bytes());
            route(Prefix::around(address, 24).unwrap())
        });
        Arc::new(Mutex::new(Self {
            routes: routes.collect(),
            ready: false,
        }))
    }
}

fn route(dst: Prefix) -> Route {
    Route {
        dst,
        kind: RouteType::Direct,
        gateway: Some("192.0.2.1".parse().unwrap()),
        dev: Some("eth0".into()),
        mode: Some(Mode::Direct),
        vtep_mac: None,
        local: None,
        vni: None,
        gre_key: None,
        mtu: None,
        path_mtu: None,
        source: Source::Cli,
        state: RouteState::Active,
        reason: None,
        packets: 0,
        bytes: 0,
    }
}

impl Control for Fake {
    fn ready(&self) -> bool {
        self.ready
    }

    fn status(&self) -> Status {
        Status {
            node: "fake".into(),
            version: "0.1.0".into(),
            pid: 1,
            uptime_seconds: 61,
            kernel: "6.18.0".into(),
            config: None,
            unconfirmed: None,
            generation: 7,
            routes: RouteTotals {
                cli: self.routes.len(),
                ..RouteTotals::default()
            },
            route_limit: 1 << 20,
            endpoints: 0,
            links: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn routes(&self) -> Vec<Route> {
        self.routes.clone()
    }

    fn route_for(&self, address: IpAddr) -> Result<Route, Error> {
        let holders = self
            .routes
            .iter()
            .filter(|route| route.dst.contains(address));
        holders
            .max_by_key(|route| route.dst.length())
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no route to {address}")))
    }

    fn edit_routes(&mut self, batch: RouteBatch) -> Result<Applied, Error> {
        let mut routes = self.routes.clone();
        for (index, edit) in batch.edits.iter().enumerate() {
            if edit.op == RouteOp::Add && routes.last().is_some_and(|route| route.dst == edit.dst) {
                let message = format!("{} exists; use replace", edit.dst);
                return Err(Error::new(ErrorKind::Exists, message).at_edit(index));
            }
            routes.push(route(edit.dst));
        }
        let added = routes.len() - self.routes.len();
        self.routes = routes;
        Ok(Applied {
            added,
            ..Applied::default()
        })
    }

    fn flush_routes(&mut self) -> Result<Applied, Error> {
        let removed = std::mem::take(&mut self.routes).len();
        Ok(Applied {
            removed,
            ..Applied::default()
        })
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    fn links(&self) -> Vec<Link> {
        Vec::new()
    }

    fn outcomes(&self) -> Vec<OutcomeCount> {
        Vec::new()
    }

    fn config(&self) -> String {
        "node = \"fake\"\n".into()
    }

    fn check_config(&self, config: &ConfigText) -> Checked {
        Checked {
            problems: config.text.contains("bad").then(|| config.name.clone()),
        }
    }

    fn reload(&mut self) -> Result<Reloaded, Error> {
        Err(Error::new(ErrorKind::Invalid, "line 3: no"))
    }

    fn apply(&mut self, apply: &Apply) -> Result<Changed, Error> {
        let seconds = apply.terms.confirm_seconds;
        Ok(Changed {
            changes: Change::of(&apply.name, None, Some(apply.text.clone()))
                .into_iter()
                .collect(),
            restart_needed: Vec::new(),
            unconfirmed: seconds.map(|seconds| Unconfirmed {
                seconds_left: seconds.into(),
            }),
        })
    }

    fn confirm(&mut self) -> Result<Confirmed, Error> {
        Ok(Confirmed {
            config: "x.toml".into(),
        })
    }

    fn rollback(&mut self, _terms: Terms) -> Result<Changed, Error> {
        Err(Error::new(ErrorKind::NotFound, "nothing to go back to"))
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            status: self.status(),
            outcomes: Vec::new(),
            maps: vec![MapFill {
                map: "ROUTES",
                entries: 1,
                capacity: 2,
            }],
            start_time_seconds: 1.5,
            reconcile_rounds: 1,
            reconcile_errors: 0,
            reconcile_seconds: 0.25,
        }
    }
}
