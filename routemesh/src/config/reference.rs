//! The reference of the configuration file, made from its schema.

use serde_json::{Map, Value};

use super::{Config, DEFAULT, document::IN_WORDS};

const INTRODUCTION: &str = "\
# Configuration

`/etc/routemesh/config.toml`, or the file named with `--config`: TOML, keys in kebab-case. A key
that does not exist is an error. `routemesh config check` says what is wrong with a file,
`routemesh config show` prints every value in force, and `routemesh config schema` the JSON
schema.
";

/// Every key with its type, default and meaning, and the file that is built in: Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = Config::schema();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Top level\n\n");
    keys(&mut page, &schema, &schema);
    for (key, value) in properties(&schema) {
        let Some(table) = table(&schema, value) else {
            continue;
        };
        let heading = if value["type"] == "array" {
            format!("[[{key}]]")
        } else {
            format!("[{key}]")
        };
        let meaning = words(&value["description"]);
        add(&mut page, &format!("\n## `{heading}`\n\n{meaning}\n\n"));
        keys(&mut page, &schema, table);
    }
    add(
        &mut page,
        &format!(
            "\n## The default\n\nBuilt in, for hosts without a file:\n\n```toml\n{DEFAULT}```\n"
        ),
    );
    page
}

/// A table of the keys of `table` that are no tables themselves.
fn keys(page: &mut String, schema: &Value, of: &Value) {
    page.push_str("| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
    for (key, value) in properties(of) {
        if table(schema, value).is_some() {
            continue;
        }
        let kind = kind(schema, value);
        let default = default(of, key, value);
        let meaning = words(&value["description"]);
        add(
            page,
            &format!("| `{key}` | {kind} | {default} | {meaning} |\n"),
        );
    }
}

fn add(page: &mut String, text: &str) {
    page.push_str(text);
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
}

/// What a `$ref` in `value` stands for; `value` itself where there is none.
fn resolved<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"]
        .as_str()
        .and_then(|path| schema.pointer(path.trim_start_matches('#')))
        .unwrap_or(value)
}

/// The schema of the table, or of each table of the array, that `value` is.
fn table<'a>(schema: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let item = if value["type"] == "array" {
        &value["items"]
    } else {
        value
    };
    let item = resolved(schema, item);
    (item["type"] == "object").then_some(item)
}

/// A value's type in words.
fn kind(schema: &Value, value: &Value) -> String {
    match value["$ref"].as_str() {
        Some("#/$defs/Prefix") => return "prefix".to_owned(),
        Some("#/$defs/Mac") => return "MAC address".to_owned(),
        _ => {}
    }
    let value = resolved(schema, value);
    if let Some(choices) = choices(schema, value) {
        return choices.join(", ");
    }
    match value["type"].as_str() {
        Some("array") => format!("list of {}", kind(schema, &value["items"])),
        Some("integer") => format!("number, {} to {}", value["minimum"], value["maximum"]),
        Some("boolean") => "true or false".to_owned(),
        _ if value["format"] == "ip" => "IP address".to_owned(),
        _ => "text".to_owned(),
    }
}

/// What a value can be, where that is a few texts, or one of several types.
fn choices(schema: &Value, value: &Value) -> Option<Vec<String>> {
    let one_of = value["oneOf"].as_array()?;
    Some(
        one_of
            .iter()
            .map(|choice| match choice["const"].as_str() {
                Some(text) => format!("`{text}`"),
                None => kind(schema, choice),
            })
            .collect(),
    )
}

/// A default as it would be typed, or in words; required keys have none.
fn default(of: &Value, key: &str, value: &Value) -> String {
    let required = of["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|name| name == key));
    match (&value["default"], &value[IN_WORDS]) {
        _ if required => "required".to_owned(),
        (Value::Null, in_words) => words(in_words),
        (typed, _) => format!("`{typed}`"),
    }
}

/// A text of the schema in one line.
fn words(text: &Value) -> String {
    text.as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
