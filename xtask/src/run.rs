//! `cargo xtask run`: the daemon in the foreground, leaving nothing behind.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    build,
    process::{is_root, target},
};

/// How to run it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,
    /// Interface that leads to the other hosts: INTERFACE or INTERFACE:MODE; may be given many
    /// times
    #[arg(long = "uplink", value_name = "INTERFACE")]
    uplinks: Vec<String>,
    /// What the daemon is told, after `--`; see `routemesh daemon --help`
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build::run(&options.build)?;
    let program = target()?.join(options.build.profile()).join("routemesh");
    let mut command = if is_root() {
        Command::new(&program)
    } else {
        println!("run: the daemon needs root, so sudo starts it");
        let mut sudo = Command::new("sudo");
        sudo.arg(&program);
        sudo
    };
    command
        .args(["daemon", "--detach-on-exit"])
        .args(
            options
                .uplinks
                .iter()
                .flat_map(|uplink| ["--uplink", uplink]),
        )
        .args(&options.arguments);
    // Replaces this process, so that Ctrl-C and the exit status are the daemon's own.
    let error = command.exec();
    Err(error).with_context(|| format!("run {} as root", command.get_program().display()))
}
