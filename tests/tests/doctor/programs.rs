//! What others have attached to our interfaces, and what we have twice.

use std::{fs, path::PathBuf};

use anyhow::ensure;
use aya::{
    Ebpf,
    programs::{
        SchedClassifier, TcAttachType, XdpMode,
        links::{FdLink, PinnedLink},
    },
};
use nix::net::if_::if_nametoindex;
use routemesh_common::bench::programs;
use routemesh_tests::lab::{PATIENCE, Routemesh, attached, eventually, has_tcx};
use serde_json::Value;

use super::{
    FOREIGN, Patient, attach_foreign_xdp, config, doctor, findings, foreign_xdp, idle, is_found,
    text,
};

const CHECK: &str = "foreign-programs";

#[test]
fn an_xdp_program_of_others_is_named_and_its_link_detached() {
    for (mode, severity) in [("tc", "warning"), ("xdp", "error")] {
        let patient = Patient::new(mode, "");
        for mode in [XdpMode::Skb, XdpMode::Driver] {
            // Whoever attached it still has it, detached.
            let _foreign = attach_foreign_xdp(&patient, "eth0", mode);
            patient.mends(CHECK, severity, programs::IDLE);
        }
        // What goes with the process that attached it.
        let foreign = attach_foreign_xdp(&patient, "eth0", XdpMode::Skb);
        patient.finds(CHECK, severity, programs::IDLE);
        drop(foreign);
        patient.recovers(CHECK);
    }
}

#[test]
fn an_xdp_program_without_a_link_is_switched_off() {
    let patient = Patient::new("xdp", "");
    for mode in ["xdpgeneric", "xdpdrv"] {
        let pin = pinned(&patient);
        let pin = pin.to_str().unwrap();
        let ip = ["ip", "link", "set", "dev", "eth0", mode, "pinned", pin];
        patient.host.run(ip).unwrap();
        fs::remove_file(pin).unwrap();
        patient.mends(CHECK, "error", programs::IDLE);
    }
}

#[test]
fn a_tcx_program_of_others_is_named_and_its_link_detached() {
    if !has_tcx() {
        println!("left out: this kernel has no tcx");
        return;
    }
    let patient = Patient::new("tc", "");
    for interface in ["eth0", "docker0"] {
        let foreign = patient.host.enter(|| {
            let mut ebpf = Ebpf::load(FOREIGN)?;
            let program = ebpf.program_mut(programs::IDLE_TC).unwrap();
            let program: &mut SchedClassifier = program.try_into()?;
            program.load()?;
            program.attach(interface, TcAttachType::Ingress)?;
            Ok(ebpf)
        });
        let named = format!(
            "{interface} has another tc program on its ingress: {}",
            programs::IDLE_TC
        );
        patient.mends(CHECK, "warning", &named);
        drop(foreign.unwrap());
    }
}

#[test]
fn filters_of_others_are_named_and_removed_one_by_one() {
    let patient = Patient::new("tc", "");
    let words = "tc qdisc add dev eth0 clsact; tc filter add dev eth0 ingress protocol ip \
        prio 5 u32 match u32 0 0 flowid 1:1";
    patient.host.run(["sh", "-c", words]).unwrap();
    patient.mends(CHECK, "warning", "a filter of kind u32");
    let words = "tc filter add dev eth0 ingress prio 7 bpf bytecode '1,6 0 0 0'; \
        tc filter add dev eth0 ingress prio 9 bpf bytecode '1,6 0 0 0'";
    patient.host.run(["sh", "-c", words]).unwrap();
    let fixes = |patient: &Patient| -> Vec<_> {
        let found = patient.findings(CHECK);
        found
            .iter()
            .map(|found| text(&found["fix"]).to_owned())
            .collect()
    };
    let one_by_one = [7, 9].map(|prio| format!("tc filter del dev eth0 ingress prio {prio}"));
    assert_eq!(fixes(&patient), one_by_one);
    patient.host.run(["sh", "-c", &one_by_one[0]]).unwrap();
    assert_eq!(fixes(&patient), one_by_one[1..]);
    patient.mends(CHECK, "warning", "a filter of kind bpf");
}

#[test]
fn a_second_program_of_ours_is_found_and_removed_wherever_it_is_pinned() {
    let patient = Patient::new("tc", "");
    let config = config("tc", "");
    let mut first = Routemesh::start(&patient.host, &config).unwrap();
    let ours = attached(&patient.host).unwrap();
    assert!(found(&first).is_empty());
    let mut second = Routemesh::start(&patient.host, &config).unwrap();
    if !has_tcx() {
        // A filter is known by its name, so the second daemon has put its own in its place.
        assert!(found(&first).is_empty());
        second.stop().unwrap();
        first.stop().unwrap();
        return;
    }
    // It is killed, and what it pinned stays; one link of it is held by a process too.
    second.kill();
    let index = patient.host.enter(|| Ok(if_nametoindex("eth0")?)).unwrap();
    let pin = second.bpffs().join(format!("v1/links/tc-{index}"));
    let held = FdLink::from(PinnedLink::from_pin(pin).unwrap());
    let twice = "routemesh's own program 2 times";
    is_found(&doctor(&first, &[CHECK]), CHECK, "error", twice);
    let remove = format!("rm -rf {}", second.bpffs().display());
    assert_eq!(run_fixes(&patient, &first), [remove.as_str(); 3]);

    let left = eventually("the links to go that nobody holds", PATIENCE, || {
        let left = found(&first);
        ensure!(left.len() == 1, "{left:?}");
        Ok(left)
    });
    let detach = format!("bpftool link detach id {}", held.info().unwrap().id());
    assert_eq!(text(&left.unwrap()[0]["fix"]), detach);
    run_fixes(&patient, &first);
    assert!(found(&first).is_empty());
    assert_eq!(attached(&patient.host).unwrap(), ours);
    first.stop().unwrap();
}

/// A program that is not ours, pinned.
fn pinned(patient: &Patient) -> PathBuf {
    let mut pin = patient.daemon.bpffs().as_os_str().to_owned();
    pin.push("-foreign");
    idle(&mut foreign_xdp()).pin(&pin).unwrap();
    pin.into()
}

fn found(daemon: &Routemesh) -> Vec<Value> {
    findings(&doctor(daemon, &[CHECK]), CHECK)
}

/// Runs what is printed, and tells what that was.
fn run_fixes(patient: &Patient, daemon: &Routemesh) -> Vec<String> {
    let found = found(daemon);
    let fixes: Vec<_> = found
        .iter()
        .map(|found| text(&found["fix"]).to_owned())
        .collect();
    for fix in &fixes {
        patient.host.run(["sh", "-c", fix]).unwrap();
    }
    fixes
}
