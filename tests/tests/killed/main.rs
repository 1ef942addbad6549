//! A daemon is killed after any of its calls into the kernel, and the next one has all as it should
//! be: what is desired is in force, nothing of the killed one is left, and packets of a route that
//! stays never stop.
//!
//! strace does the killing, at a call chosen by chance. `ROUTEMESH_SEED` repeats a run.

use std::{collections::BTreeSet, env, time::SystemTime};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::{
    chance::{Chance, given_seed},
    lab::{
        Call, Footprint, PATIENCE, Pair, Routemesh, attached, eventually, pinned_maps, udp_numbered,
    },
};

/// Lives that are ended by a kill, and how many where time does not matter.
const POINTS: usize = 15;
const POINTS_LONG: usize = 200;
/// Datagrams in a second, all the while.
const RATE: u32 = 2_000;
/// What calls a daemon changes the kernel's state by; one of how many, from which on. A life over the
/// maps of before has some 120 of `bpf` until it is ready, and one that fills new ones 200; the first
/// 34 look at what is there. What is written as memory is unmapped then.
const CALLS: [(&str, usize, usize); 8] = [
    ("bpf", 1, 120),
    ("bpf", 35, 170),
    ("munmap", 1, 50),
    ("rename", 1, 2),
    ("mkdir", 1, 5),
    ("unlinkat", 1, 18),
    ("sendto", 1, 30),
    ("membarrier", 1, 5),
];

#[test]
fn a_daemon_that_is_killed_anywhere_is_followed_by_one_that_mends_all() {
    let (points, seed) = (points(), seed());
    println!("ROUTEMESH_SEED={seed}, {points} kill points");
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let mut trial = Trial::new(&pair, a, seed);
    let address = pair.b.container.v4();
    let numbered = udp_numbered(&pair.a.container, &pair.b.container, address, RATE, || {
        while trial.killed < points && trial.lives < points * 4 {
            trial.run()?;
        }
        Ok(())
    });
    let numbered = numbered
        .with_context(|| format!("ROUTEMESH_SEED={seed}"))
        .unwrap();
    println!(
        "killed {} times, {} lives ended by themselves; {} datagrams",
        trial.killed,
        trial.lives - trial.killed,
        numbered.sent
    );
    assert_eq!(trial.killed, points, "too few calls were deadly");
    assert!(
        numbered.lost.is_empty() && numbered.repeated.is_empty(),
        "ROUTEMESH_SEED={seed}: of {} datagrams lost: {:?}, twice: {:?}",
        numbered.sent,
        numbered.lost,
        numbered.repeated
    );
    trial.end();
}

fn points() -> usize {
    if env::var_os("ROUTEMESH_TEST_LONG").is_some() {
        POINTS_LONG
    } else {
        POINTS
    }
}

fn seed() -> u64 {
    given_seed().unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64
    })
}

/// What is desired, and the daemon that is to bring it about.
struct Trial<'a> {
    pair: &'a Pair,
    daemon: Routemesh,
    chance: Chance,
    mode: &'static str,
    /// How many routes there may be.
    limit: u32,
    /// Numbers of the routes in the file, beside those between the hosts.
    file: BTreeSet<u8>,
    /// The same, of routes of clients; one that was asked for and not acknowledged may be there.
    cli: BTreeSet<u8>,
    /// Ids of the maps of all lives.
    maps: BTreeSet<u32>,
    /// Lives that a kill was to end, and those that one ended.
    lives: usize,
    killed: usize,
}

impl<'a> Trial<'a> {
    fn new(pair: &'a Pair, mut daemon: Routemesh, seed: u64) -> Self {
        daemon.set_options(&[]);
        Self {
            pair,
            daemon,
            chance: Chance::new(seed),
            mode: "tc",
            limit: 4_000,
            file: BTreeSet::new(),
            cli: BTreeSet::new(),
            maps: BTreeSet::new(),
            lives: 0,
            killed: 0,
        }
    }

    /// A life that may end at any call, and one that mends.
    fn run(&mut self) -> Result<()> {
        let point = self.lives;
        let (kind, first, count) = CALLS[self.chance.below(CALLS.len())];
        let number = first + self.chance.below(count);
        let call = Call { kind, number };
        self.daemon.kill();
        self.change_while_nobody_runs();
        self.write_config()?;
        self.daemon.kill_after(Some(call.clone()));
        let lived = self.live();
        self.daemon.kill_after(None);
        self.lives += 1;
        self.killed += usize::from(lived.is_err());
        if let Err(error) = lived {
            // Its connections end before it does.
            eventually("the daemon's end", PATIENCE, || {
                ensure!(self.daemon.has_ended()?, "it lives");
                Ok(())
            })
            .with_context(|| format!("point {point}, {call}: {error:#}"))?;
        }
        self.daemon.kill();
        self.daemon
            .resume()
            .and_then(|()| self.is_as_desired())
            .with_context(|| format!("point {point}, killed after {call}"))
    }

