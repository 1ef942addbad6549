//! The rows: what is measured, by number.

mod delay;
mod direct;
mod packets;
mod programs;
mod scale;
mod start;
mod tunnel;

use anyhow::Result;

use crate::{contest::Pace, report::Comparison, screen::Screen};

/// What a row needs to measure.
pub(crate) struct Run<'a> {
    pub(crate) pace: Pace,
    pub(crate) quick: bool,
    pub(crate) screen: &'a Screen,
}

/// A row of the benchmark.
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) title: &'static str,
    run: fn(&Run) -> Result<Vec<Comparison>>,
}

/// All of them.
pub(crate) const ROWS: &[Row] = &[
    Row {
        number: 1,
        title: "container to container, two hosts on a cable",
        run: direct::run,
    },
    Row {
        number: 2,
        title: "the same through a tunnel",
        run: tunnel::run,
    },
    Row {
        number: 3,
        title: "frames of 64 bytes on one core",
        run: packets::run,
    },
    Row {
        number: 4,
        title: "round trips, and new connections",
        run: delay::run,
    },
    Row {
        number: 6,
        title: "the programs alone",
        run: programs::run,
    },
    Row {
        number: 7,
        title: "large tables",
        run: scale::run,
    },
    Row {
        number: 8,
        title: "start",
        run: start::run,
    },
];

impl Row {
    /// Measures it.
    ///
    /// # Errors
    /// When it cannot be set up, or a measurement fails.
    pub(crate) fn measure(&self, run: &Run) -> Result<Vec<Comparison>> {
        (self.run)(run)
    }
}
