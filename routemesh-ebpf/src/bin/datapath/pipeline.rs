//! The order of things: each line is a look-up or a call into the core.

use routemesh_common::{
    Endpoint, Family, Interface, NetworkUse, NextHop, Outcome, Route, RouteKind, Shim,
};
use routemesh_ebpf::{
    forward,
    icmp::Complaint,
    packet::{Packet, Resize},
    parse::{self, Datagram},
    tunnel::{self, Arrival},
    wire::{Address, ETH_LEN, Eth},
};

use crate::{
    count,
    ctx::{Tc, Xdp},
    fragments, maps, reply,
    routes::Table,
};

/// A packet on its way: how it ended, and what the kernel is to do with it.
pub(crate) struct Sent {
    pub(crate) outcome: Outcome,
    pub(crate) action: u32,
}

/// What a packet that came in at tc ends as.
#[inline(always)]
pub(crate) fn tc(tc: &mut Tc, interface: &Interface) -> Result<Sent, Outcome> {
    if tc.has_vlan_tag() {
        return Err(Outcome::Vlan);
    }
    let Bound {
        table,
        datagram,
        route,
        peer,
    } = bound(tc, interface, Tc::length)?;
    match route.kind {
        RouteKind::HOST => Err(Outcome::ToHost),
        RouteKind::BLACKHOLE => blackhole(route, &datagram),
        _ => match fragments::trim(tc, &datagram)
            .map_err(Stop::End)
            .and_then(|()| forward_tc(tc, &datagram, route, peer))
        {
            Err(Stop::Complain(complaint)) => {
                count::route(route, datagram.length());
                reply::send(
                    tc,
                    interface,
                    &datagram,
                    Taken {
                        table,
                        route: *route,
                    },
                    complaint,
                )
            }
            Err(Stop::Divide(mtu)) => fragments::send(tc, &datagram, mtu),
            Err(Stop::End(outcome)) => Err(outcome),
            Ok(sent) => Ok(sent),
        },
    }
}

/// What a packet that came in at XDP ends as: on to another host, dropped, or left to tc.
#[inline(always)]
pub(crate) fn xdp(xdp: &mut Xdp, interface: &Interface) -> Result<Sent, Outcome> {
    let Bound {
        datagram,
        route,
        peer,
        ..
    } = bound(xdp, interface, Xdp::length)?;
    match route.kind {
        RouteKind::BLACKHOLE => blackhole(route, &datagram),
        RouteKind::DIRECT => {
            let hop = maps::next_hop(route.target)?;
            // Of a frame, since it may be the first part of one that was cut.
            let most = hop.mtu + ETH_LEN as u32;
            if hop.resolved == 0 || datagram.ttl() <= 1 || xdp.length() > most {
                return Err(Outcome::HandedUp);
            }
            if hop.clamp_mss == 1 && tunnel::opens(xdp, &datagram).is_some() {
                return Err(Outcome::HandedUp);
            }
            // Not XDP_TX, even back out of the same interface: a veth takes that only when the
            // other end has an XDP program too, and loses the packet otherwise.
            let action = maps::redirect_xdp(hop.ifindex)?;
            count::route(route, datagram.length());
            not_back(xdp, xdp.ifindex(), hop, peer)?;
            forward::decrement_ttl(xdp, datagram.family())?;
            let outcome = if hop.shim == Shim::NONE {
                forward::set_macs(xdp, &hop.dst_mac, &hop.src_mac)?;
                Outcome::Routed
            } else {
                tunnel::push(xdp, &datagram, hop)?;
                Outcome::Encapsulated
            };
            Ok(Sent { outcome, action })
        }
        _ => Err(Outcome::HandedUp),
    }
}

/// A copy of the route a packet took, and the table it is of.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) table: Table,
    pub(crate) route: Route,
}

/// A packet out of its tunnel, if it was in one, and the route it takes.
struct Bound {
    /// The one table that all is looked up in.
    table: Table,
    datagram: Datagram,
    route: &'static Route,
    /// Whose tunnel the packet came out of.
    peer: Address,
}

