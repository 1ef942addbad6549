//! Every check of the doctor: content, then not, then mended by the command that it prints.

use std::{net::UdpSocket, process::Output};

use aya::{
    Ebpf,
    programs::{Xdp, XdpMode},
};
use routemesh_common::bench::programs;
use routemesh_tests::lab::{Container, Host, Lab, Pair, Routemesh, Wire};
use serde_json::Value;

/// Programs that are not routemesh's.
static FOREIGN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.o"));

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

#[test]
fn a_missing_capability_is_named_and_what_needs_it_is_unknown() {
    let mut patient = Patient::new("tc", "");
    patient.daemon.restrict(&["bpf", "net_admin"]);
    patient.finds("capabilities", "error", "CAP_PERFMON missing");
    for check in ["programs", "hooks", "memlock"] {
        let found = patient.check(check);
        assert!(found["unknown"].is_string(), "{found}");
    }
    patient.daemon.restrict(&["bpf", "net_admin", "perfmon"]);
    patient.is_content("capabilities");
    patient.is_content("programs");
}

#[test]
fn a_bpffs_that_is_not_mounted_is_found_and_mounted() {
    let patient = Patient::new("tc", "");
    let bpffs = "mount -t tmpfs none /sys/fs/bpf";
    let [broken, mended] = patient.in_mounts(bpffs, "mount -t bpf bpf /sys/fs/bpf");
    is_found(&broken, "bpffs", "error", "is not in a BPF file system");
    assert_eq!(
        findings(&broken, "bpffs")[0]["fix"],
        "mount -t bpf bpf /sys/fs/bpf"
    );
    assert!(findings(&mended, "bpffs").is_empty(), "{mended}");
}

#[test]
fn a_directory_of_someone_else_is_found_and_removed() {
    let patient = Patient::new("tc", "");
    let made = "mount -t bpf bpf /sys/fs/bpf; mkdir /sys/fs/bpf/doctor; \
        chown 4711 /sys/fs/bpf/doctor";
    let [broken, mended] = patient.in_mounts(made, "rm -r /sys/fs/bpf/doctor");
    is_found(&broken, "bpffs", "error", "belongs to user 4711");
    assert_eq!(
        findings(&broken, "bpffs")[0]["fix"],
        "rm -r /sys/fs/bpf/doctor"
    );
    assert!(findings(&mended, "bpffs").is_empty(), "{mended}");
}

#[test]
fn lockdown_and_an_interpreter_are_found() {
    // Both are the machine's, so what the kernel says of them is covered by other words.
    let patient = Patient::new("tc", "");
    let jit = "mount -t tmpfs none /proc/sys/net/core; echo 0 > /proc/sys/net/core/bpf_jit_enable";
    let [broken, mended] = patient.in_mounts(jit, "sysctl -qw net.core.bpf_jit_enable=1");
    is_found(&broken, "jit", "warning", "BPF programs are interpreted");
    assert!(findings(&mended, "jit").is_empty(), "{mended}");

    let security = "mount -t tmpfs none /sys/kernel/security; cd /sys/kernel/security; \
        echo 'none integrity [confidentiality]' > lockdown";
    let [broken, mended] = patient.in_mounts(security, "echo '[none] integrity' > lockdown");
    is_found(
        &broken,
        "lockdown",
        "warning",
        "locked down for confidentiality",
    );
    assert!(findings(&mended, "lockdown").is_empty(), "{mended}");
}

#[test]
fn programs_that_cannot_be_loaded_are_found_by_loading_them() {
    let patient = Patient::new("tc", "");
    // Descriptors for some of the maps.
    let [broken, mended] = patient.in_mounts("ulimit -S -n 19", "ulimit -n 4096");
    is_found(&broken, "programs", "error", "Too many open files");
    assert_eq!(findings(&broken, "programs")[0]["fix"], "ulimit -n 4096");
    assert!(named(&broken, "hooks")["unknown"].is_string(), "{broken}");
    for check in ["programs", "hooks"] {
        assert!(findings(&mended, check).is_empty(), "{mended}");
    }
}

#[test]
fn a_limit_that_counts_maps_is_found() {
    let patient = Patient::new("tc", "");
    patient.is_content("memlock");
    // As kernels before 5.11 answer.
    let refused = "ulimit -S -l 64; strace -f -qq -o /dev/null -e inject=bpf:error=EPERM";
    let found = patient.after(refused, "memlock");
    is_found(&found, "memlock", "error", "which is 65536 bytes");
    assert_eq!(findings(&found, "memlock")[0]["fix"], "ulimit -l unlimited");
}

