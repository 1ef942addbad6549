//! `cargo xtask build`: the eBPF programs, then everything else.

use anyhow::Result;
use bpf_build::Object;
use clap::Args;

use crate::{
    process::{cargo, root, succeed, target},
    setup,
};

/// How to build.
#[derive(Args)]
// Other verbs take these options with their own, which are a group of the same name.
#[group(skip)]
pub(crate) struct Options {
    /// Optimise the daemon; the eBPF programs always are
    #[arg(long)]
    release: bool,
}

impl Options {
    /// The directory that cargo builds this profile in.
    pub(crate) const fn profile(&self) -> &'static str {
        if self.release { "release" } else { "debug" }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    workspace(profile).map(drop)
}

/// Sets up, then builds the eBPF programs and the whole workspace as `arguments` tell cargo. Returns
/// where the programs come from.
pub(crate) fn workspace(arguments: &[&str]) -> Result<Object> {
    let object = setup::run()?;
    let path = bpf_build::object(&object, bpf_build::DATAPATH, &root(), &target()?)?;
    println!("build: eBPF programs in {}", path.display());
    succeed(cargo("build").arg("--workspace").args(arguments))?;
    Ok(object)
}
