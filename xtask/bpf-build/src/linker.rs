//! `bpf-linker`: one whose LLVM is at least the compiler's, since older ones cannot read newer bitcode.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::System;

/// The version that `cargo xtask setup` installs.
pub const BPF_LINKER_VERSION: &str = "0.13.0";

/// Where `cargo xtask setup` installs a linker for this LLVM, as `cargo install --root` has it.
///
/// In the user's cache: it takes long to build, serves every clone, and outlives `cargo clean`.
#[must_use]
pub fn install_root(system: &dyn System, llvm: u32) -> PathBuf {
    cache(system).join(format!("bpf-linker-{BPF_LINKER_VERSION}-llvm-{llvm}"))
}

/// The directory of this project in the user's cache.
#[must_use]
pub fn cache(system: &dyn System) -> PathBuf {
    let cache = system
        .variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/cache"));
    cache.join("routemesh")
}

/// Where a linker may be: our own first, because its LLVM is known.
pub(crate) fn candidates(system: &dyn System, llvm: u32) -> impl Iterator<Item = PathBuf> {
    let path = system.variable("PATH").unwrap_or_default();
    let on_path: Vec<_> = env::split_paths(&path)
        .map(|directory| directory.join("bpf-linker"))
        .filter(|file| system.exists(file))
        .collect();
    let own = install_root(system, llvm).join("bin/bpf-linker");
    [own].into_iter().chain(on_path)
}

/// The linker at `path` with a line on it, or why it is not usable.
pub(crate) fn examine(
    system: &dyn System,
    path: PathBuf,
    llvm: u32,
) -> Result<(PathBuf, String), String> {
    let name = path.display();
    if !system.exists(&path) {
        return Err(format!("{name}: not installed"));
    }
    let version = system
        .output(&path, &["--version"])
        .ok_or_else(|| format!("{name}: does not run"))?;
    match shared_llvm(system, &path) {
        Some(its) if its < llvm => Err(format!("{name}: its LLVM {its} cannot read LLVM {llvm}")),
        Some(its) => Ok(format!("{name}: {}, LLVM {its}", version.trim())),
        None => Ok(format!("{name}: {}, LLVM built in", version.trim())),
    }
    .map(|note| (path, note))
}

/// Major version of the LLVM library that the linker loads, if it loads one.
fn shared_llvm(system: &dyn System, path: &Path) -> Option<u32> {
    let libraries = system.output(Path::new("ldd"), &[path.to_str()?])?;
    let (_, version) = libraries.split_once("libLLVM")?;
    let digits = version.trim_start_matches(['.', '-', 's', 'o']);
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
