//! The configuration: a file, checked whole before any of it is used.
//!
//! [`Config::parse`] finds all that is wrong with the text, [`Config::problems`] all that is
//! wrong with it on this host. Both answer with a [`Report`], which shows file, line and column
//! with the text underlined and says what would be right. `default.toml`, built in, has every
//! key there is.

mod check;
mod conflicts;
mod document;
mod locals;
mod on_host;
mod read;
mod reference;
mod report;
pub mod rules;
mod show;

use std::{net::SocketAddr, path::Path};

use document::Document;
use report::{Problem, Source, Span};
use rules::Wrong;

use crate::model::{Network, Prefix, Route, Tunnel, Uplink, UplinkMode, World};

pub use reference::reference;
pub use report::Report;

/// The configuration that is built in, as TOML.
pub const DEFAULT: &str = include_str!("default.toml");

/// Largest file that is read, in bytes: more than 16 Mi routes need.
const MOST_BYTES: usize = 2 << 30;

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this host.
    pub node: String,
    /// Interfaces that lead to other hosts; empty: see [`Config::uplinks_in`].
    pub uplinks: Vec<Uplink>,
    /// Interfaces that lead to containers.
    pub networks: Vec<Network>,
    /// Routes, in the order of the file; no prefix twice.
    pub routes: Vec<Route>,
    /// What tunnels have in common.
    pub tunnel: Tunnel,
    /// Sizes that are fixed when the daemon starts.
    pub limits: Limits,
    /// Where to serve metrics over TCP, if anywhere.
    pub metrics: Option<SocketAddr>,
    source: Source,
    places: Places,
}

/// Sizes that are fixed when the daemon starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most routes the table takes.
    pub routes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { routes: 131_072 }
    }
}

/// Where the parts of a configuration are written, in step with them.
#[derive(Clone, Debug, Default)]
struct Places {
    uplinks: Vec<Span>,
    networks: Vec<(Span, Vec<Span>)>,
    routes: Vec<RoutePlaces>,
    route_limit: Option<Span>,
}

#[derive(Clone, Copy, Debug)]
struct RoutePlaces {
    dst: Span,
    via: Option<Span>,
    dev: Option<Span>,
}

impl PartialEq for Config {
    /// Whether the two mean the same, wherever and however they are written.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            node,
            uplinks,
            networks,
            routes,
            tunnel,
            limits,
            metrics,
            source: _,
            places: _,
        } = self;
        *node == other.node
            && *uplinks == other.uplinks
            && *networks == other.networks
            && *routes == other.routes
            && *tunnel == other.tunnel
            && *limits == other.limits
            && *metrics == other.metrics
    }
}

impl Config {
    /// The configuration that `text` writes; `name` stands for the file in what is reported.
    ///
    /// # Errors
    /// All that is wrong with the text.
    pub fn parse(text: &str, name: &str) -> Result<Self, Report> {
        if text.len() > MOST_BYTES {
            let problem = Problem::new(format!("{name} is too large"))
                .help(format!("a configuration has at most {MOST_BYTES} bytes"));
            return Err(Report::of(Source::new(name, ""), problem));
        }
        check::check(text, Source::new(name, text))
    }

    /// The configuration that is built in: [`DEFAULT`].
    ///
    /// # Panics
    /// Never: a test parses it.
    #[must_use]
    pub fn embedded() -> Self {
        Self::parse(DEFAULT, "the built-in default").expect("the built-in default is valid")
    }

    /// The configuration in the file at `path`.
    ///
    /// # Errors
    /// That the file cannot be read, or all that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Report> {
        let name = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| {
            let problem = Problem::new(format!("cannot read {name}: {error}"))
                .help("name a file that can be read");
            Report::of(Source::new(&name, ""), problem)
        })?;
        match std::str::from_utf8(&text) {
            Ok(text) => Self::parse(text, &name),
            Err(error) => {
                let at = error.valid_up_to();
                let readable = String::from_utf8_lossy(&text);
                let problem = Problem::new("this is not UTF-8 text")
                    .at(Span::within(0, at..at), "the first bad byte")
                    .help("save the file as UTF-8");
                Err(Report::of(Source::new(&name, &readable), problem))
            }
        }
    }

    /// Takes `uplinks` in place of those of the file, wherever they come from.
    ///
    /// # Errors
    /// The first name that is no interface name; nothing was changed.
    pub fn override_uplinks(&mut self, uplinks: Vec<Uplink>) -> Result<(), Wrong> {
        uplinks
            .iter()
            .try_for_each(|uplink| rules::interface(&uplink.interface))?;
        self.uplinks = uplinks;
        self.places.uplinks.clear();
        Ok(())
    }

    /// What is wrong with the configuration on the host that `world` describes.
    #[must_use]
    pub fn problems(&self, world: &World) -> Option<Report> {
        on_host::problems(self, world)
    }

    /// The uplinks, with the one to take where none is configured: `eth0`, or else the
    /// interface of the default route, unless it is a container network.
    #[must_use]
    pub fn uplinks_in(&self, world: &World) -> Vec<Uplink> {
        if !self.uplinks.is_empty() {
            return self.uplinks.clone();
        }
        let default = || world.interfaces.get(&world.default_route?);
        let network = |name: &str| self.networks.iter().any(|net| net.interface == name);
        world
            .interface("eth0")
            .into_iter()
            .chain(default())
            .find(|interface| !network(&interface.name))
            .map(|interface| Uplink {
                interface: interface.name.clone(),
                mode: UplinkMode::default(),
            })
            .into_iter()
            .collect()
    }

    /// The subnets of `network`: those written, or else those of its interface's addresses,
    /// link-local ones aside.
    #[must_use]
    pub fn subnets_in(network: &Network, world: &World) -> Vec<Prefix> {
        if !network.subnets.is_empty() {
            return network.subnets.clone();
        }
        let addresses = world
            .interface(&network.interface)
            .into_iter()
            .flat_map(|interface| &interface.addresses);
        let mut subnets: Vec<Prefix> = addresses
            .filter_map(|net| Prefix::around(net.addr(), net.prefix_len()).ok())
            .filter(|subnet| rules::subnet(*subnet).is_ok())
            .collect();
        subnets.dedup();
        subnets
    }

    /// The configuration as TOML, every value in force written out; [`Config::parse`] gives
    /// the same back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        show::to_toml(self)
    }

    /// All that is not a route, as TOML, every value in force written out.
    #[must_use]
    pub fn settings(&self) -> String {
        show::settings(self)
    }

    /// The text it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// The JSON schema (2020-12) of the file.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(Document).to_value();
        document::tidy(&mut schema);
        schema
    }
}

#[cfg(test)]
mod tests;
