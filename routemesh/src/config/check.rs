//! From what is typed to what is meant: every problem is found, not only the first one.

use std::net::SocketAddr;

use toml::Spanned;

use super::{
    Config, Limits, Places, RoutePlaces,
    conflicts::conflicts,
    document::{
        Document, LimitsTable, MetricsTable, NetworkTable, RouteTable, TunnelTable, UplinkTable,
    },
    read::read,
    report::{Problem, Report, Source, Span},
    rules::{self, Wrong},
};
use crate::model::{Action, Mac, Mode, Network, NetworkNumbers, Prefix, Route, Tunnel, Uplink};

/// The configuration that `text` means; `source` has the same text, to be shown.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn check(text: &str, source: Source) -> Result<Config, Report> {
    let mut checker = Checker {
        report: Report::new(source.clone()),
        part: 0,
        config: Config {
            node: host_name(),
            uplinks: Vec::new(),
            networks: Vec::new(),
            routes: Vec::new(),
            tunnel: Tunnel::default(),
            limits: Limits::default(),
            metrics: None,
            source: source.clone(),
            places: Places::default(),
        },
    };
    let unread = read(text, source, |part, document| checker.take(part, document));
    let Checker {
        config, mut report, ..
    } = checker;
    match unread {
        // What could not be read would be complained of as missing.
        Some(unread) => report.append(unread),
        None => conflicts(&config, &mut report),
    }
    report.into_option().map_or(Ok(config), Err)
}

struct Checker {
    report: Report,
    /// Where the part of the file that is being taken begins.
    part: usize,
    config: Config,
}

impl Checker {
    /// Adds what a part of the file types to what is meant.
    fn take(&mut self, part: usize, document: Document) {
        self.part = part;
        let Document {
            node,
            uplink,
            network,
            route,
            tunnel,
            limits,
            metrics,
        } = document;
        node.into_iter().for_each(|node| self.node(node));
        uplink.into_iter().for_each(|table| self.uplink(table));
        network.into_iter().for_each(|table| self.network(table));
        self.routes(route);
        tunnel.into_iter().for_each(|table| self.tunnel(table));
        limits.into_iter().for_each(|table| self.limits(table));
        metrics.into_iter().for_each(|table| self.metrics(table));
    }

    /// Where a value is in the file.
    fn place<T>(&self, value: &Spanned<T>) -> Span {
        Span::within(self.part, value.span())
    }

    /// The value, or none and a problem at `span`.
    fn accept<T>(&mut self, span: Span, value: Result<T, Wrong>) -> Option<T> {
        value
            .map_err(|wrong| self.report.push(wrong_at(span, wrong)))
            .ok()
    }

    fn node(&mut self, node: Spanned<String>) {
        self.accept(self.place(&node), rules::node(node.as_ref()));
        self.config.node = node.into_inner();
    }

    fn uplink(&mut self, UplinkTable { interface, mode }: UplinkTable) {
        self.config.places.uplinks.push(self.place(&interface));
        let mode = mode.and_then(|mode| {
            let known = mode.as_ref().parse().map_err(|_| Wrong {
                title: format!("{:?} is not a mode", mode.as_ref()),
                label: "unknown mode".to_owned(),
                help: "modes are auto, xdp, xdp-generic and tc".to_owned(),
            });
            self.accept(self.place(&mode), known)
        });
        let interface = self.interface(interface);
        self.config.uplinks.push(Uplink {
            interface,
            mode: mode.unwrap_or_default(),
        });
    }

    fn interface(&mut self, name: Spanned<String>) -> String {
        self.accept(self.place(&name), rules::interface(name.as_ref()));
        name.into_inner()
    }

    fn network(&mut self, NetworkTable { interface, subnets }: NetworkTable) {
        let place = self.place(&interface);
        let (subnets, places) = subnets
            .into_iter()
            .filter_map(|subnet| Some((self.subnet(&subnet)?, self.place(&subnet))))
            .unzip();
        self.config.places.networks.push((place, places));
        let interface = self.interface(interface);
        self.config.networks.push(Network { interface, subnets });
    }

