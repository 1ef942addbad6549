//! What is wrong with a configuration on one particular host.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use super::{
    Config, RoutePlaces, conflicts,
    locals::{Local, Locals},
    read,
    report::{Problem, Report, Span},
};
use crate::model::{Action, Interface, Mode, Route, World};

/// Everything about `config` that does not fit the host `world` describes.
pub(super) fn problems(config: &Config, world: &World) -> Option<Report> {
    let mut report = Report::new(config.source.clone());
    uplinks(config, world, &mut report);
    networks(config, world, &mut report);
    let locals = locals(config, world, &mut report);
    let host = Host::new(config, world);
    for (route, places) in config.routes.iter().zip(&config.places.routes) {
        let problem = conflicts::own_subnet(config, &locals, (route, places))
            .or_else(|| host.own_address(route, places))
            .or_else(|| host.off_link(route, places));
        if let Some(problem) = problem {
            report.push(problem);
        }
    }
    report.into_option()
}

fn uplinks(config: &Config, world: &World, report: &mut Report) {
    for (index, uplink) in config.uplinks.iter().enumerate() {
        let place = config.places.uplinks.get(index).copied();
        if world.interface(&uplink.interface).is_none() {
            report.push(missing(world, &uplink.interface, place));
        }
    }
    if config.uplinks_in(world).is_empty() {
        report.push(
            Problem::new("no uplink: there is neither an eth0 nor a default route")
                .help("add [[uplink]] with `interface = \"NAME\"`"),
        );
    }
}

fn networks(config: &Config, world: &World, report: &mut Report) {
    for (network, (place, _)) in config.networks.iter().zip(&config.places.networks) {
        let name = &network.interface;
        if world.interface(name).is_none() {
            report.push(missing(world, name, Some(*place)));
        } else if Config::subnets_in(network, world).is_empty() {
            report.push(
                Problem::new(format!("the network {name} has no subnets"))
                    .at(*place, "has no addresses to take them from")
                    .help(format!(
                        "add `subnets = [\"PREFIX\"]`, or give it an address: ip address add ADDRESS/LENGTH dev {name}"
                    )),
            );
        }
    }
}

/// An interface that does not exist.
fn missing(world: &World, name: &str, place: Option<Span>) -> Problem {
    let names = || world.interfaces.values().map(|there| there.name.as_str());
    let help = match read::nearest(name, names()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!(
            "interfaces here are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    Problem::new(format!("there is no interface {name}"))
        .at(place, "does not exist on this host")
        .help(help)
}

/// The container subnets in force, those of the interfaces' addresses included.
fn locals(config: &Config, world: &World, report: &mut Report) -> Locals {
    let mut locals = Vec::new();
    for (index, network) in config.networks.iter().enumerate() {
        let (name, written) = &config.places.networks[index];
        let subnets = Config::subnets_in(network, world);
        locals.extend(
            subnets
                .into_iter()
                .enumerate()
                .map(|(number, subnet)| Local {
                    subnet,
                    network: index,
                    span: Some(written.get(number).copied().unwrap_or(*name)),
                }),
        );
    }
    let (locals, clashes) = Locals::new(locals);
    for clash in clashes {
        report.push(conflicts::clash_problem(config, clash));
    }
    locals
}

/// What routes are held against.
struct Host {
    /// Addresses of this host, with the interface that has each.
    addresses: BTreeMap<IpAddr, String>,
    /// Prefixes on the link of each uplink; none of one that does not exist.
    links: Vec<(String, Option<BTreeSet<IpNet>>)>,
}

impl Host {
    fn new(config: &Config, world: &World) -> Self {
        let all = world.interfaces.values();
        let of = |interface: &Interface| interface.addresses.clone();
        Self {
            addresses: all
                .flat_map(|one| {
                    one.addresses
                        .iter()
                        .map(|net| (net.addr(), one.name.clone()))
                })
                .collect(),
            links: config
                .uplinks_in(world)
                .into_iter()
                .map(|uplink| {
                    let there = world.interface(&uplink.interface);
                    (uplink.interface, there.map(of))
                })
                .collect(),
        }
    }

    /// A route to, or by way of, an address of this host.
    fn own_address(&self, route: &Route, places: &RoutePlaces) -> Option<Problem> {
        let bits = route.dst.net().max_prefix_len();
        let dst = (route.dst.length() == bits).then(|| (route.dst.address(), Some(places.dst)));
        let via = match &route.action {
            Action::Via { via, .. } => Some((*via, places.via)),
            Action::Blackhole => None,
        };
        dst.into_iter().chain(via).find_map(|(address, place)| {
            let interface = self.addresses.get(&address)?;
            Some(
                Problem::new(format!("{} is a route to this host itself", route.dst))
                    .at(place, format!("this host's own address, on {interface}"))
                    .help("a next hop is another host's own address on the link of an uplink"),
            )
        })
    }

    /// A route whose next hop is on no uplink's link, or on another than the one it names.
    fn off_link(&self, route: &Route, places: &RoutePlaces) -> Option<Problem> {
        let Action::Via { via, dev, mode, .. } = &route.action else {
            return None;
        };
        let is_named = |name: &str| dev.as_deref().is_none_or(|dev| dev == name);
        let candidates = || self.links.iter().filter(|(name, _)| is_named(name));
        if let Some(dev) = dev.as_ref().filter(|_| candidates().next().is_none()) {
            return Some(
                Problem::new(format!("{dev:?} is no uplink"))
                    .at(places.dev, "not an uplink")
                    .help(format!("the uplinks here: {}", self.described())),
            );
        }
        // An uplink that does not exist could have had the next hop, and was told of.
        let may_hold = |nets: &Option<BTreeSet<IpNet>>| {
            nets.as_ref()
                .is_none_or(|nets| nets.iter().any(|net| net.contains(via)))
        };
        // What is in a tunnel takes whatever path there is at the time.
        let is_direct = *mode == Mode::Direct;
        if !is_direct || self.links.is_empty() || candidates().any(|(_, nets)| may_hold(nets)) {
            return None;
        }
        let title = match dev {
            Some(dev) => format!("the next hop {via} is not on the link of {dev}"),
            None => format!("the next hop {via} is on no uplink's link"),
        };
        Some(
            Problem::new(title)
                .at(places.via, "cannot be reached directly")
                .help(format!(
                    "the uplinks here: {}; to go through a tunnel, set `mode`",
                    self.described()
                )),
        )
    }

    /// The uplinks with their prefixes, in words.
    fn described(&self) -> String {
        if self.links.is_empty() {
            return "none".to_owned();
        }
        let describe = |(name, nets): &(String, Option<BTreeSet<IpNet>>)| {
            let nets = nets.iter().flatten();
            let nets: Vec<String> = nets.map(|net| net.trunc().to_string()).collect();
            match nets.as_slice() {
                [] => format!("{name} without addresses"),
                _ => format!("{name} with {}", nets.join(", ")),
            }
        };
        let links: Vec<String> = self.links.iter().map(describe).collect();
        links.join("; ")
    }
}
