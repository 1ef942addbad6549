//! Row 7: what a large table costs.

use std::{
    fmt::Write as _,
    fs,
    net::Ipv4Addr,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use ipnet::Ipv4Net;
use nix::time::{ClockId, clock_gettime};
use routemesh_tests::lab::{PATIENCE, Routemesh, binary, eventually};

use super::Run;
use crate::{
    column,
    contest::{Contest, Measure},
    generator::Sink,
    report::{Column, Comparison},
    traffic::{SPACE, Traffic},
    transit::{Transit, losses},
};

/// Routes, as powers of two.
const SIZES: [u32; 6] = [0, 6, 10, 14, 18, 20];
/// For a short run.
const FEW_SIZES: [u32; 3] = [0, 6, 20];
/// Tables that the index in front of the trie is of no use for.
const NESTED: [u32; 3] = [6, 14, 20];
/// For a short run.
const FEW_NESTED: [u32; 2] = [6, 20];
/// The largest table, as a power of two.
const LARGEST: u32 = 20;
/// It.
const TABLE: Table = Table::Flat(LARGEST);
/// Times a route is added to a table and waited for.
const ADDITIONS: u32 = 12;
/// Frames that are sent at once while something else happens. Between two such the kernel takes
/// twenty milliseconds, so there must be few.
const CHUNK: u32 = 200_000;
/// Frames to see whether there is a way.
const TRIAL: u32 = 2_000;

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut found = forwarding(run)?;
    found.extend(loading(run)?);
    found.extend(effects(run)?);
    Ok(found)
}

/// What it costs to forward, for traffic to one, to 4,096 and to all destinations; of the last, no
/// CPU knows most beforehand, so that each frame's look-up is in what is measured.
fn forwarding(run: &Run) -> Result<Vec<Comparison>> {
    let (sizes, nested): (&[u32], &[u32]) = if run.quick {
        (&FEW_SIZES, &FEW_NESTED)
    } else {
        (&SIZES, &NESTED)
    };
    let flat: Vec<_> = sizes.iter().copied().map(Table::Flat).collect();
    let nested = nested.iter().copied().map(Table::Nested);
    let all: Vec<_> = flat.iter().copied().chain(nested).collect();
    let mut found = Vec::new();
    for (destinations, tables, measure) in [(0, &flat, ONE), (12, &flat, SOME), (20, &all, ALL)] {
        found.extend(frames(run, Traffic::to(destinations), tables, measure)?);
    }
    if let Some(last) = found.last_mut() {
        let note = last.note.take().unwrap_or_default();
        last.note = Some(format!("{note} {IN_THE_TRIE}"));
    }
    Ok(found)
}

/// What a frame of that traffic takes, by each of these tables.
fn frames(
    run: &Run,
    traffic: Traffic,
    tables: &[Table],
    measure: Measure,
) -> Result<Vec<Comparison>> {
    let mut transits = vec![Transit::dropping(column::DROPPED, traffic)?];
    for table in tables {
        let name = table.name();
        run.screen
            .progress(&format!("{}: load {name}", measure.title));
        transits.push(table.transit(traffic)?);
    }
    let contest = Contest {
        row: 7,
        measures: vec![measure],
        contenders: transits.iter_mut().map(Transit::cost).collect(),
        background: None,
    };
    let comparisons = contest.run(&run.pace, run.screen)?;
    let lost = losses(&mut transits);
    let beyond = |comparison: Comparison| {
        Ok(Comparison {
            columns: comparison.beyond(column::DROPPED).context("no base")?,
            note: Some(format!("{LOOK_UP} {lost}")),
            ..comparison
        })
    };
    comparisons.into_iter().map(beyond).collect()
}

/// A table of so many routes, as a power of two.
#[derive(Clone, Copy)]
enum Table {
    /// They divide all destinations among them.
    Flat(u32),
    /// One half of them do, and within each lies one of the other half, to which nothing is sent:
    /// what has another within it is not in the index.
    Nested(u32),
}

impl Table {
    /// The name of its column.
    fn name(self) -> String {
        match self {
            Self::Flat(size) => routes(size),
            Self::Nested(size) => routes(size) + ", nested",
        }
    }

