//! The report as docs/performance.md.

use std::fmt::Write as _;

use crate::{
    contest::{Pace, noise},
    goal::{GOALS, Goal, Verdict},
    report::{Comparison, Report},
    statistic::Estimate,
    table::{NOT_KNOWN, multiple, number, share, subject},
};

const INTRODUCTION: &str = "\
# Performance

Written by `cargo xtask bench --page`; not to be edited by hand.

What routemesh carries is measured beside what its users would use instead, side by side in one
run: the columns of a comparison take turns, in rounds that begin at either end, and what counts
is the ratio of two columns in the same round. A figure is a median; behind it stands the interval
that holds the true one with 95 % by the sign test, which assumes nothing of how figures spread.
Absolute figures mean nothing on another machine: compare ratios.

Every column has hosts of its own, made of network namespaces and joined by a veth cable. Packets
are checked: streams by their hash before the measuring, datagrams by their content, frames by
checksum and TTL. Datagrams and frames are counted at the receiver, in the container where they are
for one. That they came by the way the column claims is seen in the counters of the kernel or of the
programs. The hosts of `kernel + Docker's iptables` and of all columns of routemesh in rows 1 to 4
have the chains and rules of `dockerd`, for IPv6 too, as it makes them since version 27; nothing is
switched off anywhere that users would have on.

The frames of row 3 are made by a program in one host's namespace and counted by another one; all of
their way is on one processor. Frames are of the size that they have on a wire, checksum included.
`routemesh auto` is there what `routemesh XDP` is where an uplink's driver has XDP, and on a veth
`routemesh tc`.

Processor time (row 5) is all that the machine's processors were not idle during those very
transfers, in interrupts too and on whichever processor, less what they were busy while nothing was
sent, which each round listens to first. Where that was much, its table says so.
";

const REPRODUCE: &str = "\
## Again, elsewhere

```console
cargo xtask bench                         # 30 minutes, on a machine that does nothing else
cargo xtask bench --quick                 # 3 minutes
cargo xtask bench --rows 1,3 --json before.json
cargo xtask bench --rows 1,3 --compare before.json
cargo xtask bench --kernel 6.1 --rows 1   # another kernel, on emulated processors
```

Figures of two machines are refused to be compared: the JSON holds the processor, its cores and the
kernel. The rounds go on until the ratio is known to 3 %, or say that it is not.
";

/// The page; `chart` is the picture's path from there, where there is one.
pub(crate) fn markdown(report: &Report, chart: Option<&str>) -> String {
    let mut page = format!("{INTRODUCTION}\nThe machine: {}.\n", report.machine);
    if report.quick {
        page += "\nA short run (`--quick`): the intervals are wider than they could be.\n";
    }
    if let Some(chart) = chart {
        let _ = write!(page, "\n![Bars of the main comparisons]({chart})\n");
    }
    page += &goals(report);
    page += &slower(report);
    page += "\n## All figures\n";
    let mut comparisons: Vec<_> = report.comparisons.iter().collect();
    comparisons.sort_by_key(|comparison| comparison.row);
    for comparison in comparisons {
        page += &table(comparison, Pace::of(report.quick).spread);
    }
    page + "\n" + REPRODUCE
}

fn goals(report: &Report) -> String {
    let mut text = String::from(
        "\n## What was to be reached\n\n| What | Column | Found | Wanted | |\n|---|---|---|---|---|\n",
    );
    for goal in GOALS {
        let Some(comparison) = report.comparison(goal.comparison) else {
            continue;
        };
        let (found, mark) = match goal.verdict(report) {
            None => (NOT_KNOWN.to_owned(), format!("**{NOT_KNOWN}**")),
            Some((found, verdict)) => (goal_figure(goal, comparison, &found), mark(verdict)),
        };
        let (title, subject, bound) = (&comparison.title, subject(goal), goal.bound());
        let _ = writeln!(text, "| {title} | {subject} | {found} | {bound} | {mark} |");
    }
    text + &missed(report)
}

fn goal_figure(goal: &Goal, comparison: &Comparison, found: &Estimate) -> String {
    match goal.against {
        Some(_) => multiple(found),
        None => format!("{} {}", number(found.median), comparison.unit),
    }
}

fn mark(verdict: Verdict) -> String {
    match verdict {
        Verdict::Met | Verdict::JustMet => verdict.label().to_owned(),
        Verdict::JustMissed | Verdict::Missed => format!("**{}**", verdict.label()),
    }
}

