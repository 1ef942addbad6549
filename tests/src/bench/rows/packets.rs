//! Row 3: frames of 64 bytes through a host, on one processor.

use anyhow::Result;

use super::Run;
use crate::{
    background::Background,
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
    let mut found = measure(run, &mut transits, TRANSIT)?;
    let mut wrapped = [
        Transit::dropping(column::DROPPED, WRAPPED)?,
        Transit::kernel(column::KERNEL_VXLAN, WRAPPED, false)?,
        Transit::kernel(column::KERNEL_VXLAN_IPTABLES, WRAPPED, true)?,
        Transit::routemesh(column::VXLAN, WRAPPED, "xdp")?,
    ];
    found.extend(measure(run, &mut wrapped, DECAPSULATE)?);
    Ok(found)
}

/// Frames a second, the time that a frame takes, and what a million cost the machine.
fn measure(
    run: &Run,
    transits: &mut [Transit],
    [rate_of, time_of, cost_of]: [Measure; 3],
) -> Result<Vec<Comparison>> {
    let times = Contest {
        row: 3,
        measures: vec![rate_of],
        contenders: transits.iter_mut().map(Transit::cost).collect(),
        background: None,
    };
    let mut found = Vec::new();
    for times in times.run(&run.pace, run.screen)? {
        found.extend([rate(&times), beyond_the_source(&times, time_of)]);
    }
    let background = Background::default();
    let costs = Contest {
        row: 5,
        measures: vec![cost_of],
        contenders: transits
            .iter_mut()
            .map(|transit| transit.charge(&background))
            .collect(),
        background: Some(&background),
    };
    for costs in costs.run(&run.pace, run.screen)? {
        found.push(beyond_the_source(&costs, cost_of));
    }
    Ok(found)
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

/// What frames take without the source.
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

const TRANSIT: [Measure; 3] = [
    Measure::thousands("transit", "64 bytes on one core, from wire to wire"),
    Measure::cost(
        "transit-cost",
        "64 bytes, from wire to wire: without the source's own work",
        "ns per frame",
    ),
    Measure::per_million(
        "transit-processor",
        "64 bytes, from wire to wire: without the source's own work",
    ),
];
const DECAPSULATE: [Measure; 3] = [
    Measure::thousands(
        "decapsulate",
        "64 bytes in VXLAN on one core, decapsulated and forwarded",
    ),
    Measure::cost(
        "decapsulate-cost",
        "64 bytes in VXLAN, decapsulated and forwarded: without the source's own work",
        "ns per frame",
    ),
    Measure::per_million(
        "decapsulate-processor",
        "64 bytes in VXLAN, decapsulated and forwarded: without the source's own work",
    ),
];
