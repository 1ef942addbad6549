//! What host A knows of tunnels: a next hop for every kind over either family, each with routes
//! of either family, and two peers, of which one has them all behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::net::if_::if_nametoindex;
use routemesh::{model::mapped, reconcile::fib::Change};
use routemesh_common::{Family, NextHop, Route, RouteKind, Shim, TunnelSettings};

use super::{Rig, Roles, V4, V6};
use crate::packet::{HOST_A_MAC, HOST_B_MAC, Packet, Tunnel, expected_forward};

/// MAC of this host's tunnel endpoint.
pub const VTEP_A: [u8; 6] = [0x02, 0, 0, 0xaa, 0xa, 1];
/// MAC of the peer's.
pub const VTEP_B: [u8; 6] = [0x02, 0, 0, 0xaa, 0xb, 1];
/// The network.
pub const VNI: u32 = 0x12_3456;
/// The key.
pub const KEY: u32 = 0xa1b2_c3d4;
/// Another host, a peer too.
pub const HOST_C: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 3);
/// The same over IPv6.
pub const HOST_C_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0, 3);
/// TTL of outer headers.
pub const OUTER_TTL: u8 = 61;
/// Bytes the underlay carries.
const UNDERLAY_MTU: usize = 1500;
/// The first slot of these next hops and the first counter of their routes.
const FIRST: u32 = 100;

/// VXLAN with the network's VNI.
pub const VXLAN: Tunnel = Tunnel::Vxlan {
    port: 4789,
    vni: VNI,
};
/// Geneve with the same.
pub const GENEVE: Tunnel = Tunnel::Geneve {
    port: 6081,
    vni: VNI,
    options: &[],
};

const TUNNELS: [Tunnel; 7] = [
    Tunnel::Ipip,
    Tunnel::Gre(None),
    Tunnel::Gre(Some(KEY)),
    Tunnel::GreEthernet(None),
    Tunnel::GreEthernet(Some(KEY)),
    VXLAN,
    GENEVE,
];

/// A kind of tunnel over a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What is around the packet.
    pub tunnel: Tunnel,
    /// The family of the outer header.
    pub outer: Roles,
}

/// All of them.
pub fn ways() -> impl Iterator<Item = Way> {
    let over = |outer| TUNNELS.map(|tunnel| Way { tunnel, outer });
    over(V4).into_iter().chain(over(V6))
}

impl Way {
    /// A kind of tunnel over a family.
    #[must_use]
    pub fn new(tunnel: Tunnel, outer: Roles) -> Self {
        Self { tunnel, outer }
    }

    fn number(self) -> u32 {
        let tunnel = TUNNELS.iter().position(|tunnel| *tunnel == self.tunnel);
        let tunnel = tunnel.expect("a tunnel of this table") as u32;
        tunnel + if self.outer.is_v6() { 8 } else { 0 }
    }

    fn slot(self) -> u32 {
        FIRST + self.number()
    }

    /// The slot of the route's counter.
    #[must_use]
    pub fn counter(self, inner: Roles) -> u32 {
        FIRST + self.number() * 2 + u32::from(inner.is_v6())
    }

    /// A container at the other end.
    #[must_use]
    pub fn far(self, inner: Roles) -> IpAddr {
        let number = self.number();
        let text = if inner.is_v6() {
            format!("fd00:10:210:{number}::2")
        } else {
            format!("10.210.{number}.2")
        };
        text.parse().expect("an address")
    }

    /// What the tunnel adds to a packet's length.
    #[must_use]
    pub fn overhead(self) -> usize {
        self.outer.header() + self.tunnel.overhead()
    }

    /// The largest packet it carries.
    #[must_use]
    pub fn mtu(self) -> usize {
        UNDERLAY_MTU - self.overhead()
    }

    /// What `frame` must be on its way to the peer.
    #[must_use]
    pub fn wrapped(self, frame: &[u8]) -> Packet {
        let inner = expected_forward(frame, VTEP_A, VTEP_B);
        self.tunnel
            .around(&inner, self.outer.host(), self.outer.neighbour())
            .macs(HOST_A_MAC, HOST_B_MAC)
            .ttl(OUTER_TTL)
            .tos(class(frame))
    }

    /// The peer's packet to this host around `inner`.
    #[must_use]
    pub fn arriving(self, inner: &Packet) -> Packet {
        let inner = inner.clone().macs(VTEP_B, VTEP_A).build();
        self.tunnel
            .around(&inner, self.outer.neighbour(), self.outer.host())
            .macs(HOST_B_MAC, HOST_A_MAC)
    }

    /// Where the UDP source port stands.
    #[must_use]
    pub fn source_port(self) -> Option<usize> {
        self.tunnel.over_udp().then(|| 14 + self.outer.header())
    }

    /// Where the shim stands: behind the outer IP header, and behind UDP where there is it.
    #[must_use]
    pub fn shim(self) -> usize {
        14 + self.outer.header() + if self.tunnel.over_udp() { 8 } else { 0 }
    }

