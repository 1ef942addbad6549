//! TCP streams and small datagrams from container to container, by routemesh and by the kernel's
//! own routing.
//!
//! The two take turns, and what is compared are the medians: what else the machine does then
//! weighs on both. Only their ratio means anything beyond this machine.

use std::time::Duration;

use anyhow::Result;
use routemesh_tests::{
    interrupt,
    lab::{Pair, accept, docker_rules, tcp_watched, udp_for},
};

use crate::{
    scene::Scene,
    screen::{Ink, Screen},
};

const ROUNDS: u32 = 5;
const BAR: usize = 40;

/// What is compared.
#[derive(Clone, Copy)]
enum Load {
    /// One TCP stream, in Gbit/s.
    Stream,
    /// Datagrams of 64 bytes by UDP, in thousands a second.
    Datagrams,
}

/// One of the two, and what it did in the rounds so far.
struct Runner<'a> {
    name: &'static str,
    ink: Ink,
    pair: &'a Pair,
    results: Vec<f64>,
}

/// Compares both loads for `time`, all together.
///
/// # Errors
/// When a stream fails.
pub(crate) fn run(scene: &Scene, screen: &Screen, time: Duration) -> Result<()> {
    screen.heading("From a1 to b1, beside kernel routing");
    let kernel = kernel_routed()?;
    screen.note(
        "  Kernel routing: two more hosts, alike, with static routes, ip_forward, Docker's\n  \
         rules and `iptables -I DOCKER-USER -i eth0 -o docker0 -j ACCEPT`.",
    );
    for (load, share) in [(Load::Stream, 2), (Load::Datagrams, 1)] {
        let runners = [
            Runner::new("routemesh", Ink::Green, scene.pair()),
            Runner::new("kernel routing", Ink::Blue, &kernel),
        ];
        compare(screen, load, runners, time * share / (3 * 2 * ROUNDS))?;
    }
    Ok(())
}

/// Runs one load by both in turn, for `each` a time.
fn compare(screen: &Screen, load: Load, mut runners: [Runner; 2], each: Duration) -> Result<()> {
    screen.line(&format!("\n  {}", load.title()));
    let mut drawn = 0;
    for round in 1..=ROUNDS {
        for turn in 0..runners.len() {
            let pair = runners[turn].pair;
            let figure = load.run(pair, each, |so_far| {
                let lines = chart(screen, load, &runners, Some((turn, so_far)));
                drawn = screen.redraw(drawn, &lines);
            })?;
            runners[turn].results.push(figure);
            interrupt::check()?;
        }
        screen.progress(&format!("  round {round}: {}", last(&runners, load)));
    }
    screen.settle(drawn, &chart(screen, load, &runners, None));
    let ratio = runners[0].median() / runners[1].median();
    let verdict = screen.ink(Ink::Bold, &format!("{ratio:.2} times kernel routing"));
    screen.line(&format!(
        "  {verdict}: medians of {ROUNDS} runs each, in turn"
    ));
    Ok(())
}

/// The same hosts again, with the kernel's routing in the place of routemesh.
fn kernel_routed() -> Result<Pair> {
    let pair = Pair::new()?;
    for side in [&pair.a, &pair.b] {
        docker_rules(side)?;
        accept(side.host.node(), "eth0", "docker0")?;
    }
    pair.kernel_routing()?;
    Ok(pair)
}

impl Load {
    fn title(self) -> &'static str {
        match self {
            Self::Stream => "One TCP stream",
            Self::Datagrams => "UDP datagrams of 64 bytes, one sender",
        }
    }

    /// Runs it for `time`, showing `watch` how it goes where that can be told; returns its
    /// figure.
    fn run(self, pair: &Pair, time: Duration, mut watch: impl FnMut(f64)) -> Result<f64> {
        let (from, to) = (&pair.a.container, &pair.b.container);
        match self {
            Self::Stream => {
                let done = tcp_watched(from, to, to.v4(), time, |so_far| {
                    watch(so_far.gbit_per_second());
                })?;
                Ok(done.gbit_per_second())
            }
            Self::Datagrams => {
                let figure = udp_for(from, to, to.v4(), time)? / 1e3;
                watch(figure);
                Ok(figure)
            }
        }
    }

    fn figure(self, value: f64) -> String {
        match self {
            Self::Stream => format!("{value:6.1} Gbit/s"),
            Self::Datagrams => format!("{value:6.0} k/s   "),
        }
    }
}

impl<'a> Runner<'a> {
    fn new(name: &'static str, ink: Ink, pair: &'a Pair) -> Self {
        Self {
            name,
            ink,
            pair,
            results: Vec::new(),
        }
    }

    /// The median of the rounds, 0 before the first.
    fn median(&self) -> f64 {
        let mut sorted = self.results.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// What both did in the last round.
fn last(runners: &[Runner], load: Load) -> String {
    let figures = runners
        .iter()
        .filter_map(|runner| runner.results.last())
        .map(|figure| load.figure(*figure).trim().to_owned());
    figures.collect::<Vec<_>>().join(" and ")
}

/// A bar for each runner, the one that is running by its present figure.
fn chart(
    screen: &Screen,
    load: Load,
    runners: &[Runner],
    running: Option<(usize, f64)>,
) -> Vec<String> {
    let figures: Vec<f64> = runners
        .iter()
        .enumerate()
        .map(|(index, runner)| match running {
            Some((turn, so_far)) if turn == index => so_far,
            Some(_) | None => runner.median(),
        })
        .collect();
    let longest = figures.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bars = runners.iter().zip(&figures).enumerate();
    bars.map(|(index, (runner, figure))| {
        let length = (figure / longest * BAR as f64).round() as usize;
        let bar = screen.ink(runner.ink, &"█".repeat(length));
        let runs = running.is_some_and(|(turn, _)| turn == index);
        let mark = if runs { "▶" } else { " " };
        format!(" {mark}{:<14} {}  {bar}", runner.name, load.figure(*figure))
    })
    .collect()
}
