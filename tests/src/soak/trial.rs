//! One operation after another, and what is to be true after each.

use std::{
    array::from_fn,
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::{
    chance::Chance,
    interrupt,
    lab::{Numbered, PATIENCE, Ping, Routemesh, eventually, pinned_maps},
};

use crate::{
    growth::{Holdings, Memory},
    model::{Model, Table, shown},
    probe::{Probe, Prober},
    record::Record,
    scene::Scene,
};

/// How packets may come in from the wires.
const HOOKS: [&str; 3] = ["tc", "xdp", "xdp-generic"];
/// Addresses that are asked for, and sent to, after each operation.
const PROBES: usize = 4;
/// How long a change on trial waits for its confirmation.
const TRIAL: &str = "1s";
/// Rounds in which daemons live on, behind each in which they may be ended: what leaks slowly is
/// seen in a long life.
const LIFE: usize = 9;
/// How many of the operations end a daemon.
const ENDS: usize = 4;

type Operation<'a> = fn(&mut Trial<'a>) -> Result<()>;

pub(crate) struct Trial<'a> {
    scene: &'a Scene,
    /// Of hosts A and B.
    daemons: [Routemesh; 2],
    chance: Chance,
    model: Model,
    /// The hook of the uplinks.
    hook: &'static str,
    /// Whether the containers that come and go are there.
    present: [bool; 2],
    prober: Prober<'a>,
    /// How many probes there were of each kind.
    probed: BTreeMap<&'static str, usize>,
    /// The most that each daemon held before the first round.
    most: Option<[Holdings; 2]>,
    /// The memory that each has after the first round of its life.
    young: [Memory; 2],
    /// The maps that each has had in any life.
    maps: [BTreeSet<u32>; 2],
    record: Record,
    operations: usize,
    restarts: usize,
    rounds: usize,
}

impl<'a> Trial<'a> {
    /// Starts both daemons, and has them hold once all that they may.
    pub(crate) fn new(scene: &'a Scene, seed: u64) -> Result<Self> {
        let model = Model::new(scene.far());
        let hook = HOOKS[0];
        let mut daemons = [
            Routemesh::prepare(&scene.pair.a.host, &scene.config_of_a(hook, &model.file))?,
            Routemesh::prepare(&scene.pair.b.host, &scene.config_of_b(hook))?,
        ];
        for daemon in &mut daemons {
            // What is in the kernel outlives them all.
            daemon.set_options(&[]);
            daemon.resume()?;
        }
        let mut trial = Self {
            scene,
            daemons,
            chance: Chance::new(seed),
            model,
            hook,
            present: [true; 2],
            prober: Prober::new(scene)?,
            probed: BTreeMap::new(),
            most: None,
            young: Default::default(),
            maps: Default::default(),
            record: Record::new(seed),
            operations: 0,
            restarts: 0,
            rounds: 0,
        };
        trial.warm_up()?;
        Ok(trial)
    }

    fn warm_up(&mut self) -> Result<()> {
        let (a, b) = (&self.scene.pair.a, &self.scene.pair.b);
        for (from, to) in [(a, b), (b, a)] {
            Ping::default().run(&from.container, to.container.v4())?;
            Ping::default().run(&from.container, to.container.v6())?;
        }
        // A daemon follows the kernel's routes while there are tunnels, by one more socket.
        for (hook, mode) in [
            ("tc", "vxlan"),
            ("xdp", "direct"),
            ("xdp-generic", "gre"),
            ("tc", "auto"),
        ] {
            self.model.file = self.model.with_mode(mode);
            self.set_hook(hook)?;
            let now = eventually("nothing of before", PATIENCE, || self.holdings())?;
            self.most = Some(match self.most.take() {
                Some([a, b]) => [a.or_more(&now[0]), b.or_more(&now[1])],
                None => now,
            });
        }
        Ok(())
    }

