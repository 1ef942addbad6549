//! `routemesh detach`: takes everything of routemesh out of the kernel.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::failure::Usage;
use crate::{api::Client, datapath, store};

// Where programs and maps are pinned.
#[derive(Args, Debug)]
pub(super) struct Bpffs {
    /// Directory in the BPF file system where maps and links are pinned
    #[arg(
        long = "bpffs",
        value_name = "DIR",
        env = "ROUTEMESH_BPFFS",
        hide_env_values = true,
        default_value = "/sys/fs/bpf/routemesh"
    )]
    pub directory: PathBuf,
}

// What to detach.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Everything: programs, maps and links, from all interfaces
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    bpffs: Bpffs,
}

/// Detaches. Needs no daemon, no configuration and no readable maps.
///
/// # Errors
/// What could not be removed.
pub(super) fn run(socket: &Path, quiet: bool, arguments: &Arguments) -> Result<()> {
    if !arguments.all {
        let text = "say --all: it ends all forwarding of this host by routemesh";
        return Err(Usage(text.to_owned()).into());
    }
    if let Some(pid) = running(socket) {
        bail!("a daemon runs and would not know: end it first, with 'kill {pid}'");
    }
    let detached = datapath::detach_all(&arguments.bpffs.directory)?;
    store::forget(socket)?;
    if !quiet {
        println!("{} programs detached", detached.programs);
    }
    Ok(())
}

/// The daemon that answers, if one does.
fn running(socket: &Path) -> Option<u32> {
    let status = Client::new(socket).status().ok()?;
    Some(status.pid)
}
