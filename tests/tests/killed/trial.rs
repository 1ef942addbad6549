//! One life after another: what is changed in it, how it ends, and what is to be true then.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use routemesh_tests::{
    chance::Chance,
    lab::{
        Footprint, Host, PATIENCE, Pair, Probe, Routemesh, attached, eventually, pinned_maps,
        received,
    },
};
use serde_json::Value;

use crate::{
    moment::{Moment, kill_within, measure, staged},
    state::{File, State, Via, destinations, differences, listed},
};

/// How long a change on trial waits for its confirmation: longer than a life and the next.
const TRIAL: &str = "120s";

/// Hosts A and B with their containers, and host C, which routes lead to as well.
pub(crate) struct Scene {
    pub(crate) pair: Pair,
    c: Host,
}

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let pair = Pair::new()?;
        let c = pair.lab.host("c")?;
        for host in [&pair.b.host, &c] {
            // What routes lead there for is theirs.
            host.ip("route add local 10.8.0.0/14 dev lo\nroute add local 10.16.0.0/12 dev lo")?;
        }
        Ok(Self { pair, c })
    }

    pub(crate) fn probe(&self) -> Result<Probe> {
        let hosts = [(self.pair.b.host.node(), Via::B), (self.c.node(), Via::C)];
        let to = hosts.map(|(host, via)| (host, via.sure()));
        Probe::new(&self.pair.a.container, &to)
    }
}

