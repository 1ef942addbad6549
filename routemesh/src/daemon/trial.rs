//! A change that ends by itself unless it is confirmed, even if the daemon dies meanwhile.
//!
//! It is written down before it takes effect, and a process of its own, the guard, waits for its
//! end. Where no daemon answers then, the guard is a daemon for as long as it takes to put the
//! configuration of before in force: it starts as every daemon does.

use std::{
    ffi::OsString,
    os::unix::{net::UnixStream, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    Daemon, Origin,
    run::{Options, lock, run},
};
use crate::{
    api::{Confirmed, Error, ErrorKind, Unconfirmed},
    config::Config,
    store::{ConfigFile, Trial},
};

/// How soon the guard notices that the change is confirmed.
const GLANCE: Duration = Duration::from_millis(200);
/// How soon it tries again what failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long it waits for the last next hop to be found.
const SETTLING: Duration = Duration::from_secs(3);

/// The change that awaits its confirmation, if one does, and how to guard it.
#[derive(Default)]
pub(super) struct Trials {
    current: Option<Trial>,
    guard: Option<Child>,
    /// The words that start a guard; none for a daemon that is one.
    words: Vec<OsString>,
}

impl Trials {
    /// No change yet.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            words: if options.is_guard {
                Vec::new()
            } else {
                words(options)
            },
            ..Self::default()
        }
    }

    /// The configuration in force again when the change ends.
    pub(super) fn before(&self) -> Option<&str> {
        self.current.as_ref().map(|trial| trial.before.as_str())
    }

    /// The time until then.
    pub(super) fn left(&self) -> Option<Duration> {
        let trial = self.current.as_ref()?;
        Some(trial.left().unwrap_or_default())
    }

    pub(super) fn unconfirmed(&self) -> Option<Unconfirmed> {
        let left = self.left()?;
        Some(Unconfirmed {
            seconds_left: left
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX),
        })
    }

    fn start_guard(&mut self) -> Result<()> {
        if self.words.is_empty() {
            return Ok(());
        }
        let child = Command::new("/proc/self/exe")
            .arg0("routemesh")
            .args(&self.words)
            // It is nobody the service manager waits for.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start the guard of the change")?;
        self.guard = Some(child);
        Ok(())
    }

    /// Ends the guard, as there is nothing to guard, or nothing left in the kernel to change.
    pub(super) fn dismiss_guard(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            // Both fail only where it has ended.
            let _ = guard.kill();
            let _ = guard.wait();
        }
    }
}

/// The configuration to start with, and the change of it that was not confirmed when the last
/// daemon ended.
pub(super) fn configuration(origin: &Origin) -> Result<(Config, Option<Trial>)> {
    let found = Trial::find(&origin.file).unwrap_or_else(|error| {
        tracing::warn!("{error:#}; going on with the configuration file");
        None
    });
    let Some(trial) = found else {
        return Ok((origin.read()?, None));
    };
    let unconfirmed = format!("{}, the unconfirmed change of it", origin.file.display());
    let after = trial
        .left()
        .map(|_| origin.parse(&trial.after, &unconfirmed));
    let config = match after {
        Some(Ok(config)) => config,
        Some(Err(_)) | None => origin.parse(&trial.before, &origin.file.display().to_string())?,
    };
    Ok((config, Some(trial)))
}

impl Daemon {
    /// Goes on with what the last daemon left undone: see [`configuration`].
    pub(super) fn take_up(&mut self, trial: Option<Trial>) {
        if let Err(error) = self.file().recover() {
            tracing::warn!("{error:#}");
        }
        let Some(trial) = trial else {
            return;
        };
        if trial.after == self.config.text() {
            tracing::info!("an unconfirmed change is in force");
            self.trials.current = Some(trial);
            if let Err(error) = self.trials.start_guard() {
                tracing::warn!("{error:#}; the change ends only while the daemon runs");
            }
        } else {
            taken_back(&self.file(), &self.origin.file, &trial);
        }
    }

    /// Writes down that `text` is on trial, and has it guarded.
    pub(super) fn begin_trial(&mut self, text: &str, seconds: u32) -> Result<()> {
        let path = &self.origin.file;
        let time = Duration::from_secs(seconds.into());
        let trial = Trial::new(self.config.text(), text, time)?;
        trial.save(path)?;
        let begun = self
            .trials
            .start_guard()
            .and_then(|()| restored(&self.file(), &trial));
        if let Err(error) = begun {
            self.trials.dismiss_guard();
            Trial::forget(path)?;
            return Err(error);
        }
        tracing::info!("a change is in force for {seconds} s, and stays if it is confirmed");
        self.trials.current = Some(trial);
        Ok(())
    }

