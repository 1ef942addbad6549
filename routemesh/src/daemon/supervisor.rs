//! What the service manager is told: that the daemon is ready, what it does, and that it is alive.
//!
//! The protocol is that of `sd_notify(3)`. Where no manager listens, nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Beats of the watchdog in the time that the manager waits for one: of one that comes late, or
/// after a long round, none has to be missed.
const BEATS: u32 = 3;

/// The daemon's side of its manager.
pub(super) struct Supervisor {
    /// What [`Self::status`] said last.
    said: String,
    /// When to say that the daemon is alive, if the manager wants to know.
    heart: Option<Interval>,
}

impl Supervisor {
    /// As the environment says; within a runtime.
    pub(super) fn of_environment() -> Self {
        Self {
            said: String::new(),
            heart: sd_notify::watchdog_enabled()
                .map(|bound| bound / BEATS)
                .filter(|pause| *pause > Duration::ZERO)
                .map(beating),
        }
    }

    /// Says what the daemon does, if that is news: a line for `systemctl status`.
    pub(super) fn status(&mut self, line: String) {
        if self.said != line {
            tell(&[NotifyState::Status(&line)]);
            self.said = line;
        }
    }

    /// Waits until it is time, and says that the daemon is alive. Whoever awaits this beside its
    /// work thereby shows that it gets round to it.
    pub(super) async fn beat(&mut self) {
        match &mut self.heart {
            Some(heart) => {
                heart.tick().await;
                tell(&[NotifyState::Watchdog]);
            }
            None => std::future::pending().await,
        }
    }
}

fn beating(pause: Duration) -> Interval {
    let mut heart = interval(pause);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heart
}

/// Says that the daemon forwards, or that a reload is over.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that a reload begins. From version 253 on the manager wants to know when, lest it take an
/// older message for the answer to its own request.
pub(super) fn reloading() {
    let mut words = vec![NotifyState::Reloading];
    words.extend(NotifyState::monotonic_usec_now());
    tell(&words);
}

/// Says that the daemon ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The manager notices by itself when it hears nothing.
fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::debug!("tell the service manager: {error}");
    }
}
