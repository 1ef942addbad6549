//! Programs as users get them: linked statically, so they run on whatever userland the host has,
//! and start without the time it takes to link them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::process::{cargo, output, root, succeed, target};

/// Builds the programs of these packages, `routemesh` among them, and tells the folder they are
/// in.
///
/// # Errors
///
/// If one does not build, or `routemesh` is not static after all.
pub(crate) fn build(packages: &[&str]) -> Result<PathBuf> {
    let platform = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    succeed(
        cargo("build")
            .args(["--release", "--locked"])
            .args(packages.iter().flat_map(|package| ["--package", package]))
            // Named, although it is this machine's, or build scripts would be static too.
            .args(["--target", &platform])
            .args(["--config", "profile.release.strip = \"symbols\""])
            .env("CARGO_ENCODED_RUSTFLAGS", flags()?.join("\x1f")),
    )?;
    let folder = target()?.join(platform).join("release");
    check(&folder.join("routemesh"))?;
    Ok(folder)
}

/// Static, and without the names of this machine's directories, which panics would tell.
fn flags() -> Result<Vec<String>> {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    flags.extend(bpf_build::plain_paths(&root())?);
    flags.push(format!(
        "--remap-path-prefix={}=/target",
        target()?.display()
    ));
    Ok(flags)
}

/// That the program needs no other to start it, and does start.
fn check(program: &Path) -> Result<()> {
    let content = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    ensure!(
        !asks_for_a_loader(&content),
        "{} is not static: it asks for a loader",
        program.display()
    );
    output(Command::new(program).arg("--version")).map(drop)
}

/// Whether an ELF64 file of little-endian order has a segment of the kind `PT_INTERP` (elf(5)).
fn asks_for_a_loader(elf: &[u8]) -> bool {
    const INTERPRETER: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at + size).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let at = |offset: usize| usize::try_from(number(offset, 8)).unwrap_or(usize::MAX / 2);
    let (table, size, count) = (at(32), number(54, 2), number(56, 2));
    (0..count).any(|segment| {
        let offset = usize::try_from(segment * size).unwrap_or_default();
        number(table + offset, 4) == INTERPRETER
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_loaded_by_another_is_told_apart() {
        let own = env::current_exe().unwrap();
        assert!(asks_for_a_loader(&fs::read(own).unwrap()));
        assert!(!asks_for_a_loader(b"\x7fELF"));
        let mut elf = vec![0; 120];
        (elf[32], elf[54], elf[56]) = (64, 56, 1);
        elf[64] = 1;
        assert!(!asks_for_a_loader(&elf));
        elf[64] = 3;
        assert!(asks_for_a_loader(&elf));
    }
}