    /// Its prefixes.
    fn prefixes(self) -> Result<Vec<Ipv4Net>> {
        let (base, bits) = SPACE;
        let flat = |size: u32| {
            let prefix = move |number: u32| {
                let first = Ipv4Addr::from(base + (number << (bits - size)));
                Ipv4Net::new(first, (32 - bits + size) as u8)
            };
            (0..1_u32 << size).map(prefix)
        };
        let prefixes = match self {
            Self::Flat(size) => flat(size).collect::<Result<_, _>>()?,
            Self::Nested(size) => {
                let around = flat(size - 1).collect::<Result<Vec<_>, _>>()?;
                let pair = |one: Ipv4Net| [one, Ipv4Net::from(one.broadcast())];
                around.into_iter().flat_map(pair).collect()
            }
        };
        Ok(prefixes)
    }

    /// A host with this table.
    fn transit(self, traffic: Traffic) -> Result<Transit> {
        let transit = Transit::new(&self.name(), traffic)?;
        let daemon = empty(&transit)?;
        load(&transit, &daemon, self)?;
        transit.with(daemon, "xdp").opened()
    }
}

/// The name of a column, for a power of two.
fn routes(size: u32) -> String {
    let plural = if size == 0 { "" } else { "s" };
    format!("{} route{plural}", 1 << size)
}

/// A daemon with room for the largest table and no route to the sink.
fn empty(transit: &Transit) -> Result<Routemesh> {
    let room = (1 << LARGEST) + (1 << 10);
    Routemesh::start(transit.side.host.node(), &transit.config("xdp", room))
}

/// Loads a table from one file; returns how long that took.
fn load(transit: &Transit, daemon: &Routemesh, table: Table) -> Result<Duration> {
    let gateway = transit.gateway();
    batch(daemon, "replace", table, |dst| {
        format!("{dst} via {gateway}")
    })
}

/// Edits a table's routes from one file, each in the words of `line`; returns how long that took.
fn batch(
    daemon: &Routemesh,
    verb: &str,
    table: Table,
    line: impl Fn(Ipv4Net) -> String,
) -> Result<Duration> {
    let mut text = String::new();
    for prefix in table.prefixes()? {
        let _ = writeln!(text, "{}", line(prefix));
    }
    let file = daemon.folder().join("routes");
    fs::write(&file, text)?;
    let name = file.to_str().context("a path in UTF-8")?;
    let start = Instant::now();
    command(daemon, &["route", verb, "--batch", name])?;
    Ok(start.elapsed())
}

/// Runs the CLI with nothing around it, which would take longer than the CLI itself.
fn command(daemon: &Routemesh, words: &[&str]) -> Result<()> {
    let output = Command::new(binary()?)
        .args(words)
        .env("ROUTEMESH_SOCKET", daemon.socket())
        .output()
        .context("run the CLI")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "routemesh {}: {errors}",
        words.join(" ")
    );
    Ok(())
}

/// How long it takes to load, to change and to free the largest table, and what that does to
/// packets.
fn loading(run: &Run) -> Result<Vec<Comparison>> {
    let times = if run.quick { 1 } else { 4 };
    let mut found = LOADING.map(|measure| (measure, Vec::new()));
    for time in 1..=times {
        run.screen
            .progress(&format!("load the largest table, {time} of {times}"));
        let (mut transit, daemon) = prepared()?;
        let (took, lost) = while_sending(&mut transit, |transit| load(transit, &daemon, TABLE))?;
        let memory = [memory(&daemon)?, daemon.map_memory()? as f64 / 1e6];
        // Every route gets another next hop than it had: none.
        let blackhole =
            |_: &Transit| batch(&daemon, "replace", TABLE, |dst| format!("blackhole {dst}"));
        let (changed, changing) = while_sending(&mut transit, blackhole)?;
        let free = |_: &Transit| batch(&daemon, "del", TABLE, |dst| dst.to_string());
        let (freed, freeing) = while_sending(&mut transit, free)?;
        let figures = [
            took.as_secs_f64(),
            lost as f64,
            memory[0],
            memory[1],
            changed.as_secs_f64(),
            changing as f64,
            freed.as_secs_f64(),
            freeing as f64,
        ];
        for ((_, samples), figure) in found.iter_mut().zip(figures) {
            samples.push(figure);
        }
    }
    Ok(found
        .map(|(measure, samples)| alone(7, measure, samples))
        .into())
}

