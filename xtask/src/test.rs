//! `cargo xtask test`: every test there is, and one line of result over all of them.

use std::{
    io::{BufRead as _, BufReader, IsTerminal as _, stdout},
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    binaries, build, packages,
    process::{cargo, is_root},
    tally::Tally,
    variant, vm,
};

/// Which tests to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the tests whose name contains one of these; with --kernel, also a whole file of them
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Run those that depend on the kernel, and no others, on this packaged kernel, as 6.1, in an
    /// emulated machine; can be given several times
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["long", "unprivileged"])]
    kernel: Vec<String>,
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
    let object = build::workspace(&["--all-targets"])?;

    let start = Instant::now();
    let tally = if !options.kernel.is_empty() {
        let runs = vm::choose(PRIVILEGED, &options.filters)?;
        let tests = runs.iter().flat_map(|run| &run.tests);
        variant::build_for(tests, &object)?;
        vm::test(&options.kernel, &runs)?
    } else if privileged {
        variant::build_for(&chosen(&options.filters)?, &object)?;
        cargo_test(options, &[])?
    } else {
        cargo_test(options, &["--exclude", PRIVILEGED])?
    };
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

/// The names of those tests on this machine that need root.
fn chosen(filters: &[String]) -> Result<Vec<String>> {
    let binaries = binaries::of(PRIVILEGED)?;
    let tests = binaries.iter().map(|binary| binary.tests(filters));
    Ok(tests.collect::<Result<Vec<_>>>()?.concat())
}

/// Why the run is not a success, although every test may have passed.
fn complaint(options: &Options, tally: &Tally, privileged: bool) -> Option<String> {
    if tally.failed > 0 {
        return Some("there are failures above".to_owned());
    }
    if !privileged && !options.unprivileged && options.kernel.is_empty() {
        return Some(format!(
            "{PRIVILEGED} was left out, it needs root; --unprivileged says that this is meant"
        ));
    }
    (tally.passed == 0 && !options.filters.is_empty()).then(|| {
        format!(
            "no test's name contains `{}`",
            options.filters.join("` or `")
        )
    })
}

/// Runs the workspace's tests but those left out, showing their output as it comes.
fn cargo_test(options: &Options, left_out: &[&str]) -> Result<Tally> {
    let mut command = cargo("test");
    command
        .args(["--workspace", "--no-fail-fast"])
        .args(left_out)
        .arg("--")
        .args(&options.filters);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_left_something_out_is_no_success() {
        let tally = Tally {
            passed: 1,
            ..Tally::default()
        };
        let options = |filter: Option<&str>, unprivileged| Options {
            filters: filter.map(str::to_owned).into_iter().collect(),
            kernel: Vec::new(),
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
}
