//! The tests and the benchmark on other kernels: Debian's packaged ones, in emulated machines.

mod guest;
mod initrd;
mod kernel;
mod left_out;

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use self::{
    guest::{End, FILES},
    kernel::Kernel,
    left_out::{LEFT_OUT, SKIPPED},
};
use crate::{
    binaries::{self, Binary},
    packages,
    process::target,
    tally::Tally,
};

/// Tells the tests of network interfaces of the machine, with drivers, that are theirs alone. The
/// tests that need them are ignored elsewhere.
const NICS: &str = "ROUTEMESH_TEST_NICS";

/// Tells the tests that processors are emulated, so that they are patient.
const EMULATED: &str = "ROUTEMESH_TEST_EMULATED";

/// A test binary that is to run.
pub(crate) struct Run {
    binary: Binary,
    /// What it is told.
    arguments: Vec<String>,
    /// The tests that it runs, told that; at least one.
    pub(crate) tests: Vec<String>,
}

/// Those tests of `package` that depend on the kernel; where there are `filters`, those whose name
/// contains one of them, or whose binary has one as its name.
///
/// # Errors
///
/// If they do not build.
pub(crate) fn choose(package: &str, filters: &[String]) -> Result<Vec<Run>> {
    for (name, reason) in LEFT_OUT.iter().chain(SKIPPED) {
        println!("vm: without {name}: {reason}");
    }
    let mut binaries = binaries::of(package)?;
    binaries.retain(|binary| LEFT_OUT.iter().all(|(name, _)| *name != binary.name));
    ensure!(!binaries.is_empty(), "{package} has no tests for a kernel");
    let runs = chosen(binaries, filters)
        .into_iter()
        .map(|(binary, filters)| {
            let arguments = arguments(&filters);
            let tests = binary.tests(&arguments)?;
            Ok(Run {
                binary,
                arguments,
                tests,
            })
        });
    let mut runs = runs.collect::<Result<Vec<_>>>()?;
    runs.retain(|run| !run.tests.is_empty());
    Ok(runs)
}

/// Runs the tests on one kernel after the other. Their output is shown as it comes.
///
/// # Errors
///
/// If a kernel cannot be had or does not boot, or what runs in it does not end in time.
pub(crate) fn test(kernels: &[String], runs: &[Run]) -> Result<Tally> {
    let mut tally = Tally::default();
    if runs.is_empty() {
        return Ok(tally);
    }
    packages::need(packages::VM)?;
    let script = script(runs);
    for version in kernels {
        tally += on(version, &script).with_context(|| format!("kernel {version}"))?;
    }
    Ok(tally)
}

/// Runs a program on one kernel. Its output is shown as it comes. What it writes where it is started
/// is kept, in a folder that is told; all other files are gone with the machine.
///
/// # Errors
///
/// If the kernel cannot be had or does not boot, or the program fails or does not end in time.
pub(crate) fn run(version: &str, program: &Path, arguments: &[String]) -> Result<()> {
    packages::need(packages::VM)?;
    let kernel = Kernel::of(version)?;
    let scratch = target()?.join("vm").join(version);
    let words = command_line(program, arguments);
    // The serial line is a terminal, where a program would show how far it has come.
    let script = format!(
        "export {EMULATED}=1\ncd {FILES}\n{words} 2>/run/errors\nended=$?\ncat /run/errors\nexit $ended\n"
    );
    let end = guest::run(&kernel, &script, &scratch, |line| println!("{line}"))?;
    println!("vm: its files are in {}", guest::files(&scratch).display());
    ensure!(
        end == End::Success,
        "{} failed on kernel {}",
        program.display(),
        kernel.release
    );
    Ok(())
}

fn on(version: &str, script: &str) -> Result<Tally> {
    let kernel = Kernel::of(version)?;
    println!("\nvm: kernel {}", kernel.release);
    let start = Instant::now();
    let mut tally = Tally::default();
    let scratch = target()?.join("vm").join(version);
    let end = guest::run(&kernel, script, &scratch, |line| {
        println!("{line}");
        tally += Tally::of(line);
    })?;
    if end == End::Failure && tally.failed == 0 {
        println!("vm: a test binary failed without a result, which counts as one failure");
        tally.failed = 1;
    }
    println!(
        "vm: kernel {}: {} passed, {} failed, {:.0} s",
        kernel.release,
        tally.passed,
        tally.failed,
        start.elapsed().as_secs_f32()
    );
    Ok(tally)
}

