//! The pure core: what happens to one packet, without maps and without helpers.
//!
//! It builds for the host too, where its tests run. Modules stand in the order in which a
//! packet meets them.
#![no_std]

mod hash;

pub mod packet;
pub mod wire;

pub mod parse;
pub mod tunnel;

pub mod checksum;
pub mod forward;
pub mod fragment;
pub mod icmp;

#[cfg(test)]
mod frame;
