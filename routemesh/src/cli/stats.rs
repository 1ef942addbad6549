//! `routemesh stats`: packets and bytes by interface, in all and by the second.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;
use routemesh_common::{Outcome, Verdict};
use serde::Serialize;

use super::{Session, output::Column};
use crate::api::OutcomeCount;

/// Puts the cursor at the top left and clears what is below it.
const CLEAR: &str = "\x1b[H\x1b[J";

#[derive(Args, Debug)]
pub struct Arguments {
    /// Go on, and show rates by the second
    #[arg(short, long)]
    watch: bool,
    /// Time between two looks
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = parse_delay)]
    delay: Duration,
    /// Stop after so many looks
    #[arg(short = 'n', long, value_name = "COUNT", requires = "watch")]
    count: Option<u64>,
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.05..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "seconds are wanted, from 0.05 to 86400".into())
}

/// Packets and bytes, counted or by the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Volume<T> {
    packets: T,
    bytes: T,
}

/// What became of the packets of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Verdicts<T> {
    forwarded: Volume<T>,
    passed: Volume<T>,
    replied: Volume<T>,
    dropped: Volume<T>,
}

impl<T: Copy> Verdicts<T> {
    fn zip<U>(&self, other: &Self, join: impl Fn(T, T) -> U) -> Verdicts<U> {
        let join = |a: Volume<T>, b: Volume<T>| Volume {
            packets: join(a.packets, b.packets),
            bytes: join(a.bytes, b.bytes),
        };
        Verdicts {
            forwarded: join(self.forwarded, other.forwarded),
            passed: join(self.passed, other.passed),
            replied: join(self.replied, other.replied),
            dropped: join(self.dropped, other.dropped),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Traffic {
    interface: String,
    total: Verdicts<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<Verdicts<f64>>,
}

const TOTALS: &[Column<Traffic>] = &[
    Column::text("INTERFACE", |t| Some(t.interface.clone())),
    Column::number("FORWARDED", |t| Some(t.total.forwarded.packets.to_string())),
    Column::number("BYTES", |t| Some(t.total.forwarded.bytes.to_string())),
    Column::number("PASSED", |t| Some(t.total.passed.packets.to_string())),
    Column::number("REPLIED", |t| Some(t.total.replied.packets.to_string())),
    Column::number("DROPPED", |t| Some(t.total.dropped.packets.to_string())),
];

const RATES: &[Column<Traffic>] = &[
    Column::text("INTERFACE", |t| Some(t.interface.clone())),
    Column::number("FORWARD/s", |t| {
        Some(short(t.per_second?.forwarded.packets))
    }),
    Column::number("BIT/s", |t| {
        Some(short(8.0 * t.per_second?.forwarded.bytes))
    }),
    Column::number("PASS/s", |t| Some(short(t.per_second?.passed.packets))),
    Column::number("REPLY/s", |t| Some(short(t.per_second?.replied.packets))),
    Column::number("DROP/s", |t| Some(short(t.per_second?.dropped.packets))),
    Column::number("FORWARDED", |t| Some(t.total.forwarded.packets.to_string())),
    Column::number("DROPPED", |t| Some(t.total.dropped.packets.to_string())),
];

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    if arguments.watch {
        return watch(session, arguments);
    }
    let traffic = by_interface(&session.client.outcomes()?);
    session.output.list(&traffic, TOTALS, |_| false)
}

fn watch(session: &Session, arguments: &Arguments) -> Result<()> {
    let mut before = by_interface(&session.client.outcomes()?);
    let mut looked = Instant::now();
    let mut looks = 0;
    while arguments.count.is_none_or(|count| looks < count) {
        thread::sleep(arguments.delay.saturating_sub(looked.elapsed()));
        let seconds = looked.elapsed().as_secs_f64();
        looked = Instant::now();
        let now = by_interface(&session.client.outcomes()?);
        let rated = with_rates(&before, &now, seconds);
        if session.output.is_screen() {
            session.output.raw(CLEAR)?;
        }
        session.output.list(&rated, RATES, |_| false)?;
        before = now;
        looks += 1;
    }
    Ok(())
}

/// Sums over hooks. What XDP handed up to tc is counted there.
fn by_interface(counts: &[OutcomeCount]) -> Vec<Traffic> {
    let mut sums: BTreeMap<&str, Verdicts<u64>> = BTreeMap::new();
    for count in counts {
        let sum = sums.entry(&count.interface).or_default();
        if count.outcome == Outcome::HandedUp.label() {
            continue;
        }
        if let Some(volume) = volume_of(sum, &count.verdict) {
            volume.packets += count.packets;
            volume.bytes += count.bytes;
        }
    }
    sums.into_iter()
        .map(|(interface, total)| Traffic {
            interface: interface.to_owned(),
            total,
            per_second: None,
        })
        .collect()
}

fn volume_of<'a>(sum: &'a mut Verdicts<u64>, verdict: &str) -> Option<&'a mut Volume<u64>> {
    let all = [
        (Verdict::Forward, &mut sum.forwarded),
        (Verdict::Pass, &mut sum.passed),
        (Verdict::Reply, &mut sum.replied),
        (Verdict::Drop, &mut sum.dropped),
    ];
    all.into_iter()
        .find(|(known, _)| known.label() == verdict)
        .map(|(_, volume)| volume)
}

