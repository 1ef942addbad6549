//! Changes of the configuration: what is asked for, and how it differs from what is in force.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A configuration that is to take the place of the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What to call the file in what is reported.
    pub name: String,
    /// The file, TOML.
    pub text: String,
    /// How.
    pub terms: Terms,
}

/// How a change is to take effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// After how many seconds it ends by itself unless it is confirmed; none: it is to stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u32>,
    /// Only say what it would change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What a change did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The differences: settings first, then routes by prefix.
    pub changes: Vec<Change>,
    /// Settings among them that take effect at the next start only.
    pub restart_needed: Vec<String>,
    /// Set if it ends by itself unless it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unconfirmed: Option<Unconfirmed>,
}

/// A change that awaits its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// Seconds until it ends by itself, a part of one counted as a whole.
    pub seconds_left: u64,
}

/// What a confirmation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The configuration file that has the change now.
    pub config: String,
}

/// What happens to one thing that a configuration is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOp {
    /// It is new.
    Add,
    /// It is different.
    Change,
    /// It is gone.
    Remove,
}

/// One difference between two configurations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happens.
    pub op: ChangeOp,
    /// To what: `route 10.1.0.0/16`, `uplink eth0`, `network docker0`, or a setting as
    /// `tunnel.vni`.
    pub what: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
    /// What it is to be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl Change {
    /// The change of `what`, unless there is none.
    #[must_use]
    pub fn of(what: &str, before: Option<String>, after: Option<String>) -> Option<Self> {
        let op = match (&before, &after) {
            (None, Some(_)) => ChangeOp::Add,
            (Some(_), None) => ChangeOp::Remove,
            (Some(old), Some(new)) if old != new => ChangeOp::Change,
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(Self {
            op,
            what: what.to_owned(),
            before,
            after,
        })
    }

    /// Whether it is one of a route.
    #[must_use]
    pub fn is_route(&self) -> bool {
        self.what.starts_with("route ")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before.as_deref().unwrap_or_default();
        let after = self.after.as_deref().unwrap_or_default();
        let line = match self.op {
            ChangeOp::Add => format!("+ {} {after}", self.what),
            ChangeOp::Remove => format!("- {} {before}", self.what),
            ChangeOp::Change => format!("~ {}: {before} -> {after}", self.what),
        };
        f.write_str(line.trim_end())
    }
}
