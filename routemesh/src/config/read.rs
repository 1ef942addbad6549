//! From text to what is typed, table by table, so that a mistake in one does not hide those in
//! the next. What the TOML parser and serde complain of is said in our words.

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

use super::{
    document::Document,
    report::{Problem, Report, Span},
};

/// Names less like one another than this are not taken for a slip of the pen.
const ALIKE: f64 = 0.75;

/// What `text` types; what cannot be read is missing from it, and told to `report`.
pub(super) fn read(text: &str, report: &mut Report) -> Document {
    let mut document = Document::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        errors.iter().map(problem).for_each(|it| report.push(it));
        return document;
    }
    for (key, value) in table.into_inner() {
        match key.get_ref().as_ref() {
            "node" => document.node = one(value, report),
            "uplink" => document.uplink = each("uplink", value, report),
            "network" => document.network = each("network", value, report),
            "route" => document.route = each("route", value, report),
            "limits" => document.limits = one(value, report).unwrap_or_default(),
            "metrics" => document.metrics = one(value, report).unwrap_or_default(),
            unknown => report.push(unknown_key(
                unknown,
                Some(key.span().into()),
                &Document::KEYS,
            )),
        }
    }
    document
}

fn one<T: DeserializeOwned>(value: Spanned<DeValue<'_>>, report: &mut Report) -> Option<T> {
    T::deserialize(ValueDeserializer::from(value))
        .map_err(|error| report.push(problem(&error)))
        .ok()
}

/// The tables written as `[[key]]`.
fn each<T: DeserializeOwned>(
    key: &str,
    value: Spanned<DeValue<'_>>,
    report: &mut Report,
) -> Vec<T> {
    let span = Span::from(value.span());
    if let DeValue::Array(tables) = value.into_inner() {
        let mut read = Vec::with_capacity(tables.len());
        read.extend(tables.into_iter().filter_map(|table| one(table, report)));
        read
    } else {
        report.push(
            Problem::new(format!("`{key}` is not a list of tables"))
                .at(span, "can be there more than once")
                .help(format!("write `[[{key}]]`, once for each")),
        );
        Vec::new()
    }
}

/// An error of the TOML parser, or of serde, in our words.
fn problem(error: &Error) -> Problem {
    let span = error.span().map(Span::from);
    let message = error.message();
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
        "duplicate key" => "written before; remove one of the two",
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
