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
pub use linker::{BPF_LINKER_VERSION, cache, install_root};
pub use object::{BENCH, DATAPATH, OBJECT_VARIABLE, Object, check, embed, object, plain_paths};
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ffi::OsString, path::Path};

    use super::*;

    /// A machine that has the programs that answer and the files that are listed.
    #[derive(Default)]
    struct Machine {
        answers: BTreeMap<String, String>,
        files: Vec<String>,
    }

    impl Machine {
        fn answers(mut self, command: &str, answer: &str) -> Self {
            self.answers.insert(command.to_owned(), answer.to_owned());
            self
        }

        fn has(mut self, file: &str) -> Self {
            self.files.push(file.to_owned());
            self
        }

        fn with_nightly(self) -> Self {
            self.answers("rustup run nightly rustc --print sysroot", "/nightly\n")
                .answers(
                    "rustup run nightly rustc -vV",
                    "release: 1.97.0-nightly\nLLVM version: 22.1.4\n",
                )
        }

        fn with_distribution(self, release: &str) -> Self {
            let version = format!("release: {release}\nLLVM version: 22.1.8\n");
            self.answers("/usr/bin/rustc --print sysroot", "/usr\n")
                .answers("/usr/bin/rustc -vV", &version)
                .has("/usr/lib/rustlib/bpfel-unknown-none")
                .has("/usr/bin/cargo")
        }

        fn with_linker(self, path: &str, libraries: &str) -> Self {
            self.answers(&format!("{path} --version"), "bpf-linker 0.13.0\n")
                .answers(&format!("ldd {path}"), libraries)
                .has(path)
        }
    }

    impl System for Machine {
        fn output(&self, program: &Path, arguments: &[&str]) -> Option<String> {
            let command = format!("{} {}", program.display(), arguments.join(" "));
            self.answers.get(&command).cloned()
        }

        fn exists(&self, path: &Path) -> bool {
            self.files.iter().any(|file| Path::new(file) == path)
        }

        fn variable(&self, name: &str) -> Option<OsString> {
            let value = match name {
                "PATH" => "/usr/bin:/opt/bin",
                "XDG_CACHE_HOME" => "/cache",
                _ => return None,
            };
            Some(value.into())
        }
    }

    const OWN: &str = "/cache/routemesh/bpf-linker-0.13.0-llvm-22/bin/bpf-linker";

    #[test]
    fn a_nightly_with_rust_src_comes_first() {
        let machine = Machine::default()
            .with_distribution("1.96.0")
            .with_nightly()
            .has("/nightly/lib/rustlib/src/rust/library/core");
        assert_eq!(
            find_compiler(&machine).found,
            Some(Compiler::Nightly { llvm: 22 })
        );
    }

    #[test]
    fn a_nightly_without_rust_src_is_passed_over_with_a_line_why() {
        let search = find_compiler(
            &Machine::default()
                .with_nightly()
                .with_distribution("1.96.0"),
        );
        assert_eq!(search.found, Some(Compiler::Distribution { llvm: 22 }));
        assert_eq!(
            search.notes,
            [
                "rustup nightly: without its rust-src component",
                "/usr/bin/rustc: 1.96.0, LLVM 22, core for bpfel-unknown-none",
            ]
        );
    }

    #[test]
    fn an_old_or_incomplete_compiler_is_not_used() {
        let old = Machine::default().with_distribution("1.63.0");
        assert_eq!(find_compiler(&old).found, None);
        let bare = Machine::default().answers("/usr/bin/rustc --print sysroot", "/usr\n");
        assert_eq!(
            find_compiler(&bare).notes,
            [
                "rustup nightly: not installed",
                "/usr/bin/rustc: without core for bpfel-unknown-none"
            ]
        );
    }

    #[test]
    fn our_own_linker_comes_before_that_on_the_path() {
        let machine = Machine::default()
            .with_linker("/opt/bin/bpf-linker", "")
            .with_linker(OWN, "libLLVM.so.22.1 => /usr/lib/libLLVM.so.22.1");
        let search = find_linker(&machine, &Compiler::Distribution { llvm: 22 });
        assert_eq!(search.found, Some(OWN.into()));
    }

    #[test]
    fn a_linker_with_an_older_llvm_is_not_used() {
        let found = |libraries| {
            let machine = Machine::default().with_linker("/opt/bin/bpf-linker", libraries);
            find_linker(&machine, &Compiler::Nightly { llvm: 22 }).found
        };
        assert_eq!(found("libLLVM-19.so => /usr/lib/libLLVM-19.so"), None);
        assert_eq!(found("libLLVM.so.21.1 => /x"), None);
        assert_eq!(
            found("libLLVM.so.23.1 => /x"),
            Some("/opt/bin/bpf-linker".into())
        );
        assert_eq!(found("libc.so.6 => /x"), Some("/opt/bin/bpf-linker".into()));
    }

    #[test]
    fn a_linker_that_does_not_run_is_not_used() {
        let search = find_linker(
            &Machine::default().has(OWN),
            &Compiler::Nightly { llvm: 22 },
        );
        assert_eq!(search.found, None);
        assert_eq!(search.notes, [format!("{OWN}: does not run")]);
    }
}
