//! The daemon and its clients.
//!
//! A module may use those of lower layers only; `cargo xtask tidy` checks it:
//!
//! * 0 [`model`]
//! * 1 [`config`], [`reconcile`], [`api`]
//! * 2 [`datapath`], [`netlink`], [`server`]: each talks to one outside thing
//! * 3 [`daemon`]: the only one that joins them
//! * 4 [`cli`]: a client of the socket

pub mod api;
pub mod cli;
pub mod config;
pub mod model;
pub mod netlink;
pub mod server;
