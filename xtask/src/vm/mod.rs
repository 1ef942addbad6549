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

/// Runs those tests of `package` that depend on the kernel, and whose name contains one of
/// `filters`, if there are any, on one kernel after the other; their output is shown as it comes.
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
    let arguments = arguments(filters);
    for Binary {
        name,
        path,
        directory,
    } in binaries
    {
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

/// What every test binary is told.
fn arguments(filters: &[String]) -> String {
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

    #[test]
    fn the_script_runs_every_binary_in_its_packages_directory() {
        let binary = Binary {
            name: "forward".to_owned(),
            path: "/t/it's".into(),
            directory: "/w/tests".into(),
        };
        let script = script(&[binary], &["tc::".to_owned()]);
        assert!(script.contains("cd '/w/tests' && '/t/it'\\''s' --test-threads="));
        assert!(script.contains(" 'tc::' --skip "));
        assert!(script.ends_with("exit $failed\n"));
    }
}
