//! Row 3: the smallest frames through a host or into its container, on one processor.

use anyhow::Result;

use super::Run;
use crate::{
    background::Background,
    column,
    contest::{Contest, Measure},
    load::Family,
    report::{Column, Comparison},
    traffic::Traffic,
    transit::{Transit, losses},
};

/// To 256 destinations: more than a cache line's worth, fewer than any table's.
const TRANSIT: Traffic = Traffic::to(8);
const DELIVERY: Traffic = TRANSIT.into_container();

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let mut found = in_the_open(run, TRANSIT, FORWARD)?;
    let delivered = in_the_open(run, DELIVERY, DELIVER)?;
    found.extend(noted(delivered, INTO_A_CONTAINER));
    found.extend(in_vxlan(run, TRANSIT.in_vxlan(), DECAPSULATE)?);
    let delivered = in_vxlan(run, DELIVERY.in_vxlan(), DECAPSULATE_DELIVER)?;
    found.extend(noted(delivered, OUT_OF_VXLAN));
    if !run.quick {
        let ipv6 = in_the_open(run, TRANSIT.over_ipv6(), FORWARD_V6)?;
        found.extend(noted(ipv6, LARGER));
        found.extend(in_the_open(run, DELIVERY.over_ipv6(), DELIVER_V6)?);
        let ipv6 = TRANSIT.over_ipv6().in_vxlan();
        found.extend(in_vxlan(run, ipv6, DECAPSULATE_V6)?);
    }
    Ok(found)
}

fn in_the_open(run: &Run, traffic: Traffic, measures: [Measure; 3]) -> Result<Vec<Comparison>> {
    let mut transits = [
        Transit::dropping(column::DROPPED, traffic)?,
        Transit::redirecting(column::REDIRECT, traffic)?,
        Transit::kernel(column::KERNEL, traffic, false)?,
        Transit::kernel(column::IPTABLES, traffic, true)?,
        Transit::routemesh(column::TC, traffic, "tc")?,
        Transit::routemesh(column::XDP, traffic, "xdp")?,
    ];
    measure(run, traffic, &mut transits, measures)
}

fn in_vxlan(run: &Run, traffic: Traffic, measures: [Measure; 3]) -> Result<Vec<Comparison>> {
    let mut transits = [
        Transit::dropping(column::DROPPED, traffic)?,
        Transit::kernel(column::KERNEL_VXLAN, traffic, false)?,
        Transit::kernel(column::KERNEL_VXLAN_IPTABLES, traffic, true)?,
        Transit::routemesh(column::VXLAN_TC, traffic, "tc")?,
        Transit::routemesh(column::VXLAN_XDP, traffic, "xdp")?,
    ];
    measure(run, traffic, &mut transits, measures)
}

/// With what must be known of them, at the first, before what is noted there.
fn noted(mut found: Vec<Comparison>, note: &str) -> Vec<Comparison> {
    if let Some(first) = found.first_mut() {
        let more = first
            .note
            .take()
            .map_or(String::new(), |more| format!(" {more}"));
        first.note = Some(note.to_owned() + &more);
    }
    found
}

/// Frames a second, the time that a frame takes, and what a million cost the machine.
fn measure(
    run: &Run,
    traffic: Traffic,
    transits: &mut [Transit],
    [rate_of, time_of, cost_of]: [Measure; 3],
) -> Result<Vec<Comparison>> {
    let times = Contest {
        row: 3,
        measures: vec![rate_of],
        contenders: transits.iter_mut().map(Transit::cost).collect(),
        background: None,
    };
    let mut found = Vec::new();
    for times in times.run(&run.pace, run.screen)? {
        found.extend([rate(&times), beyond_the_source(&times, time_of)]);
    }
    found = noted(found, &losses(transits));
    // It says of one processor what the times say, and nothing else of IPv6.
    if run.quick || matches!(traffic.family, Family::V6) {
        return Ok(found);
    }
    let background = Background::default();
    let costs = Contest {
        row: 5,
        measures: vec![cost_of],
        contenders: transits
            .iter_mut()
            .map(|transit| transit.charge(&background))
            .collect(),
        background: Some(&background),
    };
    let costs = costs.run(&run.pace, run.screen)?;
    for costs in noted(costs, &losses(transits)) {
        found.push(beyond_the_source(&costs, cost_of));
    }
    Ok(found)
}

/// Thousands of frames a second, the source's own work included.
fn rate(times: &Comparison) -> Comparison {
    let columns = times
        .columns
        .iter()
        .filter(|one| one.name != column::DROPPED);
    let columns = columns.map(|one| Column {
        name: one.name.clone(),
        samples: one.samples.iter().map(|time| 1e6 / time).collect(),
    });
    Comparison {
        columns: columns.collect(),
        ..times.clone()
    }
}

/// What frames take without the source.
fn beyond_the_source(times: &Comparison, measure: Measure) -> Comparison {
    Comparison {
        id: measure.id.to_owned(),
        title: measure.title.to_owned(),
        unit: measure.unit.to_owned(),
        less: true,
        columns: times.beyond(column::DROPPED).unwrap_or_default(),
        ..times.clone()
    }
}

/// Frames a second, what each takes, and what they cost the machine.
macro_rules! measures {
    ($id:literal, $size:literal, $what:literal) => {
        [
            Measure::thousands($id, concat!($size, " on one core, ", $what)),
            Measure::cost(
                concat!($id, "-cost"),
                concat!($size, ", ", $what, ": without the source's own work"),
                "ns per frame",
            ),
            Measure::per_million(
                concat!($id, "-processor"),
                concat!($size, ", ", $what, ": without the source's own work"),
            ),
        ]
    };
}

const FORWARD: [Measure; 3] = measures!("transit", "64 bytes", "from wire to wire, IPv4");
const FORWARD_V6: [Measure; 3] = measures!("transit-ipv6", "76 bytes", "from wire to wire, IPv6");
const DELIVER: [Measure; 3] = measures!(
    "deliver",
    "64 bytes",
    "from the wire into a container, IPv4"
);
const DELIVER_V6: [Measure; 3] = measures!(
    "deliver-ipv6",
    "76 bytes",
    "from the wire into a container, IPv6"
);
const DECAPSULATE: [Measure; 3] = measures!(
    "decapsulate",
    "64 bytes in VXLAN",
    "decapsulated and forwarded, IPv4"
);
const DECAPSULATE_V6: [Measure; 3] = measures!(
    "decapsulate-ipv6",
    "76 bytes in VXLAN",
    "decapsulated and forwarded, IPv6 in IPv4"
);
const DECAPSULATE_DELIVER: [Measure; 3] = measures!(
    "decapsulate-deliver",
    "64 bytes in VXLAN",
    "decapsulated and delivered into a container, IPv4"
);

const INTO_A_CONTAINER: &str = "\
    The container counts what its `eth0` gets and drops it there, before its stack. `routemesh XDP` \
    has both programs at the uplink: XDP leaves what is for a container to tc, which delivers it. \
    For the redirect alone the container's `eth0` polls (GRO is on), without which a veth takes no \
    frames from XDP.";
const OUT_OF_VXLAN: &str = "\
    The kernel's device is routed to the bridge, as flannel has it. XDP leaves what is for a \
    container to tc, which takes it out of VXLAN and delivers it.";
const LARGER: &str = "\
    The smallest datagram over IPv6 that holds the mark by which it is counted takes a frame of 76 \
    bytes.";
