//! Taking everything of ours out of the kernel, with no daemon, no configuration and no maps.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result};
use nix::net::if_::{if_indextoname, if_nameindex};

use super::{
    attach::{has_tcx, remove_filter},
    pins::Pins,
};

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
        let pin = pins.link(hook, ifindex);
        match fs::remove_file(&pin) {
            Ok(()) => detached.programs += 1,
            Err(error) => failed = Err(error).with_context(|| format!("remove {}", pin.display())),
        }
    }
    if !has_tcx() {
        for interface in &if_nameindex().context("list interfaces")? {
            let name = interface.name().to_string_lossy();
            detached.programs += usize::from(remove_filter(&name)?);
        }
    }
    failed?;
    remove_tree(directory)?;
    Ok(detached)
}

/// Removes our filter from an interface, if it still exists.
pub(super) fn clsact(ifindex: u32) -> Result<()> {
    if let Ok(name) = if_indextoname(ifindex) {
        remove_filter(&name.to_string_lossy())?;
    }
    Ok(())
}

fn remove_tree(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}
