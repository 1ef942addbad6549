//! What is sent from container to container, and what it costs the machine.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use routemesh_tests::lab::{tcp_flows, udp_for};

use crate::{contest::Contender, way::Way};

/// Of what the kernel counts processor time in: `USER_HZ`, the same on every machine with Linux.
const TICK: Duration = Duration::from_millis(10);

/// An address family.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// So many TCP streams at once: Gbit/s, and milliseconds of processor time per Gbit.
    Streams(usize, Family),
    /// UDP datagrams of 64 bytes: thousands a second that the socket got, and nanoseconds of
    /// processor time for each.
    Datagrams(Family),
}

impl Load {
    /// The contender that sends it over a way.
    pub(crate) fn over(self, way: &Way) -> Contender<'_> {
        Contender::new(way.name, move |time| {
            let before = busy()?;
            let rate = self.send(way, time)?;
            let (all, ours) = (busy()? - before, rate.amount);
            Ok(vec![rate.figure, all.as_secs_f64() * rate.scale / ours])
        })
    }

    fn send(self, way: &Way, time: Duration) -> Result<Rate> {
        let (from, to, addresses) = way.ends();
        let before = way.passed()?;
        match self {
            Self::Streams(flows, family) => {
                let done = tcp_flows(from, to, family.of(addresses), (flows, time))?;
                way.expect_bytes(before, done.bytes)?;
                Ok(Rate {
                    figure: done.gbit_per_second(),
                    amount: done.bytes as f64 * 8.0 / 1e9,
                    scale: 1e3,
                })
            }
            Self::Datagrams(family) => {
                let each_second = udp_for(from, to, family.of(addresses), time)?;
                let arrived = each_second * time.as_secs_f64();
                way.expect(before, arrived as u64)?;
                Ok(Rate {
                    figure: each_second / 1e3,
                    amount: arrived,
                    scale: 1e9,
                })
            }
        }
    }
}

impl Family {
    fn of<T>(self, [v4, v6]: [T; 2]) -> T {
        match self {
            Self::V4 => v4,
            Self::V6 => v6,
        }
    }
}

/// How fast it went.
struct Rate {
    figure: f64,
    /// What the cost is divided by: Gbit or packets.
    amount: f64,
    /// Units of the cost in a second.
    scale: f64,
}

/// Time that all processors together were not idle: interrupts and whatever else runs included.
fn busy() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("read /proc/stat")?;
    // user, nice, system, idle, iowait, irq, softirq; what guests and hypervisors had is not ours.
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum();
    Ok(TICK * u32::try_from(busy).unwrap_or(u32::MAX))
}
