//! What is desired, and what is to be seen of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::{Context as _, Result};
use routemesh_tests::{chance::Chance, lab::Pair};
use serde_json::Value;

/// How many routes a batch changes.
pub(crate) const BATCH: u16 = 4_000;
/// One of so many of them is sent to.
const SAMPLE: usize = 97;
/// How many routes of clients, and of the file, there may be.
const NUMBERS: u8 = 40;

/// The host that a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    B,
    C,
}

impl Via {
    pub(crate) const ALL: [Self; 2] = [Self::B, Self::C];

    pub(crate) fn gateway(self) -> &'static str {
        match self {
            Self::B => "192.168.100.2",
            Self::C => "192.168.100.3",
        }
    }

    /// An address that always leads there.
    pub(crate) fn sure(self) -> IpAddr {
        [10, 10, self as u8, 1].into()
    }

    fn other(self) -> Self {
        Self::ALL[1 - self as usize]
    }
}

/// All that is desired of host A.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Routes of clients, by the third number of `10.8.N.0/24`.
    pub(crate) clients: BTreeMap<u8, Via>,
    /// The routes that a batch changes, all of them alike.
    pub(crate) batch: Option<Via>,
    pub(crate) file: File,
}

/// The configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The uplink's.
    mode: &'static str,
    /// By which the numbered datagrams go.
    tunnel: &'static str,
    limit: u32,
    /// By the third number of `10.9.N.0/24`.
    routes: BTreeMap<u8, Via>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            clients: BTreeMap::new(),
            batch: None,
            file: File {
                mode: "tc",
                tunnel: "direct",
                limit: 6_000,
                routes: BTreeMap::new(),
            },
        }
    }

    /// What `route list` tells of each route, but those of the host's own addresses.
    pub(crate) fn routes(&self) -> BTreeMap<String, String> {
        let clients = of_each("10.8", &self.clients);
        let file = of_each("10.9", &self.file.routes);
        let sure = Via::ALL.map(|via| (format!("10.10.{}.0/24", via as u8), via));
        let batch = self
            .batch
            .into_iter()
            .flat_map(|via| (0..BATCH).map(move |number| (format!("{}/24", network(number)), via)));
        let direct = clients.chain(file).chain(sure).chain(batch);
        let direct = direct.map(|(dst, via)| (dst, format!("direct via {}", via.gateway())));
        let steady = [
            ("10.200.0.0/24", Via::B.gateway()),
            ("fd00:10:200::/64", "fd00:100::2"),
        ];
        let steady = steady.map(|(dst, gateway)| {
            let tunnel = self.file.tunnel;
            (dst.to_owned(), format!("{tunnel} via {gateway}"))
        });
        direct.chain(steady).collect()
    }

    /// Which host packets to each of [`destinations`] come to, by its place in [`Via::ALL`].
    pub(crate) fn landed(&self) -> BTreeMap<IpAddr, usize> {
        let route = |address: &IpAddr| {
            let IpAddr::V4(address) = address else {
                return None;
            };
            match address.octets() {
                [10, 8, number, _] => self.clients.get(&number).copied(),
                [10, 9, number, _] => self.file.routes.get(&number).copied(),
                _ => self.batch,
            }
        };
        let to = destinations().into_iter();
        to.filter_map(|address| Some((address, route(&address)? as usize)))
            .collect()
    }

    /// The words of another route for a client, or of one client's route less.
    pub(crate) fn change_client(&mut self, chance: &mut Chance) -> Vec<String> {
        let number = chance.below(NUMBERS.into()) as u8;
        let dst = format!("10.8.{number}.0/24");
        if chance.below(3) == 0 && self.clients.remove(&number).is_some() {
            return words(&["route", "del", &dst]);
        }
        let via = *chance.pick(&Via::ALL);
        self.clients.insert(number, via);
        words(&["route", "replace", &dst, "via", via.gateway()])
    }

    /// The lines of a batch that makes all its routes others.
    pub(crate) fn change_batch(&mut self, chance: &mut Chance) -> String {
        self.batch = match self.batch {
            None => Some(*chance.pick(&Via::ALL)),
            Some(via) => (chance.below(3) > 0).then_some(via.other()),
        };
        let line = |number| match self.batch {
            Some(via) => format!("replace {}/24 via {}\n", network(number), via.gateway()),
            None => format!("del {}/24\n", network(number)),
        };
        (0..BATCH).map(line).collect()
    }
}

