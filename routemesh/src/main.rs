//! One binary: the daemon and its clients.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::{
    ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use routemesh::cli;

const AFTER_HELP: &str = "\
Words may be shortened, as `routemesh r a 10.1.0.0/24 via 192.0.2.1`; an object alone is listed.

Exit codes: 0 done, 1 failed, 2 usage or bad configuration, 3 daemon not reachable, 4 not found, \
5 not permitted.";

/// Forwards packets between containers on many hosts, with XDP and tc programs
#[derive(Debug, Parser)]
#[command(
    name = "routemesh",
    version,
    infer_subcommands = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = AFTER_HELP
)]
struct Arguments {
    #[command(flatten)]
    global: cli::Global,
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let done = match parse(&words) {
        Ok((Arguments { global }, object)) => cli::run(&global, &object, command),
        Err(error) => error.exit(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln`, which panics where nobody reads it any more.
            let _ = writeln!(io::stderr(), "routemesh: {error:#}");
            ExitCode::from(cli::exit_code(&error))
        }
    }
}

fn parse(words: &[OsString]) -> Result<(Arguments, cli::Object), clap::Error> {
    let mut command = words
        .get(1)
        .and_then(|word| alone(word.to_str()?))
        .unwrap_or_else(command);
    let read = |matches: &ArgMatches| {
        Ok((
            Arguments::from_arg_matches(matches)?,
            cli::Object::from_arg_matches(matches)?,
        ))
    };
    let matches = command
        .try_get_matches_from_mut(words)
        .map_err(of_negative_number)?;
    read(&matches).map_err(|error: clap::Error| error.format(&mut command))
}

/// An error that a negative number is a flag nobody knows, without the advice to write `--` before
/// it: no number of ours is negative.
fn of_negative_number(mut error: clap::Error) -> clap::Error {
    let is_negative_number = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(word))
            if word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
    );
    if is_negative_number {
        let tip = ContextValue::StyledStrs(vec!["numbers begin at 0".into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// The whole command line's definition.
fn command() -> Command {
    cli::Object::augment_subcommands(Arguments::command())
}

/// The definition with no other object than the one that is named. Every object takes the options
/// of all, and to give them to twenty takes longer than the rest of a short command.
fn alone(name: &str) -> Option<Command> {
    let objects = cli::Object::augment_subcommands(Command::new(""));
    let object = objects.find_subcommand(name)?;
    Some(Arguments::command().subcommand(object.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Arguments, cli::Object), clap::Error> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn an_object_alone_is_what_it_is_among_the_others() {
        let mut all = command();
        all.build();
        for object in all.get_subcommands_mut() {
            let name = object.get_name().to_owned();
            let Some(mut alone) = alone(&name) else {
                assert_eq!(name, "help");
                continue;
            };
            alone.build();
            let alone = alone.find_subcommand_mut(&name).unwrap();
            let helps = [alone, object].map(|found| found.render_long_help().to_string());
            assert_eq!(helps[0], helps[1]);
        }
    }

    #[test]
    fn words_may_be_abbreviated_and_flags_may_come_late() {
        for line in [
            "routemesh route",
            "routemesh r",
            "routemesh route list -4 -j",
            "routemesh r a 10.1.0.0/24 via 192.0.2.1 dev eth0 -j",
            "routemesh route add -b -",
            "routemesh stats --watch -d 0.5 -n 3",
            "routemesh -o yaml config show --defaults",
        ] {
            parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_negative_number_is_told_where_numbers_begin() {
        for line in [
            "routemesh route add 10.1.0.0/24 via 192.0.2.1 vni -1",
            "routemesh route replace 10.1.0.0/24 via 192.0.2.1 mtu -1500",
            "routemesh stats --watch --delay -1",
        ] {
            let said = parsed(line).expect_err(line).to_string();
            assert!(said.contains("numbers begin at 0"), "{line}: {said}");
            assert!(!said.contains("'-- -"), "{line}: {said}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_exit_code_2() {
        for line in [
            "routemesh route add",
            "routemesh route add 10.1.0.0/24 -b FILE",
            "routemesh route list -4 -6",
            "routemesh -j -o yaml status",
            "routemesh stats -n 3",
            "routemesh route list --source bgp",
            "routemesh route get nowhere",
        ] {
            let error = parsed(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
