//! One binary: the daemon and its clients.

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use routemesh::cli;

/// Forwards packets between containers on many hosts, with XDP and tc programs
#[derive(Debug, Parser)]
#[command(name = "routemesh", version, infer_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    global: cli::Global,
    #[command(subcommand)]
    object: cli::Object,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("routemesh: {error:#}");
            ExitCode::from(cli::exit_code(&error))
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    cli::run(&arguments.global, &arguments.object, Arguments::command())
}
