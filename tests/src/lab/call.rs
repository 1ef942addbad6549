//! Calls into the kernel that a program is killed at.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use super::Node;

/// The n-th call of a kind in the life of one of a program's threads, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The system call's name, as `bpf`.
    pub kind: &'static str,
    /// Which of them.
    pub number: usize,
    /// Which of them count.
    pub of: Of,
}

/// What calls are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Anything.
    All,
    /// The files that the program keeps.
    Files,
    /// The folder of its sets of maps.
    Sets,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.of {
            Of::All => "",
            Of::Files => " of files",
            Of::Sets => " of sets of maps",
        };
        write!(f, "{} {}{of}", self.kind, self.number)
    }
}

impl Call {
    /// A command that runs `program` on `node` and kills it in the place of this call, which is about
    /// one of `paths`, if there are some. strace traces it from a process of its own, so that the
    /// program is the child.
    pub(super) fn deadly(&self, node: &Node, program: &Path, paths: &[PathBuf]) -> Command {
        let Self { kind, number, .. } = self;
        let mut command = node.command("strace");
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null"])
            .args(["-e", &format!("trace={kind}")])
            .args(["-e", &format!("inject={kind}:signal=SIGKILL:when={number}")]);
        for path in paths {
            command.arg("-P").arg(path);
        }
        command.arg(program);
        command
    }
}
