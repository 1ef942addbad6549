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
    /// Whether only those count that are about files which the program keeps.
    pub of_files: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.of_files { " of files" } else { "" };
        write!(f, "{} {}{of}", self.kind, self.number)
    }
}

impl Call {
    /// A command that runs `program`, which keeps these `files`, on `node` and kills it in the place
    /// of this call. strace traces it from a process of its own, so that the program is the child.
    pub(super) fn deadly(&self, node: &Node, program: &Path, files: &[PathBuf]) -> Command {
        let Self { kind, number, .. } = self;
        let mut command = node.command("strace");
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null"])
            .args(["-e", &format!("trace={kind}")])
            .args(["-e", &format!("inject={kind}:signal=SIGKILL:when={number}")]);
        for file in files.iter().filter(|_| self.of_files) {
            command.arg("-P").arg(file);
        }
        command.arg(program);
        command
    }
}
