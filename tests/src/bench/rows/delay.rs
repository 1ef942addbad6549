//! Row 4: how long a datagram takes to and fro, and how fast connections are made.

use std::time::Duration;

use anyhow::Result;
use routemesh_tests::lab::{connections_for, round_trips};

use super::Run;
use crate::{
    column,
    contest::{Contender, Contest, Measure},
    report::Comparison,
    way::Way,
};

/// Round trips of one measurement: a dozen are slower than the 999th of a thousand.
const TRIPS: usize = 12_000;
/// Fewer, for a short run.
const FEW_TRIPS: usize = 4_000;

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let ways = [
        Way::cable()?,
        Way::kernel()?,
        Way::iptables()?,
        Way::rules()?,
        Way::routemesh(column::TC, "tc")?,
    ];
    let count = if run.quick { FEW_TRIPS } else { TRIPS };
    let trips = Contest {
        row: 4,
        measures: vec![P50, P99, P999],
        contenders: ways.iter().map(|way| there_and_back(way, count)).collect(),
        background: None,
    };
    let trips = trips.run(&run.pace, run.screen)?;
    let added = trips.iter().zip(ADDED);
    let mut found: Vec<_> = added
        .filter_map(|(trip, measure)| beyond_the_cable(trip, measure))
        .collect();
    found.extend(trips);
    let connections = Contest {
        row: 4,
        measures: vec![CONNECTIONS],
        contenders: ways.iter().map(connecting).collect(),
        background: None,
    };
    found.extend(connections.run(&run.pace, run.screen)?);
    Ok(found)
}

fn there_and_back(way: &Way, count: usize) -> Contender<'_> {
    Contender::new(way.name, move |_| {
        let (from, to, [address, _]) = way.ends();
        let before = way.passed()?;
        let mut times = round_trips(from, to, address, count)?;
        way.expect(before, count as u64)?;
        times.sort_unstable();
        let at = |share: f64| {
            let index = (count as f64 * share) as usize;
            let time = times.get(index).copied().unwrap_or(Duration::ZERO);
            time.as_secs_f64() * 1e6
        };
        Ok(vec![at(0.5), at(0.99), at(0.999)])
    })
}

fn connecting(way: &Way) -> Contender<'_> {
    Contender::new(way.name, move |time| {
        let (from, to, [address, _]) = way.ends();
        let before = way.passed()?;
        let each_second = connections_for(from, to, address, time)?;
        way.expect(before, (each_second * time.as_secs_f64()) as u64)?;
        Ok(vec![each_second / 1e3])
    })
}

/// What each way adds to the cable's round trip. As a multiple of what the kernel adds: the cable
/// itself is none of the columns any more.
fn beyond_the_cable(trips: &Comparison, measure: Measure) -> Option<Comparison> {
    Some(Comparison {
        id: measure.id.to_owned(),
        title: measure.title.to_owned(),
        columns: trips.beyond(column::CABLE)?,
        ..trips.clone()
    })
}

const P50: Measure = Measure::cost("trip-p50", "Round trip, both ends spinning: p50", "µs");
const P99: Measure = Measure::cost("trip-p99", "Round trip, both ends spinning: p99", "µs");
const P999: Measure = Measure::cost("trip-p999", "Round trip, both ends spinning: p99.9", "µs");
const ADDED: [Measure; 3] = [
    Measure::cost(
        "added-p50",
        "Round trip, added to the bare cable: p50",
        "µs",
    ),
    Measure::cost(
        "added-p99",
        "Round trip, added to the bare cable: p99",
        "µs",
    ),
    Measure::cost(
        "added-p999",
        "Round trip, added to the bare cable: p99.9",
        "µs",
    ),
];
const CONNECTIONS: Measure =
    Measure::thousands("connections", "New TCP connections, one after another");
