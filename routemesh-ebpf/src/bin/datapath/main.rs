//! The programs, and the one place where an outcome becomes a verdict.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod count;
#[cfg(target_arch = "bpf")]
mod ctx;
#[cfg(target_arch = "bpf")]
mod fragments;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod pipeline;
#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
mod reply;
#[cfg(target_arch = "bpf")]
mod room;
#[cfg(target_arch = "bpf")]
mod routes;
#[cfg(target_arch = "bpf")]
mod sockets;

/// Lets the host's compiler check the crate; the programs are built for the `bpf` target.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