    /// One operation that takes no datagram's way away, and what is to be true after it.
    pub(crate) fn operate(&mut self) -> Result<()> {
        let operations: [(&str, Operation<'a>); 26] = [
            ("kill -9", Self::restart),
            ("kill -9", Self::restart),
            ("kill -9 of the other host's", Self::restart_other),
            ("an end and a start", Self::stop_and_start),
            ("route replace", Self::replace),
            ("route replace", Self::replace),
            ("route replace", Self::replace),
            ("route replace", Self::replace),
            ("route replace", Self::replace),
            ("route del", Self::delete),
            ("route del", Self::delete),
            ("route flush", Self::flush),
            ("reload", Self::reload),
            ("reload", Self::reload),
            ("reload", Self::reload),
            ("reload", Self::reload),
            ("reload with an error", Self::reload_with_an_error),
            ("reload with an error", Self::reload_with_an_error),
            ("apply on trial", Self::apply_on_trial),
            ("apply and confirm", Self::apply_and_confirm),
            ("a container", Self::come_or_go),
            ("a container", Self::come_or_go),
            ("the second path goes and comes", Self::flap_second),
            ("the kernel's tables", Self::churn),
            ("neighbours are flushed", Self::flush_neighbours),
            ("neighbours are flushed", Self::flush_neighbours),
        ];
        interrupt::check()?;
        let first = if self.age() == 0 { 0 } else { ENDS };
        let (what, operation) = *self.chance.pick(&operations[first..]);
        self.record.note(what.to_owned());
        operation(self)
            .and_then(|()| self.note_maps())
            .and_then(|()| self.compare())
            .with_context(|| format!("operation {}, {what}", self.operations))?;
        self.operations += 1;
        Ok(())
    }

    fn replace(&mut self) -> Result<()> {
        let words = self.model.replace(&mut self.chance);
        self.record.note(words.join(" "));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.a()
            .cli_ok(&[&["route", "replace"], words.as_slice()].concat())
            .map(drop)
    }

    fn delete(&mut self) -> Result<()> {
        let Some(dst) = self.model.delete(&mut self.chance) else {
            return Ok(());
        };
        self.a()
            .cli_ok(&["route", "del", &dst.to_string()])
            .map(drop)
    }

    fn flush(&mut self) -> Result<()> {
        self.model.clients.clear();
        self.a().cli_ok(&["route", "flush"]).map(drop)
    }

    fn reload(&mut self) -> Result<()> {
        self.model.file = self.other_file();
        self.write_file()?;
        self.a().cli_ok(&["reload"]).map(drop)
    }

    /// The file is whole again before the next daemon reads it.
    fn reload_with_an_error(&mut self) -> Result<()> {
        const ERRORS: [&str; 4] = [
            "[[route]]\ndst = \"10.9.0.1/18\"\nblackhole = true\n",
            "[[route]]\ndst = \"10.9.0.0/18\"\n",
            "[[uplink]]\ninterface = \"eth0\"\nmode = \"xdp\"\n",
            "no configuration",
        ];
        let file = self.other_file();
        let config = self.scene.config_of_a(self.hook, &file);
        let error = *self.chance.pick(&ERRORS);
        self.a().write_config(&format!("{config}{error}\n"))?;
        let refused = self.a().cli(&["reload"])?;
        self.write_file()?;
        ensure!(!refused.status.success(), "it took `{error}`: {refused:?}");
        Ok(())
    }

    fn apply_on_trial(&mut self) -> Result<()> {
        let file = self.other_file();
        self.apply(&self.scene.config_of_a(self.hook, &file), TRIAL)?;
        if self.age() == 0 && self.chance.below(3) == 0 {
            self.restart()?;
        }
        eventually("the change to be taken back", PATIENCE, || {
            let status = self.a().cli_json(&["status"])?;
            ensure!(status["unconfirmed"].is_null(), "{status}");
            Ok(())
        })
    }

    fn apply_and_confirm(&mut self) -> Result<()> {
        let file = self.other_file();
        self.apply(&self.scene.config_of_a(self.hook, &file), "60s")?;
        if self.age() == 0 && self.chance.below(3) == 0 {
            self.restart()?;
        }
        self.a().cli_ok(&["confirm"])?;
        self.model.file = file;
        Ok(())
    }

    fn apply(&self, config: &str, time: &str) -> Result<()> {
        let path = self.a().folder().join("other.toml");
        fs::write(&path, config)?;
        let path = path.to_string_lossy();
        self.a()
            .cli_ok(&["apply", &path, "--confirm", time])
            .map(drop)
    }

    fn come_or_go(&mut self) -> Result<()> {
        let which = self.chance.below(2);
        self.present[which] = !self.present[which];
        if self.present[which] {
            self.scene.others[which].start()
        } else {
            self.scene.others[which].stop()
        }
    }

    /// The rounds that daemons have lived for; in one of age 0 they may be ended.
    fn age(&self) -> usize {
        self.rounds % (LIFE + 1)
    }

    fn restart(&mut self) -> Result<()> {
        self.restarts += 1;
        self.daemons[0].kill();
        self.daemons[0].resume()
    }

    fn restart_other(&mut self) -> Result<()> {
        self.restarts += 1;
        self.daemons[1].kill();
        self.daemons[1].resume()
    }

    fn stop_and_start(&mut self) -> Result<()> {
        self.restarts += 1;
        self.daemons[0].stop()?;
        self.daemons[0].resume()
    }

    fn flap_second(&mut self) -> Result<()> {
        self.scene.flap_second()
    }

    fn flush_neighbours(&mut self) -> Result<()> {
        self.scene.flush_neighbours()
    }

    fn churn(&mut self) -> Result<()> {
        self.scene.churn(self.operations)
    }

    /// What takes datagrams' way away for a moment, so without any: the wire goes and comes, and
    /// both hosts' uplinks get another hook.
    pub(crate) fn interlude(&mut self) -> Result<()> {
        self.record.note("the first path goes and comes".to_owned());
        self.scene.flap_first()?;
        let hook = *self.chance.pick(&HOOKS);
        self.record.note(format!("uplinks at {hook}"));
        self.set_hook(hook)?;
        self.scene.flap_first()
    }

    fn set_hook(&mut self, hook: &'static str) -> Result<()> {
        self.hook = hook;
        self.write_file()?;
        self.daemons[1].write_config(&self.scene.config_of_b(hook))?;
        for daemon in &self.daemons {
            daemon.cli_ok(&["reload"])?;
        }
        self.compare()
    }

    /// Fails when one was lost or came twice, with what was done meanwhile.
    pub(crate) fn ensure_all_arrived(
        &self,
        numbered: &Numbered,
        start: Duration,
        least_rate: f64,
    ) -> Result<()> {
        numbered
            .ensure_all_arrived_once(least_rate)
            .with_context(|| self.record.about(numbered, start))
    }

    /// Fails when a daemon holds more than before the first round, or more memory than after the first
    /// of its life. The holdings may come to rest first.
    pub(crate) fn ensure_no_growth(&mut self) -> Result<()> {
        let most = self.most.clone().context("nothing to compare with")?;
        let hosts = [&self.scene.pair.a.host, &self.scene.pair.b.host];
        let now = eventually("no more than at first", PATIENCE, || {
            let now = self.holdings()?;
            for ((host, now), most) in hosts.iter().zip(&now).zip(&most) {
                now.ensure_not_above(most)
                    .with_context(|| format!("host {}", host.name()))?;
            }
            Ok(now)
        })?;
        let memory = now.each_ref().map(Holdings::memory);
        if self.age() <= 1 {
            self.young = memory;
        }
        for ((host, now), young) in hosts.iter().zip(&now).zip(self.young) {
            println!("{}: {now}", host.name());
            now.memory()
                .ensure_not_grown(young)
                .with_context(|| format!("host {}", host.name()))?;
        }
        self.rounds += 1;
        Ok(())
    }

    /// What the daemons of hosts A and B hold.
    fn holdings(&mut self) -> Result<[Holdings; 2]> {
        self.note_maps()?;
        let of = |host: usize| {
            // The port of the container that comes and goes has a hook while it is there.
            let away = usize::from(!self.present[host]);
            Holdings::of(&self.daemons[host], away, &self.maps[host])
        };
        Ok([of(0)?, of(1)?])
    }

    /// What maps there are: no later life may find them in the kernel unless they are its own.
    fn note_maps(&mut self) -> Result<()> {
        for (daemon, maps) in self.daemons.iter().zip(&mut self.maps) {
            maps.extend(pinned_maps(daemon.bpffs())?.into_values());
        }
        Ok(())
    }

    /// Ends both daemons, and fails when they leave anything.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.daemons
            .iter_mut()
            .try_for_each(Routemesh::end_without_trace)
    }

