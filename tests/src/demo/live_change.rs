//! A route that is added and removed while pings run, and what becomes of the pings.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use routemesh_tests::{interrupt, lab::Node};

use crate::{
    scene::Scene,
    screen::{Ink, Screen},
};

/// Pings in each of the three parts: before, with, and after the route.
const PINGS: usize = 12;
const INTERVAL: Duration = Duration::from_millis(120);

/// A container that is pinged, and the pings of the present part.
struct Target {
    name: &'static str,
    address: IpAddr,
    answered: Vec<bool>,
}

/// Refuses b2 while a1 pings it and b1, and takes that back.
///
/// # Errors
/// When a ping is answered that should not be, or the other way round.
pub(crate) fn run(scene: &Scene, screen: &Screen) -> Result<()> {
    screen.heading("A route changes while a1 pings b1 and b2");
    let from = &scene.pair().a.container;
    let targets = [
        ("b1", scene.pair().b.container.v4()),
        ("b2", scene.second()[1].v4()),
    ];
    let refused = format!("{}/32", targets[1].1);
    let steps: [(&[&str], [usize; 2]); 3] = [
        (&[], [PINGS, PINGS]),
        (&["route", "add", "blackhole", &refused], [PINGS, 0]),
        (&["route", "del", &refused], [PINGS, PINGS]),
    ];
    for (words, expected) in steps {
        if !words.is_empty() {
            screen.command("host-a", &format!("routemesh {}", words.join(" ")));
            scene.daemon().cli_ok(words)?;
        }
        let answered = ping_both(screen, from, targets)?;
        ensure!(
            answered == expected,
            "{answered:?} pings were answered, not {expected:?}"
        );
    }
    Ok(())
}

/// Pings both targets in turn; returns how many of [`PINGS`] each answered.
fn ping_both(
    screen: &Screen,
    from: &Node,
    targets: [(&'static str, IpAddr); 2],
) -> Result<[usize; 2]> {
    let mut targets = targets.map(|(name, address)| Target {
        name,
        address,
        answered: Vec::new(),
    });
    let mut drawn = 0;
    for _ in 0..PINGS {
        let next = Instant::now() + INTERVAL;
        for target in &mut targets {
            let answered = answers(from, target.address)?;
            target.answered.push(answered);
            interrupt::check()?;
        }
        drawn = screen.redraw(
            drawn,
            &targets.each_ref().map(|target| target.drawn(screen)),
        );
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    screen.settle(
        drawn,
        &targets.each_ref().map(|target| target.drawn(screen)),
    );
    Ok(targets.each_ref().map(Target::count))
}

/// Whether one ping is answered.
fn answers(from: &Node, to: IpAddr) -> Result<bool> {
    let output = from.output(&["ping", "-n", "-q", "-c", "1", "-W", "0.2", &to.to_string()])?;
    Ok(output.status.success())
}

impl Target {
    fn count(&self) -> usize {
        self.answered.iter().filter(|answered| **answered).count()
    }

    /// A dot for each ping, and how many were answered.
    fn drawn(&self, screen: &Screen) -> String {
        let dots: String = self
            .answered
            .iter()
            .map(|answered| {
                if *answered {
                    screen.ink(Ink::Green, "●")
                } else {
                    screen.ink(Ink::Red, "×")
                }
            })
            .collect();
        let blank = " ".repeat(PINGS - self.answered.len());
        let (count, sent) = (self.count(), self.answered.len());
        format!(
            "  {} {}  {dots}{blank}  {count} of {sent} answered",
            self.name, self.address
        )
    }
}
