//! Row 3: frames of 64 bytes through a host, on one processor.

use anyhow::Result;

use super::Run;
use crate::{
    column,
    contest::{Contest, Measure},
    report::{Column, Comparison},
    transit::{Traffic, Transit},
};

/// To 256 destinations: more than a cache line's worth, fewer than any table's.
const PLAIN: Traffic = Traffic::to(8);
const WRAPPED: Traffic = Traffic {
    wrapped: true,
    ..PLAIN
};

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut transits = [
        Transit::dropping(column::DROPPED, PLAIN)?,
        Transit::redirecting(column::REDIRECT, PLAIN)?,
        Transit::kernel(column::KERNEL, PLAIN, false)?,
        Transit::kernel(column::IPTABLES, PLAIN, true)?,
        Transit::routemesh(column::TC, PLAIN, "tc")?,
        Transit::routemesh(column::XDP, PLAIN, "xdp")?,
    ];
    let mut found = contest(TRANSIT, &mut transits).run(&run.pace, run.screen)?;
    let mut wrapped = [
        Transit::dropping(column::DROPPED, WRAPPED)?,
        Transit::kernel(column::KERNEL_VXLAN, WRAPPED, false)?,
        Transit::kernel(column::KERNEL_VXLAN_IPTABLES, WRAPPED, true)?,
        Transit::routemesh(column::VXLAN, WRAPPED, "xdp")?,
    ];
    found.extend(contest(DECAPSULATE, &mut wrapped).run(&run.pace, run.screen)?);
    let both = found.into_iter().zip([TRANSIT_COST, DECAPSULATE_COST]);
    Ok(both
        .flat_map(|(one, cost)| [rate(&one), beyond_the_source(&one, cost)])
        .collect())
}

/// Measured is how long a frame takes.
fn contest(measure: Measure, transits: &mut [Transit]) -> Contest<'_> {
    Contest {
        row: 3,
        measures: vec![measure],
        contenders: transits.iter_mut().map(Transit::cost).collect(),
    }
}

/// Thousands of frames a second, the source's own work included.
fn rate(times: &Comparison) -> Comparison {
    let columns = times
        .columns
        .iter()
        .filter(|one| one.name != column::DROPPED);
    let columns = columns.map(|one| Column {
        name: one.name.clone(),
        samples: one.samples.iter().map(|time| 1e6 / time).collect(),
    });
    Comparison {
        columns: columns.collect(),
        ..times.clone()
    }
}

/// How long a frame takes without the source.
fn beyond_the_source(times: &Comparison, measure: Measure) -> Comparison {
    Comparison {
        id: measure.id.to_owned(),
        title: measure.title.to_owned(),
        unit: measure.unit.to_owned(),
        less: true,
        columns: times.beyond(column::DROPPED).unwrap_or_default(),
        ..times.clone()
    }
}

const TRANSIT: Measure = Measure::thousands("transit", "64 bytes on one core, from wire to wire");
const TRANSIT_COST: Measure = Measure::cost(
    "transit-cost",
    "64 bytes, from wire to wire: without the source's own work",
    "ns per frame",
);
const DECAPSULATE: Measure = Measure::thousands(
    "decapsulate",
    "64 bytes in VXLAN on one core, decapsulated and forwarded",
);
const DECAPSULATE_COST: Measure = Measure::cost(
    "decapsulate-cost",
    "64 bytes in VXLAN, decapsulated and forwarded: without the source's own work",
    "ns per frame",
);
