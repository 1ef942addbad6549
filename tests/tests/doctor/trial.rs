//! XDP in drivers, attached for a moment where that is asked for.

use std::{fs, os::unix::process::ExitStatusExt as _};

use nix::sys::signal::Signal;
use routemesh_tests::lab::{Ping, Routemesh, Wire, binary};
use serde_json::Value;

use super::{Patient, config, doctor, is_found, named};

const TRY: [&str; 2] = ["xdp", "--try-xdp"];

#[test]
fn a_driver_that_is_tried_is_no_longer_unknown_and_carries_on() {
    let patient = Patient::new("xdp", "");
    let found = named(&doctor(&patient.daemon, &TRY), "xdp");
    is_content(&found);
    is_let_go_of(&patient);
    Ping::default()
        .run(&patient.host, patient.other.v4().into())
        .unwrap();
    // Nobody is tried who is to have no XDP.
    patient.daemon.write_config(&config("tc", "")).unwrap();
    is_content(&named(&doctor(&patient.daemon, &TRY), "xdp"));
}

#[test]
fn a_driver_that_runs_xdp_already_is_not_tried() {
    let patient = Patient::new("xdp", "");
    let daemon = Routemesh::start(&patient.host, &config("xdp", "")).unwrap();
    let before = program(&patient, "eth0");
    assert!(
        before["mode"] == 1 && before["prog"]["id"].is_u64(),
        "{before}"
    );
    // That is a proof on any kernel, with the option and without.
    for words in [&TRY[..1], &TRY] {
        is_content(&named(&doctor(&daemon, words), "xdp"));
        assert_eq!(program(&patient, "eth0"), before);
    }
}

#[test]
fn what_a_driver_says_when_it_refuses_is_told() {
    let patient = Patient::new("xdp", "");
    let port = Wire::port(&patient.host, "eth0");
    let wire = patient.lab.wire().node();
    wire.mtu(&port, 9000).unwrap();
    let found = doctor(&patient.daemon, &TRY);
    for words in [
        "the driver of eth0 refuses XDP",
        "Peer MTU is too large to set XDP",
    ] {
        is_found(&found, "xdp", "warning", words);
    }
    is_let_go_of(&patient);
    wire.mtu(&port, 1500).unwrap();
    is_content(&named(&doctor(&patient.daemon, &TRY), "xdp"));

    patient
        .host
        .ip("link add br9 type bridge\nlink set br9 up")
        .unwrap();
    let bridge = "[[uplink]]\ninterface = \"br9\"\nmode = \"xdp\"\n";
    patient.daemon.write_config(bridge).unwrap();
    let found = doctor(&patient.daemon, &TRY);
    is_found(&found, "xdp", "warning", "the driver of br9 refuses XDP");
}

#[test]
fn an_uplink_with_xdp_in_the_stack_is_left_as_it_is() {
    let patient = Patient::new("xdp", "");
    let _daemon = Routemesh::start(&patient.host, &config("xdp-generic", "")).unwrap();
    let before = program(&patient, "eth0");
    let found = named(&doctor(&patient.daemon, &TRY), "xdp");
    let why = found["unknown"].as_str().unwrap_or_default();
    assert!(why.contains("an XDP program in the stack"), "{found}");
    assert_eq!(program(&patient, "eth0"), before);
}

#[test]
fn a_trial_that_is_interrupted_leaves_nothing_attached() {
    let patient = Patient::new("xdp", "");
    let log = patient.daemon.folder().join("calls");
    let log = log.to_str().unwrap();
    let program = binary().unwrap();
    let config = patient.daemon.config_path();
    let traced = |more: &[&str]| {
        let strace = ["strace", "-qq", "-o", log, "-e", "trace=bpf"];
        let doctor = [
            program.to_str().unwrap(),
            "doctor",
            "--config",
            config.to_str().unwrap(),
        ];
        let words = [&strace[..], more, &doctor, &TRY].concat();
        patient.host.output(&words).unwrap()
    };
    assert!(traced(&[]).status.success());
    let calls = fs::read_to_string(log).unwrap();
    let attaches = |line: &str| {
        line.starts_with("bpf(BPF_LINK_CREATE") && line.contains("attach_type=BPF_XDP,")
    };
    let attach = calls.lines().position(attaches);
    let number = 1 + attach.unwrap_or_else(|| panic!("{calls}"));
    // The kernel has attached it, and the program does not learn of that. (Not by SIGINT, which who
    // runs the tests may have ignored: so does a shell with what it starts beside itself.)
    let ended = traced(&["-e", &format!("inject=bpf:signal=SIGTERM:when={number}")]);
    assert_eq!(
        ended.status.signal(),
        Some(Signal::SIGTERM as i32),
        "{ended:?}"
    );
    let calls = fs::read_to_string(log).unwrap();
    let last = calls.lines().rfind(|line| line.starts_with("bpf("));
    let last = last.unwrap_or_default();
    assert!(attaches(last) && !last.contains("= -1"), "{calls}");
    is_let_go_of(&patient);
}

fn is_content(found: &Value) {
    assert_eq!(found["findings"], Value::Array(Vec::new()), "{found}");
    assert!(found["unknown"].is_null(), "{found}");
}

fn is_let_go_of(patient: &Patient) {
    assert_eq!(program(patient, "eth0"), Value::Null);
    assert!(!patient.daemon.bpffs().exists());
}

/// What `ip` says of an interface's XDP.
fn program(patient: &Patient, interface: &str) -> Value {
    let said = patient
        .host
        .run(["ip", "-json", "link", "show", interface])
        .unwrap();
    let links: Value = serde_json::from_str(&said).unwrap();
    links[0]["xdp"].clone()
}
