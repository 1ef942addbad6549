//! The order of things: each line is a look-up or a call into the core.

use routemesh_common::{Endpoint, Family, Interface, NextHop, Outcome, Route, RouteKind};
use routemesh_ebpf::{
    forward,
    icmp::Complaint,
    packet::Packet,
    parse::{self, Datagram},
    wire::Eth,
};

use crate::{
    count,
    ctx::{Tc, Xdp},
    maps, reply,
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
    let datagram = parse::frame(tc, tc.length(), interface.mac)?;
    let route = maps::route(datagram.dst, datagram.family).ok_or(Outcome::NoRoute)?;
    match route.kind {
        RouteKind::HOST => Err(Outcome::ToHost),
        RouteKind::BLACKHOLE => blackhole(route, &datagram),
        _ => match forward_tc(tc, &datagram, route) {
            Err(Stop::Complain(complaint)) => {
                count::route(route, datagram.length);
                reply::send(tc, interface, &datagram, complaint)
            }
            Err(Stop::End(outcome)) => Err(outcome),
            Ok(sent) => Ok(sent),
        },
    }
}

/// What a packet that came in at XDP ends as: on to another host, dropped, or left to tc.
#[inline(always)]
pub(crate) fn xdp(xdp: &mut Xdp, interface: &Interface) -> Result<Sent, Outcome> {
    let length = (xdp.end() - xdp.start()) as u32;
    let datagram = parse::frame(xdp, length, interface.mac)?;
    let route = maps::route(datagram.dst, datagram.family).ok_or(Outcome::NoRoute)?;
    match route.kind {
        RouteKind::BLACKHOLE => blackhole(route, &datagram),
        RouteKind::DIRECT => {
            let hop = maps::next_hop(route.target)?;
            if hop.resolved == 0 || datagram.ttl <= 1 || datagram.length > hop.mtu {
                return Err(Outcome::HandedUp);
            }
            // Not XDP_TX, even back out of the same interface: a veth takes that only when the
            // other end has an XDP program too, and loses the packet otherwise.
            let action = maps::redirect_xdp(hop.ifindex)?;
            count::route(route, datagram.length);
            not_back(xdp, xdp.ifindex(), hop)?;
            forward::decrement_ttl(xdp, datagram.family)?;
            forward::set_macs(xdp, hop.dst_mac, hop.src_mac)?;
            Ok(Sent {
                outcome: Outcome::Routed,
                action,
            })
        }
        _ => Err(Outcome::HandedUp),
    }
}

/// Why a packet is not sent on.
pub(crate) enum Stop {
    End(Outcome),
    Complain(Complaint),
}

impl From<Outcome> for Stop {
    #[inline(always)]
    fn from(outcome: Outcome) -> Self {
        Self::End(outcome)
    }
}

#[inline(always)]
fn forward_tc(tc: &mut Tc, datagram: &Datagram, route: &Route) -> Result<Sent, Stop> {
    if datagram.ttl <= 1 {
        return Err(Stop::Complain(Complaint::TimeExceeded));
    }
    if route.kind == RouteKind::DIRECT {
        return direct(tc, datagram, route);
    }
    match maps::endpoint(&datagram.dst) {
        Some(endpoint) => deliver(tc, datagram, route, endpoint),
        None => network(tc, datagram, route),
    }
}

#[inline(always)]
fn direct(tc: &mut Tc, datagram: &Datagram, route: &Route) -> Result<Sent, Stop> {
    let hop = maps::next_hop(route.target)?;
    not_back(tc, tc.ifindex(), hop).inspect_err(|_| count::route(route, datagram.length))?;
    fits(tc, datagram, hop.mtu)?;
    take(tc, datagram, route)?;
    Ok(Sent {
        outcome: Outcome::Routed,
        action: tc.redirect_neigh(hop.ifindex, hop.family, &hop.gateway)?,
    })
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
    forward::set_macs(tc, endpoint.mac, endpoint.gateway_mac)?;
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
    take(tc, datagram, route)?;
    Ok(Sent {
        outcome: Outcome::DeliveredByNeighbour,
        action: tc.redirect_neigh(route.target, datagram.family, &datagram.dst)?,
    })
}

/// A packet may leave by the interface it came in by (a router on a stick), but not to the very
/// station it came from: the two hosts would hand it to and fro until its TTL ends.
#[inline(always)]
fn not_back(packet: &impl Packet, ifindex: u32, hop: &NextHop) -> Result<(), Outcome> {
    if hop.ifindex == ifindex && hop.resolved == 1 && packet.header::<Eth>(0)?.src == hop.dst_mac {
        Err(Outcome::Loop)
    } else {
        Ok(())
    }
}

#[inline(always)]
fn fits(tc: &Tc, datagram: &Datagram, mtu: u32) -> Result<(), Stop> {
    if forward::wire_length(tc, datagram, tc.segment())? <= mtu {
        Ok(())
    } else if datagram.dont_fragment {
        Err(Stop::Complain(Complaint::TooBig(mtu)))
    } else {
        Err(Stop::End(Outcome::NeedsFragmentation))
    }
}

/// The packet is the route's from here on: what may still happen to it is not left to others.
#[inline(always)]
fn take(tc: &mut Tc, datagram: &Datagram, route: &Route) -> Result<(), Outcome> {
    count::route(route, datagram.length);
    forward::decrement_ttl(tc, datagram.family)?;
    if datagram.family == Family::V6 {
        tc.hop_limit_decremented();
    }
    Ok(())
}

#[inline(always)]
fn blackhole(route: &Route, datagram: &Datagram) -> Result<Sent, Outcome> {
    count::route(route, datagram.length);
    Err(Outcome::Blackhole)
}
