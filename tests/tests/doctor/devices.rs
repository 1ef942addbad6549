//! Interfaces and their drivers.

use routemesh_tests::lab::tells_xdp_features;
use serde_json::Value;

use super::{Patient, config, text};

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
