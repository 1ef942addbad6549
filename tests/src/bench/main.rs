//! The benchmark: routemesh beside what its users would use instead, in one run, in turns.
//!
//! Everything is in namespaces of its own; no interface outside of them is touched.

mod background;
mod chart;
mod column;
mod contest;
mod generator;
mod goal;
mod load;
mod machine;
mod page;
mod report;
mod rows;
mod screen;
mod statistic;
mod table;
mod traffic;
mod transit;
mod way;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use routemesh_tests::interrupt;

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
    /// Draw the main figures, as SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Write all of it as a page, in Markdown, as docs/performance.md is; with --chart, the
    /// picture lies beside it
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Put the columns of nftables' flowtable on the page, of a report from an emulated machine
    #[arg(long, value_name = "FILE", requires = "page")]
    flowtable: Option<PathBuf>,
    /// Measure nothing: take the figures of an earlier run on this machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "quick", "json"])]
    from: Option<PathBuf>,
}

impl Options {
    fn rows(&self) -> Result<Vec<&'static Row>> {
        for number in &self.rows {
            let known = ROWS.iter().any(|row| row.numbers.contains(number));
            ensure!(known, "there is no row {number}");
        }
        let named = |row: &Row| row.numbers.iter().any(|one| self.rows.contains(one));
        let wanted = |row: &&Row| self.rows.is_empty() || named(row);
        Ok(ROWS.iter().filter(wanted).collect())
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match interrupt::listen().and_then(|()| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        // Of the rows that were done, what was to be written is.
        Err(_) if interrupt::came() => {
            eprintln!("bench: interrupted; all of it is taken down again");
            ExitCode::from(130)
        }
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
    let report = match &options.from {
        Some(path) => Report::read(path)?,
        None => measure(options, &screen)?,
    };
    if let Some(before) = before {
        print!("{}", table::changes(&before, &report));
    }
    write(options, &report)?;
    screen.note(&format!(
        "All of this took {:.0} s.",
        begun.elapsed().as_secs_f32()
    ));
    Ok(())
}

fn measure(options: &Options, screen: &Screen) -> Result<Report> {
    let begun = Instant::now();
    let mut report = Report::new(options.quick)?;
    println!("{}", report.machine);
    let run = Run {
        pace: Pace::of(options.quick),
        quick: options.quick,
        screen,
    };
    for row in options.rows()? {
        interrupt::check()?;
        let name = row.name();
        println!("\n{name}: {}", row.title);
        let found = row.measure(&run).context(name)?;
        report.comparisons.extend(found.iter().cloned());
        report.seconds = begun.elapsed().as_secs();
        for comparison in &found {
            print!(
                "{}",
                table::comparison(&report, comparison, run.pace.spread)
            );
        }
        // Minutes of measuring are not lost when a later row fails.
        write(options, &report)?;
    }
    Ok(report)
}

fn write(options: &Options, report: &Report) -> Result<()> {
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    let chart = options.chart.as_deref();
    if let Some(path) = chart {
        let svg = chart::svg(report);
        fs::write(path, svg).with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = &options.page {
        let beside = chart.and_then(|path| path.file_name()?.to_str());
        let flowtable = options.flowtable.as_deref();
        let flowtable = flowtable.map(Report::of_any_machine).transpose()?;
        let page = page::markdown(report, flowtable.as_ref(), beside);
        fs::write(path, page).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
