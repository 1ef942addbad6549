//! The soak: random operations under numbered traffic, compared with a reference model after each.
//!
//! Everything is in namespaces of its own; no interface outside of them is touched.

mod growth;
mod model;
mod probe;
mod record;
mod scene;
mod trial;

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use routemesh_tests::{
    interrupt,
    lab::{Pair, udp_numbered_to_any},
};

use scene::Scene;
use trial::Trial;

/// Datagrams in a second, to an address of each family in turn.
const RATE: u32 = 4_000;
/// Fewer would prove little.
const LEAST_RATE: f64 = 500.0;
/// Operations in a round.
const ROUND: usize = 20;

/// Does what operators and kernels do, at random, under traffic, and looks for losses and leaks.
#[derive(Parser)]
#[command(name = "cargo xtask soak")]
struct Options {
    /// For how long
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// For how many seconds, in place of minutes
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Repeats the operations of a run
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match interrupt::listen().and_then(|()| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt::came() => ExitCode::from(130),
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let seed = options.seed.map_or_else(fresh_seed, Ok)?;
    let time = Duration::from_secs(options.seconds.unwrap_or(options.minutes * 60));
    println!("seed {seed}");
    soak(seed, time).with_context(|| format!("repeat it with --seed {seed}"))
}

fn fresh_seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(now.as_nanos() as u64)
}

fn soak(seed: u64, time: Duration) -> Result<()> {
    let scene = Scene::new()?;
    let mut trial = Trial::new(&scene, seed)?;
    let soaked = rounds(&scene.pair, &mut trial, time).and_then(|()| trial.end());
    if let Err(error) = &soaked
        && !interrupt::came()
    {
        trial.keep(error);
    }
    soaked
}

fn rounds(pair: &Pair, trial: &mut Trial<'_>, time: Duration) -> Result<()> {
    let (from, to) = (&pair.a.container, &pair.b.container);
    let mut sent = 0;
    while trial.elapsed() < time {
        let start = trial.elapsed();
        let numbered = udp_numbered_to_any(from, &[to], &[to.v4(), to.v6()], RATE, || {
            (0..ROUND).try_for_each(|_| trial.operate())
        })?;
        trial.ensure_all_arrived(&numbered, start, LEAST_RATE)?;
        sent += numbered.sent;
        trial.interlude()?;
        trial.ensure_no_growth()?;
        println!(
            "{:4} s: {trial}, {sent} datagrams",
            trial.elapsed().as_secs()
        );
    }
    Ok(())
}
