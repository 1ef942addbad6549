//! What the daemon knows, in the words of the API.

use std::{collections::BTreeSet, net::IpAddr};

use routemesh_common::{NextHop, OUTCOME_ROWS, RouteKind, Shim};

use super::{Daemon, sync::xdp_hook};
use crate::{
    api::{
        Endpoint, Link, LinkRole, OutcomeCount, Route, RouteState, RouteTotals, RouteType, Status,
    },
    config::Config,
    datapath::{Attached, Hook, RouteReadings},
    model::{Encapsulation, Interface, Mac, Mode, Prefix, Source, UplinkMode, unmapped},
    reconcile::table::Row,
};

impl Daemon {
    pub(super) fn view_routes(&self) -> Vec<Route> {
        let counters = self.counters();
        self.table
            .rows()
            .map(|row| self.view_route(&row, counters.as_ref()))
            .collect()
    }

    /// The route of the longest prefix that holds `address` and is in the kernel.
    pub(super) fn view_winner(&self, address: IpAddr) -> Option<Route> {
        let longest = if address.is_ipv6() { 128 } else { 32 };
        let row = (0..=longest)
            .rev()
            .filter_map(|length| Prefix::around(address, length).ok())
            .find_map(|dst| {
                self.table
                    .rows_of(dst)
                    .next()
                    .filter(|row| row.installed.is_some())
            })?;
        Some(self.view_route(&row, self.counters().as_ref()))
    }

    fn counters(&self) -> Option<RouteReadings> {
        self.datapath
            .route_counters()
            .inspect_err(|error| tracing::warn!("{error:#}"))
            .ok()
    }

    fn view_route(&self, row: &Row<'_>, counters: Option<&RouteReadings>) -> Route {
        let resolved = row.hop.and_then(|(slot, _)| self.hops.get(&slot));
        let ifindex = match (row.host, resolved) {
            (Some(host), _) => Some(host.ifindex),
            (None, Some(Ok(hop))) => Some(hop.ifindex),
            (None, _) => None,
        };
        let counter = match (counters, row.installed) {
            (Some(counters), Some(installed)) if !row.overridden => counters.of(installed.counter),
            _ => routemesh_common::Counter::default(),
        };
        let (state, reason) = self.state(row);
        let key = row.hop.map(|(_, key)| key);
        let hop = resolved.and_then(|resolved| resolved.as_ref().ok());
        let tunnel = hop.filter(|hop| hop.shim != Shim::NONE);
        let has_vni = |hop: &&NextHop| [Shim::VXLAN, Shim::GENEVE].contains(&hop.shim);
        let has_key =
            |hop: &&NextHop| hop.keyed == 1 && [Shim::GRE, Shim::GRE_ETHERNET].contains(&hop.shim);
        Route {
            dst: row.dst,
            kind: kind(row, hop),
            gateway: key.map(|key| key.via),
            mode: key.map(|key| key.mode),
            vtep_mac: key.and_then(|key| key.vtep_mac),
            local: tunnel.map(|hop| unmapped(hop.local)),
            vni: tunnel.filter(has_vni).map(|hop| hop.vni),
            gre_key: tunnel.filter(has_key).map(|hop| hop.gre_key),
            path_mtu: hop.map(|hop| hop.mtu),
            dev: row
                .hop
                .and_then(|(_, key)| key.dev.clone())
                .or_else(|| ifindex.and_then(|index| self.name(index))),
            mtu: row.hop.and_then(|(_, key)| key.mtu),
            source: row.source,
            state,
            reason,
            packets: counter.packets,
            bytes: counter.bytes,
        }
    }

