//! The soak, in short: the same operations every time, and others every time.

use std::process::{Child, Command, Stdio};

use routemesh_tests::lab::interrupt;

#[test]
fn a_short_soak_is_clean_and_its_seed_repeats_its_operations() {
    let [first, again, other] = ["1", "1", "2"]
        .map(|seed| command(&["--seed", seed]).spawn().unwrap())
        .map(clean);
    let [first, again, other] = [&first, &again, &other].map(|shown| hashes(shown));
    println!("seed 1: {first:?} and {again:?}, seed 2: {other:?}");
    // One may have had the time for more rounds.
    assert!(first.iter().zip(&again).all(|(one, two)| one == two));
    assert!(first.iter().all(|hash| !other.contains(hash)));
    assert!(
        [first, again, other]
            .iter()
            .all(|hashes| !hashes.is_empty())
    );
}

#[test]
fn a_short_soak_is_clean_with_any_seed() {
    println!("{}", clean(command(&[]).spawn().unwrap()));
}

#[test]
fn an_interrupted_soak_leaves_nothing_behind() {
    let child = command(&[]).spawn().unwrap();
    interrupt(child, 2).unwrap();
}

/// What it printed.
fn clean(soak: Child) -> String {
    let output = soak.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{errors}");
    shown.into_owned()
}

/// Of all operations up to the end of each round.
fn hashes(shown: &str) -> Vec<&str> {
    let behind = shown.split(" operations with the hash ").skip(1);
    behind.filter_map(|text| text.split(',').next()).collect()
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
