//! `routemesh route`: the table.

mod batch;
mod edit;
mod get;
mod words;

use std::{fmt, net::IpAddr, path::PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Session, output::Column};
use crate::{
    api::{Route, RouteOp, RouteState, RouteType},
    model::{Prefix, Source},
};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// List routes (the default)
    #[command(visible_aliases = ["show", "ls"])]
    List(List),
    /// Add a route: fails if there is one for the prefix
    #[command(
        override_usage = "routemesh route add DST via ADDRESS [dev IF] [mode MODE] [vtep-mac MAC] [vni N] [gre-key N] [mtu BYTES]
       routemesh route add blackhole DST
       routemesh route add --batch FILE"
    )]
    Add(Edit),
    /// Add a route, or take the place of the one there is
    #[command(
        override_usage = "routemesh route replace DST via ADDRESS [dev IF] [mode MODE] [vtep-mac MAC] [vni N] [gre-key N] [mtu BYTES]
       routemesh route replace blackhole DST
       routemesh route replace --batch FILE"
    )]
    Replace(Edit),
    /// Remove a route that was added on the command line
    #[command(
        visible_alias = "delete",
        override_usage = "routemesh route del DST
       routemesh route del --batch FILE"
    )]
    Del(Edit),
    /// Show which route wins for an address, and why
    Get {
        /// The destination
        address: IpAddr,
    },
    /// Remove all routes that were added on the command line
    Flush,
}

#[derive(Args, Debug, Default)]
struct List {
    /// Routes for this prefix and those within it
    prefix: Option<Prefix>,
    /// Routes of this source only: file, cli or kernel
    #[arg(short, long, value_parser = parse_source)]
    source: Option<Source>,
    /// Those of the host's own addresses too, packets for which go up to its stack
    #[arg(short, long)]
    all: bool,
}

#[derive(Args, Debug)]
struct Edit {
    /// The route, in the words of `ip route`: DST via ADDRESS [dev IF] [mode MODE] [vtep-mac MAC] [vni N] [gre-key N] [mtu BYTES]
    #[arg(value_name = "ROUTE", required_unless_present = "batch")]
    words: Vec<String>,
    /// Read routes from a file, one a line ("-": from the standard input); all are done, or none
    #[arg(short, long, value_name = "FILE", conflicts_with = "words")]
    batch: Option<PathBuf>,
}

const COLUMNS: &[Column<Route>] = &[
    Column::text("DST", |r| Some(r.dst.to_string())),
    Column::text("TYPE", |r| Some(r.kind.to_string())),
    Column::text("GATEWAY", |r| r.gateway.map(|gateway| gateway.to_string())),
    Column::text("DEV", |r| r.dev.clone()),
    Column::text("SOURCE", |r| Some(r.source.to_string())),
    Column::text("STATE", |r| Some(r.state.to_string())),
    Column::wide_text("LOCAL", |r| r.local.map(|local| local.to_string())),
    Column::wide_number("VNI", |r| r.vni.map(|vni| vni.to_string())),
    Column::wide_number("GRE-KEY", |r| r.gre_key.map(|key| key.to_string())),
    Column::wide_text("VTEP-MAC", |r| r.vtep_mac.map(|mac| mac.to_string())),
    Column::wide_number("MTU", |r| r.mtu.map(|mtu| mtu.to_string())),
    Column::wide_number("PATH-MTU", |r| r.path_mtu.map(|mtu| mtu.to_string())),
    Column::wide_number("PACKETS", |r| Some(r.packets.to_string())),
    Column::wide_number("BYTES", |r| Some(r.bytes.to_string())),
    Column::wide_text("REASON", |r| r.reason.clone()),
];

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        None => list(session, &List::default()),
        Some(Verb::List(arguments)) => list(session, arguments),
        Some(Verb::Add(edit)) => edit::run(session, RouteOp::Add, edit),
        Some(Verb::Replace(edit)) => edit::run(session, RouteOp::Replace, edit),
        Some(Verb::Del(edit)) => edit::run(session, RouteOp::Del, edit),
        Some(Verb::Get { address }) => get::run(session, *address),
        Some(Verb::Flush) => {
            let applied = session.client.flush_routes()?;
            session.output.done(&applied, &format!("{applied}\n"))
        }
    }
}

