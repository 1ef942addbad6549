//! What was done when: so that a failure can be understood after the fact.

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use routemesh_tests::lab::{Numbered, Routemesh};
use sha2::{Digest as _, Sha256};

/// How far from the time that a datagram was sent an operation may have been under way that
/// matters.
const NEAR: Duration = Duration::from_millis(500);
/// Of how many lost datagrams the operations are told.
const TOLD: usize = 3;

/// The operations of a run, each with the time when it began.
pub(crate) struct Record {
    begun: Instant,
    seed: u64,
    lines: Vec<(Duration, String)>,
    hash: Sha256,
}

impl Record {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            begun: Instant::now(),
            seed,
            lines: Vec::new(),
            hash: Sha256::new(),
        }
    }

    pub(crate) fn note(&mut self, what: String) {
        self.hash.update(&what);
        self.lines.push((self.begun.elapsed(), what));
    }

    /// A hash of all that was noted so far, which is the same for the same seed.
    pub(crate) fn hash(&self) -> String {
        let hash = self.hash.clone().finalize();
        hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What was under way about when the first of the datagrams was sent that did not arrive
    /// once; the sending had begun at `start`.
    pub(crate) fn about(&self, numbered: &Numbered, start: Duration) -> String {
        let numbers = numbered.lost.iter().chain(&numbered.repeated).take(TOLD);
        let told = numbers.map(|number| {
            let at = start + numbered.sent_at(*number);
            let near = |time: &Duration| time.abs_diff(at) < NEAR;
            let lines = self.lines.iter().filter(|(time, _)| near(time));
            let lines: Vec<_> = lines.map(line).collect();
            format!("number {number}, sent at {at:.3?}:\n{}", lines.join("\n"))
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// Keeps all that is known of a failure in a file, and returns its name.
    pub(crate) fn keep(&self, error: &anyhow::Error, daemons: [&Routemesh; 2]) -> Result<PathBuf> {
        let path = env::temp_dir().join(format!("routemesh-soak-{}.log", self.seed));
        let lines: Vec<_> = self.lines.iter().map(line).collect();
        let logs = daemons.map(|daemon| format!("{}:\n{}", daemon.node().name(), daemon.log()));
        let text = format!(
            "seed {}\n{error:?}\n\n{}\n\n{}",
            self.seed,
            lines.join("\n"),
            logs.join("\n")
        );
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

fn line((time, what): &(Duration, String)) -> String {
    format!("{:9.3} {what}", time.as_secs_f64())
}
