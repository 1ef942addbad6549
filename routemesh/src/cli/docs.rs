//! The generated pages: each is made of the code it describes.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use routemesh_common::Outcome;

use super::doctor;
use crate::{
    api::metrics::{FAMILIES, FamilyKind},
    config::{self, Config},
};

/// Columns of the help texts, whatever the terminal.
const WIDTH: usize = 100;

/// Prints the completion script for `shell`.
pub(super) fn completions(shell: Shell, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "routemesh", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(())
}

/// Writes all pages into `directory`, the same bytes for the same code.
pub(super) fn write(directory: &Path, command: Command) -> Result<()> {
    let mut schema = serde_json::to_string_pretty(&Config::schema()).context("write JSON")?;
    schema.push('\n');
    let mut command = command.term_width(WIDTH).disable_help_subcommand(true);
    command.build();
    let pages = [
        ("cli.md", commands(command.clone())),
        ("metrics.md", metrics()),
        ("outcomes.md", outcomes()),
        ("config.md", config::reference()),
        ("doctor.md", doctor::checks()),
        ("config.schema.json", schema),
    ];
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    for (name, page) in pages {
        save(directory.join(name), page.as_bytes())?;
    }
    manual(&directory.join("man"), &command)?;
    scripts(&directory.join("completions"), command)
}

fn save(path: PathBuf, page: &[u8]) -> Result<()> {
    fs::write(&path, page).with_context(|| path.display().to_string())
}

/// The help text of every command; what all of them take is told once, with the first.
fn commands(mut command: Command) -> String {
    let mut page = String::from(
        "# Commands\n\nThe help texts, as `routemesh OBJECT VERB --help` prints them.\n",
    );
    describe(&mut page, &mut command);
    page
}

fn describe(page: &mut String, command: &mut Command) {
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail; so below.
    let _ = write!(
        page,
        "\n## `{name}`\n\n```text\n{}\n```\n",
        lines.join("\n")
    );
    for inner in shown(command) {
        describe(page, &mut without_globals(inner));
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
}

fn without_globals(command: &Command) -> Command {
    command.clone().mut_args(|argument| {
        let hidden = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(hidden)
    })
}

fn metrics() -> String {
    let mut page = String::from(
        "# Metrics\n\nServed at `/metrics` on the control socket, and over TCP where the \
         configuration says so.\n\n| Name | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for family in FAMILIES {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
        };
        let labels: Vec<_> = family.labels.iter().map(|l| format!("`{l}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {} |",
            family.sample_name(),
            labels.join(", "),
            family.help
        );
    }
    page
}

fn outcomes() -> String {
    let mut page = String::from(
        "# Outcomes\n\nEvery packet the programs see ends in one of these, and is counted \
         there: `routemesh outcomes`.\n\n| Number | Outcome | Verdict | Meaning |\n\
         |---:|---|---|---|\n",
    );
    for outcome in Outcome::ALL {
        let _ = writeln!(
            page,
            "| {} | `{}` | {} | {} |",
            *outcome as u8,
            outcome.label(),
            outcome.verdict().label(),
            outcome.doc()
        );
    }
    page
}

/// One manual page for each command that is not hidden.
fn manual(directory: &Path, command: &Command) -> Result<()> {
    empty(directory)?;
    page(directory, command)
}

fn page(directory: &Path, command: &Command) -> Result<()> {
    let man = Man::new(command.clone()).section("8").manual("routemesh");
    let mut text = Vec::new();
    man.render(&mut text).context("render a manual page")?;
    text.push(b'\n');
    save(directory.join(man.get_filename()), &text)?;
    shown(command).try_for_each(|inner| page(directory, &without_globals(inner)))
}

fn scripts(directory: &Path, mut command: Command) -> Result<()> {
    empty(directory)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "routemesh", directory)
            .with_context(|| format!("{}: {shell}", directory.display()))?;
    }
    Ok(())
}

/// Makes `directory`, without the files of commands that are gone.
fn empty(directory: &Path) -> Result<()> {
    let step = || directory.display().to_string();
    fs::create_dir_all(directory).with_context(step)?;
    for entry in fs::read_dir(directory).with_context(step)? {
        fs::remove_file(entry.with_context(step)?.path()).with_context(step)?;
    }
    Ok(())
}
