//! The control socket's protocol: what clients ask and what the daemon answers.
//!
//! HTTP/1.1 with JSON over a unix socket. Field names are those of `ip -j` where it has the
//! thing. Every error answer is an [`Error`] with the HTTP status of its [`ErrorKind`].
//!
//! | method, path | request | answer |
//! |---|---|---|
//! | `GET /v1/status` | | [`Status`] |
//! | `GET /v1/routes` | | `[`[`Route`]`]`, by prefix, the host's own included |
//! | `POST /v1/routes` | [`RouteBatch`] | [`Applied`] |
//! | `GET /v1/routes/get?address=A` | | [`Route`] |
//! | `POST /v1/routes/flush` | | [`Applied`] |
//! | `GET /v1/endpoints` | | `[`[`Endpoint`]`]` |
//! | `GET /v1/links` | | `[`[`Link`]`]` |
//! | `GET /v1/outcomes` | | `[`[`OutcomeCount`]`]` |
//! | `GET /v1/config` | | the configuration in force, TOML |
//! | `POST /v1/config/check` | [`ConfigText`] | [`Checked`] |
//! | `POST /v1/reload` | | [`Reloaded`] |
//! | `POST /v1/apply` | [`Apply`] | [`Changed`] |
//! | `POST /v1/confirm` | | [`Confirmed`] |
//! | `POST /v1/rollback` | [`Terms`] | [`Changed`] |
//! | `GET /metrics` | | Prometheus or OpenMetrics text |
//! | `GET /healthz`, `GET /readyz` | | `ok`, or 503 |
//!
//! [`Client`] asks; the daemon answers by implementing [`Control`].

mod change;
mod client;
mod control;
mod error;
mod exchange;
pub mod metrics;

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::model::{Encapsulation, Mac, Mode, Prefix, Source, UplinkMode};

pub use change::{Apply, Change, ChangeOp, Changed, Confirmed, Terms, Unconfirmed};
pub use client::{Client, ClientError};
pub use control::{Control, SharedControl};
pub use error::{Error, ErrorKind};
pub use metrics::{MapFill, Metrics};

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/routemesh/routemesh.sock";

/// Kinds of route, as `list` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteType {
    /// To a next hop, as they are.
    Direct,
    /// To a next hop, in VXLAN.
    Vxlan,
    /// To a next hop, in Geneve.
    Geneve,
    /// To a next hop, in GRE.
    Gre,
    /// To a next hop, in IP.
    Ipip,
    /// To a next hop, as it will turn out once the way to it is known.
    Auto,
    /// Dropped.
    Blackhole,
    /// A container subnet of this host.
    Local,
    /// An address of this host.
    Host,
}

impl From<Mode> for RouteType {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Direct => Self::Direct,
            Mode::Auto => Self::Auto,
            Mode::Tunnel(Encapsulation::Vxlan) => Self::Vxlan,
            Mode::Tunnel(Encapsulation::Geneve) => Self::Geneve,
            Mode::Tunnel(Encapsulation::Gre) => Self::Gre,
            Mode::Tunnel(Encapsulation::Ipip) => Self::Ipip,
        }
    }
}

/// Whether a route is in the kernel's table, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteState {
    /// In the kernel's table.
    Active,
    /// A route of another source for the same prefix comes first.
    Overridden,
    /// No uplink leads to its next hop at present, or its interface is gone.
    Unreachable,
    /// The kernel refused it; tried again at the next round.
    Failed,
}

/// One route, as `route list` and `route get` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Destinations.
    pub dst: Prefix,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: RouteType,
    /// The next hop, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gateway: Option<IpAddr>,
    /// The way to the next hop that was asked for; `type` tells the one taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<Mode>,
    /// MAC of the other end of the tunnel, where it was set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vtep_mac: Option<Mac>,
    /// This host's address on the outside of the tunnel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub local: Option<IpAddr>,
    /// Network identifier, where it goes through VXLAN or Geneve.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vni: Option<u32>,
    /// Key, where it goes through GRE with one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gre_key: Option<u32>,
    /// The interface packets leave by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dev: Option<String>,
    /// The route's own MTU, in bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtu: Option<u32>,
    /// Largest packet a container can send this way, in bytes: what a tunnel adds is taken off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path_mtu: Option<u32>,
    /// Who asked for it.
    pub source: Source,
    /// Whether it is in force.
    pub state: RouteState,
    /// Why it is not, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Packets that matched it.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
}

