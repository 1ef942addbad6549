//! Interfaces, their drivers, and what others have attached to them.

use aya::{
    Ebpf,
    programs::{SchedClassifier, TcAttachType, Xdp, XdpMode},
};
use routemesh_common::bench::programs;
use routemesh_tests::lab::{Routemesh, has_tcx, tells_xdp_features};
use serde_json::Value;

use super::{Patient, config, text};

/// Programs that are not routemesh's.
static FOREIGN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.o"));

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
    if !tells_xdp_features() {
        println!("left out: this kernel does not tell what drivers can do");
        return;
    }
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
fn what_a_driver_can_do_is_unknown_where_the_kernel_does_not_tell() {
    let patient = Patient::new("xdp", "");
    let found = patient.check("xdp");
    assert_eq!(found["findings"], Value::Array(Vec::new()), "{found}");
    if tells_xdp_features() {
        assert!(found["unknown"].is_null(), "{found}");
    } else {
        for why in [
            "whether the driver of eth0 has XDP",
            "routemesh doctor --try-xdp",
        ] {
            assert!(text(&found["unknown"]).contains(why), "{found}");
        }
    }
    // Where no driver is to have XDP there is nothing to know.
    patient.daemon.write_config(&config("tc", "")).unwrap();
    patient.is_content("xdp");
}

#[test]
fn a_veth_that_takes_the_offloads_of_its_other_end_is_found() {
    let patient = Patient::new("xdp", "");
    patient.finds("offloads", "warning", "eth0 is a veth and is to have XDP");
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
        patient.recovers("foreign-programs");
    }
}

#[test]
fn a_tcx_program_of_others_is_named() {
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
        patient.finds("foreign-programs", "warning", &named);
        drop(foreign.unwrap());
        patient.recovers("foreign-programs");
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
    if has_tcx() {
        let ours = "routemesh's own program 2 times";
        patient.finds("foreign-programs", "error", ours);
    } else {
        // A filter is known by its name, so the second daemon has put its own in its place.
        patient.is_content("foreign-programs");
    }
    second.stop().unwrap();
    patient.is_content("foreign-programs");
    first.stop().unwrap();
}
