//! Many routes in one text, a line each, as `ip -batch` has them.

use super::words;
use crate::api::{RouteEdit, RouteOp};

/// Edits, and the lines they came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// In the order of the text.
    pub(super) edits: Vec<RouteEdit>,
    /// The line of each, counted from 1.
    pub(super) lines: Vec<usize>,
}

/// A line that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Counted from 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) problem: String,
}

/// Reads `text`. A line may begin with `route` and with a verb; without one it means `op`.
/// Empty lines, and what comes after `#`, are nothing.
pub(super) fn parse(op: RouteOp, text: &str, ipv6: Option<bool>) -> Result<Batch, BadLine> {
    let mut batch = Batch::default();
    let mut words = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        words.clear();
        words.extend(text.split_ascii_whitespace());
        if words.is_empty() {
            continue;
        }
        let (op, rest) = verb(op, &words);
        let edit = words::parse(op, rest, ipv6).map_err(|problem| BadLine { line, problem })?;
        batch.edits.push(edit);
        batch.lines.push(line);
    }
    Ok(batch)
}

fn verb<'a>(op: RouteOp, words: &'a [&'a str]) -> (RouteOp, &'a [&'a str]) {
    let words = match words {
        ["route", rest @ ..] => rest,
        _ => words,
    };
    match words {
        ["add", rest @ ..] => (RouteOp::Add, rest),
        ["replace", rest @ ..] => (RouteOp::Replace, rest),
        ["del" | "delete", rest @ ..] => (RouteOp::Del, rest),
        _ => (op, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_may_name_their_verb() {
        let text = "\
# hosts of rack 3
10.1.0.0/24 via 192.0.2.1 dev eth0

route add 10.2.0.0/24 via 192.0.2.2  # spare
replace blackhole 10.3.0.0/24
route del 10.4.0.0/24
";
        let batch = parse(RouteOp::Add, text, None).unwrap();
        let seen: Vec<_> = batch
            .edits
            .iter()
            .zip(&batch.lines)
            .map(|(edit, line)| (*line, edit.op, edit.dst.to_string()))
            .collect();
        assert_eq!(
            seen,
            [
                (2, RouteOp::Add, "10.1.0.0/24".into()),
                (4, RouteOp::Add, "10.2.0.0/24".into()),
                (5, RouteOp::Replace, "10.3.0.0/24".into()),
                (6, RouteOp::Del, "10.4.0.0/24".into()),
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse(
            RouteOp::Add,
            "10.1.0.0/24 via 192.0.2.1\n\n10.1.2.0/16 via 192.0.2.1\n",
            None,
        );
        assert_eq!(
            error,
            Err(BadLine {
                line: 3,
                problem: "10.1.2.0/16 has host bits set; the network is 10.1.0.0/16".into()
            })
        );
    }
}