    fn state(&self, row: &Row<'_>) -> (RouteState, Option<String>) {
        if row.overridden {
            let reason = "a route of another source for the same prefix comes first";
            return (RouteState::Overridden, Some(reason.to_owned()));
        }
        let unreachable = row.hop.and_then(|(slot, key)| match self.hops.get(&slot) {
            Some(Err(reason)) => Some(format!("next hop {}: {reason}", key.via)),
            _ => None,
        });
        if let Some(reason) = unreachable {
            return (RouteState::Unreachable, Some(reason));
        }
        if self.table.is_unsettled(row.dst) || row.installed.is_none() {
            let reason = self.rounds.undone.first().cloned();
            return (RouteState::Failed, reason);
        }
        (RouteState::Active, None)
    }

    fn name(&self, ifindex: u32) -> Option<String> {
        let interface = self.world.interfaces.get(&ifindex)?;
        Some(interface.name.clone())
    }

    pub(super) fn view_endpoints(&self) -> Vec<Endpoint> {
        self.actual
            .endpoints
            .iter()
            .map(|(address, endpoint)| {
                let port = self.world.interfaces.get(&endpoint.ifindex);
                let network = port.map_or(endpoint.ifindex, |port| {
                    port.master.unwrap_or(endpoint.ifindex)
                });
                Endpoint {
                    address: *address,
                    lladdr: Mac(endpoint.mac).to_string(),
                    network: self.name(network).unwrap_or_default(),
                    dev: port.map(|port| port.name.clone()).unwrap_or_default(),
                    via: if endpoint.peer == 1 {
                        "redirect-peer"
                    } else {
                        "redirect"
                    }
                    .to_owned(),
                }
            })
            .collect()
    }

    pub(super) fn view_links(&self) -> Vec<Link> {
        let mut links: Vec<Link> = self
            .plan
            .uplinks
            .iter()
            .map(|uplink| {
                let link = self.view_link(&uplink.interface, LinkRole::Uplink);
                Link {
                    configured_mode: Some(uplink.mode),
                    reason: link.ifindex.and_then(|index| self.why(index, uplink.mode)),
                    ..link
                }
            })
            .collect();
        for network in &self.config.networks {
            let link = self.view_link(&network.interface, LinkRole::Network);
            let ports = link
                .ifindex
                .into_iter()
                .flat_map(|bridge| self.world.ports(bridge));
            let ports: Vec<Link> = ports
                .map(|port| Link {
                    master: Some(network.interface.clone()),
                    ..self.view_link(&port.name, LinkRole::Port)
                })
                .collect();
            links.push(Link {
                path_mtu: self.path_mtu(),
                subnets: Config::subnets_in(network, &self.world),
                ..link
            });
            links.extend(ports);
        }
        links
    }

    fn view_link(&self, name: &str, role: LinkRole) -> Link {
        let interface = self.world.interface(name);
        Link {
            ifname: name.to_owned(),
            ifindex: interface.map(|interface| interface.index),
            role,
            state: state(interface).to_owned(),
            mtu: interface.map(|interface| interface.mtu),
            configured_mode: None,
            mode: interface
                .map(|interface| self.mode(interface.index))
                .unwrap_or_default(),
            path_mtu: None,
            reason: None,
            master: None,
            subnets: Vec::new(),
        }
    }

    fn mode(&self, ifindex: u32) -> String {
        let hooks = [Hook::Xdp, Hook::XdpGeneric, Hook::Tc];
        let attached = hooks.map(|hook| self.actual.attached.get(&(ifindex, hook)));
        let labels: Vec<&str> = attached
            .into_iter()
            .flatten()
            .copied()
            .map(Attached::label)
            .collect();
        labels.join("+")
    }

    /// Why an uplink's mode is what it is, where that needs a word.
    fn why(&self, ifindex: u32, mode: UplinkMode) -> Option<String> {
        let attachment = self.plan.attachments.get(&ifindex)?;
        let Some(hook) = xdp_hook(attachment) else {
            let interface = self.world.interfaces.get(&ifindex)?;
            let kind = interface.kind.as_deref()?;
            return (mode == UplinkMode::Auto)
                .then(|| format!("a {kind} device loses its offloads under XDP"));
        };
        self.actual.refused.get(&(ifindex, hook)).cloned()
    }

