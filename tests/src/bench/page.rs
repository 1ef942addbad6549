//! The report as docs/performance.md.

use std::fmt::Write as _;

use crate::{
    column,
    contest::Pace,
    goal::{GOALS, Goal, Verdict},
    report::{Comparison, Report},
    statistic::Estimate,
    table::{NOT_KNOWN, beside, goal_figure, is_noisy, legend, multiple, number, subject},
};

const INTRODUCTION: &str = "\
# Performance

Written by `cargo xtask bench --page`; not to be edited by hand.

What routemesh carries is measured beside what its users would use instead, side by side in one
run: the columns of a comparison take turns, in rounds that begin at either end, and what counts
is the ratio of two columns in the same round. A figure is a median; behind it stands the interval
that holds the true one with 95 % by the sign test, which assumes nothing of how figures spread;
of fewer than six measurements, it is from the smallest to the largest. What no goal is set for is
measured three fifths as long. Absolute figures mean nothing on another machine: compare ratios.

Every column has hosts of its own, made of network namespaces and joined by a veth cable. Packets
are checked. While they are measured, each datagram is compared with what was sent, and of each frame
its checksum, TTL and destination. Of a stream the bytes are counted then, since a hash takes longer
than the way; after each measurement the same column carries 2 MiB by as many connections, and
hashes of what was sent and of what arrived are compared. Datagrams and frames are counted at the
receiver, in the container where they are for one; of frames, what did not arrive is told. That all
came by the way the column claims is seen in the counters of the kernel or of the programs, before
and after each measurement: in a tunnel's, those of packets that went into it. The hosts of
`kernel + Docker's iptables` and of all columns of routemesh in rows 1 to 4 have the chains and rules
of `dockerd`, for IPv6 too, as it makes them since version 27; nothing is switched off anywhere that
users would have on.

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
# Another kernel, on emulated processors, and what it has beside this one's on the page:
cargo xtask bench --kernel 6.1 -- --rows 1,4 --json flowtable.json
cargo xtask bench -- --json all.json
cargo xtask bench -- --from all.json --flowtable target/vm/6.1/files/flowtable.json --page page.md
```

Figures of two machines are refused to be compared: the JSON holds the processor, its cores and the
kernel. The rounds go on until the ratio is known to 3 %, or say that it is not.
";

const EMULATED: &str = "\
The kernel of the tables above has no flowtable. Here a Debian kernel has one, on processors that are
emulated, where an instruction takes as long as twenty and the parts of the work are not in their
usual proportion: only what is in the same table compares.
";

/// The page. `flowtable` is a report of a machine whose kernel has flowtables, where this one's has
/// not; `chart` is the picture's path from there, where there is one.
pub(crate) fn markdown(report: &Report, flowtable: Option<&Report>, chart: Option<&str>) -> String {
    let mut page = format!("{INTRODUCTION}\n{}", run(report));
    if let Some(chart) = chart {
        let _ = write!(page, "\n![Bars of the main comparisons]({chart})\n");
    }
    page += &goals(report);
    page += "\n## Where routemesh is not faster\n\n";
    page += &slower(&report.comparisons);
    page += "\n## All figures\n";
    let mut comparisons: Vec<_> = report.comparisons.iter().collect();
    comparisons.sort_by_key(|comparison| comparison.row);
    for comparison in comparisons {
        page += &table(comparison, Pace::of(report.quick).spread);
    }
    page += &flowtable.map_or_else(String::new, elsewhere);
    page + "\n" + REPRODUCE
}

/// The comparisons with a flowtable, of a report from a machine that has one.
fn elsewhere(report: &Report) -> String {
    let mut text = format!(
        "\n## Flowtable, in an emulated machine\n\n{EMULATED}\n{}",
        run(report)
    );
    let with_it = |one: &&Comparison| one.samples(column::FLOWTABLE).is_some();
    let mut comparisons: Vec<_> = report.comparisons.iter().filter(with_it).collect();
    comparisons.sort_by_key(|comparison| comparison.row);
    let spread = Pace::of(report.quick).spread;
    for comparison in &comparisons {
        text += &table(comparison, spread);
    }
    text += "\nWhere routemesh is not faster in these:\n\n";
    text += &slower(comparisons);
    text
}

/// Where and when it was measured, and how long that took.
fn run(report: &Report) -> String {
    let Report { machine, date, .. } = report;
    let took = took(report.seconds);
    let short = if report.quick {
        " It was a short one (`--quick`): the intervals are wider than they could be."
    } else {
        ""
    };
    format!("The machine: {machine}. Measured on {date}; this run took {took}.{short}\n")
}

fn took(seconds: u64) -> String {
    if seconds < 180 {
        format!("{seconds} s")
    } else {
        format!("{:.1} minutes", seconds as f64 / 60.0)
    }
}

fn goals(report: &Report) -> String {
    let mut text = String::from(
        "\n## What was to be reached\n\n| What | Column | Found | Wanted | |\n|---|---|---|---|---|\n",
    );
    let spread = Pace::of(report.quick).spread;
    for goal in GOALS {
        let Some(comparison) = report.comparison(goal.comparison) else {
            continue;
        };
        let (found, mark) = match goal.verdict(report) {
            None => (NOT_KNOWN.to_owned(), format!("**{NOT_KNOWN}**")),
            Some((found, verdict)) => (goal_figure(goal, &found, spread), mark(verdict)),
        };
        let (subject, bound) = (subject(goal), goal.bound());
        let title = match goal.against {
            Some(_) => comparison.title.clone(),
            None => format!("{} ({})", comparison.title, comparison.unit),
        };
        let _ = writeln!(text, "| {title} | {subject} | {found} | {bound} | {mark} |");
    }
    let _ = writeln!(text, "\n{}.", legend(spread));
    text + &missed(report)
}

fn mark(verdict: Verdict) -> String {
    match verdict {
        Verdict::Met | Verdict::JustMet => verdict.label().to_owned(),
        Verdict::JustMissed | Verdict::Missed => format!("**{}**", verdict.label()),
    }
}

/// Why goals were missed, of those that were, if only within the noise.
fn missed(report: &Report) -> String {
    let missed = GOALS.iter().filter_map(|goal| {
        let (_, verdict) = goal.verdict(report)?;
        let missed = matches!(verdict, Verdict::Missed | Verdict::JustMissed);
        missed.then_some((goal, report.comparison(goal.comparison)?))
    });
    let mut text = String::new();
    for (goal, comparison) in missed {
        let reason = goal.reason.unwrap_or("it is not known yet.");
        let (title, subject) = (&comparison.title, subject(goal));
        let shown = shown(goal, report);
        let _ = writeln!(text, "- {title}, {subject}: {reason}{shown}");
    }
    if text.is_empty() {
        return text;
    }
    format!("\n### Why some was missed\n\n{text}")
}

/// What of this run shows why a goal was missed.
fn shown(goal: &Goal, report: &Report) -> String {
    let ratios = goal.proof.iter().filter_map(|&(id, column, against)| {
        let comparison = report.comparison(id)?;
        let ratio = multiple(&comparison.ratio(column, against)?);
        let title = if id == goal.comparison {
            String::new()
        } else {
            format!("{} ({}), ", comparison.title, comparison.unit)
        };
        Some(format!("{title}`{column}` of `{against}` {ratio}"))
    });
    let ratios: Vec<_> = ratios.collect();
    if ratios.is_empty() {
        return String::new();
    }
    format!(" In this run: {}.", ratios.join("; "))
}

/// Columns of routemesh that are not surely better than each of what its users would use.
fn slower<'a>(comparisons: impl IntoIterator<Item = &'a Comparison>) -> String {
    let mut text = String::new();
    for comparison in comparisons {
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
                let Comparison { row, title, .. } = comparison;
                let ratio = ratio.as_ref().map_or_else(
                    || format!("{NOT_KNOWN}: `{other}` is not surely above zero"),
                    multiple,
                );
                let _ = writeln!(text, "- Row {row}, {title}: `{one}` of `{other}`: {ratio}.");
            }
        }
    }
    if text.is_empty() {
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
    let rounds = comparison.rounds();
    let noise = if is_noisy(comparison, spread) {
        format!(" **{}.**", legend(spread))
    } else {
        String::new()
    };
    let better = if comparison.less { "less" } else { "more" };
    let beside_it = match comparison.columns.as_slice() {
        [first, _, ..] => format!("of `{}`", first.name),
        _ => "interval".to_owned(),
    };
    let note = comparison.note.as_deref();
    let note = note.map_or(String::new(), |note| format!(" {note}"));
    let mut text = format!(
        "\n### {row} · {title}\n\n{unit}, {better} is better; medians of {rounds}.{noise}{note}\n\n\
         | Column | {unit} | {beside_it} |\n|---|--:|---|\n"
    );
    for column in &comparison.columns {
        let Some(figure) = Estimate::of(&column.samples) else {
            continue;
        };
        let beside = beside(comparison, column, spread);
        let (name, figure) = (&column.name, number(figure.median));
        let _ = writeln!(text, "| {name} | {figure} | {beside} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(redirect: f64) -> String {
        let columns: [(_, &[f64]); 5] = [
            (column::REDIRECT, &[redirect; 6]),
            (column::RELAY, &[redirect; 6]),
            (column::KERNEL, &[100.0; 6]),
            (column::OPEN_VSWITCH, &[900.0; 6]),
            (column::XDP, &[600.0; 6]),
        ];
        markdown(&Report::of("transit", &columns), None, None)
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

    #[test]
    fn a_goal_missed_within_the_noise_has_its_reason_and_what_shows_it() {
        let columns: [(_, &[f64]); 3] = [
            (column::CABLE, &[100.0; 6]),
            (column::RELAY, &[91.0; 6]),
            (column::TC, &[90.0, 90.0, 90.0, 90.0, 99.0, 99.0]),
        ];
        let page = markdown(&Report::of("tcp-1", &columns), None, None);
        let (_, reasons) = page.split_once("### Why some was missed").unwrap();
        let (reasons, _) = reasons.split_once("## Where").unwrap();
        assert!(page.contains("**missed, within the noise**"), "{page}");
        let shown = "In this run: `bare mirred relay` of `bare cable` 0.91 × (0.91 to 0.91); ";
        assert!(reasons.contains(shown), "{reasons}");
    }

    #[test]
    fn what_is_known_too_badly_is_marked_in_its_line_and_told_above() {
        let columns: [(_, &[f64]); 3] = [
            (column::CABLE, &[100.0; 6]),
            (column::RELAY, &[91.0; 6]),
            (column::TC, &[80.0, 80.0, 80.0, 99.0, 99.0, 99.0]),
        ];
        let page = markdown(&Report::of("other", &columns), None, None);
        assert!(page.contains("**~: not known to within ± 3 %.**"), "{page}");
        assert!(page.contains("| 0.91 × (0.91 to 0.91) |"), "{page}");
        assert!(page.contains("(0.80 to 0.99) ~ |"), "{page}");
    }

    #[test]
    fn a_column_without_others_has_its_interval() {
        let samples = [3.0, 1.0, 2.0, 2.0, 2.0, 2.0];
        let page = markdown(
            &Report::of("start", &[(column::DAEMON, &samples)]),
            None,
            None,
        );
        assert!(page.contains("| 2.00 (1.00 to 3.00) ~ | ≤ 150 |"), "{page}");
        assert!(page.contains("| Column | k/s | interval |"), "{page}");
        assert!(
            page.contains("| routemesh | 2.00 | (1.00 to 3.00) ~ |"),
            "{page}"
        );
    }

    #[test]
    fn a_run_is_told_by_its_length() {
        assert_eq!(took(158), "158 s");
        assert_eq!(took(1590), "26.5 minutes");
    }

    #[test]
    fn a_flowtable_from_elsewhere_has_a_section_with_its_own_machine() {
        let columns: [(_, &[f64]); 3] = [
            (column::CABLE, &[8.0; 6]),
            (column::FLOWTABLE, &[4.0; 6]),
            (column::TC, &[3.0; 6]),
        ];
        let mut other = Report::of("tcp-1", &columns);
        other.machine.kernel = "6.1.0-emulated".to_owned();
        let here = Report::of("tcp-1", &columns[..1]);
        let page = markdown(&here, Some(&other), None);
        let (before, section) = page
            .split_once("## Flowtable, in an emulated machine")
            .unwrap();
        assert!(section.contains("Linux 6.1.0-emulated"), "{section}");
        assert!(section.contains("flowtable | 4.00 | 0.50 ×"), "{section}");
        assert!(section.contains("`routemesh tc` of `kernel + nftables' flowtable`: 0.75 ×"));
        assert!(!before.contains("6.1.0-emulated"), "{before}");
    }
}
