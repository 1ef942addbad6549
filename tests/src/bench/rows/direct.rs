//! Row 1, and the processor time of row 5: streams and datagrams without a tunnel.

use anyhow::Result;

use super::{Run, compare, with_flowtable};
use crate::{
    column,
    contest::Measure,
    load::{Family, Load},
    report::Comparison,
    way::Way,
};

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut ways = vec![
        Way::cable()?,
        Way::relay()?,
        Way::kernel()?,
        Way::iptables()?,
        Way::rules()?,
        Way::routemesh(column::TC, "tc")?,
        Way::routemesh(column::AUTO, "auto")?,
    ];
    let lack = with_flowtable(&mut ways)?;
    let v4 = [
        (Load::Streams(1, Family::V4), [TCP_1, TCP_1_COST]),
        (Load::Datagrams(Family::V4), [UDP, UDP_COST]),
        (Load::Streams(8, Family::V4), [TCP_8, TCP_8_COST]),
    ];
    let mut found = compare(run, 1, &ways, &v4)?;
    found[0].note = Some(RELAY.to_owned() + &lack.unwrap_or_default());
    if !run.quick {
        let v6 = [
            (Load::Streams(1, Family::V6), [TCP_1_V6, TCP_1_V6_COST]),
            (Load::Datagrams(Family::V6), [UDP_V6, UDP_V6_COST]),
            (Load::Streams(8, Family::V6), [TCP_8_V6, TCP_8_V6_COST]),
        ];
        found.extend(compare(run, 1, &ways, &v6)?);
    }
    Ok(found)
}

const RELAY: &str = "\
    `bare mirred relay` has containers like all columns after it, but in one subnet, and no bridge: \
    at each end of the way through a host a filter of `tc` (`mirred`) sends every frame on as it is. \
    What it lacks of the cable is what two veth pairs more take, before any forwarding. It is not \
    quite a limit, since routemesh enters a container with no queue between (`redirect_peer`).";

const TCP_1: Measure = Measure::gbit("tcp-1", "TCP, 1 flow, IPv4");
const TCP_1_COST: Measure = Measure::per_gbit("tcp-1-cost", "TCP, 1 flow, IPv4");
const TCP_8: Measure = Measure::gbit("tcp-8", "TCP, 8 flows, IPv4");
const TCP_8_COST: Measure = Measure::per_gbit("tcp-8-cost", "TCP, 8 flows, IPv4");
const TCP_1_V6: Measure = Measure::gbit("tcp-1-ipv6", "TCP, 1 flow, IPv6");
const TCP_1_V6_COST: Measure = Measure::per_gbit("tcp-1-ipv6-cost", "TCP, 1 flow, IPv6");
const TCP_8_V6: Measure = Measure::gbit("tcp-8-ipv6", "TCP, 8 flows, IPv6");
const TCP_8_V6_COST: Measure = Measure::per_gbit("tcp-8-ipv6-cost", "TCP, 8 flows, IPv6");
const UDP: Measure = Measure::thousands("udp", "UDP, 64 bytes into a socket, IPv4");
const UDP_COST: Measure = Measure::per_million("udp-cost", "UDP, 64 bytes into a socket, IPv4");
const UDP_V6: Measure = Measure::thousands("udp-ipv6", "UDP, 64 bytes into a socket, IPv6");
const UDP_V6_COST: Measure =
    Measure::per_million("udp-ipv6-cost", "UDP, 64 bytes into a socket, IPv6");