    pub(super) fn view_outcomes(&self) -> Vec<OutcomeCount> {
        let readings = self
            .datapath
            .outcomes()
            .inspect_err(|error| tracing::warn!("{error:#}"))
            .unwrap_or_default();
        readings
            .into_iter()
            .filter(|reading| reading.row < OUTCOME_ROWS)
            .map(|reading| {
                let (interface, place) = self.rows.name(reading.row);
                OutcomeCount {
                    interface: interface.to_owned(),
                    hook: self.hook_name(interface, place).to_owned(),
                    outcome: reading.outcome.label().to_owned(),
                    verdict: reading.outcome.verdict().label().to_owned(),
                    packets: reading.counter.packets,
                    bytes: reading.counter.bytes,
                }
            })
            .collect()
    }

    /// An uplink's rows are of tc and XDP, a network's of its interface and of its ports.
    fn hook_name(&self, interface: &str, place: u32) -> &'static str {
        let network = self
            .config
            .networks
            .iter()
            .any(|network| network.interface == interface);
        match (place, network) {
            (0, _) => "tc",
            (_, true) => "port",
            (_, false) => "xdp",
        }
    }

    pub(super) fn view_status(&self) -> Status {
        let [kernel, file, cli] = self.table.counts();
        Status {
            node: self.config.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.started.at.elapsed().as_secs(),
            kernel: kernel_release(),
            config: self.origin.name(),
            unconfirmed: self.trials.unconfirmed(),
            generation: self.generation,
            routes: RouteTotals {
                file,
                cli,
                kernel,
                inactive: (kernel + file + cli).saturating_sub(self.table.fib().len()),
            },
            route_limit: self.route_limit as usize,
            endpoints: self.actual.endpoints.len(),
            links: self.view_links(),
            warnings: self.warnings(),
        }
    }

    /// A line on what the daemon does.
    pub(super) fn summary(&self) -> String {
        let interfaces: BTreeSet<u32> = self
            .actual
            .attached
            .keys()
            .map(|(ifindex, _)| *ifindex)
            .collect();
        let undone = match self.rounds.undone.len() {
            0 => String::new(),
            steps => format!("; steps that failed and are tried again: {steps}"),
        };
        format!(
            "{} routes in force, attached to {} interfaces{undone}",
            self.table.fib().len(),
            interfaces.len()
        )
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.rounds.undone.clone();
        let links = self.view_links();
        warnings.extend(self.too_large_networks(&links));
        warnings.extend(self.unsummed_super_packets());
        warnings.extend(self.unguarded());
        for link in links {
            if link.ifindex.is_none() {
                warnings.push(format!(
                    "{} does not exist yet: waiting for it",
                    link.ifname
                ));
            }
        }
        if self.plan.uplinks.is_empty() {
            warnings.push("no uplink: name one with [[uplink]] or --uplink".to_owned());
        }
        for hop in self.table.hops().iter() {
            if let Some(Err(reason)) = self.hops.get(&hop.0) {
                warnings.push(format!("next hop {}: {reason}", hop.1.via));
            }
        }
        warnings
    }
}

fn kind(row: &Row<'_>, hop: Option<&NextHop>) -> RouteType {
    let taken = hop.map(|hop| match Encapsulation::of(hop.shim) {
        Some(encapsulation) => Mode::Tunnel(encapsulation),
        None => Mode::Direct,
    });
    match (row.source, row.host, row.hop) {
        (Source::Kernel, Some(host), _) if host.kind == RouteKind::LOCAL => RouteType::Local,
        (Source::Kernel, _, _) => RouteType::Host,
        (_, _, Some((_, key))) => taken.unwrap_or(key.mode).into(),
        (_, _, None) => RouteType::Blackhole,
    }
}

fn state(interface: Option<&Interface>) -> &'static str {
    match interface {
        Some(interface) if interface.up => "up",
        Some(_) => "down",
        None => "missing",
    }
}

fn kernel_release() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.release().to_string_lossy().into_owned(),
    )
}
