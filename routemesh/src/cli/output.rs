//! Printing: tables for people and awk, JSON and YAML for programs.

use std::{
    io::{self, IsTerminal, Write},
    iter,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Row, Table, presets};
use serde::Serialize;

/// What a table shows where there is nothing, so that every line has all its fields.
const NOTHING: &str = "-";

/// The forms a result can be printed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns that matter
    #[default]
    Table,
    /// All columns
    Wide,
    /// JSON, on one line
    Json,
    /// YAML
    Yaml,
}

/// Where results go.
#[derive(Clone, Debug)]
pub(super) struct Output {
    format: Format,
    pretty: bool,
    quiet: bool,
    colour: bool,
    terminal: bool,
}

/// A column of a table of `T`.
pub(super) struct Column<T> {
    title: &'static str,
    wide: bool,
    number: bool,
    cell: fn(&T) -> Option<String>,
}

impl<T> Column<T> {
    /// A column that every table has.
    pub(super) const fn text(title: &'static str, cell: fn(&T) -> Option<String>) -> Self {
        Self {
            title,
            wide: false,
            number: false,
            cell,
        }
    }

    /// One that is flush right.
    pub(super) const fn number(title: &'static str, cell: fn(&T) -> Option<String>) -> Self {
        let text = Self::text(title, cell);
        Self {
            number: true,
            ..text
        }
    }

    /// One of wide tables only.
    pub(super) const fn wide_text(title: &'static str, cell: fn(&T) -> Option<String>) -> Self {
        let text = Self::text(title, cell);
        Self { wide: true, ..text }
    }

    /// One of wide tables only that is flush right.
    pub(super) const fn wide_number(title: &'static str, cell: fn(&T) -> Option<String>) -> Self {
        let number = Self::number(title, cell);
        Self {
            wide: true,
            ..number
        }
    }
}

impl Output {
    /// Prints in `format`.
    pub(super) fn new(format: Format, pretty: bool, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            format,
            pretty,
            quiet,
            colour,
            terminal,
        }
    }

    /// Prints as to a file, wherever the test runs.
    #[cfg(test)]
    pub(super) fn to_file(format: Format) -> Self {
        Self {
            format,
            pretty: false,
            quiet: false,
            colour: false,
            terminal: false,
        }
    }

    /// Whether a table goes to a terminal, where it may be drawn over.
    pub(super) fn is_screen(&self) -> bool {
        self.terminal && !self.is_data()
    }

    /// The same, with all columns if `wide` is set.
    pub(super) fn widened(&self, wide: bool) -> Self {
        let mut output = self.clone();
        if wide && !self.is_data() {
            output.format = Format::Wide;
        }
        output
    }

    /// Whether the output is to be read by a program.
    pub(super) fn is_data(&self) -> bool {
        match self.format {
            Format::Table | Format::Wide => false,
            Format::Json | Format::Yaml => true,
        }
    }

    /// Prints `items`, one a row; rows that `alarming` picks stand out.
    pub(super) fn list<T: Serialize>(
        &self,
        items: &[T],
        columns: &[Column<T>],
        alarming: fn(&T) -> bool,
    ) -> Result<()> {
        if self.is_data() {
            self.data(&items)
        } else {
            self.raw(&self.table(items, columns, alarming))
        }
    }

    /// Prints `value` as data, or else `text`.
    pub(super) fn value(&self, value: &impl Serialize, text: &str) -> Result<()> {
        if self.is_data() {
            self.data(value)
        } else {
            self.raw(text)
        }
    }

    /// Prints what a command did: as data always, as `text` unless told to be quiet.
    pub(super) fn done(&self, value: &impl Serialize, text: &str) -> Result<()> {
        if self.is_data() {
            self.data(value)
        } else if self.quiet {
            Ok(())
        } else {
            self.raw(text)
        }
    }

    /// Prints `text` as it is.
    pub(super) fn raw(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// The rows as text, a header before them.
    pub(super) fn table<T>(
        &self,
        items: &[T],
        columns: &[Column<T>],
        alarming: fn(&T) -> bool,
    ) -> String {
        let shown: Vec<_> = columns
            .iter()
            .filter(|column| !column.wide || self.format == Format::Wide)
            .collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(shown.iter().map(|column| self.header(column.title)));
        for item in items {
            let alarm = self.colour && alarming(item);
            table.add_row(Row::from(
                shown
                    .iter()
                    .map(|column| cell((column.cell)(item), alarm))
                    .collect::<Vec<_>>(),
            ));
        }
        for (index, column) in shown.iter().enumerate() {
            let last = index + 1 == shown.len();
            if let Some(drawn) = table.column_mut(index) {
                drawn.set_padding((0, if last { 0 } else { 2 }));
                if column.number {
                    drawn.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table
            .lines()
            .flat_map(|line| iter::chain([line.trim_end().to_owned()], ["\n".to_owned()]))
            .collect()
    }

    fn header(&self, title: &str) -> Cell {
        let cell = Cell::new(title);
        if self.colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }

    fn data(&self, value: &impl Serialize) -> Result<()> {
        let mut text = if self.format == Format::Yaml {
            serde_saphyr::to_string(value).context("write YAML")?
        } else if self.pretty {
            serde_json::to_string_pretty(value).context("write JSON")?
        } else {
            serde_json::to_string(value).context("write JSON")?
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.raw(&text)
    }
}

/// Whether colours are welcome on `stream`: it is a terminal, and `NO_COLOR` is not set.
pub(super) fn colour_on(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn cell(text: Option<String>, alarm: bool) -> Cell {
    let cell = Cell::new(text.as_deref().unwrap_or(NOTHING));
    if alarm { cell.fg(Color::Yellow) } else { cell }
}

/// Whether `error` says that the reader of our output went away, which is its good right.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<(&str, Option<u32>)>] = &[
        Column::text("NAME", |item| Some(item.0.to_owned())),
        Column::number("SIZE", |item| item.1.map(|size| size.to_string())),
        Column::wide_text("NOTE", |_| Some("two words".into())),
    ];

    #[test]
    fn a_table_has_no_borders_and_no_empty_fields() {
        let items = [("a", Some(7)), ("longer", None), ("b", Some(1234))];
        let text = Output::to_file(Format::Table).table(&items, COLUMNS, |_| false);
        assert_eq!(
            text,
            "NAME    SIZE\na          7\nlonger     -\nb       1234\n"
        );
    }

    #[test]
    fn a_wide_table_has_the_other_columns_too() {
        let text = Output::to_file(Format::Wide).table(&[("a", Some(7))], COLUMNS, |_| false);
        assert_eq!(text, "NAME  SIZE  NOTE\na        7  two words\n");
    }

    #[test]
    fn a_reader_that_left_is_told_from_a_daemon_that_is_gone() {
        let pipe = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let refused = anyhow::Error::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert!(is_broken_pipe(&pipe));
        assert!(!is_broken_pipe(&refused));
    }
}
