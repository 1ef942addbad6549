//! Row 2: streams and datagrams through tunnels.

use anyhow::Result;

use super::{Run, compare};
use crate::{
    column,
    contest::Measure,
    load::{Family, Load},
    report::Comparison,
    way::Way,
};

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut ways = kernel(Family::V4)?;
    ways.push(Way::open_vswitch(column::OPEN_VSWITCH)?);
    ways.extend(ours(Family::V4)?);
    let tunnels = ways.len();
    ways.extend([Way::routemesh(column::OPEN, "tc")?, Way::cable()?]);
    let loads = [
        (Load::Streams(1, Family::V4), [TCP_1, TCP_1_COST]),
        (Load::Datagrams(Family::V4), [UDP, UDP_COST]),
    ];
    let mut found = compare(run, 2, &ways, &loads)?;
    found[0].note = Some(NOTE.to_owned());
    if run.quick {
        return Ok(found);
    }
    // The limits are for what there are goals for.
    ways.truncate(tunnels);
    let more = [
        (Load::Streams(8, Family::V4), [TCP_8, TCP_8_COST]),
        (Load::Streams(1, Family::V6), [TCP_1_V6, TCP_1_V6_COST]),
        (Load::Datagrams(Family::V6), [UDP_V6, UDP_V6_COST]),
    ];
    found.extend(compare(run, 2, &ways, &more)?);
    drop(ways);
    let mut ways = kernel(Family::V6)?;
    ways.extend(ours(Family::V6)?);
    let loads = [
        (Load::Streams(1, Family::V4), [OVER_V6, OVER_V6_COST]),
        (Load::Datagrams(Family::V4), [UDP_OVER_V6, UDP_OVER_V6_COST]),
    ];
    found.extend(compare(run, 2, &ways, &loads)?);
    Ok(found)
}

/// The kernel's tunnels over that family.
fn kernel(outer: Family) -> Result<Vec<Way>> {
    Ok(vec![
        Way::kernel_vxlan(column::KERNEL_VXLAN, false, outer)?,
        Way::kernel_vxlan(column::KERNEL_VXLAN_IPTABLES, true, outer)?,
    ])
}

/// Those of routemesh.
fn ours(outer: Family) -> Result<Vec<Way>> {
    Ok(vec![
        Way::tunnel(column::VXLAN, "vxlan", outer)?,
        Way::tunnel(column::GENEVE, "geneve", outer)?,
        Way::tunnel(column::GRE, "gre", outer)?,
        Way::tunnel(column::IPIP, "ipip", outer)?,
    ])
}

const NOTE: &str = "\
    Open vSwitch has its datapath in user space, which many kernels leave it with; the hosts' \
    routes lead into it. It reads frames as they lie in memory, so the kernel finishes checksums \
    and cuts super-packets on their way in. `routemesh tc, in the open` and `bare cable` are as in \
    row 1, with no tunnel: the former is what a tunnel that took no time would be.";
const TCP_1: Measure = Measure::gbit("tunnel-tcp", "Tunnels, TCP, 1 flow, IPv4");
const TCP_1_COST: Measure = Measure::per_gbit("tunnel-tcp-cost", "Tunnels, TCP, 1 flow, IPv4");
const TCP_8: Measure = Measure::gbit("tunnel-tcp-8", "Tunnels, TCP, 8 flows, IPv4");
const TCP_8_COST: Measure = Measure::per_gbit("tunnel-tcp-8-cost", "Tunnels, TCP, 8 flows, IPv4");
const UDP: Measure = Measure::thousands("tunnel-udp", "Tunnels, UDP, 64 bytes, IPv4");
const UDP_COST: Measure = Measure::per_million("tunnel-udp-cost", "Tunnels, UDP, 64 bytes, IPv4");
const TCP_1_V6: Measure = Measure::gbit("tunnel-tcp-ipv6", "Tunnels, TCP, 1 flow, IPv6 in IPv4");
const TCP_1_V6_COST: Measure =
    Measure::per_gbit("tunnel-tcp-ipv6-cost", "Tunnels, TCP, 1 flow, IPv6 in IPv4");
const UDP_V6: Measure =
    Measure::thousands("tunnel-udp-ipv6", "Tunnels, UDP, 64 bytes, IPv6 in IPv4");
const UDP_V6_COST: Measure = Measure::per_million(
    "tunnel-udp-ipv6-cost",
    "Tunnels, UDP, 64 bytes, IPv6 in IPv4",
);
const OVER_V6: Measure =
    Measure::gbit("tunnel-tcp-over-ipv6", "Tunnels, TCP, 1 flow, IPv4 in IPv6");
const OVER_V6_COST: Measure = Measure::per_gbit(
    "tunnel-tcp-over-ipv6-cost",
    "Tunnels, TCP, 1 flow, IPv4 in IPv6",
);
const UDP_OVER_V6: Measure = Measure::thousands(
    "tunnel-udp-over-ipv6",
    "Tunnels, UDP, 64 bytes, IPv4 in IPv6",
);
const UDP_OVER_V6_COST: Measure = Measure::per_million(
    "tunnel-udp-over-ipv6-cost",
    "Tunnels, UDP, 64 bytes, IPv4 in IPv6",
);
