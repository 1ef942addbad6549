//! The target `fragment` under libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(
    init: routemesh_fuzz::sow("fragment"),
    |input: &[u8]| routemesh_fuzz::fragment::run(input)
);

/// Lets other builds check the crate; `cargo xtask fuzz` makes the real one.
#[cfg(not(fuzzing))]
fn main() {}
