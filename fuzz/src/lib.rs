//! Fuzz targets: each takes any bytes and panics when a promise is broken.
//!
//! `cargo xtask fuzz` builds them with coverage counters and hands them to libFuzzer; plain tests
//! run them over their seeds. A target's input begins with a few bytes that choose its settings.

pub mod api;
pub mod config;
pub mod fragment;
mod frame;
pub mod icmp;
pub mod parse;
pub mod pop;
pub mod push;
mod seeds;

use std::{env, fs, path::Path};

pub use seeds::seeds;

/// A target's name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("parse", parse::run),
    ("pop", pop::run),
    ("push", push::run),
    ("icmp", icmp::run),
    ("fragment", fragment::run),
    ("config", config::run),
    ("api", api::run),
];

/// Writes the target's seeds where libFuzzer finds them, in the directory that `cargo xtask fuzz`
/// names.
///
/// # Panics
/// When they cannot be written.
pub fn sow(target: &str) {
    let Some(corpus) = env::var_os("ROUTEMESH_FUZZ_CORPUS") else {
        return;
    };
    for (number, seed) in seeds(target).iter().enumerate() {
        let path = Path::new(&corpus).join(format!("seed-{number:03}"));
        fs::write(path, seed).expect("write a seed");
    }
}
