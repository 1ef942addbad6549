//! Calls into the kernel that a program is killed after.

use std::{fmt, path::Path, process::Command};

use super::Node;

/// The n-th call of a kind in a program's life, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The system call's name, as `bpf`.
    pub kind: &'static str,
    /// Which of them.
    pub number: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.number)
    }
}

impl Call {
    /// A command that runs `program` on `node` and kills it right after this call. strace traces
    /// it from a process of its own, so that the program is the child.
    pub(super) fn deadly(&self, node: &Node, program: &Path) -> Command {
        let Self { kind, number } = self;
        let mut command = node.command("strace");
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null"])
            .args(["-e", &format!("trace={kind}")])
            .args(["-e", &format!("inject={kind}:signal=SIGKILL:when={number}")])
            .arg(program);
        command
    }
}
