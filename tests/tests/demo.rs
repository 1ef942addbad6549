//! The demo, in short: it works, and nothing of it is left.

use std::process::{Command, Stdio};

use routemesh_tests::lab::{interrupt, pins};

#[test]
fn the_demo_shows_it_all_and_leaves_nothing_behind() {
    let child = demo(&["--seconds", "1"]).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{errors}");
    for expected in [
        "Gbit/s",
        "0 of 12 answered",
        "12 of 12 answered",
        "all gone",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in {shown}");
    }
    assert_eq!(errors, "");
    assert_eq!(pins(pid), [] as [String; 0]);
}

#[test]
fn the_whole_demo_goes_through_each_tunnel() {
    // Side by side, since most of its time it waits.
    let started = ["vxlan", "geneve", "gre", "ipip", "auto"].map(|mode| {
        let child = demo(&["--seconds", "1", "--mode", mode]).spawn().unwrap();
        (mode, child)
    });
    for (mode, child) in started {
        let output = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{mode}: {output:?}");
        let routes = format!("route add 10.200.0.0/24 via 192.168.100.2 mode {mode}\n");
        assert!(shown.contains(&routes), "no `{routes}` in {shown}");
        // The hosts are on one link, where auto needs no tunnel.
        let (taken, not_taken) = match mode {
            "auto" => ("routed", "encapsulated"),
            _ => ("encapsulated", "routed"),
        };
        let counted = |outcome| {
            let mut lines = shown.lines().map(str::split_whitespace);
            lines.any(|mut words| words.any(|word| word == outcome))
        };
        assert!(counted(taken) && !counted(not_taken), "{mode}: {shown}");
        for expected in ["Gbit/s", "0 of 12 answered", "all gone"] {
            assert!(shown.contains(expected), "no `{expected}` in {shown}");
        }
    }
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let child = demo(&[]).spawn().unwrap();
    interrupt(child, 2).unwrap();
}

#[test]
fn a_shell_in_the_lab_reaches_every_place() {
    let mut shell = demo(&["--shell"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let commands = "routemesh route get 10.200.0.2\n\
        host-b routemesh route get 10.100.0.2\n\
        a2 ping -c 1 10.200.0.3 && b1 ping -c 1 10.100.0.2 && echo both\n\
        host-a ip -o addr show eth0\n";
    let mut stdin = shell.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, commands.as_bytes()).unwrap();
    drop(stdin);
    let output = shell.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for expected in [
        "via 192.168.100.2",
        "via 192.168.100.1",
        "both",
        "192.168.100.1/24",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in {shown}");
    }
}

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_routemesh-demo"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
