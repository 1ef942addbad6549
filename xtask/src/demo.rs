//! `cargo xtask demo`: two hosts made of namespaces, and routemesh on both.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    build, packages,
    process::{is_root, target},
};

/// How to show it.
#[derive(Args)]
pub(crate) struct Options {
    /// Stay in the lab with a shell, in place of the comparison and the live change
    #[arg(long)]
    shell: bool,
    /// How long the comparison with kernel routing takes
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Way of the routes between the hosts: direct, auto, vxlan, geneve, gre or ipip
    #[arg(long)]
    mode: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        is_root(),
        "the demo makes network namespaces and loads BPF programs: run it as root"
    );
    packages::need(packages::LAB)?;
    build::workspace(&[])?;
    let program = target()?.join("debug/routemesh-demo");
    let mut command = Command::new(&program);
    if options.shell {
        command.arg("--shell");
    }
    if let Some(seconds) = options.seconds {
        command.arg("--seconds").arg(seconds.to_string());
    }
    if let Some(mode) = &options.mode {
        command.args(["--mode", mode]);
    }
    // Replaces this process, so that Ctrl-C and the exit status are the demo's own.
    let error = command.exec();
    Err(error).with_context(|| format!("run {}", program.display()))
}
