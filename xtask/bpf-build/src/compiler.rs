//! Compilers that can build for BPF: no stable Rust of rustup's ships `core` for it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{System, TARGET, system::clean};

/// A Rust compiler for BPF, with the major version of its LLVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// rustup's nightly, which builds `core` from its rust-src component.
    Nightly {
        /// Major version of the compiler's LLVM.
        llvm: u32,
    },
    /// The distribution's compiler, which ships `core` for BPF.
    Distribution {
        /// Major version of the compiler's LLVM.
        llvm: u32,
    },
}

/// A way to a compiler: it with a line on it, or why it is not usable.
type Road = fn(&dyn System) -> Result<(Compiler, String), String>;

/// The ways, best first.
pub(crate) const ROADS: &[Road] = &[nightly, distribution];

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";

impl Compiler {
    /// Major version of the compiler's LLVM, whose bitcode the linker must read.
    #[must_use]
    pub const fn llvm(&self) -> u32 {
        match self {
            Self::Nightly { llvm } | Self::Distribution { llvm } => *llvm,
        }
    }

    /// This compiler's cargo running `verb` for [`TARGET`].
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        match self {
            Self::Nightly { .. } => {
                let mut command = Command::new("rustup");
                clean(&mut command).args(["run", "nightly", "cargo", verb, "-Zbuild-std=core"]);
                command
            }
            Self::Distribution { .. } => {
                let mut command = Command::new(CARGO);
                // aya-ebpf uses features that only a nightly, or this variable, opens.
                clean(&mut command)
                    .arg(verb)
                    .env("RUSTC", RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1");
                command
            }
        }
    }
}

fn nightly(system: &dyn System) -> Result<(Compiler, String), String> {
    let run = |arguments: &[&str]| {
        let arguments = [&["run", "nightly", "rustc"], arguments].concat();
        system.output(Path::new("rustup"), &arguments)
    };
    let sysroot = run(&["--print", "sysroot"]).ok_or("rustup nightly: not installed")?;
    let core = PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    if !system.exists(&core) {
        return Err("rustup nightly: without its rust-src component".to_owned());
    }
    let version = Version::of("rustup nightly", run(&["-vV"]))?;
    let note = format!(
        "rustup nightly: rustc {}, LLVM {}, rust-src",
        version.release, version.llvm
    );
    Ok((Compiler::Nightly { llvm: version.llvm }, note))
}

fn distribution(system: &dyn System) -> Result<(Compiler, String), String> {
    let rustc = Path::new(RUSTC);
    let sysroot = system
        .output(rustc, &["--print", "sysroot"])
        .ok_or_else(|| format!("{RUSTC}: not installed"))?;
    let core = PathBuf::from(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET);
    if !system.exists(&core) {
        return Err(format!("{RUSTC}: without core for {TARGET}"));
    }
    if !system.exists(Path::new(CARGO)) {
        return Err(format!("{RUSTC}: without {CARGO}"));
    }
    let version = Version::of(RUSTC, system.output(rustc, &["-vV"]))?;
    let note = format!(
        "{RUSTC}: {}, LLVM {}, core for {TARGET}",
        version.release, version.llvm
    );
    Ok((Compiler::Distribution { llvm: version.llvm }, note))
}

/// What `rustc -vV` says of itself.
struct Version {
    release: String,
    llvm: u32,
}

impl Version {
    fn of(name: &str, verbose: Option<String>) -> Result<Self, String> {
        let version = verbose
            .as_deref()
            .and_then(Self::parse)
            .ok_or_else(|| format!("{name}: does not say its version"))?;
        let oldest = env!("CARGO_PKG_RUST_VERSION");
        if minor(&version.release) < minor(oldest) {
            return Err(format!(
                "{name}: is {}, older than {oldest}",
                version.release
            ));
        }
        Ok(version)
    }

    fn parse(verbose: &str) -> Option<Self> {
        let field = |name| verbose.lines().find_map(|line| line.strip_prefix(name));
        Some(Self {
            release: field("release: ")?.to_owned(),
            llvm: field("LLVM version: ")?.split('.').next()?.parse().ok()?,
        })
    }
}

/// The `95` of `1.95.0`; Rust has had no other major version than 1.
fn minor(release: &str) -> Option<u32> {
    release.split('.').nth(1)?.parse().ok()
}
