//! `cargo xtask soak`: random operations under traffic, compared with a model.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    build, packages,
    process::{is_root, target},
};

/// For how long, and which operations.
#[derive(Args)]
pub(crate) struct Options {
    /// For how long
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// Repeats the operations of a run
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        is_root(),
        "the soak makes network namespaces and loads BPF programs: run it as root"
    );
    packages::need(packages::LAB)?;
    build::workspace(&[])?;
    let program = target()?.join("debug/routemesh-soak");
    let mut command = Command::new(&program);
    command.args(["--minutes", &options.minutes.to_string()]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    // Replaces this process, so that Ctrl-C and the exit status are the soak's own.
    let error = command.exec();
    Err(error).with_context(|| format!("run {}", program.display()))
}
