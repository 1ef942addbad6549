//! What the kernel does with packets that are left to it: fragments to be made, IP options,
//! containers not learnt yet.

use std::fs;

use anyhow::Result;

use super::{Finding, Host};
use crate::model::Interface;

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn rp_filter(host: &Host) -> Result<Vec<Finding>> {
    let routed = host.config.routes.iter().any(|route| !route.dst.is_ipv6());
    let strict = |interface: &&Interface| {
        let value = |name: &str| number(&format!("ipv4/conf/{name}/rp_filter"));
        // The larger one counts: Documentation/networking/ip-sysctl.rst.
        value("all").max(value(&interface.name)) == Some(1)
    };
    let uplinks = host.uplink_interfaces().map(|(_, interface)| interface);
    Ok(uplinks
        .filter(|_| routed)
        .filter(strict)
        .map(|interface| {
            let name = &interface.name;
            Finding::warning(
                format!("{name} has a strict rp_filter"),
                "packets from remote containers that are left to the kernel (IP options, tagged frames) are dropped unless the kernel has routes back to them by the same interface",
                format!("sysctl -w net.ipv4.conf.{name}.rp_filter=2"),
            )
        })
        .collect())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn forwarding(host: &Host) -> Result<Vec<Finding>> {
    let routed = |ipv6| {
        host.config
            .routes
            .iter()
            .any(move |route| route.dst.is_ipv6() == ipv6)
    };
    let families = [
        (false, "IPv4", "ipv4/ip_forward", "net.ipv4.ip_forward"),
        (
            true,
            "IPv6",
            "ipv6/conf/all/forwarding",
            "net.ipv6.conf.all.forwarding",
        ),
    ];
    let off = families
        .into_iter()
        .filter(|(ipv6, _, path, _)| routed(*ipv6) && number(path) == Some(0));
    Ok(off
        .map(|(_, family, _, key)| {
            Finding::note(
                format!("the kernel forwards no {family}"),
                "routemesh needs it not; but what is left to the kernel (packets with options, to be fragmented, or without a route) is dropped",
                format!("sysctl -w {key}=1"),
            )
        })
        .collect())
}

/// A number below /proc/sys/net, of this network namespace.
fn number(path: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/sys/net/{path}")).ok()?;
    text.trim().parse().ok()
}
