//! What the benchmark sends packets with and counts them with. No part of what routemesh runs.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(target_arch = "bpf")]
mod programs;

/// Lets the host's compiler check the crate; the programs are built for the `bpf` target.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
