//! `cargo xtask bench`: routemesh beside what its users would use instead.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{packages, process::is_root, release, setup};

/// How to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// What the benchmark is told, as `--quick`; see `cargo xtask bench -- --help`
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        is_root(),
        "the benchmark makes network namespaces and loads BPF programs: run it as root"
    );
    packages::need(&[packages::LAB, packages::BENCH].concat())?;
    setup::run()?;
    let program = release::build(&["routemesh", "routemesh-tests"])?.join("routemesh-bench");
    // Replaces this process, so that Ctrl-C and the exit status are the benchmark's own.
    let error = Command::new(&program).args(&options.arguments).exec();
    Err(error).with_context(|| format!("run {}", program.display()))
}
