//! The demo: two hosts, two containers on each, routemesh on both, and what that does.
//!
//! Everything is in namespaces of its own; no interface outside of them is touched.

mod live_change;
mod race;
mod scene;
mod screen;
mod shell;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use routemesh::model::Mode;
use routemesh_tests::interrupt;

use scene::Scene;
use screen::Screen;

/// Shows routemesh at work between two hosts made of network namespaces.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Options {
    /// Stay in the lab with a shell, in place of the comparison and the live change
    #[arg(long)]
    shell: bool,
    /// How long the comparison with kernel routing takes
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Way of the routes between the hosts: direct, auto, vxlan, geneve, gre or ipip
    #[arg(long, default_value_t)]
    mode: Mode,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let screen = Screen::new();
    match interrupt::listen().and_then(|()| run(&options, &screen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt::came() => {
            screen.note("Interrupted; all of it is taken down again.");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, screen: &Screen) -> Result<()> {
    let start = Instant::now();
    let scene = Scene::set(screen)?;
    scene.connect(screen, options.mode)?;
    if options.shell {
        shell::run(&scene, screen)?;
    } else {
        race::run(&scene, screen, Duration::from_secs(options.seconds))?;
        live_change::run(&scene, screen)?;
        scene.tables(screen)?;
    }
    scene.strike(screen)?;
    let seconds = start.elapsed().as_secs_f32();
    screen.note(&format!("All of this took {seconds:.0} s."));
    Ok(())
}
