//! `cargo xtask soak`: random operations under traffic, compared with a model.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{
    build, packages,
    process::{need_root, replaced_by, target},
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
    need_root("the soak")?;
    packages::need(packages::LAB)?;
    build::workspace(&[])?;
    let program = target()?.join("debug/routemesh-soak");
    let mut command = Command::new(program);
    command.args(["--minutes", &options.minutes.to_string()]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    replaced_by(&mut command)
}