    /// Keeps the change that awaits its confirmation.
    pub(super) fn confirm_trial(&mut self) -> Result<Confirmed, Error> {
        let Some(trial) = &self.trials.current else {
            let message = "no change awaits a confirmation: it came too late, or twice";
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let path = &self.origin.file;
        self.file()
            .install(&trial.after, &trial.before)
            .and_then(|()| Trial::forget(path))
            .map_err(super::apply::failed)?;
        self.trials.current = None;
        self.trials.dismiss_guard();
        tracing::info!("the change is confirmed");
        Ok(Confirmed {
            config: path.display().to_string(),
        })
    }

    /// Puts in force again what was before the change that awaits its confirmation.
    pub(super) fn end_trial(&mut self) {
        let Some(trial) = self.trials.current.take() else {
            return;
        };
        match self
            .origin
            .parse(&trial.before, "the configuration of before")
        {
            Ok(config) => {
                self.put_in_force(config);
            }
            Err(error) => tracing::error!("the change stays in force:\n{error:#}"),
        }
        taken_back(&self.file(), &self.origin.file, &trial);
        self.trials.dismiss_guard();
    }

    /// Whether all that is desired is in the kernel.
    fn is_settled(&self) -> bool {
        self.table.unsettled() == 0 && self.hops.values().all(Result::is_ok)
    }
}

/// Brings the files to where they were before the change; then it is the previous one.
fn taken_back(file: &ConfigFile, path: &Path, trial: &Trial) {
    let done = restored(file, trial)
        .and_then(|()| file.keep(&trial.after, &trial.before))
        .and_then(|()| Trial::forget(path));
    match done {
        Ok(()) => tracing::warn!(
            "an unconfirmed change was taken back; 'routemesh rollback' puts it in force again"
        ),
        Err(error) => tracing::error!("take an unconfirmed change back: {error:#}"),
    }
}

/// Where the change was made in the file itself, the text of before is put back.
fn restored(file: &ConfigFile, trial: &Trial) -> Result<()> {
    match file.text()? {
        Some(text) if text == trial.after => file.install(&trial.before, &trial.after),
        Some(_) | None => Ok(()),
    }
}

/// The guard's process: ends when the change is confirmed or taken back, by whomever.
///
/// # Errors
/// When the file of the change cannot be read.
pub fn guard(options: &Options) -> Result<()> {
    // The daemon's terminal may go before the daemon. Who leads a session already needs no other.
    let _ = nix::unistd::setsid();
    let path = &options.origin.file;
    let mut said = String::new();
    while let Some(trial) = Trial::find(path)? {
        if wait(path, &trial) || UnixStream::connect(&options.socket).is_ok() {
            thread::sleep(GLANCE);
        } else if let Err(error) = revert(options, &trial) {
            let error = format!("{error:#}");
            if error != said {
                tracing::warn!("take an unconfirmed change back: {error}; it is tried again");
            }
            said = error;
            thread::sleep(RETRY);
        }
    }
    Ok(())
}

/// Waits until the change is over, or not the same any more; says whether it is the latter.
fn wait(path: &Path, trial: &Trial) -> bool {
    while let Some(left) = trial.left() {
        if !Trial::is_there(path) {
            return true;
        }
        thread::sleep(left.min(GLANCE));
    }
    !Trial::find(path).is_ok_and(|found| found.as_ref() == Some(trial))
}

fn revert(options: &Options, trial: &Trial) -> Result<()> {
    let path = &options.origin.file;
    // Whoever took everything out of the kernel does not want it back.
    if !options.bpffs.exists() {
        taken_back(&ConfigFile::at(path), path, trial);
        return Ok(());
    }
    run(&Options {
        detach_on_exit: false,
        is_guard: true,
        ..options.clone()
    })
}

/// Waits until all is in the kernel, but no longer than a guard should be a daemon.
pub(super) async fn settled(daemon: &Mutex<Daemon>) {
    let begun = Instant::now();
    while begun.elapsed() < SETTLING && !lock(daemon).is_settled() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The words that start the guard of a daemon with these options.
fn words(options: &Options) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["guard".into()];
    let mut word = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        words.push(name.into());
        words.push(value.as_ref().into());
    };
    word("--socket", &options.socket);
    word("--bpffs", &options.bpffs);
    if options.origin.required {
        word("--config", &options.origin.file);
    }
    for uplink in &options.origin.uplinks {
        word("--uplink", &format!("{}:{}", uplink.interface, uplink.mode));
    }
    if options.bpf_log {
        words.push("--bpf-log".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Uplink, UplinkMode};

    #[test]
    fn a_guard_is_told_all_that_the_daemon_was() {
        let options = Options {
            origin: Origin {
                file: "/x/config.toml".into(),
                required: true,
                uplinks: vec![Uplink {
                    interface: "eth0".into(),
                    mode: UplinkMode::Tc,
                }],
            },
            socket: "/x/sock".into(),
            bpffs: "/x/bpf".into(),
            detach_on_exit: true,
            bpf_log: true,
            is_guard: false,
        };
        let line = words(&options).join(" ".as_ref());
        assert_eq!(
            line,
            "guard --socket /x/sock --bpffs /x/bpf --config /x/config.toml --uplink eth0:tc --bpf-log"
        );
    }
}
