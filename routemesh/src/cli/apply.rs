//! `routemesh apply`, `confirm` and `rollback`: another configuration, for good or on trial.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::{Session, config};
use crate::api::{Apply, Changed, Terms};

/// Longest time a change may await its confirmation.
const MOST_SECONDS: u32 = 24 * 3600;

pub(super) const AFTER_HELP: &str = "\
With --confirm the daemon's configuration file stays as it is until `routemesh confirm`. Without \
that, the configuration of before is in force again at the end of the time: also if the daemon \
was killed meanwhile, or the machine started anew. Then, as after every change, `routemesh \
rollback` puts the other one in force: done twice, it ends where it began. Routes added by \
clients are not touched.

With --dry-run, a line begins with + for what is new, - for what is gone, ~ for what is different.";

#[derive(Args, Debug)]
pub struct Arguments {
    /// The file; may be the daemon's own, edited
    file: PathBuf,
    #[command(flatten)]
    terms: TermArguments,
}

#[derive(Args, Debug)]
pub struct Rollback {
    #[command(flatten)]
    terms: TermArguments,
}

#[derive(Args, Debug)]
struct TermArguments {
    /// Take the change back after this time, as 30s, 5m or 1h, unless it is confirmed
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    confirm: Option<u32>,
    /// Print what would change, and change nothing
    #[arg(long, conflicts_with = "confirm")]
    dry_run: bool,
    /// With --dry-run: end with exit code 1 where something would change
    #[arg(long, requires = "dry_run")]
    exit_code: bool,
}

impl TermArguments {
    fn terms(&self) -> Terms {
        Terms {
            confirm_seconds: self.confirm,
            dry_run: self.dry_run,
        }
    }
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let config = config::load(&arguments.file)?;
    let changed = session.client.apply(&Apply {
        name: arguments.file.display().to_string(),
        text: config.text().to_owned(),
        terms: arguments.terms.terms(),
    })?;
    show(session, &arguments.terms, &changed)
}

pub(super) fn rollback(session: &Session, arguments: &Rollback) -> Result<()> {
    let changed = session.client.rollback(arguments.terms.terms())?;
    show(session, &arguments.terms, &changed)
}

pub(super) fn confirm(session: &Session) -> Result<()> {
    let confirmed = session.client.confirm()?;
    let text = format!("confirmed; it is in {}\n", confirmed.config);
    session.output.done(&confirmed, &text)
}

fn show(session: &Session, arguments: &TermArguments, changed: &Changed) -> Result<()> {
    if !arguments.dry_run {
        return session.output.done(changed, &summary(changed));
    }
    session.output.value(changed, &lines(changed))?;
    if arguments.exit_code && !changed.changes.is_empty() {
        bail!("the configuration in force differs");
    }
    Ok(())
}

/// What would change, a line each.
fn lines(changed: &Changed) -> String {
    let mut text = String::new();
    for change in &changed.changes {
        let later = if changed.restart_needed.contains(&change.what) {
            " (at the next start)"
        } else {
            ""
        };
        // Writing to a String cannot fail; so below.
        let _ = writeln!(text, "{change}{later}");
    }
    text
}

/// What changed: settings by name, routes by number.
fn summary(changed: &Changed) -> String {
    let (routes, settings): (Vec<_>, Vec<_>) =
        changed.changes.iter().partition(|change| change.is_route());
    let of = |op| routes.iter().filter(|change| change.op == op).count();
    let applied = crate::api::Applied {
        added: of(crate::api::ChangeOp::Add),
        changed: of(crate::api::ChangeOp::Change),
        removed: of(crate::api::ChangeOp::Remove),
    };
    let mut text = format!("routes: {applied}\n");
    for setting in settings {
        let _ = writeln!(text, "{setting}");
    }
    for setting in &changed.restart_needed {
        let _ = writeln!(text, "{setting}: changed; takes effect at the next start");
    }
    if let Some(unconfirmed) = changed.unconfirmed {
        let _ = writeln!(
            text,
            "taken back in {} s unless 'routemesh confirm' comes before",
            unconfirmed.seconds_left
        );
    }
    text
}

/// A time as 30s, 5m, 1h, or a number of seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{text}' is no time from 1s to 24h, as 30s, 5m or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Change, Unconfirmed};

    fn changed() -> Changed {
        let some = |text: &str| Some(text.to_owned());
        let changes = [
            Change::of("tunnel.vni", some("100"), some("7")),
            Change::of("limits.routes", some("16"), some("17")),
            Change::of("route 10.1.0.0/16", None, some("via 192.0.2.1")),
            Change::of("route 10.2.0.0/16", some("blackhole"), None),
        ];
        Changed {
            changes: changes.into_iter().flatten().collect(),
            restart_needed: vec!["limits.routes".into()],
            unconfirmed: Some(Unconfirmed { seconds_left: 30 }),
        }
    }

    #[test]
    fn a_dry_run_has_a_line_for_each_difference() {
        assert_eq!(
            lines(&changed()),
            "~ tunnel.vni: 100 -> 7\n\
             ~ limits.routes: 16 -> 17 (at the next start)\n\
             + route 10.1.0.0/16 via 192.0.2.1\n\
             - route 10.2.0.0/16 blackhole\n"
        );
    }

    #[test]
    fn a_change_is_summed_up_with_its_time() {
        assert_eq!(
            summary(&changed()),
            "routes: 1 added, 0 changed, 1 removed\n\
             ~ tunnel.vni: 100 -> 7\n\
             ~ limits.routes: 16 -> 17\n\
             limits.routes: changed; takes effect at the next start\n\
             taken back in 30 s unless 'routemesh confirm' comes before\n"
        );
    }

    #[test]
    fn times_have_units_and_bounds() {
        let read = |text| seconds(text).ok();
        assert_eq!(
            ["30s", "5m", "1h", "45", "24h"].map(read),
            [Some(30), Some(300), Some(3600), Some(45), Some(86_400)]
        );
        for wrong in ["", "s", "0s", "25h", "1d", "-1s", "30 s", "99999999999s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