/// A host with a way for what the source sends, to the first destination, and no other route: what
/// is measured with is not what is loaded.
fn prepared() -> Result<(Transit, Routemesh)> {
    let mut transit = Transit::new("load", Traffic::to(0))?;
    let daemon = empty(&transit)?;
    let dst = format!("{}/32", Ipv4Addr::from(SPACE.0));
    let gateway = transit.gateway().to_string();
    command(&daemon, &["route", "add", &dst, "via", &gateway])?;
    eventually("frames to come through", PATIENCE, || {
        let arrived = transit.burst(TRIAL)?.packets;
        ensure!(arrived == u64::from(TRIAL), "{arrived} did");
        Ok(())
    })?;
    Ok((transit, daemon))
}

/// How long a route takes from the CLI to its first packet, beside tables of all sizes; and beside
/// the largest, for which there is a goal.
fn effects(run: &Run) -> Result<Vec<Comparison>> {
    let sizes: &[u32] = if run.quick { &FEW_SIZES } else { &SIZES };
    let mut columns = Vec::new();
    for &size in sizes {
        let name = routes(size);
        run.screen.progress(&format!("add a route beside {name}"));
        let (mut transit, daemon) = prepared()?;
        load(&transit, &daemon, Table::Flat(size))?;
        let samples = additions(&mut transit, &daemon)?;
        columns.push(Column { name, samples });
    }
    let largest = columns.last().context("no sizes")?.samples.clone();
    let all = Comparison {
        columns,
        ..alone(7, ADD_BY_SIZE, Vec::new())
    };
    Ok(vec![alone(7, ADD, largest), all])
}

/// Does something while the source sends; returns what that returns, and frames lost.
fn while_sending<T>(
    transit: &mut Transit,
    work: impl FnOnce(&Transit) -> Result<T>,
) -> Result<(T, u64)> {
    transit.sink.clear()?;
    let (result, sent) = sending(transit, || work(transit))?;
    let arrived = transit.sink.wait(sent)?;
    Ok((result, sent.saturating_sub(arrived.packets)))
}

/// Does something once the source sends, and while it does; returns what that returns, and
/// frames sent.
pub(super) fn sending<T>(transit: &Transit, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let source = &transit.source;
        let sender = scope.spawn(|| -> Result<u64> {
            let mut sent = 0;
            while !done.load(Ordering::Acquire) {
                source.send(CHUNK)?;
                sent += u64::from(CHUNK);
            }
            Ok(sent)
        });
        let result = transit.receives().and_then(|()| work());
        done.store(true, Ordering::Release);
        let sent = sender
            .join()
            .map_err(|_| anyhow!("the source panicked"))??;
        Ok((result?, sent))
    })
}

/// Adds routes one by one to a table, each after frames for it began to be sent;
/// returns the milliseconds from the CLI's start to the first frame at the sink.
fn additions(transit: &mut Transit, daemon: &Routemesh) -> Result<Vec<f64>> {
    let gateway = transit.gateway().to_string();
    // The source goes on sending to the first destination, which has a route to itself.
    let (first, _) = SPACE;
    let dst = format!("{}/32", Ipv4Addr::from(first));
    let mut times = Vec::new();
    for _ in 0..ADDITIONS {
        command(daemon, &["route", "replace", "blackhole", &dst])?;
        transit.sink.wait(u64::MAX)?;
        transit.sink.clear()?;
        let ((), _) = sending(transit, || {
            let begun = monotonic()?;
            command(daemon, &["route", "replace", &dst, "via", &gateway])?;
            let first = first_arrival(&transit.sink)?;
            times.push((first - begun) as f64 / 1e6);
            Ok(())
        })?;
    }
    Ok(times)
}

