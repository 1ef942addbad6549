//! The target `icmp` under libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(
    init: routemesh_fuzz::sow("icmp"),
    |input: &[u8]| routemesh_fuzz::icmp::run(input)
);

/// Lets other builds check the crate; `cargo xtask fuzz` makes the real one.
#[cfg(not(fuzzing))]
fn main() {}