/// A shell script that runs the tests and ends with 1 if any failed.
fn script(runs: &[Run]) -> String {
    let nics: Vec<_> = (0..guest::NICS).map(|nic| format!("eth{nic}")).collect();
    let mut script = format!(
        "failed=0\nexport {EMULATED}=1 {NICS}='{}'\n",
        nics.join(" ")
    );
    for run in runs {
        let Binary {
            name,
            path,
            directory,
        } = &run.binary;
        let directory = quoted(&directory.display().to_string());
        let words = command_line(path, &run.arguments);
        let _ = writeln!(
            script,
            "echo; echo '     Running {name}'\ncd {directory} && {words} || failed=1"
        );
    }
    script + "exit $failed\n"
}

/// The binaries that may have tests of these names, each with the filters for it. A filter that is the
/// name of one has all of it run, and is none for the others.
fn chosen(binaries: Vec<Binary>, filters: &[String]) -> Vec<(Binary, Vec<String>)> {
    let is_binary = |filter: &String| binaries.iter().any(|binary| binary.name == *filter);
    let (whole, parts): (Vec<_>, Vec<_>) = filters.iter().cloned().partition(is_binary);
    let told = |binary: Binary| {
        if filters.is_empty() || whole.contains(&binary.name) {
            return Some((binary, Vec::new()));
        }
        (!parts.is_empty()).then(|| (binary, parts.clone()))
    };
    binaries.into_iter().filter_map(told).collect()
}

/// What a test binary is told.
fn arguments(filters: &[String]) -> Vec<String> {
    // The guest's serial line looks like a terminal to the tests, whatever it ends in.
    let colour = if stdout().is_terminal() {
        "always"
    } else {
        "never"
    };
    let mut arguments = vec![
        format!("--test-threads={}", guest::PROCESSORS),
        format!("--color={colour}"),
        "--show-output".to_owned(),
        "--include-ignored".to_owned(),
    ];
    arguments.extend_from_slice(filters);
    for (test, _) in SKIPPED {
        arguments.extend(["--skip".to_owned(), (*test).to_owned()]);
    }
    arguments
}

/// A program and what it is told, as a shell takes it.
fn command_line(program: &Path, arguments: &[String]) -> String {
    let mut line = quoted(&program.display().to_string());
    for argument in arguments {
        let _ = write!(line, " {}", quoted(argument));
    }
    line
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(name: &str) -> Binary {
        Binary {
            name: name.to_owned(),
            path: "/t/it's".into(),
            directory: "/w/tests".into(),
        }
    }

    #[test]
    fn a_filter_that_is_a_binarys_name_has_all_of_it_run() {
        let run = |filters: &[&str]| {
            let filters: Vec<_> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            let chosen = chosen(["forward", "adopt"].map(binary).into(), &filters);
            let words = chosen
                .iter()
                .map(|(binary, filters)| format!("{}{filters:?}", binary.name));
            words.collect::<Vec<_>>()
        };
        assert_eq!(run(&[]), ["forward[]", "adopt[]"]);
        assert_eq!(run(&["adopt"]), ["adopt[]"]);
        assert_eq!(run(&["adopt", "tc::"]), ["forward[\"tc::\"]", "adopt[]"]);
    }

    #[test]
    fn the_script_runs_every_binary_in_its_packages_directory() {
        let run = Run {
            binary: binary("forward"),
            arguments: arguments(&["tc::".to_owned()]),
            tests: Vec::new(),
        };
        let script = script(&[run]);
        assert!(script.contains("cd '/w/tests' && '/t/it'\\''s' '--test-threads="));
        assert!(script.contains(" 'tc::' '--skip' "));
        assert!(script.ends_with("exit $failed\n"));
    }
}
