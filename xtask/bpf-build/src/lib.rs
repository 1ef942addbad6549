//! From the sources of `routemesh-ebpf` to the object that the daemon embeds.
//!
//! Both `cargo xtask` and `routemesh/build.rs` stand on this crate, so a plain `cargo build` and
//! `cargo xtask build` find the same tools and make the same object. It only looks and builds:
//! what is missing is installed by `cargo xtask setup`, never from a build script.
//!
//! [`OBJECT_VARIABLE`] names a prebuilt object; nothing is searched for or built then.

mod compiler;
mod linker;
mod object;
mod system;

pub use compiler::Compiler;
pub use linker::{BPF_LINKER_VERSION, install_root};
pub use object::{OBJECT_VARIABLE, Object, check, object};
pub use system::{Host, System};

/// What compiles and links for BPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// Compiles Rust and has, or can build, `core` for [`TARGET`].
    pub compiler: Compiler,
    /// A `bpf-linker` that reads the compiler's bitcode.
    pub linker: std::path::PathBuf,
}

/// The target of the kernel programs.
pub const TARGET: &str = "bpfel-unknown-none";

/// The result of a search: what was found, and a line on each candidate looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Search<T> {
    /// The first usable candidate.
    pub found: Option<T>,
    /// Why each candidate was taken or passed over, in the order they were looked at.
    pub notes: Vec<String>,
}

impl<T> Search<T> {
    /// The first candidate that is `Ok`; each `Err` says why it is not usable.
    fn first(candidates: impl Iterator<Item = Result<(T, String), String>>) -> Self {
        let mut notes = Vec::new();
        for candidate in candidates {
            match candidate {
                Ok((found, note)) => {
                    notes.push(note);
                    return Self {
                        found: Some(found),
                        notes,
                    };
                }
                Err(why) => notes.push(why),
            }
        }
        Self { found: None, notes }
    }
}

/// Looks for a compiler.
#[must_use]
pub fn find_compiler(system: &dyn System) -> Search<Compiler> {
    Search::first(compiler::ROADS.iter().map(|road| road(system)))
}

/// Looks for a linker that reads what `compiler` writes.
#[must_use]
pub fn find_linker(system: &dyn System, compiler: &Compiler) -> Search<std::path::PathBuf> {
    Search::first(
        linker::candidates(system, compiler.llvm())
            .map(|path| linker::examine(system, path, compiler.llvm())),
    )
}
