//! `routemesh status`: the daemon at a glance.

use anyhow::Result;

use super::{Session, link, output::Output};
use crate::api::Status;

pub(super) fn run(session: &Session) -> Result<()> {
    let status = session.client.status()?;
    let text = page(&status, &session.output);
    session.output.value(&status, &text)
}

/// Paragraphs: the daemon, its links, why they are as they are, what to see to.
fn page(status: &Status, output: &Output) -> String {
    let mut paragraphs = vec![summary(status)];
    if !status.links.is_empty() {
        paragraphs.push(link::table(output, &status.links));
    }
    let reasons = status
        .links
        .iter()
        .filter_map(|link| Some(format!("{}: {}\n", link.ifname, link.reason.as_ref()?)));
    paragraphs.push(reasons.collect());
    let warnings = status.warnings.iter();
    paragraphs.push(
        warnings
            .map(|warning| format!("warning: {warning}\n"))
            .collect(),
    );
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n")
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
    let unconfirmed = status.unconfirmed.map(|change| {
        let text = format!(
            "a change, taken back in {} s unless 'routemesh confirm' comes before",
            change.seconds_left
        );
        ("to confirm", text)
    });
    lines
        .iter()
        .chain(&unconfirmed)
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
    use crate::{
        api::{Link, LinkRole, RouteTotals, Unconfirmed},
        cli::output::Format,
    };

    #[test]
    fn the_page_has_a_paragraph_for_each_concern() {
        let status = Status {
            node: "a".into(),
            version: "0.1.0".into(),
            pid: 7,
            uptime_seconds: 61,
            kernel: "6.18.0".into(),
            config: Some("/etc/routemesh/config.toml".into()),
            unconfirmed: Some(Unconfirmed { seconds_left: 12 }),
            generation: 4,
            routes: RouteTotals {
                file: 2,
                cli: 1,
                kernel: 3,
                inactive: 1,
            },
            route_limit: 1024,
            endpoints: 2,
            links: vec![Link {
                ifname: "eth0".into(),
                ifindex: Some(2),
                role: LinkRole::Uplink,
                state: "up".into(),
                mtu: Some(1500),
                path_mtu: None,
                configured_mode: None,
                mode: "tcx".into(),
                reason: Some("a veth gains nothing by XDP".into()),
                master: None,
                subnets: Vec::new(),
            }],
            warnings: vec!["docker0 is missing".into()],
        };
        let expected = "\
node       a
daemon     0.1.0, pid 7, up 1m1s, kernel 6.18.0
config     /etc/routemesh/config.toml
routes     6 of 1024 (file 2, cli 1, kernel 3; 1 inactive), generation 4
endpoints  2
to confirm a change, taken back in 12 s unless 'routemesh confirm' comes before

LINK  ROLE    STATE   MTU  PATH-MTU  MODE  MASTER  SUBNETS
eth0  uplink  up     1500         -  tcx   -       -

eth0: a veth gains nothing by XDP

warning: docker0 is missing
";
        let output = Output::to_file(Format::Table);
        assert_eq!(page(&status, &output), expected);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let said: Vec<_> = [59, 61, 3_660, 90_000].into_iter().map(duration).collect();
        assert_eq!(said, ["59s", "1m1s", "1h1m", "1d1h"]);
    }
}
