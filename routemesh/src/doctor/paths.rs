//! Where configured routes lead.

use std::net::IpAddr;

use anyhow::Result;
use routemesh_common::{NextHop, Shim};

use super::{Finding, Host};
use crate::{
    model::unmapped,
    reconcile::hops::{HopKey, Unreachable},
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn next_hops(host: &Host) -> Result<Vec<Finding>> {
    let findings = host.hops.iter().filter_map(|(key, hop)| match hop {
        Err(reason) => Some(nowhere(host, key, reason)),
        Ok(hop) => silent(host, key, hop),
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.dedup();
    Ok(findings)
}

fn nowhere(host: &Host, key: &HopKey, reason: &Unreachable) -> Finding {
    let via = key.via;
    let uplink = key.dev.as_deref().or_else(|| {
        let uplink = host.uplinks.first()?;
        Some(uplink.interface.as_str())
    });
    let uplink = uplink.unwrap_or("UPLINK");
    let fix = match reason {
        Unreachable::NoPath => format!("ip route add {via} dev {uplink}"),
        Unreachable::OtherPath(_) => format!("ip route replace {via} dev {uplink}"),
        Unreachable::NoSource(name) => format!("ip address add ADDRESS/LENGTH dev {name}"),
        Unreachable::NoRoom(name) => format!("ip link set {name} mtu 1500"),
        Unreachable::OffLink(_) => {
            format!(
                "set 'mode' of its routes to a tunnel's, or: ip address add ADDRESS/LENGTH dev {uplink}"
            )
        }
        Unreachable::NoUplink(name) => format!("add an [[uplink]] with interface = \"{name}\""),
        Unreachable::Own => "set 'via' of its routes to the other host's address".to_owned(),
    };
    Finding::error(
        format!("next hop {via}: {reason}"),
        "its routes are not in force: their packets are left to the kernel",
        fix,
    )
}

/// A station on the link that does not answer.
fn silent(host: &Host, key: &HopKey, hop: &NextHop) -> Option<Finding> {
    let station = unmapped(hop.gateway);
    if host.world.neighbours.contains_key(&(hop.ifindex, station)) {
        return None;
    }
    let interface = host.world.interfaces.get(&hop.ifindex)?;
    let name = &interface.name;
    let asked = if host.is_capable() {
        "nobody answers for"
    } else {
        "no neighbour is known for"
    };
    Some(Finding::error(
        format!(
            "{asked} {station} on {name}, the way to next hop {}",
            key.via
        ),
        "packets by this route are lost; the other host may be down, have another address, or be on another link",
        format!(
            "{} on the other host, or see what is there: {} on this one",
            up(station),
            probe(name, station)
        ),
    ))
}

fn up(station: IpAddr) -> String {
    format!("'ip link set INTERFACE up' for the one with {station}")
}

fn probe(interface: &str, station: IpAddr) -> String {
    format!("'ping -c 1 -I {interface} {station}'")
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn mtu(host: &Host) -> Result<Vec<Finding>> {
    let Some(smallest) = host.reachable().min_by_key(|hop| hop.mtu) else {
        return Ok(Vec::new());
    };
    let (room, peer) = (smallest.mtu, unmapped(*smallest.peer()));
    let tunnel = if smallest.shim == Shim::NONE {
        ""
    } else {
        " in its tunnel"
    };
    let too_large = host
        .network_interfaces()
        .filter(|network| network.mtu > room);
    Ok(too_large
        .map(|network| {
            let name = &network.name;
            Finding::warning(
                format!(
                    "{name} has an MTU of {}, and the path to {peer} takes packets of {room}{tunnel}",
                    network.mtu
                ),
                "larger packets are answered with an ICMP error, which senders that ignore it do not survive",
                format!("ip link set {name} mtu {room}"),
            )
        })
        .collect())
}
