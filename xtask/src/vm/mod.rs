//! The tests on other kernels: Debian's packaged ones, in emulated machines.

mod binaries;
mod guest;
mod initrd;
mod kernel;

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use self::{
    binaries::{Binary, LEFT_OUT, SKIPPED},
    guest::End,
    kernel::Kernel,
};
use crate::{packages, process::target, tally::Tally};

/// Tells the tests of network interfaces of the machine, with drivers, that are theirs alone. The
/// tests that need them are ignored elsewhere.
const NICS: &str = "ROUTEMESH_TEST_NICS";

/// Tells the tests that processors are emulated, so that they are patient.
const EMULATED: &str = "ROUTEMESH_TEST_EMULATED";

/// Runs those tests of `package` that depend on the kernel, on one kernel after the other; where there
/// are `filters`, those whose name contains one of them, or whose binary has one as its name. Their
/// output is shown as it comes.
///
/// # Errors
///
/// If a kernel cannot be had or does not boot, or what runs in it does not end in time.
pub(crate) fn test(kernels: &[String], package: &str, filters: &[String]) -> Result<Tally> {
    packages::need(packages::VM)?;
    let mut binaries = binaries::of(package)?;
    binaries.retain(|binary| LEFT_OUT.iter().all(|(name, _)| *name != binary.name));
    ensure!(!binaries.is_empty(), "{package} has no tests for a kernel");
    for (name, reason) in LEFT_OUT.iter().chain(SKIPPED) {
        println!("vm: without {name}: {reason}");
    }
    let script = script(&binaries, filters);
    let mut tally = Tally::default();
    for version in kernels {
        tally += on(version, &script).with_context(|| format!("kernel {version}"))?;
    }
    Ok(tally)
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
fn script(binaries: &[Binary], filters: &[String]) -> String {
    let nics: Vec<_> = (0..guest::NICS).map(|nic| format!("eth{nic}")).collect();
    let mut script = format!(
        "failed=0\nexport {EMULATED}=1 {NICS}='{}'\n",
        nics.join(" ")
    );
    for (binary, arguments) in chosen(binaries, filters) {
        let Binary {
            name,
            path,
            directory,
        } = binary;
        let (path, directory) = (path.display().to_string(), directory.display().to_string());
        let _ = writeln!(
            script,
            "echo; echo '     Running {name}'\ncd {} && {}{arguments} || failed=1",
            quoted(&directory),
            quoted(&path),
        );
    }
    script + "exit $failed\n"
}

/// The binaries that are to run, each with what it is told. A filter that is the name of one has all
/// of it run, and is none for the others.
fn chosen<'a>(binaries: &'a [Binary], filters: &[String]) -> Vec<(&'a Binary, String)> {
    let is_binary = |filter: &&String| binaries.iter().any(|binary| binary.name == **filter);
    let (whole, parts): (Vec<_>, Vec<_>) = filters.iter().partition(is_binary);
    let told = |binary: &'a Binary| {
        if filters.is_empty() || whole.contains(&&binary.name) {
            return Some((binary, arguments(&[])));
        }
        (!parts.is_empty()).then(|| (binary, arguments(&parts)))
    };
    binaries.iter().filter_map(told).collect()
}

/// What a test binary is told.
fn arguments(filters: &[&String]) -> String {
    // The guest's serial line looks like a terminal to the tests, whatever it ends in.
    let colour = if stdout().is_terminal() {
        "always"
    } else {
        "never"
    };
    let mut arguments = format!(
        " --test-threads={} --color={colour} --show-output --include-ignored",
        guest::PROCESSORS
    );
    for filter in filters {
        let _ = write!(arguments, " {}", quoted(filter));
    }
    for (test, _) in SKIPPED {
        let _ = write!(arguments, " --skip {}", quoted(test));
    }
    arguments
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
        let binaries = ["forward", "adopt"].map(binary);
        let run = |filters: &[&str]| {
            let filters: Vec<_> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            let chosen = chosen(&binaries, &filters);
            let words = chosen
                .iter()
                .map(|(binary, words)| format!("{}{}", binary.name, words.contains("'tc::'")));
            words.collect::<Vec<_>>()
        };
        assert_eq!(run(&[]), ["forwardfalse", "adoptfalse"]);
        assert_eq!(run(&["adopt"]), ["adoptfalse"]);
        assert_eq!(run(&["adopt", "tc::"]), ["forwardtrue", "adoptfalse"]);
    }

    #[test]
    fn the_script_runs_every_binary_in_its_packages_directory() {
        let script = script(&[binary("forward")], &["tc::".to_owned()]);
        assert!(script.contains("cd '/w/tests' && '/t/it'\\''s' --test-threads="));
        assert!(script.contains(" 'tc::' --skip "));
        assert!(script.ends_with("exit $failed\n"));
    }
}
