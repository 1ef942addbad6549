//! The daemon and its clients.
//!
//! A module may use those of lower layers only; `cargo xtask tidy` checks it:
//!
//! * 0 [`model`]
//! * 1 [`config`], [`api`]
//! * 2 [`reconcile`]: pure
//! * 3 [`datapath`], [`netlink`], [`server`], [`store`]: each talks to one outside thing
//! * 4 [`daemon`], [`doctor`]: the only ones that join them
//! * 5 [`cli`]: a client of the socket

pub mod api;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod datapath;
pub mod doctor;
pub mod model;
pub mod netlink;
pub mod reconcile;
pub mod server;
pub mod store;
