//! Taking everything of ours out of the kernel, with no daemon, no configuration and no maps.

use std::path::Path;

use anyhow::{Context as _, Result};
use nix::net::if_::if_nameindex;
use routemesh_common::programs;

use super::{attach::has_tcx, clsact, link, pins::Pins};

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detached {
    /// Links and filters.
    pub programs: usize,
}

/// Detaches all that is pinned below `directory`, and removes the directory if no one else has
/// anything there; on kernels without tcx also the filters that carry our program's name, on all
/// interfaces.
///
/// # Errors
/// When the directory is in no BPF file system; then nothing was done. Or what could not be
/// removed; the rest was.
pub fn detach_all(directory: &Path) -> Result<Detached> {
    let pins = Pins::to_remove(directory)?;
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
        failed = failed.and(link::detach(&pin));
    }
    if !has_tcx() {
        for interface in &if_nameindex().context("list interfaces")? {
            let name = interface.name().to_string_lossy();
            detached.programs += usize::from(clsact::remove_filter(&name)?);
        }
    }
    failed?;
    pins.remove(directory)?;
    Ok(detached)
}

/// Detaches what is pinned, or on record, at `pin`.
pub(super) fn one(ifindex: u32, pin: &Path) -> Result<()> {
    if pin.is_dir() {
        return clsact::detach(ifindex, pin);
    }
    link::detach(pin)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_that_is_no_place_for_pins_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("v1/links/of-someone");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x").unwrap();
        let error = detach_all(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("not in a BPF file system"),
            "{error:#}"
        );
        assert!(file.exists());
    }
}
