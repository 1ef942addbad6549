//! The asking side of the control socket.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Applied, Apply, Changed, Checked, ConfigText, Confirmed, Endpoint, Error, Link, OutcomeCount,
    Reloaded, Route, RouteBatch, Status, Terms,
    exchange::{self, Answer, Method},
};

/// Why there is no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there. Exit code 3.
    #[error(
        "{}: {reason}; is the daemon running? `routemesh daemon` starts it, and --socket names another's socket",
        socket.display()
    )]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said. Not a `source`, which would be printed a second time.
        reason: io::Error,
    },
    /// The socket is not for this user. Exit code 5.
    #[error("{}: permission denied; be root, or a member of group routemesh", socket.display())]
    NotPermitted {
        /// The socket.
        socket: PathBuf,
    },
    /// The daemon said no.
    #[error(transparent)]
    Refused(#[from] Error),
    /// Something answered, but not as a daemon of this version would. Exit code 1.
    #[error("{request}: {reason}")]
    Garbled {
        /// The request's path.
        request: String,
        /// What was wrong with the answer.
        reason: String,
    },
}

/// A client of one daemon. Each call is a connection of its own, and blocks.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon at `socket`; nothing is sent yet.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// The state of the daemon.
    ///
    /// # Errors
    /// See [`ClientError`]; so with every call.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status")
    }

    /// All routes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn routes(&self) -> Result<Vec<Route>, ClientError> {
        self.get("/v1/routes")
    }

    /// The route that wins for `address`.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when no route does.
    pub fn route_for(&self, address: IpAddr) -> Result<Route, ClientError> {
        self.get(&format!("/v1/routes/get?address={address}"))
    }

    /// Applies all edits, or none.
    ///
    /// # Errors
    /// The edit that is to blame; nothing was changed.
    pub fn edit_routes(&self, batch: &RouteBatch) -> Result<Applied, ClientError> {
        self.post("/v1/routes", &json(batch)?)
    }

    /// Removes the routes that clients added.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn flush_routes(&self) -> Result<Applied, ClientError> {
        self.post("/v1/routes/flush", &[])
    }

    /// The containers learnt.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, ClientError> {
        self.get("/v1/endpoints")
    }

    /// The interfaces used or waited for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn links(&self) -> Result<Vec<Link>, ClientError> {
        self.get("/v1/links")
    }

    /// All counters that are not zero.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn outcomes(&self) -> Result<Vec<OutcomeCount>, ClientError> {
        self.get("/v1/outcomes")
    }

    /// The configuration in force, as TOML.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn config(&self) -> Result<String, ClientError> {
        let answer = self.ask(&Method::Get, "/v1/config", &[])?;
        String::from_utf8(answer).map_err(|error| garbled("/v1/config", &error))
    }

    /// Has the daemon check a configuration against its host.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn check_config(&self, config: &ConfigText) -> Result<Checked, ClientError> {
        self.post("/v1/config/check", &json(config)?)
    }

    /// Has the daemon read its configuration file again.
    ///
    /// # Errors
    /// What is wrong with the file; nothing was changed.
    pub fn reload(&self) -> Result<Reloaded, ClientError> {
        self.post("/v1/reload", &[])
    }

    /// Has the daemon put a configuration in force, or say what that would change.
    ///
    /// # Errors
    /// What is wrong with it, or in the way; nothing was changed.
    pub fn apply(&self, apply: &Apply) -> Result<Changed, ClientError> {
        self.post("/v1/apply", &json(apply)?)
    }

    /// Has the daemon keep the change that awaits its confirmation.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when none does.
    pub fn confirm(&self) -> Result<Confirmed, ClientError> {
        self.post("/v1/confirm", &[])
    }

    /// Has the daemon put the configuration of before in force.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when there is none.
    pub fn rollback(&self, terms: Terms) -> Result<Changed, ClientError> {
        self.post("/v1/rollback", &json(&terms)?)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.ask(&Method::Get, path, &[])?;
        serde_json::from_slice(&answer).map_err(|error| garbled(path, &error))
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        let answer = self.ask(&Method::Post, path, body)?;
        serde_json::from_slice(&answer).map_err(|error| garbled(path, &error))
    }

    fn ask(&self, method: &Method, path: &str, body: &[u8]) -> Result<Vec<u8>, ClientError> {
        let Answer { status, body } = exchange::ask(&self.socket, method, path, body)?;
        match status {
            200..300 => Ok(body),
            _ => Err(refusal(path, status, &body)),
        }
    }
}

fn refusal(path: &str, status: u16, body: &[u8]) -> ClientError {
    serde_json::from_slice::<Error>(body).map_or_else(
        |_| garbled(path, &format!("answered {status}, and no reason")),
        ClientError::Refused,
    )
}

fn garbled(path: &str, reason: &dyn std::fmt::Display) -> ClientError {
    ClientError::Garbled {
        request: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(value).map_err(|error| garbled("request", &error))
}
