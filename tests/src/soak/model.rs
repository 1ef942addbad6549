//! What should be: the routes that clients and the file asked for.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::{Context as _, Result, ensure};
use routemesh::model::Prefix;
use routemesh_tests::{chance::Chance, longest::longest};
use serde_json::Value;

use crate::probe::{ENTRANCES, Probe};

const MODES: [&str; 6] = ["direct", "auto", "vxlan", "geneve", "gre", "ipip"];

/// Prefixes of clients and of the file begin with one of these numbers behind the first.
const CLIENTS: u8 = 8;
const FILE: u8 = 9;

/// Routes by prefix.
pub(crate) type Table = BTreeMap<Prefix, Target>;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Blackhole,
    /// By host B, by its address on the first wire or on the second.
    Via {
        mode: &'static str,
        wire: u8,
        v6: bool,
    },
}

impl Target {
    /// A way to destinations like `dst`.
    fn by_chance(chance: &mut Chance, dst: Prefix) -> Self {
        if chance.below(6) == 0 {
            return Self::Blackhole;
        }
        Self::Via {
            mode: mode(chance),
            wire: chance.below(2) as u8,
            v6: dst.is_ipv6(),
        }
    }

    /// The words of `route replace`.
    pub(crate) fn words(self, dst: Prefix) -> Vec<String> {
        let words = match self {
            Self::Blackhole => format!("blackhole {dst}"),
            Self::Via { mode, wire, v6 } => {
                format!("{dst} via {} mode {mode}", gateway(wire, v6))
            }
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// The lines of the file.
    fn lines(self, dst: Prefix) -> String {
        let action = match self {
            Self::Blackhole => "blackhole = true".to_owned(),
            Self::Via { mode, wire, v6 } => {
                format!("via = \"{}\"\nmode = \"{mode}\"", gateway(wire, v6))
            }
        };
        format!("[[route]]\ndst = \"{dst}\"\n{action}\n")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blackhole => f.write_str("blackhole"),
            Self::Via { mode, wire, v6 } => {
                write!(f, "{mode} via {}", gateway(*wire, *v6))
            }
        }
    }
}

/// Host B's address on the first wire or on the second.
pub(crate) fn gateway(wire: u8, v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::new(0xfd00, 0x100 + u16::from(wire), 0, 0, 0, 0, 0, 2).into()
    } else {
        Ipv4Addr::new(192, 168, 100 + wire, 2).into()
    }
}

/// All that host A is to forward.
pub(crate) struct Model {
    pub(crate) clients: Table,
    pub(crate) file: Table,
    /// To host B's containers: the routes that the numbered datagrams take.
    base: [Prefix; 2],
}

impl Model {
    /// A file with nothing but routes to `containers`.
    pub(crate) fn new(containers: [Prefix; 2]) -> Self {
        let mut model = Self {
            clients: Table::new(),
            file: Table::new(),
            base: containers,
        };
        model.file = model.with_mode(MODES[0]);
        model
    }

    /// The file's routes, with that mode on the way to host B's containers.
    pub(crate) fn with_mode(&self, mode: &'static str) -> Table {
        let mut file = self.file.clone();
        for dst in self.base {
            let v6 = dst.is_ipv6();
            file.insert(dst, Target::Via { mode, wire: 0, v6 });
        }
        file
    }

    /// Other routes for the file, some of them; each time by another tunnel to host B's containers.
    pub(crate) fn other_file(&self, chance: &mut Chance) -> Table {
        let mut file = self.with_mode(mode(chance));
        for _ in 0..=chance.below(8) {
            let dst = prefix(chance, FILE);
            if file.remove(&dst).is_none() {
                file.insert(dst, Target::by_chance(chance, dst));
            }
        }
        file
    }

    /// A route for a client to add, or to put in the place of what it has.
    pub(crate) fn replace(&mut self, chance: &mut Chance) -> Vec<String> {
        let dst = prefix(chance, CLIENTS);
        let target = Target::by_chance(chance, dst);
        self.clients.insert(dst, target);
        target.words(dst)
    }

