//! What host A knows by default: interfaces, routes, next hops and containers of both families.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::Result;
use routemesh::{
    datapath::Datapath,
    model::{Prefix, mapped},
    reconcile::fib::Change,
};
use routemesh_common::{Endpoint, Family, Interface, NextHop, Route, RouteKind};

use super::{Place, Rig, rig::ifindex};
use crate::packet::{
    CONTAINER_A, CONTAINER_A_MAC, CONTAINER_A_V6, CONTAINER_A2, CONTAINER_A2_V6, CONTAINER_B,
    CONTAINER_B_V6, DOCKER_A_MAC, GATEWAY_A, GATEWAY_A_V6, HOST_A, HOST_A_MAC, HOST_A_V6, HOST_B,
    HOST_B_MAC, HOST_B_V6, STRANGER, STRANGER_V6,
};

/// VNI of the routes that a test gives no other.
pub const NETWORK: u32 = 100;
/// MAC of the second container network's bridge.
pub const DOCKER1_MAC: [u8; 6] = [0x02, 0, 0, 0xd0, 0xa, 2];
/// MAC of the second uplink.
pub const ETH1_MAC: [u8; 6] = [0x02, 0, 0, 0xe0, 0xa, 2];
/// MAC of the next hop behind the second uplink.
pub const NEXT_MAC: [u8; 6] = [0x02, 0, 0, 0xe0, 0xc, 1];
/// MAC of a container that is on no veth pair.
pub const PEERLESS_MAC: [u8; 6] = [0x02, 0, 0, 0xc0, 0xa, 9];

/// An IPv4 address behind an IPv6 next hop.
pub const CROSSED: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 80, 0, 2));

/// The two families.
pub const FAMILIES: [Roles; 2] = [V4, V6];
/// The roles over IPv4.
pub const V4: Roles = Roles { v6: false };
/// The roles over IPv6.
pub const V6: Roles = Roles { v6: true };

/// The commands of `ip` that make the interfaces.
pub(super) const INTERFACES: &str = "\
link add eth0 address 02:00:00:e0:0a:01 type veth peer name wire0
link add eth1 address 02:00:00:e0:0a:02 type veth peer name wire1
link add docker0 address 02:00:00:d0:0a:01 type bridge
link add docker1 address 02:00:00:d0:0a:02 type bridge
link add port0 type veth peer name inside0
link set port0 master docker0
link add bare0 type veth peer name unknown0
link set eth0 up
link set eth1 up
link set docker0 up
link set docker1 up
link set port0 up
link set bare0 up
link set unknown0 up
";

/// Addresses by role, of one family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    v6: bool,
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.v6 { "IPv6" } else { "IPv4" })
    }
}

impl Roles {
    fn pick(self, v4: impl Into<IpAddr>, v6: impl Into<IpAddr>) -> IpAddr {
        if self.v6 { v6.into() } else { v4.into() }
    }

    /// The address, written for both families.
    fn parsed(self, v4: &str, v6: &str) -> IpAddr {
        let text = if self.v6 { v6 } else { v4 };
        text.parse().expect("an address of this table")
    }

    /// Whether these are IPv6's.
    #[must_use]
    pub fn is_v6(self) -> bool {
        self.v6
    }

    /// Bytes of an IP header.
    #[must_use]
    pub fn header(self) -> usize {
        if self.v6 { 40 } else { 20 }
    }

    /// A container of this host, of which the interface is known.
    #[must_use]
    pub fn container(self) -> IpAddr {
        self.pick(CONTAINER_A, CONTAINER_A_V6)
    }

    /// A container of this host, of which nothing is known yet.
    #[must_use]
    pub fn unlearnt(self) -> IpAddr {
        self.pick(CONTAINER_A2, CONTAINER_A2_V6)
    }

    /// A container of this host whose network carries packets of 1400 bytes.
    #[must_use]
    pub fn narrow_container(self) -> IpAddr {
        self.parsed("10.100.0.14", "fd00:10:100::14")
    }