/// When the first frame came since the sink was cleared.
pub(super) fn first_arrival(sink: &Sink) -> Result<u64> {
    eventually("the first frame", PATIENCE, || {
        let first = sink.arrived()?.first;
        ensure!(first > 0, "none came");
        Ok(first)
    })
}

/// Now, as kernel programs tell the time: in nanoseconds of the monotonic clock.
pub(super) fn monotonic() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// Memory that the daemon's process has, in MB.
pub(super) fn memory(daemon: &Routemesh) -> Result<f64> {
    let pid = daemon.pid().context("the daemon does not run")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|text| text.split_whitespace().next());
    Ok(kilobytes.context("no VmRSS")?.parse::<f64>()? * 1024.0 / 1e6)
}

/// A comparison of routemesh with nothing but a goal.
pub(super) fn alone(row: u8, measure: Measure, samples: Vec<f64>) -> Comparison {
    Comparison {
        id: measure.id.to_owned(),
        row,
        title: measure.title.to_owned(),
        unit: measure.unit.to_owned(),
        less: measure.less,
        columns: vec![Column {
            name: column::DAEMON.to_owned(),
            samples,
        }],
        note: None,
    }
}

const LOOK_UP: &str = "\
    All else is alike in these columns: what they differ by is the look-up, of the route and of what \
    it leads to.";
const IN_THE_TRIE: &str = "\
    In a table that is `nested`, a route lies within each that is taken: what the index in front of the \
    trie has is final, so such routes are not in it, and each look-up ends in the trie. All others are \
    in the index. What a processor has found before it need not look up; of a million destinations \
    that is few.";
const LOADING: [Measure; 8] = [
    Measure::cost("load-time", "1,048,576 routes from one file", "s"),
    Measure::cost("load-lost", "Packets lost meanwhile", "packets"),
    Measure::cost("load-memory", "The daemon's memory with them", "MB"),
    Measure::cost(
        "map-memory",
        "The memory of the kernel's maps with them",
        "MB",
    ),
    Measure::cost("change-time", "All of them changed by one file", "s"),
    Measure::cost(
        "change-lost",
        "Packets lost while all of them change",
        "packets",
    ),
    Measure::cost("free-time", "All of them deleted by one file", "s"),
    Measure::cost(
        "free-lost",
        "Packets lost while all of them are deleted",
        "packets",
    ),
];
const ADD_BY_SIZE: Measure = Measure::cost(
    "add-to-effect-by-size",
    "From the CLI's start to its route's first packet, beside tables of all sizes",
    "ms",
);
const ADD: Measure = Measure::cost(
    "add-to-effect",
    "From the CLI's start to its route's first packet, beside 1,048,576 routes",
    "ms",
);
const ONE: Measure = Measure::cost("scale-1", "Forwarding, to one destination", "ns per frame");
const SOME: Measure = Measure::cost(
    "scale-4k",
    "Forwarding, to 4,096 destinations",
    "ns per frame",
);
const ALL: Measure = Measure::cost(
    "scale-all",
    "Forwarding, to all 1,048,576 destinations",
    "ns per frame",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_so_many_routes_which_hold_all_that_is_sent() {
        let (base, bits) = SPACE;
        for size in [1, 6, 10] {
            let flat = Table::Flat(size).prefixes().unwrap();
            let nested = Table::Nested(size).prefixes().unwrap();
            assert_eq!([flat.len(), nested.len()], [1 << size; 2]);
            for number in 0..1 << size {
                let sent = Ipv4Addr::from(base + (number << (bits - size)));
                let holding = |table: &[Ipv4Net]| {
                    let prefixes = table.iter().filter(|prefix| prefix.contains(&sent));
                    prefixes.count()
                };
                assert_eq!([holding(&flat), holding(&nested)], [1, 1], "{sent}");
            }
        }
    }

    #[test]
    fn within_each_nested_route_that_is_taken_lies_another() {
        let routes = Table::Nested(6).prefixes().unwrap();
        for pair in routes.chunks(2) {
            assert!(pair[0].contains(&pair[1]), "{pair:?}");
            assert!(pair[0].prefix_len() < pair[1].prefix_len(), "{pair:?}");
        }
    }
}
