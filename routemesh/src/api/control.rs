//! What the socket's server asks of the daemon.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use super::{
    Applied, Apply, Changed, Checked, ConfigText, Confirmed, Endpoint, Error, Link, Metrics,
    OutcomeCount, Reloaded, Route, RouteBatch, Status, Terms,
};

/// The daemon, as its servers hold it. Locked for one call at a time, and never while waiting.
pub type SharedControl = Arc<Mutex<dyn Control>>;

/// What the socket's server asks of the daemon. Every call is quick and does not wait.
pub trait Control: Send {
    /// Whether the first round of reconciling is done.
    fn ready(&self) -> bool;
    /// The state of the daemon.
    fn status(&self) -> Status;
    /// All routes, by prefix and source.
    fn routes(&self) -> Vec<Route>;
    /// The route that wins for `address`.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when no route does.
    fn route_for(&self, address: IpAddr) -> Result<Route, Error>;
    /// Applies all edits to the CLI's routes, or none.
    ///
    /// # Errors
    /// Which edit cannot be done ([`Error::at_edit`]), and why; nothing was changed.
    fn edit_routes(&mut self, batch: RouteBatch) -> Result<Applied, Error>;
    /// Removes the CLI's routes.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn flush_routes(&mut self) -> Result<Applied, Error>;
    /// The containers learnt, by address.
    fn endpoints(&self) -> Vec<Endpoint>;
    /// The interfaces used or waited for.
    fn links(&self) -> Vec<Link>;
    /// All counters that are not zero.
    fn outcomes(&self) -> Vec<OutcomeCount>;
    /// The configuration in force, as TOML.
    fn config(&self) -> String;
    /// Checks a configuration against this host as it is now, and changes nothing.
    fn check_config(&self, config: &ConfigText) -> Checked;
    /// Reads the configuration file again and applies the difference.
    ///
    /// # Errors
    /// What is wrong with the file, rendered; nothing was changed.
    fn reload(&mut self) -> Result<Reloaded, Error>;
    /// Puts a configuration in force and makes it the file's, for good or until it is confirmed.
    ///
    /// # Errors
    /// What is wrong with it, rendered; or that another change awaits its confirmation
    /// ([`super::ErrorKind::Exists`]). Nothing was changed.
    fn apply(&mut self, apply: &Apply) -> Result<Changed, Error>;
    /// Keeps the change that awaits its confirmation.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when none does.
    fn confirm(&mut self) -> Result<Confirmed, Error>;
    /// Ends the change that awaits its confirmation; or else exchanges the configuration in
    /// force for the one before.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when there is none before; otherwise as [`Self::apply`].
    fn rollback(&mut self, terms: Terms) -> Result<Changed, Error>;
    /// Everything the metrics page is made of, read from the maps now.
    fn metrics(&self) -> Metrics;
}
