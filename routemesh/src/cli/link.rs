//! `routemesh link`: interfaces.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Output, Session, output::Column};
use crate::api::{Link, LinkRole};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the interfaces in use or waited for (the default)
    #[command(visible_aliases = ["show", "ls"])]
    List,
}

const COLUMNS: &[Column<Link>] = &[
    Column::text("LINK", |l| Some(l.ifname.clone())),
    Column::text("ROLE", |l| Some(role(l.role).into())),
    Column::text("STATE", |l| Some(l.state.clone())),
    Column::number("MTU", |l| l.mtu.map(|mtu| mtu.to_string())),
    Column::number("PATH-MTU", |l| l.path_mtu.map(|mtu| mtu.to_string())),
    Column::text("MODE", |l| Some(l.mode.clone()).filter(|m| !m.is_empty())),
    Column::text("MASTER", |l| l.master.clone()),
    Column::text("SUBNETS", |l| {
        let subnets: Vec<_> = l.subnets.iter().map(ToString::to_string).collect();
        Some(subnets.join(",")).filter(|subnets| !subnets.is_empty())
    }),
    Column::wide_number("INDEX", |l| l.ifindex.map(|index| index.to_string())),
    Column::wide_text("CONFIGURED", |l| {
        l.configured_mode.map(|mode| mode.to_string())
    }),
    Column::wide_text("REASON", |l| l.reason.clone()),
];

fn role(role: LinkRole) -> &'static str {
    match role {
        LinkRole::Uplink => "uplink",
        LinkRole::Network => "network",
        LinkRole::Port => "port",
    }
}

pub(super) fn run(session: &Session) -> Result<()> {
    let links = session.client.links()?;
    session.output.list(&links, COLUMNS, alarming)
}

/// The table of `links`, as part of a larger text.
pub(super) fn table(output: &Output, links: &[Link]) -> String {
    output.table(links, COLUMNS, alarming)
}

fn alarming(link: &Link) -> bool {
    link.state != "up" || link.mode.is_empty()
}