    /// A container of this host's second network that is on no veth pair.
    #[must_use]
    pub fn peerless(self) -> IpAddr {
        self.parsed("10.101.0.9", "fd00:10:101::9")
    }

    /// A container of host B.
    #[must_use]
    pub fn remote(self) -> IpAddr {
        self.pick(CONTAINER_B, CONTAINER_B_V6)
    }

    /// An address that a route within host B's subnet is for.
    #[must_use]
    pub fn specific(self) -> IpAddr {
        self.parsed("10.200.0.130", "fd00:10:200:0:8000::2")
    }

    /// A container of this host's second network, of which nothing is known yet. The network
    /// carries packets of 1400 bytes.
    #[must_use]
    pub fn narrow_unlearnt(self) -> IpAddr {
        self.parsed("10.101.0.14", "fd00:10:101::14")
    }

    /// An address behind a next hop that is not resolved.
    #[must_use]
    pub fn unresolved(self) -> IpAddr {
        self.parsed("10.60.0.2", "fd00:10:60::2")
    }

    /// An address behind a next hop that carries packets of 1400 bytes.
    #[must_use]
    pub fn narrow(self) -> IpAddr {
        self.parsed("10.70.0.2", "fd00:10:70::2")
    }

    /// An address behind an interface that XDP may not send out of.
    #[must_use]
    pub fn portless(self) -> IpAddr {
        self.parsed("10.90.0.2", "fd00:10:90::2")
    }

    /// An address that a blackhole is for.
    #[must_use]
    pub fn hole(self) -> IpAddr {
        self.parsed("10.50.0.2", "fd00:10:50::2")
    }

    /// An address within host B's subnet that a blackhole is for.
    #[must_use]
    pub fn hole_in_remote(self) -> IpAddr {
        self.parsed("10.200.0.66", "fd00:10:200::66")
    }

    /// This host, as its containers see it.
    #[must_use]
    pub fn gateway(self) -> IpAddr {
        self.pick(GATEWAY_A, GATEWAY_A_V6)
    }

    /// This host on the wire.
    #[must_use]
    pub fn host(self) -> IpAddr {
        self.pick(HOST_A, HOST_A_V6)
    }

    /// Host B on the wire.
    #[must_use]
    pub fn neighbour(self) -> IpAddr {
        self.pick(HOST_B, HOST_B_V6)
    }

    /// An address no route is for.
    #[must_use]
    pub fn stranger(self) -> IpAddr {
        self.pick(STRANGER, STRANGER_V6)
    }

    fn family(self) -> Family {
        if self.v6 { Family::V6 } else { Family::V4 }
    }

    /// The prefix that a route of the default table has.
    fn prefix(self, known: Known) -> Prefix {
        let [v4, v6] = match known {
            Known::Network => ["10.100.0.0/24", "fd00:10:100::/64"],
            Known::SecondNetwork => ["10.101.0.0/24", "fd00:10:101::/64"],
            Known::Remote => ["10.200.0.0/24", "fd00:10:200::/64"],
            Known::Specific => ["10.200.0.128/25", "fd00:10:200:0:8000::/65"],
            Known::Unresolved => ["10.60.0.0/24", "fd00:10:60::/64"],
            Known::Narrow => ["10.70.0.0/24", "fd00:10:70::/64"],
            Known::Crossed => ["10.80.0.0/24", "fd00:10:80::/64"],
            Known::Portless => ["10.90.0.0/24", "fd00:10:90::/64"],
            Known::Hole => ["10.50.0.0/16", "fd00:10:50::/48"],
            Known::HoleInRemote => ["10.200.0.66/32", "fd00:10:200::66/128"],
        };
        let text = if self.v6 { v6 } else { v4 };
        text.parse().expect("a prefix of this table")
    }

