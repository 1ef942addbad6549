//! Row 1, and the processor time of row 5: streams and datagrams without a tunnel.

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
        Way::cable()?,
        Way::kernel()?,
        Way::iptables()?,
        Way::rules()?,
        Way::routemesh(column::TC, "tc")?,
        Way::routemesh(column::AUTO, "auto")?,
    ];
    let mut found = Vec::new();
    let mut add = |load: Load, measures: &[Measure]| -> Result<()> {
        let contest = Contest {
            row: 1,
            measures: measures.to_vec(),
            contenders: ways.iter().map(|way| load.over(way)).collect(),
        };
        found.extend(contest.run(&run.pace, run.screen)?);
        Ok(())
    };
    add(Load::Streams(1, Family::V4), &[TCP_1, TCP_1_COST])?;
    add(Load::Datagrams(Family::V4), &[UDP, UDP_COST])?;
    if !run.quick {
        add(Load::Streams(1, Family::V6), &[TCP_1_V6, TCP_1_V6_COST])?;
        add(Load::Datagrams(Family::V6), &[UDP_V6, UDP_V6_COST])?;
    }
    add(Load::Streams(8, Family::V4), &[TCP_8, TCP_8_COST])?;
    Ok(found)
}

const TCP_1: Measure = Measure::gbit("tcp-1", "TCP, 1 flow, IPv4");
const TCP_1_COST: Measure = Measure::cost("tcp-1-cost", "TCP, 1 flow, IPv4: cost", PER_GBIT);
const TCP_8: Measure = Measure::gbit("tcp-8", "TCP, 8 flows, IPv4");
const TCP_8_COST: Measure = Measure::cost("tcp-8-cost", "TCP, 8 flows, IPv4: cost", PER_GBIT);
const TCP_1_V6: Measure = Measure::gbit("tcp-1-ipv6", "TCP, 1 flow, IPv6");
const TCP_1_V6_COST: Measure =
    Measure::cost("tcp-1-ipv6-cost", "TCP, 1 flow, IPv6: cost", PER_GBIT);
const UDP: Measure = Measure::thousands("udp", "UDP, 64 bytes into a socket, IPv4");
const UDP_COST: Measure = Measure::cost("udp-cost", "UDP, 64 bytes, IPv4: cost", PER_PACKET);
const UDP_V6: Measure = Measure::thousands("udp-ipv6", "UDP, 64 bytes into a socket, IPv6");
const UDP_V6_COST: Measure =
    Measure::cost("udp-ipv6-cost", "UDP, 64 bytes, IPv6: cost", PER_PACKET);