    fn live(&mut self) -> Result<()> {
        self.daemon.resume()?;
        for _ in 0..6 {
            self.change()?;
        }
        Ok(())
    }

    /// One change by a client, or of the file.
    fn change(&mut self) -> Result<()> {
        let number = self.chance.below(40) as u8;
        match self.chance.below(5) {
            0 | 1 => {
                let added = self.cli.insert(number);
                let dst = format!("10.8.{number}.0/24");
                let via = ["192.168.100.2", "192.168.100.3"][self.chance.below(2)];
                let done = self.daemon.cli_ok(&["route", "replace", &dst, "via", via]);
                if done.is_err() && added {
                    // It may have been made, or not.
                    self.cli.remove(&number);
                }
                done.map(drop)
            }
            2 => {
                let Some(number) = self.cli.iter().next().copied() else {
                    return Ok(());
                };
                let dst = format!("10.8.{number}.0/24");
                self.cli.remove(&number);
                self.daemon.cli_ok(&["route", "del", &dst]).map(drop)
            }
            3 => {
                self.toggle_file_routes(10);
                self.write_config()?;
                self.daemon.cli_ok(&["reload"]).map(drop)
            }
            _ => {
                self.mode = ["tc", "xdp-generic"][self.chance.below(2)];
                self.write_config()?;
                self.daemon.cli_ok(&["reload"]).map(drop)
            }
        }
    }

    fn change_while_nobody_runs(&mut self) {
        self.toggle_file_routes(3);
        if self.chance.below(4) == 0 {
            self.limit = [2_000, 4_000][self.chance.below(2)];
        }
    }

    fn toggle_file_routes(&mut self, most: usize) {
        for _ in 0..self.chance.below(most) {
            let number = self.chance.below(40) as u8;
            if !self.file.remove(&number) {
                self.file.insert(number);
            }
        }
    }

    fn write_config(&self) -> Result<()> {
        let mut config = self.pair.a.config(self.mode, &self.pair.b);
        for number in &self.file {
            config +=
                &format!("[[route]]\ndst = \"10.9.{number}.0/24\"\nvia = \"192.168.100.2\"\n");
        }
        config += &format!("[limits]\nroutes = {}\n", self.limit);
        self.daemon.write_config(&config)
    }

    /// Whether what is desired is in force, and nothing else of ours is in the kernel.
    fn is_as_desired(&mut self) -> Result<()> {
        let routes = self.daemon.cli_json(&["route", "list"])?;
        let routes = routes.as_array().context("no list of routes")?;
        for route in routes {
            ensure!(route["state"] == "active", "{route}");
        }
        let found: BTreeSet<u8> = routes
            .iter()
            .filter_map(|route| third_of(route["dst"].as_str()?, "10.9."))
            .collect();
        ensure!(found == self.file, "{found:?} and not {:?}", self.file);
        let known: BTreeSet<u8> = routes
            .iter()
            .filter_map(|route| third_of(route["dst"].as_str()?, "10.8."))
            .collect();
        ensure!(
            self.cli.is_subset(&known),
            "{known:?} and not {:?}",
            self.cli
        );
        eventually("nothing but what is desired", PATIENCE, || self.is_clean())
    }

    /// One program at each hook; links, maps and directories for these and no others.
    fn is_clean(&mut self) -> Result<()> {
        let hooks = attached(&self.pair.a.host)?;
        let expected = if self.mode == "tc" { 3 } else { 4 };
        ensure!(hooks.len() == expected, "{hooks:?}");
        let maps = pinned_maps(self.daemon.bpffs())?;
        let sets: BTreeSet<_> = maps.keys().filter_map(|pin| pin.parent()).collect();
        ensure!(sets.len() == 1, "{sets:?}");
        let footprint = Footprint::of(&self.pair.a.host, &self.daemon)?;
        self.maps.extend(maps.values());
        let strange = footprint.strangers(&self.maps);
        ensure!(strange.is_empty(), "{strange:#?}");
        Ok(())
    }

    fn end(mut self) {
        self.daemon.end_without_trace().unwrap();
    }
}

/// The third number of an address that begins so.
fn third_of(dst: &str, begin: &str) -> Option<u8> {
    dst.strip_prefix(begin)?.split('.').next()?.parse().ok()
}
