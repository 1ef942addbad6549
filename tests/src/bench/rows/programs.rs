//! Row 6: the programs alone, one packet at a time.
//!
//! Each packet is a run of its own. A program that is run again on what it has changed meets
//! another packet: its TTL ends, and its room is used up.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use routemesh_common::programs;
use routemesh_tests::program::{Rig, in_rig, tunnels::fill};

use super::{
    Run,
    paths::{self, Path},
    scale::alone,
};
use crate::{
    contest::{Contender, Contest, Measure, Pace},
    generator::Idle,
    report::{Column, Comparison},
};

/// Runs before the clock is looked at.
const STRETCH: u32 = 64;
/// Of the time of other measurements this is enough: thousands of runs, of which the fastest counts.
const SHARE: u32 = 5;
/// So long the programs find all neighbours followed, as beside a daemon.
const FOLLOWED: Duration = Duration::from_secs(3600);
/// What a run takes with nothing to run.
const NOTHING: &str = "nothing";

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    in_rig(|rig| {
        fill(rig);
        rig.datapath.follow_neighbours_for(FOLLOWED)?;
        let mut found = Vec::new();
        for (measure, paths) in [
            (XDP_COST, paths::xdp()),
            (XDP_TUNNELS_COST, paths::xdp_tunnels()),
            (TC_COST, paths::tc()),
            (TC_TUNNELS_COST, paths::tc_tunnels()),
        ] {
            found.push(costs(run, rig, measure, &paths)?);
        }
        found[0].note = Some(PACKETS.to_owned());
        found[1].note = Some(TUNNELS.to_owned());
        found[2].note = Some(AT_TC.to_owned());
        found.push(verified(rig)?);
        Ok(found)
    })
}

/// The fastest of as many runs as `time` allows, in nanoseconds: what else the machine does can
/// but slow one down. Those that are none do not count.
fn fastest(time: Duration, run: impl Fn() -> Result<Option<Duration>>) -> Result<f64> {
    let begun = Instant::now();
    let mut fastest = Duration::MAX;
    while begun.elapsed() < time {
        for _ in 0..STRETCH {
            fastest = fastest.min(run()?.unwrap_or(Duration::MAX));
        }
    }
    ensure!(fastest < Duration::MAX, "no packet took this path");
    Ok(fastest.as_nanos() as f64)
}

fn costs(run: &Run, rig: &Rig, measure: Measure, paths: &[Path]) -> Result<Comparison> {
    let idle = Idle::new()?;
    let mut contenders = vec![Contender::new(NOTHING, |time| {
        Ok(vec![fastest(time, || idle.run().map(Some))?])
    })];
    for path in paths {
        path.check(rig)?;
        contenders.push(Contender::new(&path.name, move |time| {
            Ok(vec![fastest(time, || path.run(rig))?])
        }));
    }
    let contest = Contest {
        row: 6,
        measures: vec![measure],
        contenders,
        background: None,
    };
    let pace = Pace {
        sample: run.pace.sample / SHARE,
        ..run.pace.clone()
    };
    let found = contest.run(&pace, run.screen)?;
    let found = found.into_iter().next().context("nothing was measured")?;
    Ok(Comparison {
        columns: found.beyond(NOTHING).context("no base")?,
        ..found
    })
}

/// What verifying the programs takes the kernel.
fn verified(rig: &mut Rig) -> Result<Comparison> {
    let followed = rig.datapath.verified_instructions()?;
    let column = |name: &str| Column {
        name: name.to_owned(),
        samples: followed[name].map(f64::from).into_iter().collect(),
    };
    Ok(Comparison {
        columns: vec![column(programs::XDP), column(programs::TC)],
        ..alone(6, VERIFIED, Vec::new())
    })
}

const PACKETS: &str = "\
    The packets are as small as can be, 60 bytes over IPv4 and 80 over IPv6, and each is a run of its \
    own, on what came in. What a packet is found to end as is counted by the program.";
const TUNNELS: &str = "\
    `IPv6` is what is in the tunnel, and `over IPv6` what the tunnel goes over.";
const AT_TC: &str = "\
    What a container sends comes in at its port. `the kernel knows the MAC` is what nobody has told \
    the program: the kernel looks its neighbour up, behind what is measured here. What is answered \
    is made into an ICMP error, of which there are 1,000 a second at most. What is too big has \
    1,428 bytes, and 1,448 over IPv6.";
const XDP_COST: Measure = Measure::cost("xdp-program", "XDP's program alone", "ns per packet");
const XDP_TUNNELS_COST: Measure = Measure::cost(
    "xdp-program-tunnels",
    "XDP's program alone: tunnels",
    "ns per packet",
);
const TC_COST: Measure = Measure::cost("tc-program", "tc's program alone", "ns per packet");
const TC_TUNNELS_COST: Measure = Measure::cost(
    "tc-program-tunnels",
    "tc's program alone: tunnels",
    "ns per packet",
);
const VERIFIED: Measure = Measure::cost(
    "verified",
    "What verifying the programs takes the kernel, of 1,000,000 it allows",
    "instructions",
);
