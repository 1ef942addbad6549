//! `cargo xtask bench`: routemesh beside what its users would use instead.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{
    packages,
    process::{need_root, replaced_by},
    release, setup, vm,
};

/// How to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Measure on one of Debian's kernels, as 6.1, in an emulated machine: what this one's kernel does
    /// not have, beside the rest; an instruction there takes as long as twenty,
    /// and files with a relative path are kept in `target/vm/VERSION/files`
    #[arg(long, value_name = "VERSION")]
    kernel: Option<String>,
    /// What the benchmark is told, as `--quick`; see `cargo xtask bench -- --help`
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    need_root("the benchmark")?;
    packages::need(&[packages::LAB, packages::BENCH].concat())?;
    setup::run()?;
    let program = release::build(&["routemesh", "routemesh-tests"])?.join("routemesh-bench");
    match &options.kernel {
        Some(version) => vm::run(version, &program, &options.arguments),
        None => replaced_by(Command::new(program).args(&options.arguments)),
    }
}
