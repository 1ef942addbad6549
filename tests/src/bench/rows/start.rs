//! Row 8: from nothing to forwarding.

use anyhow::Result;
use routemesh_tests::lab::Routemesh;

use super::{
    Run,
    scale::{alone, first_arrival, memory, monotonic, sending},
};
use crate::{contest::Measure, report::Comparison, traffic::Traffic, transit::Transit};

pub(super) fn run(run: &Run) -> Result<Vec<Comparison>> {
    let times = if run.quick { 3 } else { 9 };
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for time in 1..=times {
        run.screen.progress(&format!("start, {time} of {times}"));
        let traffic = Traffic::to(0);
        let transit = Transit::new("start", traffic)?;
        let config = transit.config("xdp", 1 << 17) + &transit.route(traffic.space());
        let mut daemon = Routemesh::prepare(transit.side.host.node(), &config)?;
        let (took, _) = sending(&transit, || {
            let begun = monotonic()?;
            daemon.launch()?;
            Ok(first_arrival(&transit.sink)? - begun)
        })?;
        starts.push(took as f64 / 1e6);
        idle.push(memory(&daemon)?);
    }
    Ok(vec![alone(8, START, starts), alone(8, IDLE, idle)])
}

const START: Measure = Measure::cost("start", "From exec to the first packet forwarded", "ms");
const IDLE: Measure = Measure::cost("idle-memory", "The daemon's memory then", "MB");