fn list(session: &Session, arguments: &List) -> Result<()> {
    let mut routes = session.client.routes()?;
    routes.retain(|route| {
        session.wants(route.dst)
            && (arguments.all || route.kind != RouteType::Host)
            && arguments.source.is_none_or(|source| source == route.source)
            && arguments
                .prefix
                .is_none_or(|prefix| prefix.net().contains(&route.dst.net()))
    });
    session
        .output
        .list(&routes, COLUMNS, |route| route.state != RouteState::Active)
}

fn parse_source(text: &str) -> Result<Source, String> {
    [Source::File, Source::Cli, Source::Kernel]
        .into_iter()
        .find(|source| source.to_string() == text)
        .ok_or_else(|| "a source is file, cli or kernel".into())
}

impl fmt::Display for RouteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Direct => "direct",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Ipip => "ipip",
            Self::Auto => "auto",
            Self::Blackhole => "blackhole",
            Self::Local => "local",
            Self::Host => "host",
        })
    }
}

impl fmt::Display for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Overridden => "overridden",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::output::{Format, Output},
        model::{Encapsulation, Mode},
    };

    fn routes() -> [Route; 3] {
        let direct = Route {
            dst: "10.1.0.0/16".parse().unwrap(),
            kind: RouteType::Direct,
            gateway: Some("192.0.2.1".parse().unwrap()),
            dev: Some("eth0".into()),
            mode: Some(Mode::Direct),
            vtep_mac: None,
            local: None,
            vni: None,
            gre_key: None,
            mtu: Some(1400),
            path_mtu: None,
            source: Source::File,
            state: RouteState::Unreachable,
            reason: Some("no uplink's link holds 192.0.2.1".into()),
            packets: 12,
            bytes: 1008,
        };
        let blackhole = Route {
            dst: "fd00:66::/48".parse().unwrap(),
            kind: RouteType::Blackhole,
            gateway: None,
            dev: None,
            mode: None,
            vtep_mac: None,
            local: None,
            vni: None,
            gre_key: None,
            mtu: None,
            path_mtu: None,
            source: Source::Cli,
            state: RouteState::Active,
            reason: None,
            packets: 0,
            bytes: 0,
        };
        let tunnel = Route {
            dst: "10.2.0.0/16".parse().unwrap(),
            kind: RouteType::Vxlan,
            gateway: Some("198.51.100.7".parse().unwrap()),
            mode: Some(Mode::Tunnel(Encapsulation::Vxlan)),
            vtep_mac: Some("02:42:c0:a8:64:02".parse().unwrap()),
            local: Some("192.0.2.9".parse().unwrap()),
            vni: Some(100),
            gre_key: None,
            mtu: None,
            path_mtu: Some(1450),
            state: RouteState::Active,
            reason: None,
            ..direct.clone()
        };
        [direct, tunnel, blackhole]
    }

    fn drawn(format: Format) -> String {
        Output::to_file(format).table(&routes(), COLUMNS, |_| false)
    }

    #[test]
    fn the_list_has_a_field_for_everything() {
        let expected = "\
DST           TYPE       GATEWAY       DEV   SOURCE  STATE
10.1.0.0/16   direct     192.0.2.1     eth0  file    unreachable
10.2.0.0/16   vxlan      198.51.100.7  eth0  file    active
fd00:66::/48  blackhole  -             -     cli     active
";
        assert_eq!(drawn(Format::Table), expected);
    }

    #[test]
    fn the_wide_list_has_counters_and_reasons_at_the_end() {
        let expected = "\
DST           TYPE       GATEWAY       DEV   SOURCE  STATE        LOCAL      VNI  GRE-KEY  VTEP-MAC            MTU  PATH-MTU  PACKETS  BYTES  REASON
10.1.0.0/16   direct     192.0.2.1     eth0  file    unreachable  -            -        -  -                  1400         -       12   1008  no uplink's link holds 192.0.2.1
10.2.0.0/16   vxlan      198.51.100.7  eth0  file    active       192.0.2.9  100        -  02:42:c0:a8:64:02     -      1450       12   1008  -
fd00:66::/48  blackhole  -             -     cli     active       -            -        -  -                     -         -        0      0  -
";
        assert_eq!(drawn(Format::Wide), expected);
    }
}
