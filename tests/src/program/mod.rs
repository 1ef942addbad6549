//! The kernel programs, one frame at a time: a [`Rig`] with known maps, and [`Row`]s to run on it.
//!
//! The programs are the real ones, verified and run by the real kernel. Each rig has a network
//! namespace and maps of its own, so any number of them run side by side.

mod rig;
mod row;
mod trace;
pub mod tunnels;
mod world;

pub(crate) use rig::stay_on_one_cpu;
pub use rig::{Counts, Place, Rig, in_rig};
pub use row::{Row, run_all, run_together};
pub use world::{
    CROSSED, DOCKER1_MAC, ETH1_MAC, FAMILIES, Known, NETWORK, NEXT_MAC, PEERLESS_MAC, Roles,
    Target, V4, V6,
};
