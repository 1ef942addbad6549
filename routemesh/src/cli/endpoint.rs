//! `routemesh endpoint`: containers of this host.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Session, output::Column};
use crate::{api::Endpoint, model::Prefix};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the containers learnt (the default)
    #[command(visible_aliases = ["show", "ls"])]
    List,
}

const COLUMNS: &[Column<Endpoint>] = &[
    Column::text("ADDRESS", |e| Some(e.address.to_string())),
    Column::text("LLADDR", |e| Some(e.lladdr.clone())),
    Column::text("NETWORK", |e| Some(e.network.clone())),
    Column::text("DEV", |e| Some(e.dev.clone())),
    Column::text("VIA", |e| Some(e.via.clone())),
];

pub(super) fn run(session: &Session) -> Result<()> {
    let mut endpoints = session.client.endpoints()?;
    endpoints.retain(|endpoint| session.wants(Prefix::host(endpoint.address)));
    session.output.list(&endpoints, COLUMNS, |_| false)
}
