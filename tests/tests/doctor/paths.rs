//! Where configured routes lead, and what the kernel does with what is left to it.

use std::net::UdpSocket;

use routemesh_tests::lab::Wire;

use super::{Patient, route, run, text};

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
    patient.recovers("ports");
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
    assert_eq!(run(&patient.daemon, &["rp-filter"]).status.code(), Some(0));
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
