//! One operation after another, and the model they are compared with.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::{Context as _, Result, ensure};
use routemesh::model::Prefix;
use routemesh_tests::{
    chance::Chance,
    interrupt,
    lab::{Container, PATIENCE, Pair, Ping, Routemesh, eventually},
    longest::longest,
};
use serde_json::Value;

use crate::growth::Holdings;

const MODES: [&str; 6] = ["direct", "auto", "vxlan", "geneve", "gre", "ipip"];
/// Addresses that are asked for after each operation.
const PROBES: usize = 4;

/// Routes by prefix, each with its mode; `blackhole` is one.
type Table = BTreeMap<Prefix, &'static str>;

pub(crate) struct Trial<'a> {
    pair: &'a Pair,
    /// A container that comes and goes.
    other: &'a Container,
    present: bool,
    daemon: Routemesh,
    chance: Chance,
    /// Routes of clients, below 10.8.
    clients: Table,
    /// Routes of the file, below 10.9.
    file: Table,
    /// What the daemon held after the first round: it opens some things when they are needed first.
    first: Option<Holdings>,
    operations: usize,
    restarts: usize,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        pair: &'a Pair,
        other: &'a Container,
        mut daemon: Routemesh,
        seed: u64,
    ) -> Result<Self> {
        daemon.set_options(&[]);
        for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            Ping::default().run(&from.container, to.container.v4())?;
        }
        Ok(Self {
            pair,
            other,
            present: true,
            first: None,
            daemon,
            chance: Chance::new(seed),
            clients: Table::new(),
            file: Table::new(),
            operations: 0,
            restarts: 0,
        })
    }

    /// One operation that takes no wire away, and what is to be true after it.
    pub(crate) fn operate(&mut self) -> Result<()> {
        interrupt::check()?;
        let (what, done) = match self.chance.below(15) {
            0..=5 => ("route replace", self.replace()),
            6 | 7 => ("route del", self.delete()),
            8 => ("route flush", self.flush()),
            9..=11 => ("reload", self.reload()),
            12 => ("container", self.come_or_go()),
            13 => ("kill -9", self.restart()),
            _ => ("kernel route", self.kernel_route()),
        };
        done.and_then(|()| self.compare())
            .with_context(|| format!("operation {}, {what}", self.operations))?;
        self.operations += 1;
        Ok(())
    }

    fn replace(&mut self) -> Result<()> {
        let dst = self.prefix(8);
        let text = dst.to_string();
        if self.chance.below(5) == 0 {
            self.daemon
                .cli_ok(&["route", "replace", "blackhole", &text])?;
            self.clients.insert(dst, "blackhole");
        } else {
            let mode = *self.chance.pick(&MODES);
            let via = ["via", "192.168.100.2", "mode", mode];
            self.daemon
                .cli_ok(&[&["route", "replace", &text], &via[..]].concat())?;
            self.clients.insert(dst, mode);
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<()> {
        let all: Vec<Prefix> = self.clients.keys().copied().collect();
        if all.is_empty() {
            return Ok(());
        }
        let dst = *self.chance.pick(&all);
        self.clients.remove(&dst);
        self.daemon
            .cli_ok(&["route", "del", &dst.to_string()])
            .map(drop)
    }

    fn flush(&mut self) -> Result<()> {
        self.clients.clear();
        self.daemon.cli_ok(&["route", "flush"]).map(drop)
    }

    fn reload(&mut self) -> Result<()> {
        for _ in 0..=self.chance.below(8) {
            let dst = self.prefix(9);
            if self.file.remove(&dst).is_none() {
                let mode = *self.chance.pick(&MODES);
                self.file.insert(dst, mode);
            }
        }
        let mut config = self.pair.a.config("tc", &self.pair.b);
        for (dst, mode) in &self.file {
            config += &format!(
                "[[route]]\ndst = \"{dst}\"\nvia = \"192.168.100.2\"\nmode = \"{mode}\"\n"
            );
        }
        self.daemon.write_config(&config)?;
        self.daemon.cli_ok(&["reload"]).map(drop)
    }

    fn come_or_go(&mut self) -> Result<()> {
        self.present = !self.present;
        if self.present {
            self.other.start()
        } else {
            self.other.stop()
        }
    }

    fn restart(&mut self) -> Result<()> {
        self.restarts += 1;
        self.daemon.kill();
        self.daemon.resume()
    }

    fn kernel_route(&mut self) -> Result<()> {
        let number = self.chance.below(200);
        let route = format!("10.7.{number}.0/24 via 192.168.100.2");
        self.pair
            .a
            .host
            .ip(&format!("route add {route}\nroute del {route}"))
    }

    /// Takes the wire away and gives it back, without traffic, or has the kernel forget who is on
    /// it: packets that wait for an answer there go with the entry.
    pub(crate) fn flap(&mut self) -> Result<()> {
        let host = &self.pair.a.host;
        host.ip("neigh flush dev eth0\nneigh flush dev docker0")?;
        host.down("eth0")?;
        // With the interface its IPv6 address goes.
        host.ip(&format!(
            "link set eth0 up\naddr replace {}/64 dev eth0 nodad",
            host.v6()
        ))?;
        eventually("the way back", PATIENCE, || {
            Ping::default().run(&self.pair.a.container, self.pair.b.container.v4())
        })?;
        self.compare()
    }

    /// The holdings may come to rest first.
    pub(crate) fn ensure_no_growth(&mut self) -> Result<()> {
        // The port of the container that comes and goes has a hook while it is there.
        let away = usize::from(!self.present);
        let now = || Holdings::of(&self.pair.a.host, &self.daemon, away);
        let Some(first) = &self.first else {
            self.first = Some(now()?);
            return Ok(());
        };
        eventually("no more than at first", PATIENCE, || {
            let now = now()?;
            now.ensure_not_above(first)?;
            println!("{now}");
            Ok(())
        })
    }

    /// Whether the daemon has the model's routes and answers by the longest.
    fn compare(&mut self) -> Result<()> {
        let wanted: Table = self
            .clients
            .iter()
            .chain(&self.file)
            .map(|(d, m)| (*d, *m))
            .collect();
        eventually("the model's routes", PATIENCE, || {
            let listed = self.daemon.cli_json(&["route", "list"])?;
            let found = table(&listed)?;
            let expected: BTreeMap<_, _> =
                wanted.iter().map(|(d, m)| (*d, (*m).to_owned())).collect();
            ensure!(found == expected, "{found:?} and not {expected:?}");
            Ok(())
        })?;
        for _ in 0..PROBES {
            let dst = self.address(8);
            let Some(mode) = longest(&wanted, dst) else {
                continue;
            };
            let route = self.daemon.cli_json(&["route", "get", &dst.to_string()])?;
            ensure!(mode_of(&route) == *mode, "{dst}: {route} and not {mode}");
        }
        Ok(())
    }

    fn address(&mut self, second: u8) -> IpAddr {
        let [third, fourth] = [
            self.chance.below(8) as u8 * 32,
            self.chance.below(256) as u8,
        ];
        Ipv4Addr::new(10, second, third, fourth).into()
    }

    /// Of lengths that hold one another.
    fn prefix(&mut self, second: u8) -> Prefix {
        let length = *self.chance.pick(&[18, 20, 24, 28]);
        Prefix::around(self.address(second), length).expect("a length of IPv4")
    }
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.clients.len() + self.file.len();
        let Self {
            operations,
            restarts,
            ..
        } = self;
        write!(
            f,
            "{operations} operations, {restarts} restarts, {routes} routes"
        )
    }
}

/// The routes below 10.8 and 10.9.
fn table(listed: &Value) -> Result<BTreeMap<Prefix, String>> {
    let routes = listed.as_array().context("no list of routes")?;
    let ours = routes.iter().filter_map(|route| {
        let dst = route["dst"].as_str()?;
        (dst.starts_with("10.8.") || dst.starts_with("10.9.")).then_some((dst, route))
    });
    ours.map(|(dst, route)| {
        ensure!(route["state"] == "active", "{route}");
        Ok((dst.parse()?, mode_of(route)))
    })
    .collect()
}

/// What was asked for: a mode, or `blackhole`.
fn mode_of(route: &Value) -> String {
    let asked = route["mode"].as_str().or(route["type"].as_str());
    asked.unwrap_or_default().to_owned()
}