    fn subnet(&mut self, text: &Spanned<String>) -> Option<Prefix> {
        let subnet =
            rules::prefix(text.as_ref()).and_then(|subnet| rules::subnet(subnet).map(|()| subnet));
        self.accept(self.place(text), subnet)
    }

    fn routes(&mut self, tables: Vec<RouteTable>) {
        self.config.routes.reserve(tables.len());
        self.config.places.routes.reserve(tables.len());
        for table in tables {
            let places = RoutePlaces {
                dst: self.place(&table.dst),
                via: table.via.as_ref().map(|via| self.place(via)),
                dev: table.dev.as_ref().map(|dev| self.place(dev)),
            };
            if let Some(route) = self.route(table) {
                self.config.routes.push(route);
                self.config.places.routes.push(places);
            }
        }
    }

    fn route(&mut self, table: RouteTable) -> Option<Route> {
        let span = self.place(&table.dst);
        let dst =
            rules::prefix(table.dst.as_ref()).and_then(|dst| rules::destination(dst).map(|()| dst));
        let dst = self.accept(span, dst);
        let mtu = table.mtu.and_then(|mtu| {
            let size = rules::mtu(*mtu.as_ref(), dst?);
            self.accept(self.place(&mtu), size)
        });
        let target = Target {
            via: table.via,
            dev: table.dev,
            mode: table.mode,
            vtep_mac: table.vtep_mac,
            vni: table.vni,
            gre_key: table.gre_key,
        };
        let action = if table.blackhole {
            self.blackhole(span, target)
        } else {
            self.target((span, dst), target)
        };
        Some(Route {
            dst: dst?,
            action: action?,
            mtu,
        })
    }

    fn target(&mut self, dst: (Span, Option<Prefix>), target: Target) -> Option<Action> {
        let Some(via) = target.via else {
            self.report.push(
                Problem::new("this route leads nowhere")
                    .at(dst.0, "neither `via` nor `blackhole`")
                    .help("add `via = \"ADDRESS\"` to send packets on, or `blackhole = true` to drop them"),
            );
            return None;
        };
        let dev = target.dev.map(|dev| self.interface(dev));
        let mode = target
            .mode
            .map_or(Some(Mode::default()), |mode| self.mode(&mode));
        let vtep_mac = target.vtep_mac.and_then(|mac| self.vtep_mac(&mac, mode?));
        let network = NetworkNumbers {
            vni: self.number(target.vni, rules::vni),
            gre_key: self.number(target.gre_key, rules::gre_key),
        };
        let address = rules::address(via.as_ref())
            .and_then(|address| rules::next_hop(address).map(|()| address))
            .and_then(|address| match (dst.1, mode) {
                (Some(dst), Some(mode)) => {
                    rules::next_hop_family(dst, address, mode).map(|()| address)
                }
                (None, _) | (_, None) => Ok(address),
            });
        let via = self.accept(self.place(&via), address)?;
        Some(Action::Via {
            via,
            dev,
            mode: mode?,
            vtep_mac,
            network,
        })
    }

    fn mode(&mut self, text: &Spanned<String>) -> Option<Mode> {
        self.accept(self.place(text), rules::mode(text.as_ref()))
    }

    fn vtep_mac(&mut self, text: &Spanned<String>, mode: Mode) -> Option<Mac> {
        let mac =
            rules::mac(text.as_ref()).and_then(|mac| rules::vtep_mac(mac, mode).map(|()| mac));
        self.accept(self.place(text), mac)
    }

    fn blackhole(&mut self, dst: Span, target: Target) -> Option<Action> {
        let Target {
            via,
            dev,
            mode,
            vtep_mac,
            vni,
            gre_key,
        } = target;
        let texts = [via, dev, mode, vtep_mac].into_iter().flatten();
        let numbers = [vni, gre_key].into_iter().flatten();
        let places = texts.map(|text| self.place(&text));
        let Some(sent_on) = places
            .chain(numbers.map(|number| self.place(&number)))
            .next()
        else {
            return Some(Action::Blackhole);
        };
        self.report.push(
            Problem::new("this route both drops packets and sends them on")
                .at(sent_on, "sent on")
                .at(dst, "a route with `blackhole = true`")
                .help("remove either `blackhole` or where the route leads"),
        );
        None
    }