/// What one line of a batch does to the table of CLI routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteOp {
    /// Adds; an existing route of the same prefix is an error.
    Add,
    /// Adds, or takes the place of an existing one.
    Replace,
    /// Removes; none of that prefix is an error.
    Del,
}

/// One line of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEdit {
    /// What to do.
    pub op: RouteOp,
    /// Destinations.
    pub dst: Prefix,
    /// The next hop; none, with `blackhole` false, is right for `del` only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub via: Option<IpAddr>,
    /// The uplink to use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dev: Option<String>,
    /// The way to the next hop; none is `direct`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<Mode>,
    /// MAC of the other end of an Ethernet tunnel, where it is none of routemesh.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vtep_mac: Option<Mac>,
    /// Network identifier of VXLAN and Geneve, where it is not the node's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vni: Option<u32>,
    /// Key of GRE, where it is not the node's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gre_key: Option<u32>,
    /// Drop instead of sending.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub blackhole: bool,
    /// Largest IP packet, in bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtu: Option<u32>,
}

/// Edits that are checked together and applied together: all of them, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteBatch {
    /// The edits, in order.
    pub edits: Vec<RouteEdit>,
}

/// What a batch or a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Routes that are new.
    pub added: usize,
    /// Routes that differ from before.
    pub changed: usize,
    /// Routes that are gone.
    pub removed: usize,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            changed,
            removed,
        } = self;
        write!(f, "{added} added, {changed} changed, {removed} removed")
    }
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The difference in routes.
    pub routes: Applied,
    /// Settings that changed in the file and take effect at the next start only.
    pub restart_needed: Vec<String>,
}

/// A configuration that is to be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigText {
    /// What to call the file in what is reported.
    pub name: String,
    /// The file, TOML.
    pub text: String,
}

/// What the daemon thinks of a configuration it was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What is wrong with it, rendered for a terminal without colours; none: it would be taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problems: Option<String>,
}

/// A container of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its MAC, colon-separated.
    pub lladdr: String,
    /// The container network's interface.
    pub network: String,
    /// The interface that leads to it.
    pub dev: String,
    /// How packets get there: `redirect-peer` or `redirect`.
    pub via: String,
}

/// What an interface is to routemesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkRole {
    /// Leads to other hosts.
    Uplink,
    /// A container network's interface.
    Network,
    /// A bridge port of a container network.
    Port,
}

/// An interface routemesh uses, or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub ifname: String,
    /// Its index; none while it does not exist.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ifindex: Option<u32>,
    /// What it is to us.
    pub role: LinkRole,
    /// `up`, `down` or `missing`.
    pub state: String,
    /// Its MTU, in bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtu: Option<u32>,
    /// Largest packet that containers can send to every next hop, in bytes; of a network.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path_mtu: Option<u32>,
    /// The mode asked for, of an uplink.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub configured_mode: Option<UplinkMode>,
    /// What is attached, as `tcx`, `clsact`, `xdp+tcx`, `xdp-generic+tcx`; empty for nothing.
    pub mode: String,
    /// Why the mode is what it is, where that needs a word.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// A port's bridge.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub master: Option<String>,
    /// The container subnets behind it, of a network.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub subnets: Vec<Prefix>,
}

/// One counter: how often packets of one hook of one interface ended in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCount {
    /// The uplink, or the container network (its ports are counted with it).
    pub interface: String,
    /// `tc` or `xdp`.
    pub hook: String,
    /// The outcome's label.
    pub outcome: String,
    /// `forward`, `pass`, `reply` or `drop`.
    pub verdict: String,
    /// Packets.
    pub packets: u64,
    /// Bytes, from the IP header on.
    pub bytes: u64,
}

/// The state of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file in force; none for the embedded default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config: Option<String>,
    /// A change of the configuration that awaits its confirmation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unconfirmed: Option<Unconfirmed>,
    /// Goes up by one with every change of the table.
    pub generation: u64,
    /// Routes asked for, by source.
    pub routes: RouteTotals,
    /// Most routes the table takes.
    pub route_limit: usize,
    /// Containers learnt.
    pub endpoints: usize,
    /// The interfaces, as `link list` has them.
    pub links: Vec<Link>,
    /// What an operator should know, each with what to do about it.
    pub warnings: Vec<String>,
}

/// Routes by source, and those not in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTotals {
    /// From the file.
    pub file: usize,
    /// From clients.
    pub cli: usize,
    /// Of the host itself.
    pub kernel: usize,
    /// Asked for, but not in the kernel's table.
    pub inactive: usize,
}
