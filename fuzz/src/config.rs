//! Any text is a configuration that can be shown and read again, or a report that points into it.

use routemesh::{
    config::{Config, Report},
    model::World,
};

const NAME: &str = "fuzz.toml";

/// Reads the text.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Config::parse(text, NAME) {
        Ok(config) => shown_and_read_again(&config),
        Err(report) => points_into(text, &report),
    }
}

fn shown_and_read_again(config: &Config) {
    let shown = config.to_toml();
    let again = Config::parse(&shown, NAME).unwrap_or_else(|report| panic!("{shown}\n{report}"));
    assert_eq!(again, *config, "{shown}");
    assert_eq!(again.to_toml(), shown);
    // Of a host that has none of it.
    if let Some(report) = config.problems(&World::default()) {
        assert!(report.count() > 0);
        assert!(report.to_string().starts_with("error: "));
    }
}

fn points_into(text: &str, report: &Report) {
    assert!(report.count() > 0);
    let plain = report.to_string();
    assert!(plain.starts_with("error: "), "{plain}");
    assert!(report.render(true).len() >= plain.len());
    // An empty line follows the last newline, and a place there is at its end.
    let lines: Vec<&str> = text.split('\n').collect();
    for (line, column) in plain.lines().filter_map(place) {
        let within = line
            .checked_sub(1)
            .and_then(|index| lines.get(index))
            .is_some_and(|text| (1..=text.chars().count() + 1).contains(&column));
        assert!(within, "{line}:{column} of\n{text}\n{plain}");
    }
}

/// Line and column of a line such as `  --> fuzz.toml:3:7`.
fn place(line: &str) -> Option<(usize, usize)> {
    let line = line.trim_start();
    let place = line
        .strip_prefix("--> ")
        .or_else(|| line.strip_prefix("::: "))?;
    let (line, column) = place
        .strip_prefix(NAME)?
        .strip_prefix(':')?
        .split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}
