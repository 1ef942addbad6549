//! The report as text.

use std::fmt::Write as _;

use crate::{
    contest::noise,
    goal::{GOALS, Goal},
    report::{Comparison, Report},
    statistic::Estimate,
};

/// One comparison: a line for each column, then the goals.
pub(crate) fn comparison(report: &Report, comparison: &Comparison, spread: f64) -> String {
    let rounds = comparison.rounds();
    let wide = ", NOISY: the intervals are wider than wanted";
    let noise = noise(comparison, spread, wide);
    let Comparison {
        row, title, unit, ..
    } = comparison;
    let mut text = format!("\n{row} · {title} ({unit}; medians of {rounds}{noise})\n");
    let first = comparison
        .columns
        .first()
        .map(|column| column.name.as_str());
    for column in &comparison.columns {
        let Some(figure) = Estimate::of(&column.samples) else {
            continue;
        };
        let against = first.filter(|first| *first != column.name);
        let share = against.map_or(String::new(), |first| {
            share(comparison.ratio(&column.name, first))
        });
        let (name, figure) = (&column.name, number(figure.median));
        let _ = writeln!(text, "  {name:<33} {figure:>10}  {share}");
    }
    if let Some(note) = &comparison.note {
        let _ = writeln!(text, "  {note}");
    }
    for goal in goals(comparison) {
        let _ = writeln!(text, "  {}", goal_line(goal, report));
    }
    text
}

/// The goals that are set for a comparison.
pub(crate) fn goals(comparison: &Comparison) -> impl Iterator<Item = &'static Goal> {
    GOALS.iter().filter(|goal| goal.comparison == comparison.id)
}

/// What a goal is about.
pub(crate) fn subject(goal: &Goal) -> String {
    match goal.against {
        Some(against) => format!("{} vs {against}", goal.column),
        None => goal.column.to_owned(),
    }
}

fn goal_line(goal: &Goal, report: &Report) -> String {
    let (subject, bound) = (subject(goal), goal.bound());
    let Some((found, verdict)) = goal.verdict(report) else {
        return format!("→ {subject}: {NOT_KNOWN}, wanted {bound}");
    };
    let figure = match goal.against {
        Some(_) => multiple(&found),
        None => number(found.median),
    };
    let verdict = verdict.label();
    format!("→ {subject}: {figure}, wanted {bound}: {verdict}")
}

/// As `1.43 × (1.40 to 1.47)`.
pub(crate) fn multiple(ratio: &Estimate) -> String {
    let Estimate { median, low, high } = ratio;
    format!("{median:.2} × ({low:.2} to {high:.2})")
}

/// A ratio, where there is one.
pub(crate) fn share(ratio: Option<Estimate>) -> String {
    ratio.map_or_else(|| NOT_KNOWN.to_owned(), |ratio| multiple(&ratio))
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
