//! The benchmark: routemesh beside what its users would use instead, in one run, in turns.
//!
//! Everything is in namespaces of its own; no interface outside of them is touched.

mod column;
mod contest;
mod goal;
mod load;
mod machine;
mod report;
mod rows;
mod screen;
mod statistic;
mod table;
mod way;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use contest::Pace;
use report::Report;
use rows::{ROWS, Row, Run};
use screen::Screen;

/// Measures routemesh beside the cable, the kernel's routing, and its tunnels.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Options {
    /// Measure shorter and less: in 3 minutes, not 30
    #[arg(long)]
    quick: bool,
    /// Measure these rows only
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    rows: Vec<u8>,
    /// Show what changed since an earlier run on this machine, of which this is the JSON
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    fn pace(&self) -> Pace {
        if self.quick {
            Pace {
                rounds: 6..=6,
                sample: Duration::from_millis(200),
                spread: 0.1,
            }
        } else {
            Pace {
                rounds: 8..=20,
                sample: Duration::from_millis(500),
                spread: 0.03,
            }
        }
    }

    fn rows(&self) -> Result<Vec<&'static Row>> {
        for number in &self.rows {
            let known = ROWS.iter().any(|row| row.number == *number);
            ensure!(known, "there is no row {number}");
        }
        let wanted = |row: &&Row| self.rows.is_empty() || self.rows.contains(&row.number);
        Ok(ROWS.iter().filter(wanted).collect())
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let screen = Screen::new();
    let begun = Instant::now();
    // Read first: a report that cannot be compared is found out about before the measuring.
    let before = options.compare.as_deref().map(Report::read).transpose()?;
    let mut report = Report::new(options.quick)?;
    println!("{}", report.machine);
    let run = Run {
        pace: options.pace(),
        quick: options.quick,
        screen: &screen,
    };
    for row in options.rows()? {
        println!("\nRow {}: {}", row.number, row.title);
        let found = row
            .measure(&run)
            .with_context(|| format!("row {}", row.number))?;
        report.comparisons.extend(found.iter().cloned());
        for comparison in &found {
            print!(
                "{}",
                table::comparison(&report, comparison, run.pace.spread)
            );
        }
    }
    if let Some(before) = before {
        print!("{}", table::changes(&before, &report));
    }
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    screen.note(&format!(
        "All of this took {:.0} s.",
        begun.elapsed().as_secs_f32()
    ));
    Ok(())
}