    /// Whether the daemon has the model's routes, and it and the kernel go by the longest.
    fn compare(&mut self) -> Result<()> {
        eventually("the model's routes", PATIENCE, || {
            self.model.compare(&self.a().cli_json(&["route", "list"])?)
        })?;
        let probes: [Probe; PROBES] = from_fn(|_| self.model.probe(&mut self.chance));
        for probe in &probes {
            self.record.note(probe.to_string());
            *self.probed.entry(probe.kind()).or_default() += 1;
            let Some(target) = probe.target else { continue };
            let dst = probe.dst.to_string();
            let route = self.a().cli_json(&["route", "get", &dst])?;
            ensure!(
                shown(&route) == target.to_string(),
                "{dst}: {route} and not {target}"
            );
        }
        self.prober.run(&self.daemons[0], &probes)
    }

    fn a(&self) -> &Routemesh {
        &self.daemons[0]
    }

    fn other_file(&mut self) -> Table {
        self.model.other_file(&mut self.chance)
    }

    fn write_file(&self) -> Result<()> {
        let config = self.scene.config_of_a(self.hook, &self.model.file);
        self.a().write_config(&config)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.record.elapsed()
    }

    /// Says what was met, and keeps it with all that led there.
    pub(crate) fn keep(&self, error: &anyhow::Error) {
        let [a, b] = &self.daemons;
        match self.record.keep(error, [a, b]) {
            Ok(path) => eprintln!("soak: all that led there is in {}", path.display()),
            Err(error) => eprintln!("soak: {error:#}"),
        }
    }
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probed = self.probed.iter();
        let probed: Vec<_> = probed
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        write!(
            f,
            "{} operations with the hash {}, {} restarts, {} routes, uplinks at {}, probes: {}",
            self.operations,
            self.record.hash(),
            self.restarts,
            self.model.len(),
            self.hook,
            probed.join(", ")
        )
    }
}