/// Takes the packet out of a tunnel of ours, and looks its destination up.
///
/// A packet that was in a tunnel is looked at anew, as if its peer had sent it in the open.
#[inline(always)]
fn bound<P: Resize>(
    packet: &mut P,
    interface: &Interface,
    length: impl Fn(&P) -> u32,
) -> Result<Bound, Outcome> {
    let table = Table::now();
    let mut peer = Address::NONE;
    let mut most = u32::MAX;
    for round in 0..2 {
        let inside = round == 1;
        let datagram =
            parse::frame(packet, length(packet).min(most), &interface.mac).map_err(|outcome| {
                if inside {
                    refused_inside(outcome)
                } else {
                    outcome
                }
            })?;
        if !inside
            && interface.container == 1
            && tunnel::resembles(packet, &datagram, maps::tunnel_settings()?)
            && maps::is_peer(datagram.dst())
        {
            return Err(Outcome::ForgedTunnel);
        }
        // That the interface's own addresses are this host's need not be looked up.
        if interface.container == 1 || !is_own(interface, &datagram) {
            let route = table
                .route(datagram.dst(), datagram.family())
                .ok_or(if inside {
                    Outcome::NoInnerRoute
                } else {
                    Outcome::NoRoute
                })?;
            if route.kind != RouteKind::HOST || interface.container == 1 {
                return Ok(Bound {
                    table,
                    datagram,
                    route,
                    peer,
                });
            }
        }
        // Only packets for this host can be a tunnel's; others need not look the settings up.
        let settings = maps::tunnel_settings()?;
        if inside {
            // XDP would leave it to tc, and tc would take it for a peer's in the open.
            return Err(if tunnel::resembles(packet, &datagram, settings) {
                Outcome::ForgedTunnel
            } else {
                Outcome::ToHost
            });
        }
        let is_ours = |network| maps::network(network).is_some();
        let arrival = tunnel::arrival(packet, &datagram, settings, maps::is_peer, is_ours)?
            .ok_or(Outcome::ToHost)?;
        owned(table, &arrival)?;
        tunnel::strip(packet, &arrival)?;
        peer = arrival.from;
        // The frame may be longer, but what the outer header does not hold is not the peer's.
        most = ETH_LEN as u32 + datagram.length().saturating_sub(arrival.room.length());
    }
    Err(Outcome::ToHost)
}

/// Whether it is for an address of the interface. No packet that was read is for the unspecified
/// address, which stands for none here.
#[inline(always)]
fn is_own(interface: &Interface, datagram: &Datagram) -> bool {
    if datagram.family() == Family::V4 {
        // The rest is the same in all.
        datagram.dst().words()[3] == u32::from_ne_bytes(interface.ipv4)
    } else {
        datagram.dst() == Address::v6(&interface.ipv6)
    }
}

/// What the stack would get if it came in the open is not let out of a tunnel; but the stack
/// has what only it can handle.
#[inline(always)]
fn refused_inside(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Group | Outcome::LinkLocal | Outcome::NotIp | Outcome::Vlan => {
            Outcome::NoInnerRoute
        }
        outcome => outcome,
    }
}

/// A peer may speak for itself and for the subnets that are routed to it, and for no other; for
/// those in the network that they are routed by.
///
/// Whoever packets are routed to is a peer, so that is not looked up for most.
#[inline(always)]
fn owned(table: Table, arrival: &Arrival) -> Result<(), Outcome> {
    let (itself, network) = (arrival.source == arrival.from, arrival.network);
    match hop_to(table, arrival) {
        Some(hop) if Address::v6(hop.peer()) == arrival.from => {
            if itself || hop.is_of(network) || maps::network(network) == Some(NetworkUse::ANY) {
                Ok(())
            } else {
                Err(Outcome::WrongNetwork)
            }
        }
        _ if !maps::is_peer(arrival.from) => Err(arrival.of_stranger()),
        _ if itself => Ok(()),
        _ => Err(Outcome::SpoofedSource),
    }
}

/// The next hop that packets to the sender of the inner packet are sent to.
#[inline(always)]
fn hop_to(table: Table, arrival: &Arrival) -> Option<&'static NextHop> {
    let route = table.route(arrival.source, arrival.inner)?;
    if route.kind == RouteKind::DIRECT {
        maps::next_hop(route.target).ok()
    } else {
        None
    }
}

/// Why a packet is not sent on.
pub(crate) enum Stop {
    End(Outcome),
    Complain(Complaint),
    /// It is to be cut into packets of so many bytes.
    Divide(u32),
}

impl From<Outcome> for Stop {
    #[inline(always)]
    fn from(outcome: Outcome) -> Self {
        Self::End(outcome)
    }
}

