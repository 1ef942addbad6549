//! The report as a picture: bars of each comparison's columns, in SVG.

use std::fmt::Write as _;

use crate::{
    report::{Column, Comparison, Report},
    statistic::Estimate,
    table::number,
};

/// What is drawn: where more is better, so that longer is.
const DRAWN: [&str; 8] = [
    "tcp-1",
    "udp",
    "tunnel-tcp",
    "tunnel-udp",
    "transit",
    "deliver",
    "decapsulate",
    "decapsulate-deliver",
];
const WIDTH: u32 = 860;
/// Where bars begin, and how long the longest is.
const LEFT: u32 = 250;
const LONGEST: f64 = 420.0;
const BAR: u32 = 16;
const STEP: u32 = 22;
const MARGIN: u32 = 20;

/// The picture; it has its own background, so it can be read on any page.
pub(crate) fn svg(report: &Report) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for comparison in DRAWN.iter().filter_map(|id| report.comparison(id)) {
        y = bars(&mut body, comparison, y);
    }
    let machine = escape(&report.machine.to_string());
    text(&mut body, (MARGIN, y + 10), "small", &machine);
    let height = y + MARGIN + 10;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>routemesh beside the cable, the kernel and its tunnels</title>\n\
         <style>\n\
         text {{ font: 13px sans-serif; fill: #222 }}\n\
         .title {{ font-weight: bold }}\n\
         .small {{ font-size: 11px; fill: #666 }}\n\
         .ours {{ fill: #2a9d5c }} .theirs {{ fill: #7a9cc6 }} .limit {{ fill: #b8b8b8 }}\n\
         .interval {{ stroke: #222; stroke-width: 1.5 }}\n\
         </style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         {body}</svg>\n"
    )
}

/// Draws a comparison from `y` on, and returns where the next one begins.
fn bars(body: &mut String, comparison: &Comparison, mut y: u32) -> u32 {
    let title = format!("{} ({})", comparison.title, comparison.unit);
    text(body, (MARGIN, y + 4), "title", &escape(&title));
    y += 14;
    let estimates = comparison
        .columns
        .iter()
        .filter_map(|column| Some((column, Estimate::of(&column.samples)?)));
    let estimates: Vec<_> = estimates.collect();
    let longest = estimates.iter().map(|(_, found)| found.high);
    let scale = LONGEST / longest.fold(f64::MIN_POSITIVE, f64::max);
    for (column, found) in &estimates {
        bar(body, column, (*found, scale), y);
        y += STEP;
    }
    y + STEP
}

fn bar(body: &mut String, column: &Column, (found, scale): (Estimate, f64), y: u32) {
    let end = |value: f64| f64::from(LEFT) + (value * scale).max(0.0);
    let (length, middle) = (end(found.median) - f64::from(LEFT), y + BAR / 2);
    let (low, high) = (end(found.low), end(found.high));
    let class = class(&column.name);
    text(body, (MARGIN, y + 12), "name", &escape(&column.name));
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\"/>\n\
         <line class=\"interval\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
    );
    let after = end(found.high) as u32 + 8;
    text(body, (after, y + 12), "figure", &number(found.median));
}

/// Who a column is of: routemesh, someone else, or nobody, as it is the limit.
fn class(name: &str) -> &'static str {
    if name.starts_with("routemesh") {
        "ours"
    } else if name.starts_with("bare") {
        "limit"
    } else {
        "theirs"
    }
}

fn text(body: &mut String, (x, y): (u32, u32), class: &str, words: &str) {
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column;

    #[test]
    fn the_longest_interval_ends_where_the_longest_bar_may() {
        let columns: [(_, &[f64]); 2] = [
            (column::CABLE, &[300.0, 500.0]),
            (column::TC, &[250.0, 250.0]),
        ];
        let svg = svg(&Report::of("udp", &columns));
        assert!(svg.contains("64 bytes &amp; more"));
        assert!(svg.contains("x2=\"670.0\""), "{svg}");
        assert!(
            svg.contains("class=\"ours\" x=\"250\" y=\"56\" width=\"210.0\""),
            "{svg}"
        );
    }

    #[test]
    fn a_relay_is_drawn_as_a_limit() {
        assert_eq!(class(column::RELAY), class(column::CABLE));
        assert_ne!(class(column::RELAY), class(column::KERNEL));
    }
}
