//! Uplinks that are veths and have XDP: what that asks of their other ends.

use anyhow::Result;

use super::{Finding, Host, devices::native};
use crate::{
    model::{Interface, UplinkMode},
    netlink::{
        features::xdp_features,
        peer::{Peer, peer},
    },
};

/// What an uplink's XDP, and that of others, does at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    /// XDP in the driver sends on what comes in here.
    sends_on: bool,
    /// XDP in the driver of this uplink or another sends out of here.
    is_sent_to: bool,
}

pub(super) fn offloads(host: &Host) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let is_native =
        |interface: &Interface| native(host).any(|other| other.index == interface.index);
    for (uplink, interface) in host.uplink_interfaces() {
        if interface.kind.as_deref() != Some("veth") {
            continue;
        }
        let role = Role {
            sends_on: is_native(interface),
            // XDP sends out of uplinks that it is on, in whichever mode. From one in the stack it
            // sends as the stack does, which any veth takes.
            is_sent_to: matches!(uplink.mode, UplinkMode::Xdp | UplinkMode::XdpGeneric)
                && native(host).next().is_some(),
        };
        if role.sends_on {
            findings.push(segments(&interface.name));
        }
        if role.sends_on || role.is_sent_to {
            findings.extend(other_end(interface, role)?);
        }
    }
    Ok(findings)
}

/// What the other end of a veth lacks for its role.
fn other_end(veth: &Interface, role: Role) -> Result<Vec<Finding>> {
    let announced = xdp_features(veth.index)?.map(|features| features.has_xmit());
    let name = &veth.name;
    Ok(match peer(veth.index) {
        Ok(peer) => {
            // What the driver announces is old where GRO was switched off while the other end was down.
            let takes = peer.polls && announced != Some(false);
            let refuses = (role.is_sent_to && !takes).then(|| refuses(name, &peer));
            let unfinished = role.sends_on && peer.offloads_checksums;
            let unfinished = unfinished.then(|| unfinished_checksums(name, &peer));
            refuses.into_iter().chain(unfinished).collect()
        }
        Err(error) => {
            let refuses = role.is_sent_to && announced == Some(false);
            let refuses = refuses.then(|| refuses_unseen(name));
            let is_known = !role.sends_on && announced.is_some();
            let unseen = (!is_known).then(|| unseen(name, &error));
            refuses.into_iter().chain(unseen).collect()
        }
    })
}

const LOST: &str = "what XDP sends there is dropped, with no error to be seen: a veth takes it only while its other end polls, as it does with GRO or XDP of its own";
const CHECKSUMS: &str = "XDP sends packets on as they came, and forgets that something is missing: pings pass and TCP fails";

fn refuses(name: &str, peer: &Peer) -> Finding {
    let Peer {
        name: end, place, ..
    } = peer;
    Finding::warning(
        format!("{name} takes no packets of XDP: GRO is off at its other end, {end} in {place}"),
        LOST,
        format!("{}ethtool -K {end} gro on", place.prefix()),
    )
}

fn refuses_unseen(name: &str) -> Finding {
    Finding::warning(
        format!("{name} takes no packets of XDP: GRO is off at its other end"),
        LOST,
        "ethtool -K NAME gro on, where that end is, with its name there",
    )
}

fn unfinished_checksums(name: &str, peer: &Peer) -> Finding {
    let Peer {
        name: end, place, ..
    } = peer;
    Finding::warning(
        format!(
            "packets come to {name} with unfinished checksums: 'tx' is on at its other end, {end} in {place}"
        ),
        CHECKSUMS,
        format!("{}ethtool -K {end} tx off", place.prefix()),
    )
}

fn unseen(name: &str, error: &anyhow::Error) -> Finding {
    Finding::note(
        format!("the other end of the veth {name} cannot be seen: {error:#}"),
        "unless that end has 'gro on', packets of XDP are lost there, and unless it has 'tx off', XDP sends on packets with unfinished checksums: pings pass and TCP fails",
        "ethtool -K NAME gro on tx off, where that end is, with its name there",
    )
}

fn segments(name: &str) -> Finding {
    Finding::warning(
        format!("{name} is a veth and is to have XDP in the driver"),
        "its other end loses TSO and GSO by it: streams come in segments, each of which costs what a super-packet of tc's does",
        format!("set 'mode = \"tc\"' for the uplink {name}"),
    )
}