    fn route(self, kind: RouteKind, target: u32, counter: u32) -> Route {
        Route {
            kind,
            family: self.family(),
            source: 0,
            borrowed: 0,
            target,
            counter,
        }
    }

    /// The slot of a route's counter.
    #[must_use]
    pub fn counter(self, known: Known) -> u32 {
        1 + known as u32 + if self.v6 { 32 } else { 0 }
    }
}

/// Where a route of a test's own leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the next hop behind the second uplink.
    NextHop,
    /// To the containers of the second network.
    Network,
    /// To this host.
    Host,
    /// Nowhere.
    Hole,
}

impl Rig {
    /// Adds a route to the default table, or replaces one.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn set_route(&mut self, dst: Prefix, target: Target, counter: u32) {
        let route = Some(self.route(dst, target, counter));
        self.change_routes(&[Change { dst, route }]);
    }

    /// A route of a test's own.
    #[must_use]
    pub fn route(&self, dst: Prefix, target: Target, counter: u32) -> Route {
        let roles = if dst.is_ipv6() { V6 } else { V4 };
        let (kind, target) = match target {
            Target::NextHop => (RouteKind::DIRECT, slot(roles, VIA_ETH1)),
            Target::Network => (RouteKind::LOCAL, ifindex("docker1")),
            Target::Host => (RouteKind::HOST, 0),
            Target::Hole => (RouteKind::BLACKHOLE, 0),
        };
        roles.route(kind, target, counter)
    }
}

/// The routes of the default table that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// This host's containers.
    Network,
    /// The containers of its second network.
    SecondNetwork,
    /// Host B's containers, through host B on the first uplink.
    Remote,
    /// Half of them, through the second uplink.
    Specific,
    /// A next hop that is not resolved.
    Unresolved,
    /// A next hop with a small MTU.
    Narrow,
    /// An IPv4 route through an IPv6 next hop.
    Crossed,
    /// A next hop behind an interface that is no device of XDP's map.
    Portless,
    /// A blackhole.
    Hole,
    /// A blackhole for one address of host B's.
    HoleInRemote,
}

/// Fills the maps.
pub(super) fn fill(datapath: &mut Datapath) -> Result<()> {
    for name in ["eth0", "eth1"] {
        datapath.set_tx_port(ifindex(name))?;
    }
    for place in Place::DESCRIBED {
        datapath.set_interface(interface(place))?;
    }
    let narrow = Interface {
        ifindex: ifindex("docker1"),
        mtu: 1400,
        ..interface(Place::Docker)
    };
    datapath.set_interface(narrow)?;
    for roles in FAMILIES {
        next_hops(datapath, roles)?;
        endpoints(datapath, roles)?;
    }
    Ok(())
}

fn interface(place: Place) -> Interface {
    let mac = match place {
        Place::Docker | Place::Port => DOCKER_A_MAC,
        Place::Uplink | Place::UplinkXdp | Place::Bare | Place::Unknown | Place::UnknownXdp => {
            HOST_A_MAC
        }
    };
    let (ipv4, ipv6) = match place {
        Place::Docker | Place::Port => (GATEWAY_A.octets(), GATEWAY_A_V6.octets()),
        Place::Uplink | Place::UplinkXdp => (HOST_A.octets(), HOST_A_V6.octets()),
        Place::Bare | Place::Unknown | Place::UnknownXdp => ([0; 4], [0; 16]),
    };
    Interface {
        mac,
        port: u8::from(place == Place::Port),
        container: u8::from(matches!(place, Place::Docker | Place::Port)),
        row: place.row(),
        ifindex: place.ifindex(),
        ipv4,
        ipv6,
        mtu: 1500,
    }
}

/// Slots of the next hops, which IPv6's come behind.
const VIA_B: u32 = 1;
const VIA_ETH1: u32 = 2;
const UNRESOLVED: u32 = 3;
const NARROW: u32 = 4;
const PORTLESS: u32 = 5;

