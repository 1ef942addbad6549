//! The target `pop` under libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(
    init: routemesh_fuzz::sow("pop"),
    |input: &[u8]| routemesh_fuzz::pop::run(input)
);

/// Lets other builds check the crate; `cargo xtask fuzz` makes the real one.
#[cfg(not(fuzzing))]
fn main() {}
