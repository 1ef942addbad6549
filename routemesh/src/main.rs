//! One binary: the daemon and its clients.

fn main() {}
