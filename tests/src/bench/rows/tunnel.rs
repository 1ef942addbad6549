//! Row 2: streams and datagrams through tunnels.

use anyhow::Result;

use super::Run;
use crate::{
    column,
    contest::{Contest, Measure, PER_GBIT, PER_PACKET},
    load::{Family, Load},
    report::Comparison,
    way::Way,
};

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let ways = [
        Way::kernel_vxlan(column::KERNEL_VXLAN, false)?,
        Way::kernel_vxlan(column::KERNEL_VXLAN_IPTABLES, true)?,
        Way::tunnel(column::VXLAN, "vxlan")?,
        Way::tunnel(column::GENEVE, "geneve")?,
        Way::tunnel(column::GRE, "gre")?,
        Way::tunnel(column::IPIP, "ipip")?,
    ];
    let mut found = Vec::new();
    let loads = [
        (Load::Streams(1, Family::V4), TCP, TCP_COST),
        (Load::Datagrams(Family::V4), UDP, UDP_COST),
        (Load::Streams(1, Family::V6), TCP_V6, TCP_V6_COST),
    ];
    let loads = if run.quick { &loads[..2] } else { &loads };
    for &(load, measure, cost) in loads {
        let contest = Contest {
            row: 2,
            measures: vec![measure, cost],
            contenders: ways.iter().map(|way| load.over(way)).collect(),
        };
        found.extend(contest.run(&run.pace, run.screen)?);
    }
    Ok(found)
}

const TCP: Measure = Measure::gbit("tunnel-tcp", "Tunnels, TCP, 1 flow, IPv4");
const TCP_COST: Measure = Measure::cost(
    "tunnel-tcp-cost",
    "Tunnels, TCP, 1 flow, IPv4: cost",
    PER_GBIT,
);
const UDP: Measure = Measure::thousands("tunnel-udp", "Tunnels, UDP, 64 bytes, IPv4");
const UDP_COST: Measure = Measure::cost(
    "tunnel-udp-cost",
    "Tunnels, UDP, 64 bytes, IPv4: cost",
    PER_PACKET,
);
const TCP_V6: Measure = Measure::gbit("tunnel-tcp-ipv6", "Tunnels, TCP, 1 flow, IPv6 in IPv4");
const TCP_V6_COST: Measure = Measure::cost(
    "tunnel-tcp-ipv6-cost",
    "Tunnels, TCP, 1 flow, IPv6 in IPv4: cost",
    PER_GBIT,
);