#[test]
fn programs_that_cannot_be_attached_are_found_by_attaching_them() {
    let patient = Patient::new("tc", "");
    patient.is_content("hooks");
    // Descriptors for programs and maps, and for none of their links.
    let mut limits = (19..64).map(|limit| format!("ulimit -S -n {limit};"));
    let found = limits.find_map(|limit| {
        let found = patient.after(&limit, "hooks");
        let what = text(&findings(&found, "hooks").first()?["what"]).to_owned();
        what.contains("attach a").then_some((found, what))
    });
    let (found, what) = found.expect("a limit in between");
    is_found(&found, "hooks", "error", &what);
}

#[test]
fn an_uplink_that_is_down_is_found() {
    let patient = Patient::new("tc", "");
    patient.host.down("eth0").unwrap();
    patient.mends("interfaces", "error", "eth0 is down");
    patient.host.down("docker0").unwrap();
    patient.mends("interfaces", "error", "docker0 is down");
}

#[test]
fn a_driver_without_xdp_is_found_where_xdp_is_wanted() {
    let patient = Patient::new("tc", "");
    patient
        .host
        .ip("link add br9 type bridge\nlink set br9 up")
        .unwrap();
    let config = |mode| format!("[[uplink]]\ninterface = \"br9\"\nmode = \"{mode}\"\n");
    patient.daemon.write_config(&config("xdp")).unwrap();
    patient.finds("xdp", "warning", "the driver of br9 has no XDP");
    patient.daemon.write_config(&config("tc")).unwrap();
    patient.is_content("xdp");
}

#[test]
fn a_veth_that_loses_its_offloads_is_found() {
    let patient = Patient::new("xdp", "");
    patient.finds("offloads", "warning", "eth0 is a veth");
    patient.is_content("xdp");
    let fix = text(&patient.findings("offloads")[0]["fix"]).to_owned();
    assert!(fix.contains("mode = \"tc\""), "{fix}");
    patient.daemon.write_config(&config("tc", "")).unwrap();
    patient.is_content("offloads");
}

#[test]
fn an_xdp_program_of_others_is_named() {
    for (mode, severity) in [("tc", "warning"), ("xdp", "error")] {
        let patient = Patient::new(mode, "");
        let foreign = patient.host.enter(|| {
            let mut ebpf = Ebpf::load(FOREIGN)?;
            let program: &mut Xdp = ebpf.program_mut(programs::IDLE).unwrap().try_into()?;
            program.load()?;
            program.attach("eth0", XdpMode::Skb)?;
            Ok(ebpf)
        });
        patient.finds("foreign-programs", severity, programs::IDLE);
        drop(foreign.unwrap());
        patient.is_content("foreign-programs");
    }
}

#[test]
fn filters_of_others_are_named() {
    let patient = Patient::new("tc", "");
    let words = "tc qdisc add dev eth0 clsact; tc filter add dev eth0 ingress protocol ip \
        prio 5 u32 match u32 0 0 flowid 1:1";
    patient.host.run(["sh", "-c", words]).unwrap();
    patient.mends("foreign-programs", "warning", "a filter of kind u32");
    let words = "tc filter add dev eth0 ingress bpf bytecode '1,6 0 0 0'";
    patient.host.run(["sh", "-c", words]).unwrap();
    patient.mends("foreign-programs", "warning", "a filter of kind bpf");
}

#[test]
fn a_second_program_of_ours_is_found() {
    let patient = Patient::new("tc", "");
    let config = config("tc", "");
    let mut first = Routemesh::start(&patient.host, &config).unwrap();
    patient.is_content("foreign-programs");
    let mut second = Routemesh::start(&patient.host, &config).unwrap();
    patient.finds(
        "foreign-programs",
        "error",
        "routemesh's own program 2 times",
    );
    second.stop().unwrap();
    patient.is_content("foreign-programs");
    first.stop().unwrap();
}

