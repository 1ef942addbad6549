//! From what is typed to what is meant: every problem is found, not only the first one.

use std::{collections::BTreeMap, net::SocketAddr};

use toml::Spanned;

use super::{
    Config, Limits, Places, RoutePlaces,
    document::{Document, LimitsTable, MetricsTable, NetworkTable, RouteTable, UplinkTable},
    locals::{Local, Locals},
    report::{Problem, Report, Source, Span},
    rules::{self, Wrong},
};
use crate::model::{Action, Network, Prefix, Route, Uplink};

/// The configuration that `document` means.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn check(document: Document, source: Source) -> Result<Config, Report> {
    let mut checker = Checker {
        report: Report::new(source.clone()),
        places: Places::default(),
    };
    let config = Config {
        node: checker.node(document.node),
        uplinks: checker.uplinks(document.uplink),
        networks: checker.networks(document.network),
        routes: checker.routes(document.route),
        limits: checker.limits(document.limits),
        metrics: checker.metrics(document.metrics),
        source,
        places: checker.places,
    };
    let mut report = checker.report;
    names(&config, &mut report);
    devices(&config, &mut report);
    duplicates(&config, &mut report);
    to_oneself(&config, &mut report);
    room(&config, &mut report);
    report.into_option().map_or(Ok(config), Err)
}

struct Checker {
    report: Report,
    places: Places,
}

impl Checker {
    /// The value, or none and a problem at `span`.
    fn accept<T>(&mut self, span: Span, value: Result<T, Wrong>) -> Option<T> {
        value
            .map_err(|wrong| self.report.push(wrong_at(span, wrong)))
            .ok()
    }

    fn node(&mut self, node: Option<Spanned<String>>) -> String {
        let Some(node) = node else {
            return host_name();
        };
        self.accept(node.span().into(), rules::node(node.as_ref()));
        node.into_inner()
    }

    fn uplinks(&mut self, tables: Vec<UplinkTable>) -> Vec<Uplink> {
        tables
            .into_iter()
            .map(|UplinkTable { interface, mode }| {
                self.places.uplinks.push(interface.span().into());
                let mode = mode.and_then(|mode| {
                    let known = mode.as_ref().parse().map_err(|_| Wrong {
                        title: format!("{:?} is not a mode", mode.as_ref()),
                        label: "unknown mode".to_owned(),
                        help: "modes are auto, xdp, xdp-generic and tc".to_owned(),
                    });
                    self.accept(mode.span().into(), known)
                });
                Uplink {
                    interface: self.interface(interface),
                    mode: mode.unwrap_or_default(),
                }
            })
            .collect()
    }

    fn interface(&mut self, name: Spanned<String>) -> String {
        self.accept(name.span().into(), rules::interface(name.as_ref()));
        name.into_inner()
    }

    fn networks(&mut self, tables: Vec<NetworkTable>) -> Vec<Network> {
        tables
            .into_iter()
            .map(|NetworkTable { interface, subnets }| {
                let place = interface.span().into();
                let (subnets, places) = subnets
                    .into_iter()
                    .filter_map(|subnet| Some((self.subnet(&subnet)?, Span::from(subnet.span()))))
                    .unzip();
                self.places.networks.push((place, places));
                Network {
                    interface: self.interface(interface),
                    subnets,
                }
            })
            .collect()
    }

    fn subnet(&mut self, text: &Spanned<String>) -> Option<Prefix> {
        let subnet =
            rules::prefix(text.as_ref()).and_then(|subnet| rules::subnet(subnet).map(|()| subnet));
        self.accept(text.span().into(), subnet)
    }

    fn routes(&mut self, tables: Vec<RouteTable>) -> Vec<Route> {
        self.places.routes.reserve_exact(tables.len());
        let mut routes = Vec::with_capacity(tables.len());
        for table in tables {
            let places = RoutePlaces {
                dst: table.dst.span().into(),
                via: table.via.as_ref().map(|via| via.span().into()),
                dev: table.dev.as_ref().map(|dev| dev.span().into()),
            };
            if let Some(route) = self.route(table) {
                routes.push(route);
                self.places.routes.push(places);
            }
        }
        routes
    }

    fn route(&mut self, table: RouteTable) -> Option<Route> {
        let span = table.dst.span().into();
        let dst =
            rules::prefix(table.dst.as_ref()).and_then(|dst| rules::destination(dst).map(|()| dst));
        let dst = self.accept(span, dst);
        let mtu = table.mtu.and_then(|mtu| {
            let size = rules::mtu(*mtu.as_ref(), dst?);
            self.accept(mtu.span().into(), size)
        });
        let action = self.action(span, (table.via, table.dev), table.blackhole);
        Some(Route {
            dst: dst?,
            action: action?,
            mtu,
        })
    }

    fn action(
        &mut self,
        dst: Span,
        (via, dev): (Option<Spanned<String>>, Option<Spanned<String>>),
        blackhole: bool,
    ) -> Option<Action> {
        if blackhole {
            return self.blackhole(dst, via.or(dev));
        }
        let Some(via) = via else {
            self.report.push(
                Problem::new("this route leads nowhere")
                    .at(dst, "neither `via` nor `blackhole`")
                    .help("add `via = \"ADDRESS\"` to send packets on, or `blackhole = true` to drop them"),
            );
            return None;
        };
        let dev = dev.map(|dev| self.interface(dev));
        let address = rules::address(via.as_ref())
            .and_then(|address| rules::next_hop(address).map(|()| address));
        let via = self.accept(via.span().into(), address)?;
        Some(Action::Direct { via, dev })
    }

    fn blackhole(&mut self, dst: Span, target: Option<Spanned<String>>) -> Option<Action> {
        let Some(target) = target else {
            return Some(Action::Blackhole);
        };
        self.report.push(
            Problem::new("this route both drops packets and sends them on")
                .at(Span::from(target.span()), "sent on")
                .at(dst, "a route with `blackhole = true`")
                .help("remove either `blackhole` or `via` and `dev`"),
        );
        None
    }

    fn limits(&mut self, LimitsTable { routes }: LimitsTable) -> Limits {
        let default = Limits::default();
        let routes = routes.and_then(|routes| {
            let span = routes.span().into();
            self.places.route_limit = Some(span);
            self.accept(span, rules::route_limit(*routes.as_ref()))
        });
        Limits {
            routes: routes.unwrap_or(default.routes),
        }
    }

    fn metrics(&mut self, MetricsTable { listen }: MetricsTable) -> Option<SocketAddr> {
        let listen = listen?;
        let address = listen.as_ref().parse().map_err(|_| Wrong {
            title: format!("{:?} is not an address and port", listen.as_ref()),
            label: "cannot listen there".to_owned(),
            help: "write it as 127.0.0.1:9477 or [::1]:9477".to_owned(),
        });
        self.accept(listen.span().into(), address)
    }
}

fn wrong_at(span: Span, wrong: Wrong) -> Problem {
    Problem::new(wrong.title)
        .at(span, wrong.label)
        .help(wrong.help)
}

/// The name the kernel has for this host.
pub(super) fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| rules::node(name).is_ok())
        .unwrap_or_else(|| "localhost".to_owned())
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
        let Action::Direct { via, dev } = &route.action else {
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
    let Action::Direct { via, .. } = &route.action else {
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