fn slot(roles: Roles, hop: u32) -> u32 {
    hop + if roles.v6 { 8 } else { 0 }
}

fn next_hops(datapath: &mut Datapath, roles: Roles) -> Result<()> {
    let via_b = NextHop {
        dst_mac: HOST_B_MAC,
        resolved: 1,
        family: roles.family(),
        src_mac: HOST_A_MAC,
        clamp_mss: 0,
        reserved: 0,
        ifindex: ifindex("eth0"),
        mtu: 1500,
        gateway: mapped(roles.neighbour()),
        vni: NETWORK,
        ..NextHop::default()
    };
    let via_eth1 = NextHop {
        dst_mac: NEXT_MAC,
        src_mac: ETH1_MAC,
        ifindex: ifindex("eth1"),
        ..via_b
    };
    let unresolved = NextHop {
        dst_mac: [0; 6],
        resolved: 0,
        ..via_eth1
    };
    let narrow = NextHop {
        mtu: 1400,
        ..via_eth1
    };
    let portless = NextHop {
        ifindex: ifindex("bare0"),
        ..via_b
    };
    for (hop, next_hop) in [
        (VIA_B, via_b),
        (VIA_ETH1, via_eth1),
        (UNRESOLVED, unresolved),
        (NARROW, narrow),
        (PORTLESS, portless),
    ] {
        datapath.set_next_hop(slot(roles, hop), next_hop)?;
    }
    Ok(())
}

/// The routes.
pub(super) fn routes() -> Vec<Change> {
    FAMILIES.into_iter().flat_map(routes_of).collect()
}

fn routes_of(roles: Roles) -> Vec<Change> {
    let mut routes = Vec::new();
    for (known, kind, target) in [
        (Known::Network, RouteKind::LOCAL, ifindex("docker0")),
        (Known::SecondNetwork, RouteKind::LOCAL, ifindex("docker1")),
        (Known::Remote, RouteKind::DIRECT, slot(roles, VIA_B)),
        (Known::Specific, RouteKind::DIRECT, slot(roles, VIA_ETH1)),
        (
            Known::Unresolved,
            RouteKind::DIRECT,
            slot(roles, UNRESOLVED),
        ),
        (Known::Narrow, RouteKind::DIRECT, slot(roles, NARROW)),
        // For both families: the kernel sends no IPv6 packets to IPv4 neighbours.
        (Known::Crossed, RouteKind::DIRECT, slot(V6, VIA_B)),
        (Known::Portless, RouteKind::DIRECT, slot(roles, PORTLESS)),
        (Known::Hole, RouteKind::BLACKHOLE, 0),
        (Known::HoleInRemote, RouteKind::BLACKHOLE, 0),
    ] {
        routes.push(Change {
            dst: roles.prefix(known),
            route: Some(roles.route(kind, target, roles.counter(known))),
        });
    }
    for address in [roles.gateway(), roles.host()] {
        routes.push(Change {
            dst: Prefix::host(address),
            route: Some(roles.route(RouteKind::HOST, 0, 0)),
        });
    }
    routes
}

fn endpoints(datapath: &mut Datapath, roles: Roles) -> Result<()> {
    let container = Endpoint {
        mac: CONTAINER_A_MAC,
        peer: 1,
        reserved: 0,
        gateway_mac: DOCKER_A_MAC,
        reserved2: [0; 2],
        ifindex: ifindex("port0"),
        mtu: 1500,
    };
    let narrow = Endpoint {
        mtu: 1400,
        ..container
    };
    let peerless = Endpoint {
        mac: PEERLESS_MAC,
        peer: 0,
        gateway_mac: DOCKER1_MAC,
        ifindex: ifindex("docker1"),
        ..container
    };
    datapath.set_endpoint(roles.container(), container)?;
    datapath.set_endpoint(roles.narrow_container(), narrow)?;
    datapath.set_endpoint(roles.peerless(), peerless)
}
