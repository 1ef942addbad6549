//! What interfaces, containers and hooks should be.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use routemesh_common::{ENDPOINT_SLOTS, Endpoint, Interface, OUTCOME_ROWS, RouteKind};

use crate::{
    api::LinkRole,
    config::Config,
    model::{self, Mac, Network, Prefix, Uplink, UplinkMode, World},
};

/// Outcome rows an interface has: one for tc, and one for XDP (an uplink's) or for its ports (a
/// network's).
const ROWS_EACH: u32 = 2;

/// A route of the host itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// [`RouteKind::LOCAL`] or [`RouteKind::HOST`].
    pub kind: RouteKind,
    /// The interface.
    pub ifindex: u32,
}

/// What is wished for at a hook of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The interface's name.
    pub name: String,
    /// What it is to us.
    pub role: LinkRole,
    /// The mode that was asked for, of an uplink.
    pub mode: UplinkMode,
    /// Whether `auto` may use XDP on it: it has a driver of its own.
    pub driver: bool,
}

/// What should be, apart from the routes that were asked for.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// Uplinks, with the one that was found where none is configured.
    pub uplinks: Vec<Uplink>,
    /// What the programs know of interfaces, by index.
    pub interfaces: BTreeMap<u32, Interface>,
    /// What is to be attached, by interface index.
    pub attachments: BTreeMap<u32, Attachment>,
    /// Containers by address.
    pub endpoints: BTreeMap<IpAddr, Endpoint>,
    /// Containers that their bridge knows no port of, by its index, with their addresses and MACs.
    pub strayed: BTreeSet<(u32, IpAddr, Mac)>,
    /// Routes of the host itself.
    pub routes: BTreeMap<Prefix, HostRoute>,
}

/// Rows of outcome counters, by interface name: a name keeps its row when the interface is
/// deleted and made again. The first pair is for packets of interfaces not set up yet.
#[derive(Debug, Default)]
pub struct Rows(Vec<String>);

impl Rows {
    /// The rows that interfaces have from a daemon before.
    #[must_use]
    pub fn found(interfaces: &BTreeMap<u32, Interface>, world: &World) -> Self {
        let mut names = Vec::new();
        for (index, interface) in interfaces {
            let pair = (interface.row / ROWS_EACH) as usize;
            let known = world.interfaces.get(index);
            if let (Some(known), 0, 1..) = (known, interface.port, pair) {
                names.resize(names.len().max(pair), String::new());
                names[pair - 1].clone_from(&known.name);
            }
        }
        Self(names)
    }

    /// The first row of an interface; those beyond the last pair share the first.
    pub fn of(&mut self, name: &str) -> u32 {
        let known = |wanted: &str| self.0.iter().position(|known| known == wanted);
        let at = known(name).or_else(|| known("")).unwrap_or(self.0.len());
        self.0.resize(self.0.len().max(at + 1), String::new());
        name.clone_into(&mut self.0[at]);
        let pair = at as u32 + 1;
        if (pair + 1) * ROWS_EACH > OUTCOME_ROWS {
            return 0;
        }
        pair * ROWS_EACH
    }

    /// Whether a row is some interface's, or the common one.
    #[must_use]
    pub fn is_in_use(&self, row: u32) -> bool {
        let pair = (row / ROWS_EACH) as usize;
        pair == 0 || self.0.get(pair - 1).is_some_and(|name| !name.is_empty())
    }

    /// The interface a row is of, and which of its rows it is.
    #[must_use]
    pub fn name(&self, row: u32) -> (&str, u32) {
        let pair = (row / ROWS_EACH) as usize;
        let name = pair.checked_sub(1).and_then(|pair| self.0.get(pair));
        (name.map_or("-", String::as_str), row % ROWS_EACH)
    }
}

/// What should be on this host.
pub fn plan(config: &Config, world: &World, rows: &mut Rows) -> Plan {
    let mut plan = Plan {
        uplinks: config.uplinks_in(world),
        ..Plan::default()
    };
    host_addresses(&mut plan, world);
    for uplink in &config.uplinks_in(world) {
        if let Some(interface) = world.interface(&uplink.interface) {
            add_uplink(&mut plan, uplink, interface, rows);
        }
    }
    for network in &config.networks {
        if let Some(interface) = world.interface(&network.interface) {
            let subnets = Config::subnets_in(network, world);
            add_network(&mut plan, network, interface, world, rows);
            for subnet in &subnets {
                let route = HostRoute {
                    kind: RouteKind::LOCAL,
                    ifindex: interface.index,
                };
                plan.routes.entry(*subnet).or_insert(route);
            }
            add_endpoints(&mut plan, interface, &subnets, world);
        }
    }
    plan
}

