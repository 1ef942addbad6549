//! `cargo xtask fuzz`: hostile bytes, led by coverage, until one breaks a promise.
//!
//! libFuzzer runs the targets of the crate `routemesh-fuzz`. The coverage counters that lead it
//! come from LLVM's own pass, which stable Rust can be told to run; `cargo fuzz` wants a nightly
//! for the address sanitizer, in place of which frames lie between pages that cannot be touched.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::{
    packages,
    process::{cargo, root, succeed, target},
    setup,
};

/// What to run, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Run these, and not all of them
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,
    /// Stop each after so many seconds; all run at the same time
    #[arg(long, value_name = "N", default_value_t = 60, conflicts_with = "runs")]
    seconds: u64,
    /// Stop each after so many runs
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Run one target on this input, once
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "runs"])]
    replay: Option<PathBuf>,
}

/// Programs of the crate `routemesh-fuzz`.
const TARGETS: [&str; 7] = ["parse", "pop", "push", "icmp", "fragment", "config", "api"];

/// Seconds after which a run counts as hung, and MiB above which the program as leaking.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// Counters at every edge and what comparisons compare, where libFuzzer looks for them; and the
/// configuration that makes the crates' programs libFuzzer's.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    packages::need(packages::FUZZ)?;
    let targets: Vec<&'static str> = TARGETS
        .into_iter()
        .filter(|name| options.targets.is_empty() || options.targets.iter().any(|it| it == name))
        .collect();
    let programs = build(&targets)?;
    if let Some(input) = &options.replay {
        let [target] = targets[..] else {
            bail!("--replay wants the name of one target");
        };
        return succeed(Command::new(programs.join(target)).arg(input));
    }
    let limit = match options.runs {
        Some(runs) => format!("-runs={runs}"),
        None => format!("-max_total_time={}", options.seconds),
    };
    let start = Instant::now();
    let started = targets
        .iter()
        .map(|target| Fuzzer::start(target, &programs, &limit));
    let fuzzers = started.collect::<Result<Vec<_>>>()?;
    let mut executions = 0;
    let mut crashed = Vec::new();
    for fuzzer in fuzzers {
        let target = fuzzer.target;
        match fuzzer.finish()? {
            Some(count) => executions += count,
            None => crashed.push(target),
        }
    }
    let seconds = start.elapsed().as_secs();
    println!("fuzz: {executions} executions in {seconds} s");
    ensure!(
        crashed.is_empty(),
        "{} found what must not be",
        crashed.join(", ")
    );
    Ok(())
}

/// Builds the targets and returns the directory they are in.
fn build(targets: &[&str]) -> Result<PathBuf> {
    let found = setup::run()?;
    let target = target()?;
    // The kernel's programs are built as always: these flags are not for them.
    bpf_build::object(&found, bpf_build::BENCH, &root(), &target)?;
    let object = bpf_build::object(&found, bpf_build::DATAPATH, &root(), &target)?;
    // With a target named, cargo leaves build scripts and macros without the flags.
    let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = cargo("build");
    cargo
        .args(["--package", "routemesh-fuzz", "--profile", "fuzz"])
        .args(["--target", &host])
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .env(bpf_build::OBJECT_VARIABLE, object);
    for target in targets {
        cargo.args(["--bin", target]);
    }
    succeed(&mut cargo)?;
    Ok(target.join(host).join("fuzz"))
}

/// A target at work.
struct Fuzzer {
    target: &'static str,
    process: Child,
    log: PathBuf,
}

impl Fuzzer {
    fn start(target: &'static str, programs: &Path, limit: &str) -> Result<Self> {
        let fuzz = root().join("fuzz");
        let (corpus, artifacts) = (fuzz.join("corpus").join(target), fuzz.join("artifacts"));
        for directory in [&corpus, &artifacts] {
            fs::create_dir_all(directory)
                .with_context(|| format!("make {}", directory.display()))?;
        }
        let log = artifacts.join(target).with_extension("log");
        let output = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let prefix = format!("-artifact_prefix={}/{target}-", artifacts.display());
        let process = Command::new(programs.join(target))
            .args(LIMITS)
            .args([limit, &prefix, "-print_final_stats=1"])
            .arg(&corpus)
            .env("ROUTEMESH_FUZZ_CORPUS", &corpus)
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .with_context(|| format!("run the target {target}"))?;
        Ok(Self {
            target,
            process,
            log,
        })
    }

    /// Waits for its end and returns how often it ran; none when it found something, which is said.
    fn finish(mut self) -> Result<Option<u64>> {
        let target = self.target;
        let status = self.process.wait().context("wait for a target")?;
        let log = fs::read(&self.log).with_context(|| format!("read {}", self.log.display()))?;
        let log = String::from_utf8_lossy(&log);
        if !status.success() {
            println!("fuzz: {target} ended with {status}:\n{}", tail(&log));
            if let Some(input) = after(&log, "Test unit written to ") {
                println!("fuzz: cargo xtask fuzz {target} --replay {input}");
            }
            return Ok(None);
        }
        let executions = after(&log, "stat::number_of_executed_units: ")
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("{}: how often it ran is not there", self.log.display()))?;
        let edges = after(&log, " cov: ").and_then(|rest| rest.split(' ').next());
        println!(
            "fuzz: {target}: {executions} executions, {} edges",
            edges.unwrap_or("no")
        );
        Ok(Some(executions))
    }
}

/// What stands behind the last `mark`, to the end of the line.
fn after<'a>(log: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = log.rsplit_once(mark)?;
    rest.lines().next().map(str::trim)
}

/// The last lines.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_libfuzzer_says() {
        let log = "#2\tINITED cov: 3 ft: 4\n#9\tDONE   cov: 12 ft: 40\nstat::number_of_executed_units: 900\nx\n";
        assert_eq!(after(log, "stat::number_of_executed_units: "), Some("900"));
        assert_eq!(after(log, " cov: "), Some("12 ft: 40"));
        assert_eq!(after(log, "Test unit written to "), None);
    }
}