/// Why goals were missed, of those that were.
fn missed(report: &Report) -> String {
    let missed = GOALS.iter().filter_map(|goal| {
        let (_, verdict) = goal.verdict(report)?;
        matches!(verdict, Verdict::Missed).then_some((goal, report.comparison(goal.comparison)?))
    });
    let mut text = String::new();
    for (goal, comparison) in missed {
        let reason = goal.reason.unwrap_or("it is not known yet.");
        let (title, subject) = (&comparison.title, subject(goal));
        let _ = writeln!(text, "- {title}, {subject}: {reason}");
    }
    if text.is_empty() {
        return text;
    }
    format!("\n### Why some was missed\n\n{text}")
}

/// Columns of routemesh that are not surely better than each of what its users would use.
fn slower(report: &Report) -> String {
    let mut text = String::from("\n## Where routemesh is not faster\n\n");
    let mut none = true;
    for comparison in &report.comparisons {
        let (ours, others): (Vec<_>, Vec<_>) = comparison
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .partition(|name| name.starts_with("routemesh"));
        let others = others.iter().filter(|name| is_in_use(name));
        for (one, other) in others.flat_map(|other| ours.iter().map(move |one| (one, other))) {
            let ratio = comparison.ratio(one, other);
            let faster = ratio.is_some_and(|ratio| {
                if comparison.less {
                    ratio.high < 1.0
                } else {
                    ratio.low > 1.0
                }
            });
            if !faster {
                none = false;
                let (title, ratio) = (&comparison.title, share(ratio));
                let _ = writeln!(text, "- {title}: `{one}` of `{other}`: {ratio}.");
            }
        }
    }
    if none {
        text += "Nowhere in this run.\n";
    }
    text
}

/// Whether users would use it: cables and bare redirects are limits.
fn is_in_use(column: &str) -> bool {
    ["kernel", "Open vSwitch"]
        .iter()
        .any(|name| column.starts_with(name))
}

fn table(comparison: &Comparison, spread: f64) -> String {
    let Comparison {
        row, title, unit, ..
    } = comparison;
    let first = comparison
        .columns
        .first()
        .map(|column| column.name.as_str());
    let rounds = comparison.rounds();
    let wide = " **The intervals are wider than wanted.**";
    let noise = noise(comparison, spread, wide);
    let better = if comparison.less { "less" } else { "more" };
    let against = first.unwrap_or_default();
    let note = comparison.note.as_deref();
    let note = note.map_or(String::new(), |note| format!(" {note}"));
    let mut text = format!(
        "\n### {row} · {title}\n\n{unit}, {better} is better; medians of {rounds}.{noise}{note}\n\n\
         | Column | {unit} | of `{against}` |\n|---|--:|---|\n"
    );
    for column in &comparison.columns {
        let Some(figure) = Estimate::of(&column.samples) else {
            continue;
        };
        let of_first = first
            .filter(|first| *first != column.name)
            .map_or(String::new(), |first| {
                share(comparison.ratio(&column.name, first))
            });
        let _ = writeln!(
            text,
            "| {} | {} | {of_first} |",
            column.name,
            number(figure.median)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column;

    fn page(redirect: f64) -> String {
        let columns: [(_, &[f64]); 5] = [
            (column::REDIRECT, &[redirect; 6]),
            (column::RELAY, &[redirect; 6]),
            (column::KERNEL, &[100.0; 6]),
            (column::OPEN_VSWITCH, &[900.0; 6]),
            (column::XDP, &[600.0; 6]),
        ];
        markdown(&Report::of("transit", &columns), None)
    }

    #[test]
    fn why_a_goal_was_missed_is_told_where_it_was() {
        let heading = "### Why some was missed";
        assert!(page(1000.0).contains(heading));
        assert!(!page(600.0).contains(heading));
    }

    #[test]
    fn a_goal_whose_ratio_is_not_known_is_told_to_be_so() {
        assert!(page(0.0).contains("| not known | ≥ 0.95 | **not known** |"));
    }

    #[test]
    fn what_is_faster_is_told_unless_it_is_a_limit() {
        let page = page(1000.0);
        let (_, slower) = page.split_once("## Where routemesh is not faster").unwrap();
        let (slower, _) = slower.split_once("## All figures").unwrap();
        assert!(slower.contains("0.67 ×"), "{slower}");
        assert_eq!(slower.matches("- ").count(), 1, "{slower}");
    }
}