/// Packets for the host itself, and for a link's broadcast addresses, are the stack's.
fn host_addresses(plan: &mut Plan, world: &World) {
    for interface in world.interfaces.values() {
        let route = HostRoute {
            kind: RouteKind::HOST,
            ifindex: interface.index,
        };
        let addresses = interface
            .addresses
            .iter()
            .filter(|own| !own.addr().is_loopback() && !is_link_local(own.addr()));
        for own in addresses {
            plan.routes.insert(Prefix::host(own.addr()), route);
            // A link of two addresses has neither broadcast nor anycast (RFC 3021, RFC 6164).
            if own.prefix_len() + 1 < own.max_prefix_len() {
                plan.routes.insert(Prefix::host(own.network()), route);
                if own.addr().is_ipv4() {
                    plan.routes.insert(Prefix::host(own.broadcast()), route);
                }
            }
        }
    }
}

/// Packets to link-local addresses are the stack's whatever the table says.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn add_uplink(plan: &mut Plan, uplink: &Uplink, interface: &model::Interface, rows: &mut Rows) {
    let entry = described(interface, rows.of(&interface.name));
    plan.interfaces.insert(interface.index, entry);
    plan.attachments.insert(
        interface.index,
        Attachment {
            name: interface.name.clone(),
            role: LinkRole::Uplink,
            mode: uplink.mode,
            driver: interface.kind.is_none(),
        },
    );
}

fn add_network(
    plan: &mut Plan,
    network: &Network,
    interface: &model::Interface,
    world: &World,
    rows: &mut Rows,
) {
    let entry = Interface {
        container: 1,
        ..described(interface, rows.of(&network.interface))
    };
    plan.interfaces.insert(interface.index, entry);
    let attachment = |interface: &model::Interface, role| Attachment {
        name: interface.name.clone(),
        role,
        mode: UplinkMode::Tc,
        driver: false,
    };
    plan.attachments
        .insert(interface.index, attachment(interface, LinkRole::Network));
    for port in world.ports(interface.index) {
        let entry = Interface {
            port: 1,
            row: entry.row + 1,
            ifindex: port.index,
            ..entry
        };
        plan.interfaces.insert(port.index, entry);
        plan.attachments
            .insert(port.index, attachment(port, LinkRole::Port));
    }
}

fn described(interface: &model::Interface, row: u32) -> Interface {
    let mut ipv4 = [0; 4];
    let mut ipv6 = [0; 16];
    // In reverse, so that the first of each family stays; a link-local one only for want of
    // another.
    for own in interface.addresses.iter().rev() {
        match own.addr() {
            IpAddr::V4(address) => ipv4 = address.octets(),
            IpAddr::V6(_) if is_link_local(own.addr()) && ipv6 != [0; 16] => {}
            IpAddr::V6(address) => ipv6 = address.octets(),
        }
    }
    Interface {
        mac: interface.mac.0,
        port: 0,
        container: 0,
        row,
        ifindex: interface.index,
        ipv4,
        ipv6,
        mtu: interface.mtu,
    }
}

/// The containers of a network: its neighbours, each behind the port where the bridge saw it.
fn add_endpoints(plan: &mut Plan, interface: &model::Interface, subnets: &[Prefix], world: &World) {
    let bridge = interface.kind.as_deref() == Some("bridge");
    let first = (interface.index, IpAddr::from([0, 0, 0, 0]));
    let neighbours = world
        .neighbours
        .range(first..)
        .take_while(|((index, _), _)| *index == interface.index);
    for ((_, address), mac) in neighbours {
        let port = if bridge {
            world
                .fdb
                .get(&(interface.index, *mac))
                .and_then(|port| world.interfaces.get(port))
        } else {
            Some(interface)
        };
        if !subnets.iter().any(|subnet| subnet.contains(*address)) {
            continue;
        }
        let Some(port) = port else {
            plan.strayed.insert((interface.index, *address, *mac));
            continue;
        };
        if plan.endpoints.len() < ENDPOINT_SLOTS as usize {
            let veth = port.kind.as_deref() == Some("veth") && port.peer_elsewhere;
            let endpoint = Endpoint {
                mac: mac.0,
                peer: u8::from(veth),
                reserved: 0,
                gateway_mac: interface.mac.0,
                reserved2: [0; 2],
                ifindex: port.index,
                mtu: interface.mtu,
            };
            plan.endpoints.insert(*address, endpoint);
        }
    }
}

impl Plan {
    /// Interfaces of a role, with what is wished for there.
    pub fn of_role(&self, role: LinkRole) -> impl Iterator<Item = (u32, &Attachment)> {
        self.attachments
            .iter()
            .filter(move |(_, attachment)| attachment.role == role)
            .map(|(index, attachment)| (*index, attachment))
    }

    /// Indices of the uplinks there are.
    #[must_use]
    pub fn uplink_indices(&self) -> BTreeSet<u32> {
        self.of_role(LinkRole::Uplink)
            .map(|(index, _)| index)
            .collect()
    }
}
