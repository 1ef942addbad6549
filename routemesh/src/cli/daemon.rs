//! `routemesh daemon`: forwards, until told to end.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use tracing_subscriber::{EnvFilter, fmt};

use super::{DEFAULT_FILE, detach::Bpffs};
use crate::{
    daemon::{self, Options, Origin},
    model::{Uplink, UplinkMode},
};

/// Variables that say what to log, the first that is set.
const LOG_VARIABLES: [&str; 2] = ["ROUTEMESH_LOG", "RUST_LOG"];

// Options of the daemon.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Configuration file; by default /etc/routemesh/config.toml, or where that is missing, the
    /// one built in
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "ROUTEMESH_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Uplink to use in place of the file's: INTERFACE or INTERFACE:MODE, MODE one of auto, xdp,
    /// xdp-generic, tc; may be given many times
    #[arg(short, long = "uplink", value_name = "INTERFACE", value_parser = uplink)]
    uplinks: Vec<Uplink>,
    #[command(flatten)]
    bpffs: Bpffs,
    /// Take everything out of the kernel at the end, instead of leaving it to forward
    #[arg(long)]
    detach_on_exit: bool,
    /// Have the kernel programs log what should not happen; costs some speed
    #[arg(long)]
    bpf_log: bool,
}

/// Runs the daemon.
///
/// # Errors
/// What keeps it from starting.
pub(super) fn run(socket: &Path, arguments: &Arguments) -> Result<()> {
    start_logging();
    daemon::run(&options(socket, arguments)?)
}

/// Runs the process that takes an unconfirmed change back.
///
/// # Errors
/// What keeps it from reading what is to be taken back.
pub(super) fn guard(socket: &Path, arguments: &Arguments) -> Result<()> {
    start_logging();
    daemon::guard(&options(socket, arguments)?)
}

fn options(socket: &Path, arguments: &Arguments) -> Result<Options> {
    let file = arguments.config.as_deref();
    Ok(Options {
        origin: Origin {
            // Clients are told of it, and they need not be in the same directory.
            file: std::path::absolute(file.unwrap_or(DEFAULT_FILE.as_ref())).context("--config")?,
            required: file.is_some(),
            uplinks: arguments.uplinks.clone(),
        },
        socket: socket.to_owned(),
        bpffs: arguments.bpffs.directory.clone(),
        detach_on_exit: arguments.detach_on_exit,
        bpf_log: arguments.bpf_log,
        is_guard: false,
    })
}

fn uplink(text: &str) -> Result<Uplink, String> {
    let (interface, mode) = match text.split_once(':') {
        Some((interface, mode)) => (interface, mode.parse()?),
        None => (text, UplinkMode::default()),
    };
    Ok(Uplink {
        interface: interface.to_owned(),
        mode,
    })
}

/// Logs go to stderr; under systemd, which has a clock of its own, without the time.
fn start_logging() {
    let wanted = LOG_VARIABLES
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let filter = EnvFilter::new(wanted.as_deref().unwrap_or("info"));
    let builder = fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().init();
    } else {
        builder.init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uplink_may_name_its_mode() {
        let parsed = uplink("eth0:xdp").unwrap();
        assert_eq!(
            (parsed.interface.as_str(), parsed.mode),
            ("eth0", UplinkMode::Xdp)
        );
        assert_eq!(uplink("eth1").unwrap().mode, UplinkMode::Auto);
    }

    #[test]
    fn an_unknown_mode_is_told_the_known_ones() {
        let error = uplink("eth0:fast").unwrap_err();
        assert_eq!(error, "'fast' is not one of auto, xdp, xdp-generic, tc");
    }
}
