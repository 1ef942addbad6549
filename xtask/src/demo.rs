//! `cargo xtask demo`: two hosts made of namespaces, and routemesh on both.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{
    build, packages,
    process::{need_root, replaced_by, target},
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
    need_root("the demo")?;
    packages::need(packages::LAB)?;
    build::workspace(&[])?;
    let program = target()?.join("debug/routemesh-demo");
    let mut command = Command::new(program);
    if options.shell {
        command.arg("--shell");
    }
    if let Some(seconds) = options.seconds {
        command.arg("--seconds").arg(seconds.to_string());
    }
    if let Some(mode) = &options.mode {
        command.args(["--mode", mode]);
    }
    replaced_by(&mut command)
}