/// Counters that went back were reset with the daemon's maps: they count from 0.
fn with_rates(before: &[Traffic], now: &[Traffic], seconds: f64) -> Vec<Traffic> {
    now.iter()
        .map(|traffic| {
            let earlier = before
                .iter()
                .find(|earlier| earlier.interface == traffic.interface)
                .map(|earlier| earlier.total)
                .unwrap_or_default();
            let rate = |now: u64, before: u64| {
                let grown = if now < before { now } else { now - before };
                grown as f64 / seconds
            };
            Traffic {
                per_second: Some(traffic.total.zip(&earlier, rate)),
                ..traffic.clone()
            }
        })
        .collect()
}

/// Three digits and a power of 1000.
fn short(value: f64) -> String {
    let mut scaled = value;
    for unit in ["", "k", "M", "G"] {
        if scaled < 999.5 {
            let decimals = match scaled {
                _ if unit.is_empty() => 0,
                s if s < 9.995 => 2,
                s if s < 99.95 => 1,
                _ => 0,
            };
            return format!("{scaled:.decimals$}{unit}");
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.2}T")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(hook: &str, outcome: Outcome, packets: u64) -> OutcomeCount {
        OutcomeCount {
            interface: "eth0".into(),
            hook: hook.into(),
            outcome: outcome.label().into(),
            verdict: outcome.verdict().label().into(),
            packets,
            bytes: packets * 100,
        }
    }

    #[test]
    fn a_packet_handed_up_by_xdp_is_counted_once() {
        let traffic = by_interface(&[
            count("xdp", Outcome::HandedUp, 5),
            count("xdp", Outcome::Routed, 2),
            count("tc", Outcome::Delivered, 4),
            count("tc", Outcome::NoRoute, 1),
        ]);
        let [traffic] = traffic.as_slice() else {
            panic!("one interface, one row: {traffic:?}");
        };
        assert_eq!(traffic.total.forwarded.packets, 6);
        assert_eq!(traffic.total.passed.packets, 1);
    }

    #[test]
    fn rates_are_differences_by_time() {
        let before = by_interface(&[count("tc", Outcome::Routed, 10)]);
        let now = by_interface(&[count("tc", Outcome::Routed, 30)]);
        let rated = with_rates(&before, &now, 2.0);
        let rates = rated[0].per_second.unwrap();
        assert!((rates.forwarded.packets - 10.0).abs() < 1e-9);
        assert!((rates.forwarded.bytes - 1000.0).abs() < 1e-9);
        let reset = with_rates(&now, &before, 1.0);
        assert!((reset[0].per_second.unwrap().forwarded.packets - 10.0).abs() < 1e-9);
    }

    #[test]
    fn rates_have_three_digits() {
        let shown: Vec<_> = [0.4, 999.0, 999.7, 1.114e6, 12.4e9, 999_400.0, 1e12]
            .into_iter()
            .map(short)
            .collect();
        assert_eq!(
            shown,
            ["0", "999", "1.00k", "1.11M", "12.4G", "999k", "1.00T"]
        );
    }
}
