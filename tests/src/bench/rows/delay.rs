//! Row 4: how long a datagram takes to and fro, and how fast connections are made.

use std::time::Duration;

use anyhow::{Context as _, Result};
use routemesh_tests::lab::{connections_for, round_trips};

use super::{Run, with_flowtable};
use crate::{
    column,
    contest::{Contender, Contest, Measure},
    load::Family,
    report::Comparison,
    statistic::Estimate,
    way::Way,
};

/// Round trips of one measurement.
const TRIPS: usize = 12_000;
/// Fewer, for a short run.
const FEW_TRIPS: usize = 4_000;
/// Those that a share is taken of: two are slower than the 999th of a thousand.
const PART: usize = 2_000;

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut ways = vec![
        Way::cable()?,
        Way::kernel()?,
        Way::iptables()?,
        Way::rules()?,
        Way::routemesh(column::TC, "tc")?,
        Way::routemesh(column::AUTO, "auto")?,
    ];
    let lack = with_flowtable(&mut ways)?;
    let mut found = measure(run, &ways, Family::V4, IPV4)?;
    found[0].note = Some(SHARES.to_owned() + &lack.unwrap_or_default());
    if !run.quick {
        found.extend(measure(run, &ways, Family::V6, IPV6)?);
    }
    Ok(found)
}

fn measure(run: &Run, ways: &[Way], family: Family, measures: Measures) -> Result<Vec<Comparison>> {
    let count = if run.quick { FEW_TRIPS } else { TRIPS };
    let trip = |way| there_and_back(way, family, count);
    let trips = Contest {
        row: 4,
        measures: measures.trips.into(),
        contenders: ways.iter().map(trip).collect(),
        background: None,
    };
    let trips = trips.run(&run.pace, run.screen)?;
    let added = trips.iter().zip(measures.added);
    let mut found: Vec<_> = added
        .filter_map(|(trip, measure)| beyond_the_cable(trip, measure))
        .collect();
    found.extend(trips);
    let connections = Contest {
        row: 4,
        measures: vec![measures.connections],
        contenders: ways.iter().map(|way| connecting(way, family)).collect(),
        background: None,
    };
    let mut connections = connections.run(&run.pace, run.screen)?;
    if connections[0].samples(column::FLOWTABLE).is_some() {
        connections[0].note = Some(NEW_FLOWS.to_owned());
    }
    found.extend(connections);
    Ok(found)
}

fn there_and_back(way: &Way, family: Family, count: usize) -> Contender<'_> {
    Contender::new(way.name, move |_| {
        let (from, to, addresses) = way.ends();
        let address = family.of(addresses);
        let before = way.passed()?;
        let mut times = round_trips(from, to, address, count)?;
        way.expect(before, count as u64)?;
        let shares = [0.5, 0.99, 0.999].map(|share| slower_than(share, &mut times));
        shares.into_iter().collect()
    })
}

/// The microseconds that this share of trips is done in: the median of what it is in each part of
/// them. What else the machine does for some milliseconds, which is a hundred trips and more, is
/// in one part then, not in the figure.
fn slower_than(share: f64, times: &mut [Duration]) -> Result<f64> {
    let parts = times.chunks_exact_mut(PART).map(|part| {
        part.sort_unstable();
        part[(PART as f64 * share) as usize].as_secs_f64() * 1e6
    });
    let parts: Vec<_> = parts.collect();
    let found = Estimate::of(&parts).context("too few trips")?;
    Ok(found.median)
}

fn connecting(way: &Way, family: Family) -> Contender<'_> {
    Contender::new(way.name, move |time| {
        let (from, to, addresses) = way.ends();
        let address = family.of(addresses);
        let before = way.opened()?;
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

const SHARES: &str = "\
    A measurement's trips are cut into parts of 2,000, and each share is the median of theirs: what \
    else the machine does for some milliseconds is in one part. Where p99 or p99.9 of the cable is \
    as large as another column's in some round nevertheless, what is added is not known.";

const NEW_FLOWS: &str = "\
    Packets that open a connection are of no known flow, so that a flowtable leaves them to the \
    kernel's routing and its rules, which are seen to count them.";

/// What is measured in a family.
struct Measures {
    trips: [Measure; 3],
    /// What is added to the cable's.
    added: [Measure; 3],
    connections: Measure,
}

macro_rules! trip {
    ($id:expr, $what:literal, $family:literal, $share:literal) => {
        Measure::cost(
            $id,
            concat!("Round trip, ", $what, ", ", $family, ": ", $share),
            "µs",
        )
    };
}

/// The three shares of trips that [`there_and_back`] yields.
macro_rules! trips {
    ($id:literal, $suffix:literal, $what:literal, $family:literal) => {
        [
            trip!(concat!($id, "-p50", $suffix), $what, $family, "p50"),
            trip!(concat!($id, "-p99", $suffix), $what, $family, "p99"),
            trip!(concat!($id, "-p999", $suffix), $what, $family, "p99.9"),
        ]
    };
}

macro_rules! measures {
    ($suffix:literal, $family:literal) => {
        Measures {
            trips: trips!("trip", $suffix, "both ends spinning", $family),
            added: trips!("added", $suffix, "added to the bare cable", $family),
            connections: Measure::thousands(
                concat!("connections", $suffix),
                concat!("New TCP connections, one after another, ", $family),
            ),
        }
    };
}

const IPV4: Measures = measures!("", "IPv4");
const IPV6: Measures = measures!("-ipv6", "IPv6");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_the_machine_does_for_a_while_is_not_in_a_share() {
        let mut times: Vec<_> = (0..TRIPS as u64)
            .map(|trip| Duration::from_micros(1 + trip % 1000))
            .collect();
        times[PART..][..500].fill(Duration::from_secs(1));
        let found = [0.5, 0.999].map(|share| slower_than(share, &mut times).unwrap());
        assert!((found[0] - 501.0).abs() < 0.1, "{found:?}");
        assert!((found[1] - 1000.0).abs() < 0.1, "{found:?}");
        assert!(slower_than(0.5, &mut []).is_err());
    }
}
