//! From text to what is typed, table by table, so that a mistake in one does not hide those in
//! the next. What the TOML parser and serde complain of is said in our words.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

use super::{
    document::Document,
    report::{Problem, Report, Source, Span},
};

/// Names less like one another than this are not taken for a slip of the pen.
const ALIKE: f64 = 0.75;

/// A file is parsed in parts of at least this many bytes: the parser takes forty times the
/// memory of what it parses.
const PART: usize = 1 << 20;
const ROUTE_HEADER: &str = "\n[[route]]";

/// Hands each part of `text` to `take`, with where it begins in the file; reports what could
/// not be read and is missing from the parts.
pub(super) fn read(
    text: &str,
    source: Source,
    mut take: impl FnMut(usize, Document),
) -> Option<Report> {
    let mut reader = Reader {
        report: Report::new(source),
        start: 0,
        singles: BTreeMap::new(),
    };
    for (start, part) in parts(text) {
        reader.start = start;
        take(start, reader.document(part));
    }
    reader.report.into_option()
}

/// A file cut in front of routes. Only a text over several lines could have a line like that
/// and mean something else.
fn parts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let whole = text.contains("\"\"\"") || text.contains("'''");
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let beyond = rest.ceil_char_boundary(PART);
        let end = match rest[beyond..].find(ROUTE_HEADER) {
            Some(newline) if !whole => beyond + newline + 1,
            Some(_) | None => rest.len(),
        };
        let part = (start, &rest[..end]);
        start += end;
        Some(part)
    })
}

struct Reader {
    report: Report,
    /// Where the part that is being read begins.
    start: usize,
    /// Where tables are written that are there once: the parser sees one part only.
    singles: BTreeMap<&'static str, Span>,
}

impl Reader {
    fn document(&mut self, text: &str) -> Document {
        let mut document = Document::default();
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            errors.iter().for_each(|error| self.refuse(error));
            return document;
        }
        for (key, value) in table.into_inner() {
            let place = Span::within(self.start, key.span());
            match key.get_ref().as_ref() {
                "node" => document.node = self.one(value),
                "uplink" => document.uplink = self.each("uplink", value),
                "network" => document.network = self.each("network", value),
                "route" => document.route = self.each("route", value),
                "tunnel" => document.tunnel = self.single("tunnel", place, value),
                "limits" => document.limits = self.single("limits", place, value),
                "metrics" => document.metrics = self.single("metrics", place, value),
                unknown => {
                    let problem = unknown_key(unknown, Some(place), &Document::KEYS);
                    self.report.push(problem);
                }
            }
        }
        document
    }

    fn refuse(&mut self, error: &Error) {
        let place = error.span().map(|span| Span::within(self.start, span));
        self.report.push(problem(error.message(), place));
    }

    fn one<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        T::deserialize(ValueDeserializer::from(value))
            .map_err(|error| self.refuse(&error))
            .ok()
    }

    /// A table that is there once in the file.
    fn single<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        place: Span,
        value: Spanned<DeValue<'_>>,
    ) -> Option<T> {
        if let Some(first) = self.singles.insert(key, place) {
            let problem = problem(DUPLICATE, Some(place)).at(first, "the first one");
            self.report.push(problem);
        }
        self.one(value)
    }

    /// The tables written as `[[key]]`.
    fn each<T: DeserializeOwned>(&mut self, key: &str, value: Spanned<DeValue<'_>>) -> Vec<T> {
        let place = Span::within(self.start, value.span());
        if let DeValue::Array(tables) = value.into_inner() {
            let mut read = Vec::with_capacity(tables.len());
            read.extend(tables.into_iter().filter_map(|table| self.one(table)));
            read
        } else {
            let problem = Problem::new(format!("`{key}` is not a list of tables"))
                .at(place, "can be there more than once")
                .help(format!("write `[[{key}]]`, once for each"));
            self.report.push(problem);
            Vec::new()
        }
    }
}

/// What the TOML parser says of a key that is there twice.
const DUPLICATE: &str = "duplicate key";

/// An error of the TOML parser, or of serde, in our words.
fn problem(message: &str, span: Option<Span>) -> Problem {
    if let Some((key, expected)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected "))
    {
        // What stands between backticks are the keys.
        let keys: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return unknown_key(key, span, &keys);
    }
    if let Some(key) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return Problem::new(format!("`{key}` is missing"))
            .at(span, "in this table")
            .help(format!("add a line `{key} = \"...\"`"));
    }
    if let Some((what, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return Problem::new(format!("wrong type: {what}"))
            .at(span, format!("expected {}", typed(expected)));
    }
    let label = match message {
        DUPLICATE => "written before; remove one of the two",
        _ => "",
    };
    Problem::new(message).at(span, label)
}

fn unknown_key(key: &str, span: Option<Span>, keys: &[&str]) -> Problem {
    let list = keys.join(", ");
    let help = match nearest(key, keys.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`? The keys here are {list}"),
        None => format!("the keys here are {list}"),
    };
    Problem::new(format!("unknown key `{key}`"))
        .at(span, "no such key")
        .help(help)
}

/// The one of `names` that was probably meant by `name`; of equally near ones the first.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|candidate| (strsim::jaro_winkler(candidate, name), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .min_by(|(a, _), (b, _)| b.total_cmp(a))
        .map(|(_, candidate)| candidate)
}

/// What serde expects, as someone would say it who writes TOML.
fn typed(expected: &str) -> &str {
    match expected {
        "a string" => "a text in quotes",
        "i64" => "a whole number, without quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list in brackets",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}
