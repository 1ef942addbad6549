//! Files the daemon keeps: the clients' routes, its configuration and the one before, and a
//! change that awaits its confirmation.

mod config_file;
mod durable;
mod journal;
mod trial;

pub use config_file::ConfigFile;
pub use journal::{Journal, forget};
pub use trial::Trial;
