//! Taking everything of ours out of the kernel, with no daemon, no configuration and no maps.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result};
use nix::net::if_::if_nameindex;
use routemesh_common::programs;

use super::{attach::has_tcx, clsact, pins::Pins};

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detached {
    /// Links and filters.
    pub programs: usize,
}

/// Detaches all that is pinned below `directory` and removes the directory; on kernels without
/// tcx also the filters that carry our program's name, on all interfaces.
///
/// # Errors
/// What could not be removed; the rest was.
pub fn detach_all(directory: &Path) -> Result<Detached> {
    let pins = Pins::at(directory);
    let mut detached = Detached::default();
    let mut failed = Ok(());
    for (hook, ifindex) in pins.all()? {
        match one(ifindex, &pins.link(hook, ifindex)) {
            Ok(()) => detached.programs += 1,
            Err(error) => failed = Err(error),
        }
    }
    for program in programs::SOCKETS {
        let pin = pins.socket(program);
        detached.programs += usize::from(pin.exists());
        failed = failed.and(remove(&pin));
    }
    if !has_tcx() {
        for interface in &if_nameindex().context("list interfaces")? {
            let name = interface.name().to_string_lossy();
            detached.programs += usize::from(clsact::remove_filter(&name)?);
        }
    }
    failed?;
    remove_tree(directory)?;
    Ok(detached)
}

/// Detaches what is pinned, or on record, at `pin`.
pub(super) fn one(ifindex: u32, pin: &Path) -> Result<()> {
    if pin.is_dir() {
        return clsact::detach(ifindex, pin);
    }
    remove(pin)
}

/// Removes a pin, where there is one.
pub(super) fn remove(pin: &Path) -> Result<()> {
    match fs::remove_file(pin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", pin.display()))
        }
        _ => Ok(()),
    }
}

fn remove_tree(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}
