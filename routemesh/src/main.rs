//! One binary: the daemon and its clients.

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
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
    arg_required_else_help = true,
    after_long_help = AFTER_HELP
)]
struct Arguments {
    #[command(flatten)]
    global: cli::Global,
    #[command(subcommand)]
    object: cli::Object,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("routemesh: {error:#}");
            ExitCode::from(cli::exit_code(&error))
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    cli::run(&arguments.global, &arguments.object, Arguments::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
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
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
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
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