#[inline(always)]
fn forward_tc(
    tc: &mut Tc,
    datagram: &Datagram,
    route: &Route,
    peer: Address,
) -> Result<Sent, Stop> {
    if datagram.ttl() <= 1 {
        return Err(Stop::Complain(Complaint::TimeExceeded));
    }
    if route.kind == RouteKind::DIRECT {
        return direct(tc, datagram, route, peer);
    }
    match maps::endpoint(&datagram.dst()) {
        Some(endpoint) => deliver(tc, datagram, route, endpoint),
        None => network(tc, datagram, route),
    }
}

#[inline(always)]
fn direct(tc: &mut Tc, datagram: &Datagram, route: &Route, peer: Address) -> Result<Sent, Stop> {
    let hop = maps::next_hop(route.target)?;
    not_back(tc, tc.ifindex(), hop, peer)
        .inspect_err(|_| count::route(route, datagram.length()))?;
    fits(tc, datagram, hop.mtu)?;
    take(tc, datagram, route)?;
    let outcome = if hop.shim == Shim::NONE {
        Outcome::Routed
    } else {
        if hop.clamp_mss == 1 {
            tunnel::clamp(tc, datagram, hop.mtu)?;
        }
        tunnel::push(tc, datagram, hop)?;
        Outcome::Encapsulated
    };
    // The kernel drops packets to a neighbour that is deleted while they look for it, as by an
    // operator's `ip neigh flush`. Without a daemon only the kernel knows of another MAC.
    let action = if hop.resolved == 1 && maps::neighbours_are_followed() {
        forward::set_macs(tc, &hop.dst_mac, &hop.src_mac)?;
        tc.redirect(hop.ifindex)?
    } else {
        tc.redirect_neigh(hop.ifindex, hop.family, Address::v6(&hop.gateway))?
    };
    Ok(Sent { outcome, action })
}

#[inline(always)]
fn deliver(
    tc: &mut Tc,
    datagram: &Datagram,
    route: &Route,
    endpoint: &Endpoint,
) -> Result<Sent, Stop> {
    fits(tc, datagram, endpoint.mtu)?;
    take(tc, datagram, route)?;
    forward::set_macs(tc, &endpoint.mac, &endpoint.gateway_mac)?;
    let action = if endpoint.peer == 1 {
        tc.redirect_peer(endpoint.ifindex)?
    } else {
        tc.redirect(endpoint.ifindex)?
    };
    Ok(Sent {
        outcome: Outcome::Delivered,
        action,
    })
}

#[inline(always)]
fn network(tc: &mut Tc, datagram: &Datagram, route: &Route) -> Result<Sent, Stop> {
    // A bridge drops what is too big for it without a word.
    if let Some(network) = maps::interface(route.target) {
        fits(tc, datagram, network.mtu)?;
    }
    take(tc, datagram, route)?;
    Ok(Sent {
        outcome: Outcome::DeliveredByNeighbour,
        action: tc.redirect_neigh(route.target, datagram.family(), datagram.dst())?,
    })
}

/// A packet may leave by the interface it came in by (a router on a stick), but not to the very
/// station or, in a tunnel, to the very peer it came from: the two hosts would hand it to and fro
/// until its TTL ends.
#[inline(always)]
fn not_back(
    packet: &impl Packet,
    ifindex: u32,
    hop: &NextHop,
    peer: Address,
) -> Result<(), Outcome> {
    let back = if hop.shim == Shim::NONE {
        hop.ifindex == ifindex && hop.resolved == 1 && packet.header::<Eth>(0)?.src == hop.dst_mac
    } else {
        Address::v6(&hop.remote) == peer
    };
    if back { Err(Outcome::Loop) } else { Ok(()) }
}

#[inline(always)]
fn fits(tc: &Tc, datagram: &Datagram, mtu: u32) -> Result<(), Stop> {
    if forward::wire_length(tc, datagram, tc.segment())? <= mtu {
        Ok(())
    } else if datagram.dont_fragment() {
        Err(Stop::Complain(Complaint::TooBig(mtu)))
    } else {
        Err(Stop::Divide(mtu))
    }
}

/// The packet is the route's from here on: what may still happen to it is not left to others.
#[inline(always)]
fn take(tc: &mut Tc, datagram: &Datagram, route: &Route) -> Result<(), Outcome> {
    count::route(route, datagram.length());
    forward::decrement_ttl(tc, datagram.family())?;
    if datagram.family() == Family::V6 {
        tc.hop_limit_decremented();
    }
    Ok(())
}

#[inline(always)]
fn blackhole(route: &Route, datagram: &Datagram) -> Result<Sent, Outcome> {
    count::route(route, datagram.length());
    Err(Outcome::Blackhole)
}
