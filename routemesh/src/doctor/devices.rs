//! Interfaces and their drivers.

use anyhow::{Context as _, Result};

use super::{Finding, Host};
use crate::{
    model::{Interface, UplinkMode},
    netlink::features::{XdpFeatures, xdp_features},
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
        let name = &interface.name;
        let features = xdp_features(interface.index)?.with_context(|| {
            format!(
                "whether the driver of {name} has XDP, this kernel (before 6.3) does not tell, and to try it would reset the device; 'routemesh status' says what came of it"
            )
        })?;
        findings.extend(lacking(name, features));
    }
    Ok(findings)
}

/// What the driver of an interface cannot do.
fn lacking(name: &str, features: XdpFeatures) -> Option<Finding> {
    if !features.has_basic() {
        return Some(Finding::warning(
            format!("the driver of {name} has no XDP"),
            "tc carries everything, so packets that only pass through cost more",
            format!("set 'mode = \"tc\"' for the uplink {name}, which ends the attempt"),
        ));
    }
    (!features.has_redirect()).then(|| {
        Finding::warning(
            format!("XDP in the driver of {name} sends nothing to other devices"),
            "packets that pass through from it to another uplink would be lost",
            format!("set 'mode = \"tc\"' for the uplink {name}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So it is with Cavium's driver (`nicvf_probe`), and with no device that can be made.
    #[test]
    fn a_driver_that_does_not_redirect_is_found() {
        let found = lacking("eth0", XdpFeatures(0b01)).unwrap();
        assert!(
            found.what.contains("eth0 sends nothing to other devices"),
            "{found:?}"
        );
        assert!(found.fix.contains("mode = \"tc\""), "{found:?}");
        assert_eq!(lacking("eth0", XdpFeatures(0b11)), None);
    }
}