    fn tunnel(&mut self, table: TunnelTable) {
        if let Some(mode) = table.mode {
            let mode = self.accept(self.place(&mode), rules::encapsulation(mode.as_ref()));
            self.config.tunnel.mode = mode.unwrap_or_default();
        }
        let vni = self.number(table.vni, rules::vni);
        let accept_vni = self.numbers(table.accept_vni, rules::vni);
        let vxlan_port = self.number(table.vxlan_port, rules::port);
        let geneve_port = self.number(table.geneve_port, rules::port);
        let gre_key = self.number(table.gre_key, rules::gre_key);
        let accepted = table.accept_gre_key.into_iter();
        let accept_gre_key = accepted
            .filter_map(|key| self.accept(self.place(&key), rules::accepted_gre_key(key.as_ref())))
            .collect();
        let ttl = self.number(table.ttl, rules::ttl);
        let tunnel = &mut self.config.tunnel;
        tunnel.vni = vni.unwrap_or(tunnel.vni);
        tunnel.accept_vni = accept_vni;
        tunnel.vxlan_port = narrow(vxlan_port, tunnel.vxlan_port);
        tunnel.geneve_port = narrow(geneve_port, tunnel.geneve_port);
        tunnel.gre_key = gre_key;
        tunnel.accept_gre_key = accept_gre_key;
        tunnel.ttl = narrow(ttl, tunnel.ttl);
        tunnel.udp_checksum = table.udp_checksum;
        tunnel.clamp_mss = table.clamp_mss;
        if let Some(dscp) = table.dscp {
            let dscp = self.accept(self.place(&dscp), rules::dscp(dscp.as_ref()));
            self.config.tunnel.dscp = dscp.unwrap_or_default();
        }
    }

    fn number(
        &mut self,
        value: Option<Spanned<i64>>,
        rule: fn(i64) -> Result<u32, Wrong>,
    ) -> Option<u32> {
        value.and_then(|value| self.accept(self.place(&value), rule(*value.as_ref())))
    }

    fn numbers(
        &mut self,
        values: Vec<Spanned<i64>>,
        rule: fn(i64) -> Result<u32, Wrong>,
    ) -> Vec<u32> {
        let numbers = values.into_iter();
        numbers
            .filter_map(|value| self.number(Some(value), rule))
            .collect()
    }

    fn limits(&mut self, LimitsTable { routes }: LimitsTable) {
        if let Some(routes) = routes {
            let place = self.place(&routes);
            self.config.places.route_limit = Some(place);
            if let Some(most) = self.accept(place, rules::route_limit(*routes.as_ref())) {
                self.config.limits.routes = most;
            }
        }
    }

    fn metrics(&mut self, MetricsTable { listen }: MetricsTable) {
        if let Some(listen) = listen {
            let address = listen.as_ref().parse::<SocketAddr>().map_err(|_| Wrong {
                title: format!("{:?} is not an address and port", listen.as_ref()),
                label: "cannot listen there".to_owned(),
                help: "write it as 127.0.0.1:9477 or [::1]:9477".to_owned(),
            });
            self.config.metrics = self.accept(self.place(&listen), address);
        }
    }
}

/// Where a route leads, as typed.
struct Target {
    via: Option<Spanned<String>>,
    dev: Option<Spanned<String>>,
    mode: Option<Spanned<String>>,
    vtep_mac: Option<Spanned<String>>,
    vni: Option<Spanned<i64>>,
    gre_key: Option<Spanned<i64>>,
}

/// A number that a rule keeps within the type's bounds, or else the default.
fn narrow<T: TryFrom<u32>>(number: Option<u32>, default: T) -> T {
    number
        .and_then(|number| number.try_into().ok())
        .unwrap_or(default)
}

fn wrong_at(span: Span, wrong: Wrong) -> Problem {
    Problem::new(wrong.title)
        .at(span, wrong.label)
        .help(wrong.help)
}

/// The name the kernel has for this host.
fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| rules::node(name).is_ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