impl File {
    /// How many hooks there are with it.
    pub(crate) fn hooks(&self) -> usize {
        if self.mode == "tc" { 3 } else { 4 }
    }

    pub(crate) fn text(&self, pair: &Pair) -> String {
        let tunnel = format!("mode = \"{}\"\nvia = ", self.tunnel);
        let mut text = pair.a.config(self.mode, &pair.b).replace("via = ", &tunnel);
        let sure = Via::ALL.map(|via| (format!("10.10.{}.0/24", via as u8), via));
        for (dst, via) in of_each("10.9", &self.routes).chain(sure) {
            let _ = write!(
                text,
                "[[route]]\ndst = \"{dst}\"\nvia = \"{}\"\n",
                via.gateway()
            );
        }
        text + &format!("[limits]\nroutes = {}\n", self.limit)
    }

    /// Other routes, and one time in three another mode and another tunnel.
    pub(crate) fn change(&mut self, chance: &mut Chance) {
        for _ in 0..chance.below(10) {
            let number = chance.below(NUMBERS.into()) as u8;
            if self.routes.remove(&number).is_none() {
                self.routes.insert(number, *chance.pick(&Via::ALL));
            }
        }
        if chance.below(3) == 0 {
            self.mode = ["tc", "xdp", "xdp-generic"][chance.below(3)];
        }
        if chance.below(3) == 0 {
            self.tunnel = ["direct", "vxlan", "gre"][chance.below(3)];
        }
    }

    /// Another size of the maps, which a daemon has from its start on.
    pub(crate) fn change_limit(&mut self, chance: &mut Chance) {
        self.limit = *chance.pick(&[6_000, 8_000]);
    }
}

/// All addresses that packets are sent to.
pub(crate) fn destinations() -> Vec<IpAddr> {
    let one = [8, 9]
        .into_iter()
        .flat_map(|second| (0..NUMBERS).map(move |third| Ipv4Addr::new(10, second, third, 1)));
    let batch = (0..BATCH).step_by(SAMPLE).map(|number| {
        let [a, b, c, _] = network(number).octets();
        Ipv4Addr::new(a, b, c, 1)
    });
    one.chain(batch).map(IpAddr::from).collect()
}

/// The routes of [`State::routes`] as a daemon lists them.
///
/// # Errors
/// When one is not in force.
pub(crate) fn listed(routes: &Value) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for route in routes.as_array().context("no list of routes")? {
        if route["source"] == "kernel" {
            continue;
        }
        anyhow::ensure!(route["state"] == "active", "{route}");
        let word = |key: &str| route[key].as_str().unwrap_or_default();
        let way = format!("{} via {}", word("mode"), word("gateway"));
        found.insert(word("dst").to_owned(), way);
    }
    Ok(found)
}

/// A few of the entries in which one differs from the other.
pub(crate) fn differences<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    found: &BTreeMap<K, V>,
    wanted: &BTreeMap<K, V>,
) -> String {
    let keys = found.keys().chain(wanted.keys());
    let differs = keys.filter(|key| found.get(key) != wanted.get(key));
    let told = differs.take(5).map(|key| {
        let (found, wanted) = (found.get(key), wanted.get(key));
        format!("{key:?} {found:?} and not {wanted:?}")
    });
    told.collect::<Vec<_>>().join(", ")
}

fn of_each(begin: &str, routes: &BTreeMap<u8, Via>) -> impl Iterator<Item = (String, Via)> {
    routes
        .iter()
        .map(move |(number, via)| (format!("{begin}.{number}.0/24"), *via))
}

/// The network of a batch's route: one behind the other from `10.16.0.0` on.
fn network(number: u16) -> Ipv4Addr {
    let [above, below] = number.to_be_bytes();
    Ipv4Addr::new(10, 16 + above, below, 0)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
