//! Every check of the doctor: content, then not, then mended by the command that it prints.

mod devices;
mod kernel;
mod paths;
mod programs;
mod trial;
mod veths;

use std::process::Output;

use anyhow::ensure;
use aya::{
    Ebpf,
    programs::{Xdp, XdpMode},
};
use routemesh_common::bench::programs::IDLE;
use routemesh_tests::lab::{Container, Host, Lab, PATIENCE, Pair, Routemesh, eventually};
use serde_json::Value;

#[test]
fn a_host_that_is_well_has_no_findings_with_a_daemon_and_without() {
    let pair = Pair::new().unwrap();
    pair.a.host.forward().unwrap();
    let mut patient = Routemesh::prepare(&pair.a.host, &pair.a.config("tc", &pair.b)).unwrap();
    for _ in 0..2 {
        let examined = doctor(&patient, &[]);
        for check in examined.as_array().unwrap() {
            assert_eq!(check["findings"], Value::Array(Vec::new()), "{check}");
            assert!(check["unknown"].is_null(), "{check}");
        }
        assert_eq!(run(&patient, &[]).status.code(), Some(0));
        patient.resume().unwrap();
    }
}

#[test]
fn a_bad_file_is_an_error_and_so_is_the_exit_code() {
    let patient = Patient::new("tc", "");
    patient
        .daemon
        .write_config("[[uplink]]\ninterface = \"eth7\"\n")
        .unwrap();
    patient.finds("configuration", "error", "did you mean eth0?");
    let said = run(&patient.daemon, &[]);
    assert_eq!(said.status.code(), Some(1));
    let page = String::from_utf8_lossy(&said.stdout);
    assert!(page.contains("error    configuration: "), "{page}");
    assert!(page.contains("\n         fix: "), "{page}");
    patient
        .daemon
        .write_config("[[uplink]]\ninterface = \"eth0\"\n")
        .unwrap();
    patient.is_content("configuration");
}

/// A host with a container network, and another on its link.
struct Patient {
    /// Never started: it has a configuration, and a directory to pin in.
    daemon: Routemesh,
    _container: Container,
    other: Host,
    host: Host,
    lab: Lab,
}

impl Patient {
    fn new(mode: &str, routes: &str) -> Self {
        let lab = Lab::new().unwrap();
        let (host, other) = (lab.host("a").unwrap(), lab.host("b").unwrap());
        let network = host.network("docker0", "10.100.0.1/24", None).unwrap();
        let container = host.container("a1", &network).unwrap();
        let daemon = Routemesh::prepare(&host, &config(mode, routes)).unwrap();
        Self {
            daemon,
            _container: container,
            other,
            host,
            lab,
        }
    }

    fn check(&self, name: &str) -> Value {
        named(&doctor(&self.daemon, &[name]), name)
    }

    fn findings(&self, check: &str) -> Vec<Value> {
        findings(&doctor(&self.daemon, &[check]), check)
    }

    fn finds(&self, check: &str, severity: &str, what: &str) {
        is_found(&doctor(&self.daemon, &[check]), check, severity, what);
    }

    fn is_content(&self, check: &str) {
        let found = self.check(check);
        assert_eq!(found["findings"], Value::Array(Vec::new()), "{found}");
        assert!(found["unknown"].is_null(), "{found}");
    }

    /// Becomes content once what this process had open is closed: a process that another test forks
    /// at that moment has it too, until it executes something.
    fn recovers(&self, check: &str) {
        let recovered = eventually("the doctor to be content", PATIENCE, || {
            let findings = self.findings(check);
            ensure!(findings.is_empty(), "{findings:?}");
            Ok(())
        });
        recovered.unwrap();
        self.is_content(check);
    }

    /// Something is found, its command is run, and then it is not found any more.
    fn mends(&self, check: &str, severity: &str, what: &str) {
        self.finds(check, severity, what);
        for finding in self.findings(check) {
            let fix = text(&finding["fix"]);
            self.host.run(["sh", "-c", fix]).unwrap();
        }
        self.is_content(check);
    }

    /// What is found in mounts and limits of its own, after a shell's words that break something,
    /// and after those that mend it.
    fn in_mounts(&self, broken: &str, mended: &str) -> [Value; 2] {
        let command = self.command();
        let script = format!("{broken}\n{command} || :\n{mended}\n{command} || :\n");
        let said = self
            .host
            .run(["unshare", "--mount", "sh", "-ec", &script])
            .unwrap();
        let mut lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
        [lines.next().unwrap(), lines.next().unwrap()]
    }

    /// What a check finds after a shell's words.
    fn after(&self, words: &str, check: &str) -> Value {
        let script = format!("{words} {} {check} || :", self.command());
        let said = self.host.run(["sh", "-c", &script]).unwrap();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn command(&self) -> String {
        format!(
            "{} doctor -j --config {} --bpffs /sys/fs/bpf/doctor",
            routemesh_tests::lab::binary().unwrap().display(),
            self.daemon.config_path().display()
        )
    }
}

/// Programs that are not routemesh's.
static FOREIGN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.o"));

/// An XDP program that is not routemesh's, loaded.
fn foreign_xdp() -> Ebpf {
    let mut ebpf = Ebpf::load(FOREIGN).unwrap();
    idle(&mut ebpf).load().unwrap();
    ebpf
}

/// The same, attached to an interface of the patient by a link that goes with it.
fn attach_foreign_xdp(patient: &Patient, interface: &str, mode: XdpMode) -> Ebpf {
    let attached = patient.host.enter(|| {
        let mut ebpf = foreign_xdp();
        idle(&mut ebpf).attach(interface, mode)?;
        Ok(ebpf)
    });
    attached.unwrap()
}

fn idle(ebpf: &mut Ebpf) -> &mut Xdp {
    ebpf.program_mut(IDLE).unwrap().try_into().unwrap()
}

fn config(mode: &str, routes: &str) -> String {
    format!(
        "[[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n\
         [[network]]\ninterface = \"docker0\"\n{routes}"
    )
}

fn route(more: &str) -> String {
    format!("[[route]]\ndst = \"10.200.0.0/24\"\nvia = \"192.168.100.2\"\n{more}")
}

fn run(daemon: &Routemesh, more: &[&str]) -> Output {
    let config = daemon.config_path();
    let words = [
        "doctor",
        "--config",
        config.to_str().unwrap(),
        "--bpffs",
        daemon.bpffs().to_str().unwrap(),
    ];
    daemon.program_output(&[&words, more].concat()).unwrap()
}

fn doctor(daemon: &Routemesh, checks: &[&str]) -> Value {
    let output = run(daemon, &[checks, &["-j"]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr))
    })
}

fn named(examined: &Value, check: &str) -> Value {
    let mut checks = examined.as_array().unwrap().iter();
    let found = checks.find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no check {check}")).clone()
}

fn findings(examined: &Value, check: &str) -> Vec<Value> {
    named(examined, check)["findings"]
        .as_array()
        .unwrap()
        .clone()
}

fn is_found(examined: &Value, check: &str, severity: &str, what: &str) {
    let found = findings(examined, check);
    let is_it =
        |finding: &Value| finding["severity"] == severity && text(&finding["what"]).contains(what);
    assert!(found.iter().any(is_it), "{}", named(examined, check));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
