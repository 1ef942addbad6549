//! The metrics: one table of names, help and where each value comes from.
//!
//! Names and labels are what dashboards and alerts are written against, hence part of the
//! interface. The scrape page and `docs/metrics.md` are both made of [`FAMILIES`].

use super::{LinkRole, OutcomeCount, Status};

/// A reading of all that is counted or gauged.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The state of the daemon.
    pub status: Status,
    /// The outcome counters.
    pub outcomes: Vec<OutcomeCount>,
    /// Entries and capacity by map name.
    pub maps: Vec<MapFill>,
    /// When the daemon started, in seconds since 1970.
    pub start_time_seconds: f64,
    /// Rounds of reconciling.
    pub reconcile_rounds: u64,
    /// Rounds that left something undone.
    pub reconcile_errors: u64,
    /// Seconds the last round took.
    pub reconcile_seconds: f64,
}

/// How full a map is.
#[derive(Clone, Debug)]
pub struct MapFill {
    /// The map's name.
    pub map: &'static str,
    /// Entries in it.
    pub entries: u64,
    /// Entries it has room for.
    pub capacity: u64,
}

/// Whether a metric only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// It does; its name ends in `_total` on the page.
    Counter,
    /// It does not.
    Gauge,
}

/// One value of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Values of the family's labels, in their order.
    pub labels: Vec<String>,
    /// The value.
    pub value: Value,
}

/// A number on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count.
    Whole(u64),
    /// A measure.
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// A metric.
#[derive(Debug)]
pub struct Family {
    /// Its name, without the `_total` of a counter.
    pub name: &'static str,
    /// What it is.
    pub kind: FamilyKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence on it.
    pub help: &'static str,
    /// Its values in a reading.
    pub read: fn(&Metrics) -> Vec<Sample>,
}

impl Family {
    /// The name of its samples.
    #[must_use]
    pub fn sample_name(&self) -> String {
        match self.kind {
            FamilyKind::Counter => format!("{}_total", self.name),
            FamilyKind::Gauge => self.name.to_owned(),
        }
    }
}

macro_rules! families {
    ($($name:literal $kind:ident [$($label:literal),*] $help:literal $read:expr;)*) => {
        /// All metrics, in the order of the page.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: concat!("routemesh_", $name),
            kind: FamilyKind::$kind,
            labels: &[$($label),*],
            help: $help,
            read: $read,
        },)*];
    };
}

families! {
    "forwarded_packets" Counter ["interface", "hook", "outcome"]
        "Packets sent on by routemesh." |m| packets(m, "forward");
    "forwarded_bytes" Counter ["interface", "hook", "outcome"]
        "Bytes of the packets sent on by routemesh, from the IP header on." |m| bytes(m, "forward");
    "replied_packets" Counter ["interface", "hook", "reason"]
        "Packets answered with an ICMP error." |m| packets(m, "reply");
    "replied_bytes" Counter ["interface", "hook", "reason"]
        "Bytes of the packets answered with an ICMP error, from the IP header on." |m| bytes(m, "reply");
    "dropped_packets" Counter ["interface", "hook", "reason"]
        "Packets dropped." |m| packets(m, "drop");
    "dropped_bytes" Counter ["interface", "hook", "reason"]
        "Bytes of the packets dropped, from the IP header on." |m| bytes(m, "drop");
    "passed_packets" Counter ["interface", "hook", "reason"]
        "Packets left to the kernel's stack; those handed_up by xdp are counted again by tc."
        |m| packets(m, "pass");
    "passed_bytes" Counter ["interface", "hook", "reason"]
        "Bytes of the packets left to the kernel's stack, from the IP header on." |m| bytes(m, "pass");
    "routes" Gauge ["source"]
        "Routes asked for." routes;
    "routes_inactive" Gauge []
        "Routes asked for that are not in the kernel's table." |m| one(m.status.routes.inactive);
    "route_limit" Gauge []
        "Most routes the kernel's table takes." |m| one(m.status.route_limit);
    "table_generation" Gauge []
        "Goes up by one with every change of the table." |m| one(m.status.generation);
    "endpoints" Gauge []
        "Containers of this host that are learnt." |m| one(m.status.endpoints);
    "link_up" Gauge ["interface", "role"]
        "Whether an uplink or a container network's interface is up." link_up;
    "map_entries" Gauge ["map"]
        "Entries in a BPF map." |m| fills(m, |fill| fill.entries);
    "map_max_entries" Gauge ["map"]
        "Entries a BPF map has room for." |m| fills(m, |fill| fill.capacity);
    "reconcile_rounds" Counter []
        "Rounds of reconciling." |m| one(m.reconcile_rounds);
    "reconcile_errors" Counter []
        "Rounds of reconciling that left something undone." |m| one(m.reconcile_errors);
    "reconcile_duration_seconds" Gauge []
        "Time the last round of reconciling took." |m| one(m.reconcile_seconds);
    "start_time_seconds" Gauge []
        "When the daemon started, in seconds since 1970." |m| one(m.start_time_seconds);
    "build_info" Gauge ["version", "kernel"]
        "Always 1; the versions are in its labels." build_info;
}

fn packets(metrics: &Metrics, verdict: &str) -> Vec<Sample> {
    outcomes(metrics, verdict, |count| count.packets)
}

fn bytes(metrics: &Metrics, verdict: &str) -> Vec<Sample> {
    outcomes(metrics, verdict, |count| count.bytes)
}

fn outcomes(metrics: &Metrics, verdict: &str, value: fn(&OutcomeCount) -> u64) -> Vec<Sample> {
    metrics
        .outcomes
        .iter()
        .filter(|count| count.verdict == verdict)
        .map(|count| {
            sample(
                [&count.interface, &count.hook, &count.outcome],
                value(count),
            )
        })
        .collect()
}

fn routes(metrics: &Metrics) -> Vec<Sample> {
    let totals = metrics.status.routes;
    [
        ("kernel", totals.kernel),
        ("file", totals.file),
        ("cli", totals.cli),
    ]
    .into_iter()
    .map(|(source, routes)| sample([source], routes as u64))
    .collect()
}

fn link_up(metrics: &Metrics) -> Vec<Sample> {
    metrics
        .status
        .links
        .iter()
        .filter_map(|link| {
            let role = match link.role {
                LinkRole::Uplink => "uplink",
                LinkRole::Network => "network",
                LinkRole::Port => return None,
            };
            Some(sample(
                [link.ifname.as_str(), role],
                u64::from(link.state == "up"),
            ))
        })
        .collect()
}

fn fills(metrics: &Metrics, value: fn(&MapFill) -> u64) -> Vec<Sample> {
    metrics
        .maps
        .iter()
        .map(|fill| sample([fill.map], value(fill)))
        .collect()
}

fn build_info(metrics: &Metrics) -> Vec<Sample> {
    vec![sample([&metrics.status.version, &metrics.status.kernel], 1)]
}

fn sample<const N: usize>(labels: [impl AsRef<str>; N], value: u64) -> Sample {
    Sample {
        labels: labels.iter().map(|label| label.as_ref().into()).collect(),
        value: Value::Whole(value),
    }
}

fn one(value: impl Into<Value>) -> Vec<Sample> {
    vec![Sample {
        labels: Vec::new(),
        value: value.into(),
    }]
}
