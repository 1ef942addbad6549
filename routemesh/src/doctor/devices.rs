//! Interfaces and their drivers.

use anyhow::{Result, bail, ensure};

use super::{Finding, Host};
use crate::{
    datapath::probe::XdpTrial,
    model::{Interface, UplinkMode},
    netlink::{
        devices::{has_native_xdp, refuse_xdp, xdp_programs},
        features::{XdpFeatures, xdp_features},
    },
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn interfaces(host: &Host) -> Result<Vec<Finding>> {
    let uplinks = host.uplink_interfaces().map(|(_, interface)| interface);
    let down: Vec<&Interface> = uplinks.filter(|interface| !interface.up).collect();
    let mut findings: Vec<Finding> = down.into_iter().map(no_carrier).collect();
    // A bridge without containers has no carrier, and needs none.
    let networks = host.network_interfaces();
    let bridges = networks
        .filter(|network| !network.up && host.world.ports(network.index).any(|port| port.up));
    findings.extend(bridges.map(no_carrier));
    Ok(findings)
}

fn no_carrier(interface: &Interface) -> Finding {
    let name = &interface.name;
    Finding::error(
        format!("{name} is down, or its cable is not plugged in"),
        "no packet leaves or comes in by it",
        format!("ip link set {name} up"),
    )
}

/// Uplinks that are configured to have XDP in the driver, or get it by themselves.
pub(super) fn native(host: &Host) -> impl Iterator<Item = &Interface> {
    host.uplink_interfaces().filter_map(|(uplink, interface)| {
        let wanted = match uplink.mode {
            UplinkMode::Xdp => true,
            UplinkMode::Auto => interface.kind.is_none(),
            UplinkMode::XdpGeneric | UplinkMode::Tc => false,
        };
        wanted.then_some(interface)
    })
}

pub(super) fn xdp(host: &Host) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for interface in native(host) {
        let is_attached = has_native_xdp(interface.index)?;
        findings.extend(if host.try_xdp && !is_attached {
            tried(host, interface)?
        } else {
            told(interface, is_attached)?
        });
    }
    Ok(findings)
}

/// What the driver says. That it runs a program is a proof on any kernel.
fn told(interface: &Interface, is_attached: bool) -> Result<Option<Finding>> {
    let name = &interface.name;
    match xdp_features(interface.index)? {
        Some(features) => Ok(lacking(interface, features, is_attached)),
        None if is_attached => Ok(None),
        None => bail!(
            "whether the driver of {name} has XDP, this kernel (before 6.3) does not tell: 'routemesh doctor --try-xdp' finds out, which may take the link of {name} down for a second"
        ),
    }
}

/// What the driver does with a program, and says while it runs it.
fn tried(host: &Host, interface: &Interface) -> Result<Option<Finding>> {
    let name = &interface.name;
    ensure!(
        host.is_capable(),
        "to try {name} needs the capabilities of the daemon"
    );
    let is_taken = xdp_programs()?
        .iter()
        .any(|(index, _)| *index == interface.index);
    ensure!(
        !is_taken,
        "{name} cannot be tried: it has an XDP program in the stack, and none fits beside it"
    );
    let mut trial = XdpTrial::load()?;
    if let Err(error) = trial.attach(interface.index) {
        let said = refuse_xdp(interface.index, trial.descriptor()?);
        return Ok(Some(refused(name, &said.err().unwrap_or(error))));
    }
    told(interface, true)
}

fn refused(name: &str, error: &anyhow::Error) -> Finding {
    Finding::warning(
        format!("the driver of {name} refuses XDP: {error:#}"),
        TC_ALONE,
        format!("set 'mode = \"tc\"' for the uplink {name}, or change what the driver names"),
    )
}

const TC_ALONE: &str = "tc carries everything, so packets that only pass through cost more";

/// What the driver of an interface cannot do. Some send only while they run a program; what a veth
/// needs for that is another check's.
fn lacking(interface: &Interface, features: XdpFeatures, is_attached: bool) -> Option<Finding> {
    let name = &interface.name;
    let is_veth = interface.kind.as_deref() == Some("veth");
    let to_tc = format!("set 'mode = \"tc\"' for the uplink {name}");
    if !features.has_basic() {
        Some(Finding::warning(
            format!("the driver of {name} has no XDP"),
            TC_ALONE,
            to_tc + ", which ends the attempt",
        ))
    } else if !features.has_redirect() {
        Some(Finding::warning(
            format!("XDP in the driver of {name} sends nothing to other devices"),
            "packets that pass through from it to another uplink would be lost",
            to_tc,
        ))
    } else if is_attached && !is_veth && !features.has_xmit() {
        Some(Finding::warning(
            format!("the driver of {name} sends nothing that XDP gives it"),
            "packets that pass through to it from an uplink with XDP are lost",
            to_tc,
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So it is with Cavium's driver (`nicvf_probe`), and with no device that can be made.
    #[test]
    fn a_driver_that_does_not_redirect_is_found() {
        let eth0 = Interface {
            name: "eth0".to_owned(),
            ..Interface::default()
        };
        let found = lacking(&eth0, XdpFeatures(0b01), false).unwrap();
        assert!(
            found.what.contains("eth0 sends nothing to other devices"),
            "{found:?}"
        );
        assert!(found.fix.contains("mode = \"tc\""), "{found:?}");
        // Whether it sends is not known before it runs a program.
        assert_eq!(lacking(&eth0, XdpFeatures(0b11), false), None);
        let found = lacking(&eth0, XdpFeatures(0b11), true).unwrap();
        assert!(
            found.what.contains("eth0 sends nothing that XDP gives it"),
            "{found:?}"
        );
        assert_eq!(lacking(&eth0, XdpFeatures(0b111), true), None);
    }
}
