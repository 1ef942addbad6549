//! Programs of others where ours are to be.

use anyhow::Result;

use super::{Finding, Host};
use crate::{
    datapath::probe::{self, Found},
    model::{Interface, UplinkMode},
    netlink::devices::{ingress_filters, xdp_programs},
};

pub(super) fn foreign(host: &Host) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let with_xdp = xdp_programs()?;
    for (uplink, interface) in host.uplink_interfaces() {
        let ids = with_xdp.iter().find(|(index, _)| *index == interface.index);
        let found = probe::named(ids.map_or(&[], |(_, ids)| ids));
        let strangers = found.iter().filter(|found| !found.is_ours());
        findings.extend(strangers.map(|found| xdp(interface, uplink.mode, found)));
    }
    let networks = host.network_interfaces();
    let ports = networks
        .flat_map(|network| std::iter::once(network).chain(host.world.ports(network.index)));
    let uplinks = host.uplink_interfaces().map(|(_, interface)| interface);
    for interface in uplinks.chain(ports) {
        findings.extend(tcx(host, interface)?);
        findings.extend(filters(interface)?);
    }
    Ok(findings)
}

fn xdp(interface: &Interface, mode: UplinkMode, found: &Found) -> Finding {
    let name = &interface.name;
    let what = format!("{name} has another XDP program: {}", described(found));
    let why = "it sees packets before routemesh, and where it is, ours cannot be: a device has one";
    let off = format!("ip link set dev {name} xdp off; ip link set dev {name} xdpgeneric off");
    let fix = unlinked(found, interface).unwrap_or(off);
    match mode {
        UplinkMode::Xdp | UplinkMode::XdpGeneric => Finding::error(what, why, fix),
        UplinkMode::Auto | UplinkMode::Tc => Finding::warning(what, why, fix),
    }
}

/// Programs in links of tc's own. Which others are in the kernel only root may know.
fn tcx(host: &Host, interface: &Interface) -> Result<Vec<Finding>> {
    let name = &interface.name;
    let found = probe::tcx_programs(name)?;
    let (ours, strangers): (Vec<_>, Vec<_>) = found.iter().partition(|found| found.is_ours());
    let mut findings: Vec<Finding> = strangers
        .into_iter()
        .map(|found| {
            let ask = format!("end what attached it; 'bpftool net show dev {name}' tells more");
            let fix = unlinked(found, interface).unwrap_or(ask);
            beside(name, &described(found), &fix)
        })
        .collect();
    if ours.len() > 1 {
        let fix = one_alone(host, interface, &ours);
        findings.push(twice(name, ours.len(), fix.as_deref().unwrap_or(ANEW)));
    }
    Ok(findings)
}

/// What detaches a program that a link holds: the usual ways do not.
fn unlinked(found: &Found, interface: &Interface) -> Option<String> {
    let link = probe::link(found.id, interface.index)?;
    Some(format!("bpftool link detach id {link}"))
}

/// What leaves that program of ours alone which is pinned where the daemon pins; none where none is.
fn one_alone(host: &Host, interface: &Interface, ours: &[&Found]) -> Option<String> {
    let ifindex = interface.index;
    let links = ours.iter().map(|found| probe::link(found.id, ifindex));
    let pinned = links.map(|link| Some((link?, probe::pinned_in(&host.bpffs, link?, ifindex))));
    let pinned: Vec<_> = pinned.collect::<Option<_>>()?;
    let (kept, strange): (Vec<_>, Vec<_>) = pinned
        .into_iter()
        .partition(|(_, directory)| directory.as_ref() == Some(&host.bpffs));
    let commands = strange.iter().map(|(link, directory)| match directory {
        Some(directory) => format!("rm -rf {}", directory.display()),
        None => format!("bpftool link detach id {link}"),
    });
    let commands: Vec<_> = commands.collect();
    (!kept.is_empty()).then(|| commands.join("; "))
}

fn filters(interface: &Interface) -> Result<Vec<Finding>> {
    let name = &interface.name;
    let filters = ingress_filters(interface.index)?;
    let is_ours = |name: &Option<String>| name.as_deref() == Some(routemesh_common::programs::TC);
    let ours = filters
        .iter()
        .filter(|filter| is_ours(&filter.name))
        .count();
    let strangers = filters.iter().filter(|filter| !is_ours(&filter.name));
    let mut findings: Vec<Finding> = strangers
        .map(|filter| {
            let called = filter.name.as_deref().unwrap_or("without a name");
            let what = format!("a filter of kind {}, {called}", filter.kind);
            let fix = format!("tc filter del dev {name} ingress prio {}", filter.priority);
            beside(name, &what, &fix)
        })
        .collect();
    if ours > 1 {
        findings.push(twice(name, ours, ANEW));
    }
    Ok(findings)
}

fn beside(interface: &str, what: &str, fix: &str) -> Finding {
    Finding::warning(
        format!("{interface} has another tc program on its ingress: {what}"),
        "packets that routemesh forwards are not seen by it, or what it drops or redirects is not seen by routemesh, whichever comes first",
        fix,
    )
}

fn twice(interface: &str, times: usize, fix: &str) -> Finding {
    Finding::error(
        format!("{interface} has routemesh's own program {times} times"),
        "each counts and forwards, and the second may be an older one with an older table; where a second daemon runs, end it first, or it attaches its own again",
        fix,
    )
}

const ANEW: &str = "end the daemon, 'routemesh detach --all', and start it again";

fn described(found: &Found) -> String {
    match found.name.as_str() {
        "" => format!("id {}, its name is for root only", found.id),
        name => format!("{name}, id {}", found.id),
    }
}
