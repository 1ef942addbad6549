//! What a client is told when it cannot have what it asked for.

use serde::{Deserialize, Serialize};

/// What went wrong, as the client must tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request makes no sense. HTTP 400, exit code 2.
    Invalid,
    /// The caller may not do that. HTTP 403, exit code 5.
    NotPermitted,
    /// There is no such thing. HTTP 404, exit code 4.
    NotFound,
    /// There is one already. HTTP 409, exit code 1.
    Exists,
    /// It was tried and failed. HTTP 500, exit code 1.
    Failed,
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Which kind.
    pub kind: ErrorKind,
    /// What and why, and the fix where there is one.
    pub message: String,
    /// The edit of a [`super::RouteBatch`] that is to blame, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub edit: Option<usize>,
}

impl Error {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            edit: None,
        }
    }

    /// The same error, blamed on the edit at `index` of a batch.
    #[must_use]
    pub fn at_edit(self, index: usize) -> Self {
        Self {
            edit: Some(index),
            ..self
        }
    }
}