#[test]
fn a_next_hop_without_a_way_is_found() {
    let route = "[[route]]\ndst = \"10.1.0.0/16\"\nvia = \"198.51.100.7\"\nmode = \"vxlan\"\n";
    let patient = Patient::new("tc", route);
    patient.finds("next-hops", "error", "this host has no route to it");
    let fix = text(&patient.findings("next-hops")[0]["fix"]).to_owned();
    assert_eq!(fix, "ip route add 198.51.100.7 dev eth0");
    patient.host.run(["sh", "-c", &fix]).unwrap();
    patient.finds(
        "next-hops",
        "error",
        "nobody answers for 198.51.100.7 on eth0",
    );
    patient.host.ip("route del 198.51.100.7").unwrap();
    let words = "route add 198.51.100.7 via 192.168.100.2";
    patient.host.ip(words).unwrap();
    patient.is_content("next-hops");
}

#[test]
fn a_neighbour_that_does_not_answer_is_found() {
    let patient = Patient::new("tc", &route(""));
    patient.is_content("next-hops");
    patient.other.down("eth0").unwrap();
    patient.host.ip("neigh flush dev eth0").unwrap();
    patient.finds(
        "next-hops",
        "error",
        "nobody answers for 192.168.100.2 on eth0",
    );
    patient.other.up("eth0").unwrap();
    patient.is_content("next-hops");
}

#[test]
fn a_network_larger_than_its_path_is_found() {
    let patient = Patient::new("tc", &route("mode = \"vxlan\"\n"));
    patient.mends(
        "mtu",
        "warning",
        "docker0 has an MTU of 1500, and the path to 192.168.100.2 takes packets of 1450",
    );
    patient.host.mtu("eth0", 1400).unwrap();
    let port = Wire::port(&patient.host, "eth0");
    patient.lab.wire().node().mtu(&port, 1400).unwrap();
    patient.mends("mtu", "warning", "takes packets of 1350");
}

#[test]
fn a_kernel_device_on_our_port_is_found() {
    let patient = Patient::new("tc", &route("mode = \"vxlan\"\n"));
    for (vni, severity) in [(100, "error"), (7, "warning")] {
        patient.is_content("ports");
        let device = "type vxlan dstport 4789 local 192.168.100.1 dev eth0";
        patient
            .host
            .ip(&format!("link add vx9 {device} id {vni}\nlink set vx9 up"))
            .unwrap();
        patient.finds(
            "ports",
            severity,
            "the kernel's vxlan device vx9 has UDP port 4789",
        );
        let fix = text(&patient.findings("ports")[0]["fix"]).to_owned();
        let (command, _) = fix.split_once(", or").unwrap();
        patient.host.run(["sh", "-c", command]).unwrap();
    }
    patient.is_content("ports");
}

#[test]
fn a_process_on_our_port_is_found() {
    let patient = Patient::new("tc", &route("mode = \"geneve\"\n"));
    let socket = patient
        .host
        .enter(|| Ok(UdpSocket::bind("0.0.0.0:6081")?))
        .unwrap();
    let process = format!("process {} ", std::process::id());
    patient.finds("ports", "warning", &process);
    drop(socket);
    patient.is_content("ports");
    // Of a tunnel that is not in use nothing is said.
    let _socket = patient
        .host
        .enter(|| Ok(UdpSocket::bind("[::]:4789")?))
        .unwrap();
    patient.is_content("ports");
}

#[test]
fn a_strict_rp_filter_is_found() {
    let patient = Patient::new("tc", &route(""));
    patient.host.sysctl("ipv4.conf.all.rp_filter", "1").unwrap();
    patient.mends("rp-filter", "warning", "eth0 has a strict rp_filter");
    patient
        .host
        .sysctl("ipv4.conf.eth0.rp_filter", "1")
        .unwrap();
    patient.mends("rp-filter", "warning", "eth0 has a strict rp_filter");
}

#[test]
fn a_kernel_that_does_not_forward_is_noted() {
    let v6 = "[[route]]\ndst = \"fd00:9::/64\"\nvia = \"fd00:100::2\"\n";
    let patient = Patient::new("tc", &(route("") + v6));
    let noted = patient.findings("forwarding");
    assert_eq!(noted.len(), 2, "{noted:?}");
    for finding in &noted {
        assert_eq!(finding["severity"], "note");
        patient
            .host
            .run(["sh", "-c", text(&finding["fix"])])
            .unwrap();
    }
    patient.is_content("forwarding");
    assert_eq!(run(&patient.daemon, &[]).status.code(), Some(0));
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
