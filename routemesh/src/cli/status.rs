//! `routemesh status`: the daemon at a glance.

use std::fmt::Write;

use anyhow::Result;

use super::{Session, link};
use crate::api::Status;

pub(super) fn run(session: &Session) -> Result<()> {
    let status = session.client.status()?;
    let mut text = summary(&status);
    if !status.links.is_empty() {
        text.push('\n');
        text.push_str(&link::table(&session.output, &status.links));
    }
    for link in &status.links {
        if let Some(reason) = &link.reason {
            // Writing to a String cannot fail; so below.
            let _ = write!(text, "\n{}: {reason}", link.ifname);
        }
    }
    if status.links.iter().any(|link| link.reason.is_some()) {
        text.push('\n');
    }
    for warning in &status.warnings {
        let _ = write!(text, "\nwarning: {warning}");
    }
    if !status.warnings.is_empty() {
        text.push('\n');
    }
    session.output.value(&status, &text)
}

fn summary(status: &Status) -> String {
    let routes = status.routes;
    let total = routes.file + routes.cli + routes.kernel;
    let config = status.config.as_deref().unwrap_or("embedded default");
    let lines = [
        ("node", status.node.clone()),
        (
            "daemon",
            format!(
                "{}, pid {}, up {}, kernel {}",
                status.version,
                status.pid,
                duration(status.uptime_seconds),
                status.kernel
            ),
        ),
        ("config", config.to_owned()),
        (
            "routes",
            format!(
                "{total} of {} (file {}, cli {}, kernel {}; {} inactive), generation {}",
                status.route_limit,
                routes.file,
                routes.cli,
                routes.kernel,
                routes.inactive,
                status.generation
            ),
        ),
        ("endpoints", status.endpoints.to_string()),
    ];
    lines
        .iter()
        .map(|(name, value)| format!("{name:<10} {value}\n"))
        .collect()
}

/// Seconds as people say them: two units at most.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d{}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h{}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m{}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let said: Vec<_> = [59, 61, 3_660, 90_000].into_iter().map(duration).collect();
        assert_eq!(said, ["59s", "1m1s", "1h1m", "1d1h"]);
    }
}