/// The daemon of host A, and what it is to bring about.
pub(crate) struct Trial<'a> {
    scene: &'a Scene,
    daemon: Routemesh,
    chance: Chance,
    probe: Probe,
    /// What was desired before the last change, and after it: the same once it is acknowledged.
    before: State,
    after: State,
    /// The file as it is until a change on trial is confirmed, and whether that was asked for.
    untried: Option<File>,
    confirming: bool,
    /// How long it takes until a batch is in force.
    batch: Duration,
    /// Packets that the way of the numbered datagrams has counted.
    counted: u64,
    /// Ids of the maps of all lives.
    maps: BTreeSet<u32>,
    /// Lives that a kill was to end, those that one ended, and how often it came between stores.
    pub(crate) lives: usize,
    pub(crate) killed: usize,
    pub(crate) staged: usize,
    /// Kills by what they came at.
    pub(crate) kinds: BTreeMap<String, usize>,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(scene: &'a Scene, seed: u64) -> Result<Self> {
        let state = State::new();
        let mut daemon = Routemesh::prepare(&scene.pair.a.host, &state.file.text(&scene.pair))?;
        daemon.set_options(&[]);
        daemon.resume()?;
        let mut trial = Self {
            scene,
            daemon,
            chance: Chance::new(seed),
            probe: scene.probe()?,
            before: state.clone(),
            after: state,
            untried: None,
            confirming: false,
            batch: Duration::ZERO,
            counted: 0,
            maps: BTreeSet::new(),
            lives: 0,
            killed: 0,
            staged: 0,
            kinds: BTreeMap::new(),
        };
        trial.is_as_desired()?;
        trial.measure_batches()?;
        trial.is_as_desired()?;
        Ok(trial)
    }

    /// A life that may end at any moment, and one that mends.
    pub(crate) fn run(&mut self) -> Result<()> {
        let moment = Moment::by_chance(&mut self.chance, self.batch);
        self.live_until(&moment)
            .and_then(|()| self.is_whole().context("with no daemon"))
            .map(|in_force| self.aim(&moment, in_force))
            .and_then(|()| self.daemon.resume())
            .and_then(|()| self.is_as_desired())
            .and_then(|()| self.end_change_on_trial())
            .with_context(|| format!("life {}, to be killed {moment}", self.lives))
    }

    /// A life that is ended by a kill then, or by one when all is done.
    fn live_until(&mut self, moment: &Moment) -> Result<()> {
        self.daemon.kill();
        self.after.file.change(&mut self.chance);
        if self.chance.below(4) == 0 {
            self.after.file.change_limit(&mut self.chance);
        }
        self.write_config()?;
        let lived = match moment {
            Moment::At(call) => {
                self.daemon.kill_at(Some(call.clone()));
                let lived = self.live();
                self.daemon.kill_at(None);
                lived
            }
            Moment::After(delay) => {
                self.start()?;
                self.change_batch(|daemon, ask| kill_within(daemon, *delay, ask)?)
            }
        };
        self.lives += 1;
        let end = match lived {
            Ok(()) => self.daemon.end()?,
            // Its connections end before it does.
            Err(error) => eventually("the daemon's end", PATIENCE, || {
                Ok(Some(self.daemon.end()?.context("it lives")?))
            })
            .map_err(|end| error.context(end))?,
        };
        if let Some(end) = end {
            let signal = Some(Signal::SIGKILL as i32);
            ensure!(end.signal() == signal, "it was not killed: {end}");
            self.note(moment)?;
        }
        self.daemon.kill();
        Ok(())
    }

    fn note(&mut self, moment: &Moment) -> Result<()> {
        let kind = match moment {
            Moment::At(call) => call.kind,
            Moment::After(_) => "the clock",
        };
        self.killed += 1;
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        let between = staged(self.daemon.bpffs())? > 0;
        self.staged += usize::from(between);
        Ok(())
    }

    /// Takes a batch for faster where the clock was too late to kill before it was `in_force`, and
    /// else for slower: half of its kills come before that moment, whatever else the machine does.
    fn aim(&mut self, moment: &Moment, in_force: bool) {
        let step = self.batch / 16;
        match moment {
            Moment::At(_) => {}
            Moment::After(_) if in_force => self.batch -= step,
            Moment::After(_) => self.batch += step,
        }
    }

    fn live(&mut self) -> Result<()> {
        self.start()?;
        for _ in 0..6 {
            self.change()?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        self.daemon.resume()?;
        self.before = self.after.clone();
        Ok(())
    }

    /// One change by a client, or of the file.
    fn change(&mut self) -> Result<()> {
        match self.chance.below(8) {
            0..=3 => {
                let words = self.after.change_client(&mut self.chance);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                self.ask(&words)
            }
            4 => self.change_batch(|_, ask| ask()),
            5 => {
                self.after.file.change(&mut self.chance);
                self.write_config()?;
                self.ask(&["reload"])
            }
            6 => self.apply(&[]),
            _ => self.apply_on_trial(),
        }
    }

    /// Asks for the change that leads to the state after.
    fn ask(&mut self, words: &[&str]) -> Result<()> {
        self.daemon.cli_ok(words)?;
        self.before = self.after.clone();
        Ok(())
    }

    fn apply(&mut self, terms: &[&str]) -> Result<()> {
        self.after.file.change(&mut self.chance);
        let path = self.write("other.toml", &self.after.file.text(&self.scene.pair))?;
        let path = path.to_str().context("a path of letters")?;
        self.ask(&[&["apply", path], terms].concat())
    }

    fn apply_on_trial(&mut self) -> Result<()> {
        self.untried = Some(self.after.file.clone());
        self.apply(&["--confirm", TRIAL])?;
        self.confirm_or_roll_back()
    }

    fn confirm_or_roll_back(&mut self) -> Result<()> {
        if self.chance.below(2) == 0 {
            self.confirming = true;
            self.ask(&["confirm"])?;
        } else {
            let untried = self.untried.clone().context("nothing is on trial")?;
            self.after.file = untried;
            self.ask(&["rollback"])?;
        }
        self.untried = None;
        self.confirming = false;
        Ok(())
    }

    /// Where the change on trial has outlived the daemon, it is ended as it might have been.
    fn end_change_on_trial(&mut self) -> Result<()> {
        if self.untried.is_none() {
            return Ok(());
        }
        self.confirm_or_roll_back()?;
        self.is_as_desired().context("after a change on trial")
    }

    /// Changes all routes of the batch; `ask` has the daemon do that.
    fn change_batch<T>(
        &mut self,
        ask: impl FnOnce(&Routemesh, &dyn Fn() -> Result<()>) -> Result<T>,
    ) -> Result<T> {
        let lines = self.after.change_batch(&mut self.chance);
        let path = self.write("batch", &lines)?;
        let path = path.to_str().context("a path of letters")?;
        let words = ["route", "replace", "--batch", path];
        let done = ask(&self.daemon, &|| self.daemon.cli_ok(&words).map(drop))?;
        self.before = self.after.clone();
        Ok(done)
    }

    /// How long it takes until a batch is in force, as a rule.
    fn measure_batches(&mut self) -> Result<()> {
        let mut times = [Duration::ZERO; 5];
        for time in &mut times {
            *time = self.change_batch(|daemon, ask| {
                let (done, time) = measure(daemon, ask)?;
                done.map(|()| time)
            })?;
        }
        times.sort_unstable();
        self.batch = times[2];
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.daemon.folder().join(name);
        fs::write(&path, text).with_context(|| format!("write {name}"))?;
        Ok(path)
    }

    fn write_config(&self) -> Result<()> {
        let text = self.after.file.text(&self.scene.pair);
        self.daemon.write_config(&text)
    }

    /// Whether packets go by all of the state after the last change; else they must go by all of that
    /// before it.
    fn is_whole(&mut self) -> Result<bool> {
        let landed = self.probe.landed(&destinations())?;
        let [before, after] = [&self.before, &self.after].map(State::landed);
        ensure!(
            landed == before || landed == after,
            "packets go neither by the state before: {}; nor by that after: {}",
            differences(&landed, &before),
            differences(&landed, &after)
        );
        Ok(landed == after)
    }

    /// Whether what is desired is in force, and nothing else of ours is in the kernel.
    fn is_as_desired(&mut self) -> Result<()> {
        let routes = self.daemon.cli_json(&["route", "list"])?;
        let state = self.found(&listed(&routes)?)?;
        let landed = self.probe.landed(&destinations())?;
        let wanted = state.landed();
        ensure!(
            landed == wanted,
            "packets: {}",
            differences(&landed, &wanted)
        );
        self.before = state.clone();
        self.after = state;
        self.has_counted(&routes)?;
        eventually("nothing but what is desired", PATIENCE, || self.is_clean())
    }

    /// The state, of that before and that after the last change, that has these routes and, in the
    /// file or on trial, this configuration.
    fn found(&mut self, routes: &BTreeMap<String, String>) -> Result<State> {
        let status = self.daemon.cli_json(&["status"])?;
        if status["unconfirmed"].is_null() {
            self.untried = None;
            self.confirming = false;
        }
        let file = fs::read_to_string(self.daemon.config_path())?;
        let mut told = String::from("neither the state after the last change nor that before");
        for state in [&self.after, &self.before] {
            let wanted = state.routes();
            let is_its = self
                .files_of(state)
                .any(|its| file == its.text(&self.scene.pair));
            if *routes == wanted && is_its {
                return Ok(state.clone());
            }
            let routes = differences(routes, &wanted);
            told += &format!("; its file: {is_its}, its routes but: {routes}");
        }
        bail!("{told}")
    }

    /// What may be in the file while that state is in force.
    fn files_of<'s>(&'s self, state: &'s State) -> impl Iterator<Item = &'s File> {
        let own = self.untried.is_none() || self.confirming;
        self.untried.iter().chain(own.then_some(&state.file))
    }

    /// Whether no packet of the steady route was forgotten, and none counted that there was not.
    fn has_counted(&mut self, routes: &Value) -> Result<()> {
        let mut routes = routes.as_array().into_iter().flatten();
        let steady = routes.find(|route| route["dst"] == "10.200.0.0/24");
        let counted = steady.and_then(|route| route["packets"].as_u64());
        let counted = counted.context("no counter of 10.200.0.0/24")?;
        let side = &self.scene.pair.a;
        let sent = received(&side.host, &side.container.port())?;
        ensure!(
            counted >= self.counted && counted <= sent.cast_unsigned(),
            "{counted} packets are counted, {} were before, and {sent} were sent",
            self.counted
        );
        self.counted = counted;
        Ok(())
    }

    /// One program at each hook; links, maps and directories for these and no others.
    fn is_clean(&mut self) -> Result<()> {
        let hooks = attached(&self.scene.pair.a.host)?;
        ensure!(hooks.len() == self.after.file.hooks(), "{hooks:?}");
        let maps = pinned_maps(self.daemon.bpffs())?;
        let sets: BTreeSet<_> = maps.keys().filter_map(|pin| pin.parent()).collect();
        ensure!(sets.len() == 1, "{sets:?}");
        let footprint = Footprint::of(&self.scene.pair.a.host, &self.daemon)?;
        self.maps.extend(maps.values());
        let strange = footprint.strangers(&self.maps);
        ensure!(strange.is_empty(), "{strange:#?}");
        Ok(())
    }

    /// Whether the steady route has counted all datagrams that were sent, and nothing stays behind.
    pub(crate) fn end(mut self, sent: u64) -> Result<()> {
        self.is_as_desired()?;
        ensure!(
            self.counted == sent,
            "{} packets are counted of {sent}",
            self.counted
        );
        self.daemon.end_without_trace()
    }
}
