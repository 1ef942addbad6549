//! Answering a packet with an ICMP error.

use routemesh_common::{Family, Interface, Outcome, Route, RouteKind, Shim};
use routemesh_ebpf::{
    forward,
    icmp::{self, Complaint},
    parse::{self, Datagram},
    wire::ETH_LEN,
};

use crate::{
    count,
    ctx::Tc,
    maps,
    pipeline::{Sent, Taken},
    routes::Table,
};

/// Turns the packet, which took that route, into an ICMP error about itself and sends it back where
/// it came from.
#[inline(always)]
pub(crate) fn send(
    tc: &mut Tc,
    interface: &Interface,
    datagram: &Datagram,
    taken: Taken,
    complaint: Complaint,
) -> Result<Sent, Outcome> {
    let (from, ifindex) = if is_tunnelled(tc, interface, datagram, taken.table) {
        inside(tc, &taken.route, interface)
    } else {
        (interface, 0)
    };
    if !has_address(from, datagram.family()) {
        return Err(Outcome::ErrorSuppressed);
    }
    icmp::may_complain(tc, datagram)?;
    count::take_error_token()?;
    let most = icmp::most_quoted(datagram.family());
    let quote = (datagram.length() as usize).min(most);
    let room = icmp::room(datagram.family());
    // Cut first, so that what Ethernet padded is not quoted. The kernel refuses where a packet out
    // of a tunnel came from this very machine, still marked as one that is in a tunnel.
    tc.resize((ETH_LEN + quote) as u32)
        .map_err(|_| Outcome::ErrorSuppressed)?;
    tc.resize((ETH_LEN + most) as u32)?;
    tc.insert(room as u32)?;
    if datagram.family() == Family::V4 {
        icmp::write_v4(tc, complaint, quote, from.ipv4, interface.mac)?;
    } else {
        icmp::write_v6(tc, complaint, quote, &from.ipv6, interface.mac)?;
    }
    tc.resize((ETH_LEN + room + quote) as u32)?;
    let action = if ifindex == 0 {
        tc.redirect(tc.ifindex())?
    } else {
        forward::set_macs(tc, &from.mac, &from.mac)?;
        tc.receive(ifindex)?
    };
    Ok(Sent {
        outcome: complaint.outcome(),
        action,
    })
}

/// Whether a packet from another host has a sender that a tunnel leads to. What came out of a
/// tunnel is not to be answered in the open; and at tc nobody knows any more what XDP took out.
#[inline(always)]
fn is_tunnelled(tc: &Tc, interface: &Interface, datagram: &Datagram, table: Table) -> bool {
    if interface.container == 1 {
        return false;
    }
    let Ok(source) = parse::source(tc, datagram.family()) else {
        return false;
    };
    table
        .route(source, datagram.family())
        .filter(|route| route.kind == RouteKind::DIRECT)
        .and_then(|route| maps::next_hop(route.target).ok())
        .is_some_and(|hop| hop.shim != Shim::NONE)
}

/// Where an answer that is to be routed like any packet comes in, and whose addresses it has: the
/// container network's that the packet was for, since peers take those from this host.
#[inline(always)]
fn inside<'a>(tc: &Tc, route: &Route, interface: &'a Interface) -> (&'a Interface, u32) {
    let network = (route.kind == RouteKind::LOCAL)
        .then(|| maps::interface(route.target))
        .flatten();
    match network {
        Some(network) => (network, route.target),
        None => (interface, tc.ifindex()),
    }
}

#[inline(always)]
fn has_address(interface: &Interface, family: Family) -> bool {
    if family == Family::V4 {
        interface.ipv4 != [0; 4]
    } else {
        // No usable IPv6 address begins with a zero byte.
        interface.ipv6[0] != 0
    }
}
