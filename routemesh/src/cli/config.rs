//! `routemesh config`: checking a file needs no daemon, but is better with one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::{Session, Usage, output::colour_on};
use crate::{
    api::{ClientError, ConfigText},
    config::{Config, DEFAULT},
};

/// Where the configuration is unless told otherwise.
pub const DEFAULT_FILE: &str = "/etc/routemesh/config.toml";

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Say what is wrong with a file; on this host too, where the daemon answers
    Check {
        /// The file; by default the one the daemon has, or where none answers,
        /// /etc/routemesh/config.toml
        #[arg(env = "ROUTEMESH_CONFIG", hide_env_values = true)]
        file: Option<PathBuf>,
    },
    /// Print the configuration in force, all values written out (the default)
    Show {
        /// Print the built-in default instead
        #[arg(long, conflicts_with = "file")]
        defaults: bool,
        /// Print what a file means instead
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Print the JSON schema of the file
    Schema,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Some(Verb::Check { file: Some(file) }) => check(session, file),
        Some(Verb::Check { file: None }) => check(session, &file_in_use(session)),
        Some(Verb::Show { defaults: true, .. }) => session.output.raw(DEFAULT),
        Some(Verb::Show {
            file: Some(file), ..
        }) => session.output.raw(&load(file)?.to_toml()),
        None | Some(Verb::Show { .. }) => session.output.raw(&session.client.config()?),
        Some(Verb::Schema) => {
            let schema = serde_json::to_string_pretty(&Config::schema()).context("write JSON")?;
            session.output.raw(&format!("{schema}\n"))
        }
    }
}

/// Reads a file, and says all that is wrong with it.
pub(super) fn load(file: &Path) -> Result<Config> {
    Config::load(file).map_err(|report| bad(file, &report.render(colour_on(&io::stderr()))).into())
}

fn bad(file: &Path, report: &str) -> Usage {
    Usage(format!("{} cannot be used\n{report}", file.display()))
}

/// The file the daemon has, or would have. Whether it answers, [`check`] tells.
fn file_in_use(session: &Session) -> PathBuf {
    let file = session
        .client
        .status()
        .ok()
        .and_then(|status| status.config);
    file.map_or_else(|| DEFAULT_FILE.into(), PathBuf::from)
}

fn check(session: &Session, file: &Path) -> Result<()> {
    load(file)?;
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| name.clone())?;
    let said = match session.client.check_config(&ConfigText { name, text }) {
        Ok(checked) => match checked.problems {
            Some(problems) => return Err(bad(file, &problems).into()),
            None => "fits this host",
        },
        Err(ClientError::Unreachable { .. } | ClientError::NotPermitted { .. }) => {
            "not compared with this host, as no daemon answers"
        }
        Err(error @ (ClientError::Refused(_) | ClientError::Garbled { .. })) => {
            return Err(error.into());
        }
    };
    session.output.done(
        &serde_json::json!({ "file": file, "checked": said }),
        &format!("{}: good; {said}\n", file.display()),
    )
}
