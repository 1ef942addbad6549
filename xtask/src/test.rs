//! `cargo xtask test`: every test there is, and one line of result over all of them.

use std::{
    io::{BufRead as _, BufReader, IsTerminal as _, stdout},
    ops::AddAssign,
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    build, packages,
    process::{cargo, is_root},
};

/// Which tests to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// Run those parts too that take minutes: sets `ROUTEMESH_TEST_LONG`
    #[arg(long)]
    long: bool,
    /// Leave out what needs root: network namespaces and the kernel's own verdicts
    #[arg(long)]
    unprivileged: bool,
}

/// The package whose tests need root, a kernel and tools.
const PRIVILEGED: &str = "routemesh-tests";

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let privileged = is_root() && !options.unprivileged;
    if privileged {
        packages::need(&[packages::LAB, packages::TESTS].concat())?;
    }
    // As the tests want it, so that they need no second build; and with the daemon that they start.
    build::workspace(&["--all-targets"])?;

    let start = Instant::now();
    let left_out: &[&str] = if privileged {
        &[]
    } else {
        &["--exclude", PRIVILEGED]
    };
    let tally = cargo_test(options, left_out)?;
    println!(
        "\ntest: {} ignored, {:.1} s",
        tally.ignored,
        start.elapsed().as_secs_f32()
    );
    for name in &tally.failures {
        println!("test: {name} failed");
    }
    let complaint = complaint(options, &tally, privileged);
    if let Some(complaint) = &complaint {
        println!("test: {complaint}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(ExitCode::from(u8::from(complaint.is_some())))
}

/// Why the run is not a success, although every test may have passed.
fn complaint(options: &Options, tally: &Tally, privileged: bool) -> Option<String> {
    if tally.failed > 0 {
        return Some("there are failures above".to_owned());
    }
    if !privileged && !options.unprivileged {
        return Some(format!(
            "{PRIVILEGED} was left out, it needs root; --unprivileged says that this is meant"
        ));
    }
    let filter = options.filter.as_ref().filter(|_| tally.passed == 0)?;
    Some(format!("no test's name contains `{filter}`"))
}

/// Runs the workspace's tests but those left out, showing their output as it comes.
fn cargo_test(options: &Options, left_out: &[&str]) -> Result<Tally> {
    let mut command = cargo("test");
    command
        .args(["--workspace", "--no-fail-fast"])
        .args(left_out)
        .arg("--")
        .args(&options.filter);
    if stdout().is_terminal() {
        command.arg("--color=always");
    }
    if options.long {
        command.env("ROUTEMESH_TEST_LONG", "1");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo test")?;
    let mut tally = Tally::default();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines())
    {
        let line = line.context("read what cargo test says")?;
        println!("{line}");
        tally += Tally::of(&line);
    }
    let status = child.wait().context("wait for cargo test")?;
    if !status.success() && tally.failed == 0 {
        println!("test: cargo test ended with {status} and no result, which counts as one failure");
        tally.failed = 1;
    }
    Ok(tally)
}

/// How many tests ended in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    ignored: u32,
    /// The names of those that failed.
    failures: Vec<String>,
}

impl Tally {
    /// What a line of a test binary's output adds: its last one the numbers, others perhaps a name.
    fn of(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else {
            let failures = failure(line).map(str::to_owned).into_iter().collect();
            return Self {
                failures,
                ..Self::default()
            };
        };
        let words: Vec<_> = result.split([' ', ';']).collect();
        let before = |name| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at.checked_sub(1)?)?.parse().ok()
        };
        Self {
            passed: before("passed").unwrap_or(0),
            failed: before("failed").unwrap_or(0),
            ignored: before("ignored").unwrap_or(0),
            failures: Vec::new(),
        }
    }
}

/// The test that a line says has failed.
fn failure(line: &str) -> Option<&str> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    verdict.contains("FAILED").then_some(name)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_counted_with_and_without_colour() {
        let expected = Tally {
            passed: 12,
            failed: 3,
            ignored: 1,
            failures: Vec::new(),
        };
        for verdict in ["FAILED", "\u{1b}[31mFAILED\u{1b}[m"] {
            let line = format!(
                "test result: {verdict}. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s"
            );
            assert_eq!(Tally::of(&line), expected);
        }
    }

    #[test]
    fn a_run_that_left_something_out_is_no_success() {
        let tally = Tally {
            passed: 1,
            ..Tally::default()
        };
        let options = |filter: Option<&str>, unprivileged| Options {
            filter: filter.map(str::to_owned),
            long: false,
            unprivileged,
        };
        assert_eq!(complaint(&options(None, false), &tally, true), None);
        assert_eq!(complaint(&options(None, true), &tally, false), None);
        assert!(complaint(&options(None, false), &tally, false).is_some());
        assert!(complaint(&options(Some("x"), false), &Tally::default(), true).is_some());
        let failed = Tally { failed: 1, ..tally };
        assert!(complaint(&options(None, false), &failed, true).is_some());
    }

    #[test]
    fn a_failure_is_known_by_name() {
        assert_eq!(
            Tally::of("test wire::a_frame ... FAILED").failures,
            ["wire::a_frame"]
        );
        assert_eq!(
            failure("test wire::a_frame ... \u{1b}[31mFAILED\u{1b}[m"),
            Some("wire::a_frame")
        );
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in [
            "test wire::a_frame ... ok",
            "running 3 tests",
            "2 passed, 1 failed",
        ] {
            assert_eq!(Tally::of(line), Tally::default());
        }
    }
}
