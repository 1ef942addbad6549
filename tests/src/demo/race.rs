//! A TCP stream from container to container, by routemesh and by the kernel's own routing.
//!
//! The two take turns, and what is compared are the medians: what else the machine does then
//! weighs on both. Only their ratio means anything beyond this machine.

use std::time::Duration;

use anyhow::Result;
use routemesh_tests::lab::{Pair, Transfer, tcp_watched};

use crate::{
    docker, interrupt,
    scene::Scene,
    screen::{Ink, Screen},
};

const ROUNDS: u32 = 5;
const BAR: usize = 40;

/// One of the two, and what it did in the rounds so far.
struct Runner {
    name: &'static str,
    ink: Ink,
    /// Gbit/s of each stream.
    results: Vec<f64>,
}

/// Runs streams for `time`, all together.
///
/// # Errors
/// When a stream fails.
pub(crate) fn run(scene: &Scene, screen: &Screen, time: Duration) -> Result<()> {
    screen.heading("A TCP stream from a1 to b1, and the same by kernel routing");
    let kernel = kernel_routed()?;
    screen.note(
        "  Kernel routing: two more hosts, alike, with static routes, ip_forward, Docker's\n  \
         rules and `iptables -I DOCKER-USER -i eth0 -o docker0 -j ACCEPT`.\n",
    );
    let mut runners = [
        Runner::new("routemesh", Ink::Green),
        Runner::new("kernel routing", Ink::Blue),
    ];
    let each = time / (2 * ROUNDS);
    let mut drawn = 0;
    for round in 1..=ROUNDS {
        for (turn, pair) in [scene.pair(), &kernel].into_iter().enumerate() {
            let (from, to) = (&pair.a.container, &pair.b.container);
            let done = tcp_watched(from, to, to.v4(), each, |so_far| {
                drawn = screen.redraw(drawn, &chart(screen, &runners, Some((turn, so_far))));
            })?;
            runners[turn].results.push(done.gbit_per_second());
            interrupt::check()?;
        }
        let figures = runners
            .each_ref()
            .map(|runner| runner.results[runner.results.len() - 1]);
        screen.progress(&format!(
            "  round {round}: {:5.1} and {:5.1} Gbit/s",
            figures[0], figures[1]
        ));
    }
    screen.settle(drawn, &chart(screen, &runners, None));
    let ratio = runners[0].median() / runners[1].median();
    screen.line(&format!(
        "\n  {} medians of {ROUNDS} streams each, taking turns.",
        screen.ink(Ink::Bold, &format!("{ratio:.2} times as fast:"))
    ));
    Ok(())
}

/// The same hosts again, with the kernel's routing in the place of routemesh.
fn kernel_routed() -> Result<Pair> {
    let pair = Pair::new()?;
    for side in [&pair.a, &pair.b] {
        docker::install(side)?;
        docker::accept_from_uplink(side.host.node())?;
    }
    pair.kernel_routing()?;
    Ok(pair)
}

impl Runner {
    fn new(name: &'static str, ink: Ink) -> Self {
        let results = Vec::new();
        Self { name, ink, results }
    }

    /// The median of the rounds, 0 before the first.
    fn median(&self) -> f64 {
        let mut sorted = self.results.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// A bar for each runner, the one that is running by its present figure.
fn chart(screen: &Screen, runners: &[Runner], running: Option<(usize, Transfer)>) -> Vec<String> {
    let figures: Vec<f64> = runners
        .iter()
        .enumerate()
        .map(|(index, runner)| match running {
            Some((turn, so_far)) if turn == index => so_far.gbit_per_second(),
            Some(_) | None => runner.median(),
        })
        .collect();
    let longest = figures.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bars = runners.iter().zip(&figures).enumerate();
    bars.map(|(index, (runner, figure))| {
        let length = (figure / longest * BAR as f64).round() as usize;
        let bar = screen.ink(runner.ink, &"█".repeat(length));
        let mark = if running.is_some_and(|(turn, _)| turn == index) {
            "▶"
        } else {
            " "
        };
        format!(" {mark}{:<15} {figure:5.1} Gbit/s  {bar}", runner.name)
    })
    .collect()
}
