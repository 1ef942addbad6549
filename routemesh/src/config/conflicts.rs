//! Values that are right each by itself, but not together.

use std::collections::BTreeMap;

use super::{
    Config, RoutePlaces,
    locals::{Local, Locals},
    report::{Problem, Report},
    rules,
};
use crate::model::{Action, Network, Route};

/// Tells `report` of everything in `config` that contradicts another part of it.
pub(super) fn conflicts(config: &Config, report: &mut Report) {
    names(config, report);
    devices(config, report);
    duplicates(config, report);
    to_oneself(config, report);
    room(config, report);
}

/// Interfaces that are named twice.
fn names(config: &Config, report: &mut Report) {
    let uplinks = config.uplinks.iter().map(|uplink| &uplink.interface);
    let uplinks = uplinks.zip(&config.places.uplinks);
    let networks = config.networks.iter().map(|network| &network.interface);
    let networks = networks.zip(config.places.networks.iter().map(|(place, _)| place));
    let mut seen = BTreeMap::new();
    let roles = uplinks
        .map(|named| (named, "an uplink"))
        .chain(networks.map(|named| (named, "a network")));
    for ((name, span), role) in roles {
        if let Some((first, first_role)) = seen.insert(name, (*span, role)) {
            report.push(
                Problem::new(format!("{name:?} is named twice"))
                    .at(*span, format!("{role} here"))
                    .at(first, format!("{first_role} here"))
                    .help("an interface is either one uplink or one network; remove one of them"),
            );
        }
    }
}

/// Routes that name no uplink, or must name one and do not.
fn devices(config: &Config, report: &mut Report) {
    if config.uplinks.is_empty() {
        return;
    }
    let uplinks = config.uplinks.iter();
    let names: Vec<&str> = uplinks.map(|uplink| uplink.interface.as_str()).collect();
    for (route, places) in config.routes.iter().zip(&config.places.routes) {
        let Action::Via { via, dev, .. } = &route.action else {
            continue;
        };
        let problem = match dev.as_deref() {
            Some(dev) if !names.contains(&dev) => Problem::new(format!("{dev:?} is no uplink"))
                .at(places.dev, "not an uplink")
                .help(format!(
                    "the uplinks are {}; or add [[uplink]] with `interface = {dev:?}`",
                    names.join(", ")
                )),
            None if names.len() > 1 && rules::is_link_local(*via) => {
                Problem::new(format!("{via} is on the link of every uplink"))
                    .at(places.via, "a link-local address")
                    .help(format!("say which: add `dev`, one of {}", names.join(", ")))
            }
            Some(_) | None => continue,
        };
        report.push(problem);
    }
}

/// Routes for the same prefix.
fn duplicates(config: &Config, report: &mut Report) {
    let routes = &config.routes;
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_unstable_by_key(|index| (routes[*index].dst, *index));
    for same in order.chunk_by(|a, b| routes[*a].dst == routes[*b].dst) {
        let [first, others @ ..] = same else { continue };
        for other in others {
            report.push(
                Problem::new(format!("two routes for {}", routes[*other].dst))
                    .at(config.places.routes[*other].dst, "the second route")
                    .at(config.places.routes[*first].dst, "the first route")
                    .help("a prefix has one route; remove one of them"),
            );
        }
    }
}

/// Subnets in one another's way, and routes that lead to this host's own containers.
fn to_oneself(config: &Config, report: &mut Report) {
    let written = config.networks.iter().zip(&config.places.networks);
    let locals = written
        .enumerate()
        .flat_map(|(network, (Network { subnets, .. }, (_, places)))| {
            subnets
                .iter()
                .zip(places)
                .map(move |(subnet, place)| Local {
                    subnet: *subnet,
                    network,
                    span: Some(*place),
                })
        })
        .collect();
    let (locals, clashes) = Locals::new(locals);
    for clash in clashes {
        report.push(clash_problem(config, clash));
    }
    for (route, places) in config.routes.iter().zip(&config.places.routes) {
        if let Some(problem) = own_subnet(config, &locals, (route, places)) {
            report.push(problem);
        }
    }
}

/// Two subnets of which containers could have the same address.
pub(super) fn clash_problem(config: &Config, (wider, other): (Local, Local)) -> Problem {
    let owner = |local: Local| &config.networks[local.network].interface;
    let relation = if wider.subnet == other.subnet {
        "is written twice"
    } else {
        "overlaps"
    };
    let title = if wider.subnet == other.subnet {
        format!("the subnet {} {relation}", other.subnet)
    } else {
        format!("the subnet {} {relation} {}", other.subnet, wider.subnet)
    };
    Problem::new(title)
        .at(other.span, format!("of {}", owner(other)))
        .at(wider.span, format!("of {}", owner(wider)))
        .help("an address can be behind one network only; give each its own subnet")
}

/// What is wrong with a route that leads into a subnet of this host.
pub(super) fn own_subnet(
    config: &Config,
    locals: &Locals,
    (route, places): (&Route, &RoutePlaces),
) -> Option<Problem> {
    let owner = |local: Local| &config.networks[local.network].interface;
    if let Some(local) = locals.exactly(route.dst) {
        return Some(
            Problem::new(format!("{} is a route to this host itself", route.dst))
                .at(places.dst, "a container subnet of this host")
                .at(local.span, format!("behind {}", owner(local)))
                .help("subnets of this host need no route; remove it"),
        );
    }
    let Action::Via { via, .. } = &route.action else {
        return None;
    };
    let local = locals.holding(*via)?;
    Some(
        Problem::new(format!("{} is a route to this host itself", route.dst))
            .at(
                places.via,
                format!("lies in {}, a container subnet of this host", local.subnet),
            )
            .at(local.span, format!("behind {}", owner(local)))
            .help("a next hop is another host's own address on the link of an uplink"),
    )
}

/// More routes than the table takes.
fn room(config: &Config, report: &mut Report) {
    let limit = config.limits.routes;
    let count = config.routes.len();
    if count > limit as usize {
        let first_beyond = config.places.routes[limit as usize].dst;
        let limited = config.places.route_limit;
        report.push(
            Problem::new(format!("{count} routes, but room for {limit}"))
                .at(first_beyond, "the first one too many")
                .at(limited, "the limit")
                .help(format!("set `routes = {count}` or more under [limits]")),
        );
    }
}
