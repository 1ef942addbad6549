//! Row 6: the programs alone, one packet of 60 bytes at a time.
//!
//! Each packet is a run of its own. A program that is run again on what it has changed meets
//! another packet: its TTL ends, and its room is used up.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use routemesh_common::{Outcome, programs};
use routemesh_tests::{
    packet::{HOST_A_MAC, Packet, STRANGER_MAC},
    program::{
        Place, Rig, Roles, V4, V6, in_rig,
        tunnels::{VXLAN, Way, fill},
    },
};

use super::{Run, scale::alone};
use crate::{
    contest::{Contender, Contest, Measure},
    generator::Idle,
    report::{Column, Comparison},
};

/// Runs before the clock is looked at.
const STRETCH: u32 = 64;
/// What a run takes with nothing to run.
const NOTHING: &str = "nothing";

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    in_rig(|rig| {
        fill(rig);
        let mut found = Vec::new();
        for (measure, paths) in [(XDP_COST, xdp()), (TC_COST, tc())] {
            found.push(costs(run, rig, measure, &paths)?);
        }
        found.push(verified(rig)?);
        Ok(found)
    })
}

/// A packet and what must become of it.
struct Path {
    name: &'static str,
    place: Place,
    frame: Vec<u8>,
    outcome: Outcome,
}

impl Path {
    fn new(name: &'static str, place: Place, packet: &Packet, outcome: Outcome) -> Self {
        Self {
            name,
            place,
            frame: packet.build(),
            outcome,
        }
    }

    /// Sees that it is the path it is said to be.
    fn check(&self, rig: &Rig) -> Result<()> {
        let before = rig.counts();
        rig.run(self.place, &self.frame, 0)?;
        let counts = rig.counts().since(&before);
        let key = (self.place.row(), self.outcome as u8);
        let (name, outcomes) = (self.name, &counts.outcomes);
        ensure!(outcomes.contains_key(&key), "{name}: {outcomes:?}");
        Ok(())
    }
}

/// The fastest of as many runs as `time` allows, in nanoseconds: what else the machine does can
/// but slow one down.
fn fastest(time: Duration, run: impl Fn() -> Result<Duration>) -> Result<f64> {
    let begun = Instant::now();
    let mut fastest = Duration::MAX;
    while begun.elapsed() < time {
        for _ in 0..STRETCH {
            fastest = fastest.min(run()?);
        }
    }
    Ok(fastest.as_nanos() as f64)
}

fn costs(run: &Run, rig: &Rig, measure: Measure, paths: &[Path]) -> Result<Comparison> {
    let idle = Idle::new()?;
    let mut contenders = vec![Contender::new(NOTHING, |time| {
        Ok(vec![fastest(time, || idle.run())?])
    })];
    for path in paths {
        path.check(rig)?;
        contenders.push(Contender::new(path.name, move |time| {
            let once = || Ok(rig.run(path.place, &path.frame, 0)?.duration);
            Ok(vec![fastest(time, once)?])
        }));
    }
    let contest = Contest {
        row: 6,
        measures: vec![measure],
        contenders,
        background: None,
    };
    let found = contest.run(&run.pace, run.screen)?;
    let found = found.into_iter().next().context("nothing was measured")?;
    Ok(Comparison {
        columns: found.beyond(NOTHING).context("no base")?,
        ..found
    })
}

/// What verifying the programs takes the kernel.
fn verified(rig: &mut Rig) -> Result<Comparison> {
    let followed = rig.datapath.verified_instructions()?;
    let column = |name: &str| Column {
        name: name.to_owned(),
        samples: followed[name].map(f64::from).into_iter().collect(),
    };
    Ok(Comparison {
        columns: vec![column(programs::XDP), column(programs::TC)],
        ..alone(6, VERIFIED, Vec::new())
    })
}

/// Off the wire, from behind another router.
fn arriving(roles: Roles, dst: IpAddr) -> Packet {
    datagram(roles.unlearnt(), dst).macs(STRANGER_MAC, HOST_A_MAC)
}

fn datagram(src: IpAddr, dst: IpAddr) -> Packet {
    Packet::new(src, dst).payload_of(18)
}

/// What XDP does.
fn xdp() -> Vec<Path> {
    let way = Way::new(VXLAN, V4);
    let wrapped = way.arriving(&datagram(way.far(V4), V4.specific()));
    [
        ("routed", arriving(V4, V4.specific()), Outcome::Routed),
        ("routed, IPv6", arriving(V6, V6.specific()), Outcome::Routed),
        (
            "into VXLAN",
            arriving(V4, way.far(V4)),
            Outcome::Encapsulated,
        ),
        ("out of VXLAN, routed", wrapped, Outcome::Routed),
        ("dropped", arriving(V4, V4.hole()), Outcome::Blackhole),
        (
            "left to tc",
            arriving(V4, V4.container()),
            Outcome::HandedUp,
        ),
    ]
    .map(|(name, packet, outcome)| Path::new(name, Place::UplinkXdp, &packet, outcome))
    .into()
}

/// What tc does, at a container's port and at the uplink.
fn tc() -> Vec<Path> {
    let way = Way::new(VXLAN, V4);
    let wrapped = way.arriving(&datagram(way.far(V4), V4.container()));
    let leaving = |roles: Roles, dst| datagram(roles.container(), dst);
    let (port, uplink) = (Place::Port, Place::Uplink);
    [
        ("routed", port, leaving(V4, V4.remote()), Outcome::Routed),
        (
            "routed, IPv6",
            port,
            leaving(V6, V6.remote()),
            Outcome::Routed,
        ),
        (
            "into VXLAN",
            port,
            leaving(V4, way.far(V4)),
            Outcome::Encapsulated,
        ),
        (
            "delivered",
            uplink,
            arriving(V4, V4.container()),
            Outcome::Delivered,
        ),
        (
            "delivered, IPv6",
            uplink,
            arriving(V6, V6.container()),
            Outcome::Delivered,
        ),
        (
            "out of VXLAN, delivered",
            uplink,
            wrapped,
            Outcome::Delivered,
        ),
        ("passed", uplink, arriving(V4, V4.host()), Outcome::ToHost),
    ]
    .map(|(name, place, packet, outcome)| Path::new(name, place, &packet, outcome))
    .into()
}

const XDP_COST: Measure = Measure::cost("xdp-program", "XDP's program alone", "ns per packet");
const TC_COST: Measure = Measure::cost("tc-program", "tc's program alone", "ns per packet");
const VERIFIED: Measure = Measure::cost(
    "verified",
    "What verifying the programs takes the kernel, of 1,000,000 it allows",
    "instructions",
);
