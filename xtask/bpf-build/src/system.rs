//! What the search asks of the machine it runs on.

use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

/// The machine as the search sees it; tests put another in its place.
pub trait System {
    /// What `program` prints with `arguments`, if it can be run and succeeds.
    fn output(&self, program: &Path, arguments: &[&str]) -> Option<String>;
    /// Whether `path` exists.
    fn exists(&self, path: &Path) -> bool;
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
}

/// The machine itself.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl System for Host {
    fn output(&self, program: &Path, arguments: &[&str]) -> Option<String> {
        let output = clean(Command::new(program).args(arguments))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }
}

/// Takes away what cargo and rustup set for the programs they start: a different compiler must
/// not inherit this one's wrapper, flags, libraries or target directory.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    const INHERITED: &[&str] = &[
        "CARGO",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ];
    for name in INHERITED {
        command.env_remove(name);
    }
    command
}
