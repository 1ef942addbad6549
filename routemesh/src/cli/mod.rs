//! The commands that ask a running daemon, and those that need none.
//!
//! One file an object. They speak to the control socket and to nothing else; only `daemon`,
//! `detach` and `doctor` go to the kernel.

mod apply;
mod config;
mod daemon;
mod detach;
mod docs;
mod doctor;
mod endpoint;
mod failure;
mod link;
mod outcomes;
mod output;
mod reload;
mod route;
mod stats;
mod status;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command, Subcommand};

use crate::{
    api::{Client, DEFAULT_SOCKET},
    model::Prefix,
};
pub use config::DEFAULT_FILE;
pub use failure::{Usage, exit_code};
pub use output::is_broken_pipe;
use output::{Format, Output};

// Flags that every command takes. (A doc comment on such a type would become the help of each
// command that has it.)
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Control socket of the daemon
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "ROUTEMESH_SOCKET",
        hide_env_values = true,
        default_value = DEFAULT_SOCKET
    )]
    pub socket: PathBuf,
    /// How to print
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    output: Format,
    /// Print JSON: short for `-o json`
    #[arg(short, long, global = true, conflicts_with = "output")]
    json: bool,
    /// Print JSON on many lines, indented
    #[arg(short, long, global = true)]
    pretty: bool,
    /// IPv4 only
    #[arg(short = '4', global = true, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', global = true)]
    ipv6: bool,
    /// Print no word on what went well
    #[arg(short, long, global = true)]
    quiet: bool,
}

// The objects of the command line. Only the one that is used is built.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Object {
    /// Forward packets: attach the programs and keep them in step, until told to end
    Daemon(daemon::Arguments),
    /// Take everything of routemesh out of the kernel
    Detach(detach::Arguments),
    /// Routes: what is desired, and what is in force
    #[command(visible_alias = "routes", alias = "r")]
    Route(route::Arguments),
    /// Containers of this host
    #[command(visible_alias = "endpoints")]
    Endpoint(endpoint::Arguments),
    /// Interfaces routemesh is attached to, or waits for
    #[command(visible_alias = "links")]
    Link(link::Arguments),
    /// The state of the daemon
    Status,
    /// Packets and bytes by interface
    Stats(stats::Arguments),
    /// How packets ended, by interface and hook
    Outcomes(outcomes::Arguments),
    /// The configuration: check a file, show what is in force
    Config(config::Arguments),
    /// Have the daemon read its configuration file again and apply the difference
    Reload,
    /// Put a file in force, and make it the daemon's configuration file
    #[command(after_long_help = apply::AFTER_HELP)]
    Apply(apply::Arguments),
    /// Keep a change that would end by itself
    Confirm,
    /// End an unconfirmed change, or go back to the configuration before the one in force
    #[command(after_long_help = apply::AFTER_HELP)]
    Rollback(apply::Rollback),
    /// Say what on this host is in the way, and what mends it; needs no daemon
    #[command(after_long_help = doctor::AFTER_HELP)]
    Doctor(doctor::Arguments),
    /// Wait for the end of an unconfirmed change; started by the daemon
    #[command(hide = true)]
    Guard(daemon::Arguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the generated part of docs/
    #[command(hide = true)]
    Docs {
        /// Where to
        directory: PathBuf,
    },
}

/// Runs one command. `command` makes the whole command line's definition.
///
/// # Errors
/// What went wrong; [`exit_code`] tells which number the shell is to see.
pub fn run(global: &Global, object: &Object, command: fn() -> Command) -> Result<()> {
    let session = || Session::new(global);
    match object {
        Object::Daemon(arguments) => daemon::run(&global.socket, arguments),
        Object::Detach(arguments) => detach::run(&global.socket, global.quiet, arguments),
        Object::Route(arguments) => route::run(&session(), arguments),
        Object::Endpoint(_) => endpoint::run(&session()),
        Object::Link(_) => link::run(&session()),
        Object::Status => status::run(&session()),
        Object::Stats(arguments) => stats::run(&session(), arguments),
        Object::Outcomes(arguments) => outcomes::run(&session(), arguments),
        Object::Config(arguments) => config::run(&session(), arguments),
        Object::Reload => reload::run(&session()),
        Object::Apply(arguments) => apply::run(&session(), arguments),
        Object::Confirm => apply::confirm(&session()),
        Object::Rollback(arguments) => apply::rollback(&session(), arguments),
        Object::Doctor(arguments) => doctor::run(&session(), arguments),
        Object::Guard(arguments) => daemon::guard(&global.socket, arguments),
        Object::Completions { shell } => docs::completions(*shell, command()),
        Object::Docs { directory } => docs::write(directory, command()),
    }
}

/// A daemon to ask, and a way to print.
struct Session {
    client: Client,
    output: Output,
    ipv6: Option<bool>,
}

impl Session {
    fn new(global: &Global) -> Self {
        let format = if global.json {
            Format::Json
        } else {
            global.output
        };
        Self {
            client: Client::new(&global.socket),
            output: Output::new(format, global.pretty, global.quiet),
            ipv6: match (global.ipv4, global.ipv6) {
                (true, _) => Some(false),
                (_, true) => Some(true),
                _ => None,
            },
        }
    }

    /// Whether `prefix` is of the family asked for.
    fn wants(&self, prefix: Prefix) -> bool {
        self.ipv6.is_none_or(|ipv6| ipv6 == prefix.is_ipv6())
    }
}
