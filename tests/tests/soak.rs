//! The soak, in short: the same operations every time, and others every time.

use std::process::{Command, Stdio};

use routemesh_tests::lab::interrupt;

#[test]
fn a_short_soak_is_clean_with_a_seed_that_was_so() {
    soak(&["--seed", "1"]);
}

#[test]
fn a_short_soak_is_clean_with_any_seed() {
    soak(&[]);
}

#[test]
fn an_interrupted_soak_leaves_nothing_behind() {
    let child = command(&[]).spawn().unwrap();
    interrupt(child, 2).unwrap();
}

fn soak(arguments: &[&str]) {
    let output = command(arguments).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{errors}");
    println!("{shown}");
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_routemesh-soak"));
    command
        .args(["--seconds", "10"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