    fn hop(self) -> NextHop {
        let (shim, key, port) = match self.tunnel {
            Tunnel::Ipip => (Shim::IPIP, None, 0),
            Tunnel::Gre(key) => (Shim::GRE, key, 0),
            Tunnel::GreEthernet(key) => (Shim::GRE_ETHERNET, key, 0),
            Tunnel::Vxlan { port, .. } => (Shim::VXLAN, None, port),
            Tunnel::Geneve { port, .. } => (Shim::GENEVE, None, port),
        };
        let (local, remote) = (self.outer.host(), self.outer.neighbour());
        NextHop {
            dst_mac: HOST_B_MAC,
            resolved: 1,
            family: family(self.outer),
            src_mac: HOST_A_MAC,
            ifindex: if_nametoindex("eth0").expect("an uplink"),
            mtu: self.mtu() as u32,
            gateway: mapped(remote),
            shim,
            outer: family(self.outer),
            ttl: OUTER_TTL,
            dscp: 0xff,
            port: port.to_be_bytes(),
            keyed: u8::from(key.is_some()),
            vni: VNI,
            gre_key: key.unwrap_or(0),
            sum: self.sum(local, remote),
            local: mapped(local),
            remote: mapped(remote),
            inner_dst: VTEP_B,
            inner_src: VTEP_A,
            ..NextHop::default()
        }
    }

    /// As the field's documentation has it.
    fn sum(self, local: IpAddr, remote: IpAddr) -> u32 {
        let (IpAddr::V4(local), IpAddr::V4(remote)) = (local, remote) else {
            return 0;
        };
        let protocol = match self.tunnel {
            Tunnel::Ipip => 4,
            Tunnel::Gre(_) | Tunnel::GreEthernet(_) => 47,
            Tunnel::Vxlan { .. } | Tunnel::Geneve { .. } => 17,
        };
        let mut bytes = vec![0x45, 0, 0, 0, 0x40, 0, OUTER_TTL, protocol];
        bytes.extend(local.octets());
        bytes.extend(remote.octets());
        let words = bytes.chunks(2);
        words
            .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
            .sum()
    }
}

fn family(roles: Roles) -> Family {
    if roles.is_v6() {
        Family::V6
    } else {
        Family::V4
    }
}

/// Type of service or traffic class of the packet in a frame.
fn class(frame: &[u8]) -> u8 {
    if frame[14] >> 4 == 4 {
        frame[15]
    } else {
        frame[14] << 4 | frame[15] >> 4
    }
}

/// Tells the programs of all ways, and of the peers.
///
/// # Panics
/// When the kernel refuses.
pub fn fill(rig: &mut Rig) {
    for way in ways() {
        change(rig, way, |_| {});
        for inner in [V4, V6] {
            let length = if inner.is_v6() { 64 } else { 24 };
            route(rig, &format!("{}/{length}", way.far(inner)), way, inner);
        }
    }
    let peers = [
        V4.neighbour(),
        V6.neighbour(),
        HOST_C.into(),
        HOST_C_V6.into(),
    ];
    for peer in peers {
        rig.datapath.set_peer(peer).expect("set a peer");
    }
    settings(rig, false);
}

/// Describes the way's next hop, with a change.
///
/// # Panics
/// When the kernel refuses.
pub fn change(rig: &mut Rig, way: Way, change: impl FnOnce(&mut NextHop)) {
    let mut hop = way.hop();
    change(&mut hop);
    let set = rig.datapath.set_next_hop(way.slot(), hop);
    set.expect("set a next hop");
}

/// Routes a prefix by that way.
///
/// # Panics
/// When the kernel refuses.
pub fn route(rig: &mut Rig, prefix: &str, way: Way, inner: Roles) {
    let net: ipnet::IpNet = prefix.parse().expect("a prefix");
    let route = Route {
        kind: RouteKind::DIRECT,
        family: family(inner),
        source: 0,
        borrowed: 0,
        target: way.slot(),
        counter: way.counter(inner),
    };
    let prefix = net.trunc().to_string().parse().expect("a prefix");
    rig.change_routes(&[Change {
        dst: prefix,
        route: Some(route),
    }]);
}

/// Says what is ours; whether GRE has a key.
///
/// # Panics
/// When the kernel refuses.
pub fn settings(rig: &mut Rig, keyed: bool) {
    let settings = TunnelSettings {
        vni: VNI,
        gre_key: KEY,
        vxlan_port: 4789_u16.to_be_bytes(),
        geneve_port: 6081_u16.to_be_bytes(),
        gre_keyed: u8::from(keyed),
        ..TunnelSettings::default()
    };
    let set = rig.datapath.set_tunnel_settings(settings);
    set.expect("set the tunnels' settings");
}

/// Whether the way's packets are taken for ours when GRE has a key, or has none.
#[must_use]
pub fn is_ours(way: Way, keyed: bool) -> bool {
    match way.tunnel {
        Tunnel::Gre(key) | Tunnel::GreEthernet(key) => key.is_some() == keyed,
        Tunnel::Ipip | Tunnel::Vxlan { .. } | Tunnel::Geneve { .. } => true,
    }
}
