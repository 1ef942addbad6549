//! `routemesh outcomes`: how packets ended.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use routemesh_common::Outcome;

use super::{Session, output::Column};
use crate::api::OutcomeCount;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Show outcomes that never happened too, and what each means
    #[arg(short, long)]
    all: bool,
    /// Of this interface only
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

const COLUMNS: &[Column<OutcomeCount>] = &[
    Column::text("INTERFACE", |c| Some(c.interface.clone())),
    Column::text("HOOK", |c| Some(c.hook.clone())),
    Column::text("VERDICT", |c| Some(c.verdict.clone())),
    Column::text("OUTCOME", |c| Some(c.outcome.clone())),
    Column::number("PACKETS", |c| Some(c.packets.to_string())),
    Column::number("BYTES", |c| Some(c.bytes.to_string())),
    Column::wide_text("MEANING", meaning),
];

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let mut counts = session.client.outcomes()?;
    if let Some(interface) = &arguments.interface {
        counts.retain(|count| count.interface == *interface);
    }
    if arguments.all {
        counts = complete(counts);
    }
    session
        .output
        .widened(arguments.all)
        .list(&counts, COLUMNS, |count| count.verdict == "drop")
}

fn meaning(count: &OutcomeCount) -> Option<String> {
    Outcome::ALL
        .iter()
        .find(|outcome| outcome.label() == count.outcome)
        .map(|outcome| outcome.doc().to_owned())
}

/// Adds the outcomes that never happened, for each hook that counts at all.
fn complete(counts: Vec<OutcomeCount>) -> Vec<OutcomeCount> {
    let hooks: BTreeSet<_> = counts
        .iter()
        .map(|count| (count.interface.clone(), count.hook.clone()))
        .collect();
    let mut all = Vec::new();
    for (interface, hook) in hooks {
        for outcome in Outcome::ALL {
            let seen = counts.iter().find(|count| {
                (&count.interface, &count.hook) == (&interface, &hook)
                    && count.outcome == outcome.label()
            });
            all.push(seen.cloned().unwrap_or_else(|| OutcomeCount {
                interface: interface.clone(),
                hook: hook.clone(),
                outcome: outcome.label().to_owned(),
                verdict: outcome.verdict().label().to_owned(),
                packets: 0,
                bytes: 0,
            }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_every_outcome_once_a_hook() {
        let count = OutcomeCount {
            interface: "eth0".into(),
            hook: "tc".into(),
            outcome: "routed".into(),
            verdict: "forward".into(),
            packets: 3,
            bytes: 252,
        };
        let all = complete(vec![count.clone()]);
        assert_eq!(all.len(), Outcome::ALL.len());
        assert!(all.contains(&count));
        assert_eq!(all.iter().map(|count| count.packets).sum::<u64>(), 3);
    }
}
