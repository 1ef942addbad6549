//! The rows: what is measured, by number.

mod delay;
mod direct;
mod packets;
mod paths;
mod programs;
mod scale;
mod start;
mod tunnel;

use anyhow::Result;
use routemesh_tests::lab::lack_of_flowtables;

use crate::{
    background::Background,
    contest::{Contest, Measure, Pace},
    load::Load,
    report::Comparison,
    screen::Screen,
    way::Way,
};

/// What a row needs to measure.
pub(crate) struct Run<'a> {
    pub(crate) pace: Pace,
    pub(crate) quick: bool,
    pub(crate) screen: &'a Screen,
}

/// A row of the benchmark.
pub(crate) struct Row {
    /// Its number, and those of others whose figures come of the same measurements.
    pub(crate) numbers: &'static [u8],
    pub(crate) title: &'static str,
    run: fn(&Run) -> Result<Vec<Comparison>>,
}

/// All of them.
pub(crate) const ROWS: &[Row] = &[
    Row {
        numbers: &[1, 5],
        title: "container to container, two hosts on a cable",
        run: direct::run,
    },
    Row {
        numbers: &[2, 5],
        title: "the same through a tunnel",
        run: tunnel::run,
    },
    Row {
        numbers: &[3, 5],
        title: "the smallest frames, on one core",
        run: packets::run,
    },
    Row {
        numbers: &[4],
        title: "round trips, and new connections",
        run: delay::run,
    },
    Row {
        numbers: &[6],
        title: "the programs alone",
        run: programs::run,
    },
    Row {
        numbers: &[7],
        title: "large tables",
        run: scale::run,
    },
    Row {
        numbers: &[8],
        title: "start",
        run: start::run,
    },
];

impl Row {
    /// What it is called, as `Rows 1, 5`.
    pub(crate) fn name(&self) -> String {
        let numbers: Vec<_> = self.numbers.iter().map(u8::to_string).collect();
        let plural = if numbers.len() == 1 { "" } else { "s" };
        format!("Row{plural} {}", numbers.join(", "))
    }

    /// Measures it.
    ///
    /// # Errors
    /// When it cannot be set up, or a measurement fails.
    pub(crate) fn measure(&self, run: &Run) -> Result<Vec<Comparison>> {
        (self.run)(run)
    }
}

/// Adds the kernel's flowtable to what its users would use. Where the kernel has none, returns what is
/// to be said of that.
fn with_flowtable(ways: &mut Vec<Way>) -> Result<Option<String>> {
    let lack = lack_of_flowtables()?;
    if lack.is_none() {
        ways.push(Way::flowtable()?);
    }
    Ok(lack.map(|lack| {
        format!(
            " There is no column of nftables' flowtable, since this kernel has none: \
             `nft` was told to make one in a namespace, and said `{lack}`."
        )
    }))
}

/// Sends loads over ways; of each, the rate and what it costs.
fn compare(
    run: &Run,
    row: u8,
    ways: &[Way],
    loads: &[(Load, [Measure; 2])],
) -> Result<Vec<Comparison>> {
    let mut found = Vec::new();
    for (load, measures) in loads {
        let background = Background::default();
        let contest = Contest {
            row,
            measures: measures.to_vec(),
            contenders: ways.iter().map(|way| load.over(way, &background)).collect(),
            background: Some(&background),
        };
        found.extend(contest.run(&run.pace, run.screen)?);
    }
    Ok(found)
}
