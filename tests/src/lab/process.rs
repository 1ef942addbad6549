//! Programs: run to their end, or kept running as a guard.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::eventually;

/// Runs `program` to its end and returns what it wrote to stdout.
///
/// # Errors
/// When it cannot be started, or ends with an exit code other than 0: with the whole command
/// line and its stderr.
pub fn run<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args);
    finish(&mut command, "")
}

/// Runs `command` to its end with `input` on its stdin and returns its stdout.
pub(super) fn finish(command: &mut Command, input: &str) -> Result<String> {
    let output = output(command, input)?;
    ensure!(
        output.status.success(),
        "{}: {}\n{}{}",
        line(command),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` to its end, however it ends, with `input` on its stdin.
pub(super) fn output(command: &mut Command, input: &str) -> Result<Output> {
    let line = line(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {line}"))?;
    let mut stdin = child.stdin.take().context("stdin is a pipe")?;
    std::thread::scope(|scope| {
        // A program that does not read its input is no fault: hence no look at the result.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child
            .wait_with_output()
            .with_context(|| format!("run {line}"))
    })
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// A running program, ended when dropped: asked by SIGTERM first, then killed.
pub struct Process {
    child: Child,
    line: String,
}

impl Process {
    /// Starts `command`; its output goes where the command says.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let line = line(command);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("start {line}"))?;
        Ok(Self { child, line })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal`, if the program still runs.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_none() {
            kill(Pid::from_raw(self.child.id().cast_signed()), signal)
                .with_context(|| format!("send {signal} to {}", self.line))?;
        }
        Ok(())
    }

    /// How the program ended, if it has.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("ask for the end of {}", self.line))
    }

    /// Waits until the program has ended, at most for `bound`.
    ///
    /// # Errors
    /// When it still runs then.
    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.line);
        eventually(&what, bound, || {
            self.ended()?.ok_or_else(|| anyhow!("it still runs"))
        })
    }

    /// Asks the program to end, and kills it when it has not within `bound`.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn terminate(&mut self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let ended = self.wait(bound);
        if ended.is_err() {
            self.kill();
        }
        ended
    }

    /// Kills the program and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.terminate(Duration::from_secs(5)) {
            eprintln!("{error:#}; killed");
        }
    }
}