    /// Takes a client's route away.
    pub(crate) fn delete(&mut self, chance: &mut Chance) -> Option<Prefix> {
        let all: Vec<Prefix> = self.clients.keys().copied().collect();
        let dst = (!all.is_empty()).then(|| *chance.pick(&all))?;
        self.clients.remove(&dst);
        Some(dst)
    }

    /// An address, more often than not of a route, and what the longest one has for it.
    pub(crate) fn probe(&self, chance: &mut Chance) -> Probe {
        let (table, second) = *chance.pick(&[(&self.clients, CLIENTS), (&self.file, FILE)]);
        let routes: Vec<Prefix> = table.keys().copied().collect();
        let dst = if routes.is_empty() || chance.below(3) == 0 {
            address(chance, second)
        } else {
            let dst = *chance.pick(&routes);
            within(chance, dst)
        };
        Probe {
            dst,
            entrance: chance.below(ENTRANCES),
            target: longest(table, dst).copied(),
        }
    }

    /// How many routes there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.file.len()
    }

    /// Whether those are the routes of `route list`, and all in force.
    pub(crate) fn compare(&self, listed: &Value) -> Result<()> {
        let mut found = BTreeMap::new();
        for route in listed.as_array().context("no list of routes")? {
            let dst: Prefix = route["dst"].as_str().context("no dst")?.parse()?;
            if route["source"] == "kernel" {
                continue;
            }
            ensure!(route["state"] == "active", "{route}");
            found.insert(dst, shown(route));
        }
        let wanted = self.clients.iter().chain(&self.file);
        let wanted: BTreeMap<_, _> = wanted.map(|(dst, to)| (*dst, to.to_string())).collect();
        ensure!(found == wanted, "{}", differences(&found, &wanted));
        Ok(())
    }
}

/// The file's routes, as it has them.
pub(crate) fn lines(file: &Table) -> String {
    file.iter()
        .map(|(dst, target)| target.lines(*dst))
        .collect()
}

/// A route of the CLI's JSON, as a [`Target`] is shown.
pub(crate) fn shown(route: &Value) -> String {
    match (route["mode"].as_str(), route["gateway"].as_str()) {
        (Some(mode), Some(gateway)) => format!("{mode} via {gateway}"),
        _ => route["type"].as_str().unwrap_or_default().to_owned(),
    }
}

fn differences(found: &BTreeMap<Prefix, String>, wanted: &BTreeMap<Prefix, String>) -> String {
    let mut text = String::from("the routes differ from the model's:");
    for (dst, target) in wanted {
        if found.get(dst) != Some(target) {
            let _ = write!(text, " {dst} {target} and not {:?};", found.get(dst));
        }
    }
    for (dst, target) in found.iter().filter(|(dst, _)| !wanted.contains_key(dst)) {
        let _ = write!(text, " {dst} {target} and no such route;");
    }
    text
}

fn mode(chance: &mut Chance) -> &'static str {
    let mode: &&str = chance.pick(&MODES);
    mode
}

/// One of a family by chance.
fn address(chance: &mut Chance, second: u8) -> IpAddr {
    let third = chance.below(8) as u8 * 32;
    let fourth = chance.below(256) as u8;
    if chance.below(2) == 0 {
        return Ipv4Addr::new(10, second, third, fourth).into();
    }
    let third = u16::from_be_bytes([third, fourth]);
    Ipv6Addr::new(0xfd00, u16::from(second), third, 0, 0, 0, 0, 1).into()
}

/// One that a route is for: the last four bits are in none.
fn within(chance: &mut Chance, dst: Prefix) -> IpAddr {
    let last = chance.below(16) as u8;
    match dst.address() {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) | u32::from(last)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) | u128::from(last)).into(),
    }
}

/// Of lengths that hold one another.
fn prefix(chance: &mut Chance, second: u8) -> Prefix {
    let address = address(chance, second);
    let length = *chance.pick(&[18, 20, 24, 28]) + if address.is_ipv6() { 16 } else { 0 };
    Prefix::around(address, length).expect("a length of its family")
}
