//! The report as text.

use std::fmt::Write as _;

use crate::{
    goal::{Goal, goals},
    report::{Column, Comparison, Report},
    statistic::Estimate,
};

/// One comparison: a line for each column, then the goals.
pub(crate) fn comparison(report: &Report, comparison: &Comparison, spread: f64) -> String {
    let rounds = comparison.rounds();
    let noise = if is_noisy(comparison, spread) {
        format!(", {}", legend(spread))
    } else {
        String::new()
    };
    let Comparison {
        row, title, unit, ..
    } = comparison;
    let mut text = format!("\n{row} · {title} ({unit}; medians of {rounds}{noise})\n");
    for column in &comparison.columns {
        let Some(figure) = Estimate::of(&column.samples) else {
            continue;
        };
        let share = beside(comparison, column, spread);
        let (name, figure) = (&column.name, number(figure.median));
        let _ = writeln!(text, "  {name:<33} {figure:>10}  {share}");
    }
    if let Some(note) = &comparison.note {
        let _ = writeln!(text, "  {note}");
    }
    for goal in goals(comparison) {
        let _ = writeln!(text, "  {}", goal_line(goal, report, spread));
    }
    text
}

/// What a goal is about.
pub(crate) fn subject(goal: &Goal) -> String {
    match goal.against {
        Some(against) => format!("{} vs {against}", goal.column),
        None => goal.column.to_owned(),
    }
}

fn goal_line(goal: &Goal, report: &Report, spread: f64) -> String {
    let (subject, bound) = (subject(goal), goal.bound());
    let Some((found, verdict)) = goal.verdict(report) else {
        return format!("→ {subject}: {NOT_KNOWN}, wanted {bound}");
    };
    let figure = goal_figure(goal, &found, spread);
    let verdict = verdict.label();
    format!("→ {subject}: {figure}, wanted {bound}: {verdict}")
}

/// What a goal's column was found to be, marked where that is not known well.
pub(crate) fn goal_figure(goal: &Goal, found: &Estimate, spread: f64) -> String {
    let figure = match goal.against {
        Some(_) => multiple(found),
        None => format!("{} {}", number(found.median), interval(found)),
    };
    figure + mark(found, spread)
}

/// What is shown beside a column's figure: its ratio to the first column's, none for that one, but
/// its interval where it is alone.
pub(crate) fn beside(comparison: &Comparison, column: &Column, spread: f64) -> String {
    let first = &comparison.columns[0];
    if comparison.columns.len() == 1 {
        let found = Estimate::of(&column.samples);
        return found.map_or_else(String::new, |found| interval(&found) + mark(&found, spread));
    }
    if column.name == first.name {
        return String::new();
    }
    match comparison.ratio(&column.name, &first.name) {
        Some(ratio) => multiple(&ratio) + mark(&ratio, spread),
        None => NOT_KNOWN.to_owned(),
    }
}

/// Whether something is marked in the table of a comparison.
pub(crate) fn is_noisy(comparison: &Comparison, spread: f64) -> bool {
    let mut columns = comparison.columns.iter();
    columns.any(|column| beside(comparison, column, spread).ends_with(MARK))
}

/// What the mark is for.
pub(crate) fn legend(spread: f64) -> String {
    format!(
        "{}: not known to within ± {:.0} %",
        MARK.trim(),
        100.0 * spread
    )
}

/// What is not known as well as wanted.
const MARK: &str = " ~";

fn mark(found: &Estimate, spread: f64) -> &'static str {
    if found.spread() > spread { MARK } else { "" }
}

/// As `1.43 × (1.40 to 1.47)`.
pub(crate) fn multiple(ratio: &Estimate) -> String {
    let Estimate { median, low, high } = ratio;
    format!("{median:.2} × ({low:.2} to {high:.2})")
}

/// As `(1.40 to 1.47)`.
fn interval(found: &Estimate) -> String {
    format!("({} to {})", number(found.low), number(found.high))
}

/// What is said where there is no ratio.
pub(crate) const NOT_KNOWN: &str = "not known";

/// With three digits or more that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// What changed between two runs: of each column its ratio to the first one, which what else the
/// machine did weighs on alike.
pub(crate) fn changes(before: &Report, now: &Report) -> String {
    let mut text =
        String::from("\nBefore and now, as multiples of each comparison's first column\n");
    if before.quick != now.quick {
        text += "(one of them is a short run, --quick, whose measurements are shorter and fewer)\n";
    }
    for new in &now.comparisons {
        let Some((old, first)) = before.comparison(&new.id).zip(new.columns.first()) else {
            continue;
        };
        let _ = writeln!(text, "\n{} · {}", new.row, new.title);
        for column in &new.columns {
            let ratios = if column.name == first.name {
                let figure = |one: &Comparison| Estimate::of(one.samples(&column.name)?);
                figure(old).zip(figure(new))
            } else {
                let ratio = |one: &Comparison| one.ratio(&column.name, &first.name);
                ratio(old).zip(ratio(new))
            };
            let Some((old, new)) = ratios else { continue };
            let certain = old.high < new.low || new.high < old.low;
            let mark = if certain { "" } else { "  (within the noise)" };
            let change = 100.0 * (new.median / old.median - 1.0);
            let (name, old, new) = (&column.name, number(old.median), number(new.median));
            let _ = writeln!(
                text,
                "  {name:<33} {old:>8} → {new:>8}  {change:+.1} %{mark}"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column;

    #[test]
    fn a_short_run_beside_a_full_one_is_told_to_be_one() {
        let columns: [(_, &[f64]); 1] = [(column::CABLE, &[1.0; 6])];
        let full = Report::of("tcp-1", &columns);
        let mut short = Report::of("tcp-1", &columns);
        assert!(!changes(&full, &short).contains("short run"));
        short.quick = true;
        assert!(changes(&full, &short).contains("short run"));
        assert!(changes(&short, &full).contains("short run"));
    }
}
