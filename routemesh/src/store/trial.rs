//! A change of the configuration that ends by itself unless it is confirmed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::durable;

/// A change that awaits its confirmation, as `FILE.unconfirmed` beside the configuration file.
/// Until then that file is the one of before, so a machine that starts anew has it too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What is in force again if nobody confirms.
    pub before: String,
    /// What is in force meanwhile.
    pub after: String,
    /// When it ends, in milliseconds since the machine started: nobody sets that clock.
    deadline: u64,
    /// Which start of the machine that was.
    boot: String,
}

impl Trial {
    /// A change from `before` to `after` that ends when `time` is over.
    ///
    /// # Errors
    /// When the kernel does not tell the time.
    pub fn new(before: &str, after: &str, time: Duration) -> Result<Self> {
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            deadline: now()?.saturating_add(milliseconds(time)),
            boot: boot()?,
        })
    }

    /// The change that awaits its confirmation beside the configuration file at `config`.
    ///
    /// # Errors
    /// When the file of it cannot be read.
    pub fn find(config: &Path) -> Result<Option<Self>> {
        let path = path_for(config);
        let step = || format!("read {}", path.display());
        let text = durable::read(&path).with_context(step)?;
        text.map(|text| serde_json::from_str(&text).with_context(step))
            .transpose()
    }

    /// Whether one awaits its confirmation there: quicker than to read it.
    #[must_use]
    pub fn is_there(config: &Path) -> bool {
        path_for(config).exists()
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, config: &Path) -> Result<()> {
        let path = path_for(config);
        let text = serde_json::to_vec(self).context("write JSON")?;
        durable::write(&path, &text, config).with_context(|| format!("write {}", path.display()))
    }

    /// Removes what was written down: it is confirmed, or over.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(config: &Path) -> Result<()> {
        let path = path_for(config);
        durable::remove(&path).with_context(|| format!("remove {}", path.display()))
    }

    /// The time left; none when it is over, which it is once the machine has started anew.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let same = boot().is_ok_and(|boot| boot == self.boot);
        let left = self.deadline.checked_sub(now().ok()?)?;
        (same && left > 0).then(|| Duration::from_millis(left))
    }
}

fn path_for(config: &Path) -> PathBuf {
    durable::beside(&durable::resolved(config), ".unconfirmed")
}

/// Milliseconds since the machine started, those it slept included.
fn now() -> Result<u64> {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).context("read the clock")?;
    Ok(milliseconds(time.into()))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(path).context(path)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_found_again_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        assert_eq!(Trial::find(&config).unwrap(), None);
        let trial = Trial::new("a", "b", Duration::from_secs(60)).unwrap();
        trial.save(&config).unwrap();
        assert_eq!(Trial::find(&config).unwrap().as_ref(), Some(&trial));
        let left = trial.left().unwrap();
        assert!(
            left > Duration::from_secs(50) && left <= Duration::from_secs(60),
            "{left:?}"
        );
        Trial::forget(&config).unwrap();
        Trial::forget(&config).unwrap();
        assert_eq!(Trial::find(&config).unwrap(), None);
    }

    #[test]
    fn it_is_over_at_its_deadline_and_when_the_machine_started_anew() {
        let trial = Trial::new("a", "b", Duration::ZERO).unwrap();
        assert_eq!(trial.left(), None);
        let trial = Trial::new("a", "b", Duration::from_secs(60)).unwrap();
        let elsewhere = Trial {
            boot: "another".into(),
            ..trial
        };
        assert_eq!(elsewhere.left(), None);
    }
}
