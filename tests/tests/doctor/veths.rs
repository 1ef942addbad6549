//! Uplinks that are veths: what XDP asks of their other ends, wherever these are.

use std::fs;

use anyhow::ensure;
use aya::programs::XdpMode;
use routemesh_tests::lab::{Chain, Node, PATIENCE, Process, Wire, eventually, tells_xdp_features};
use serde_json::Value;

use super::{Patient, attach_foreign_xdp, config, doctor, findings, is_found, text};

const REFUSES: &str = "eth0 takes no packets of XDP: GRO is off at its other end";
const UNFINISHED: &str = "packets come to eth0 with unfinished checksums";

#[test]
fn a_host_that_sends_on_by_xdp_carries_once_the_printed_commands_are_run() {
    let chain = Chain::on_a_stick().unwrap();
    let wire = chain.wire().node();
    let port = Wire::port(&chain.r, "eth0");
    // As the kernel makes them: GRO off, and checksums left to hardware that they have not.
    wire.offload(&port, "gro", false).unwrap();
    for side in [&chain.a, &chain.b] {
        side.container.offload("eth0", "tx", true).unwrap();
    }
    let daemons = chain.routemesh("xdp", "tc").unwrap();
    // By a process the namespace of the wire is found: it has no name.
    let inside = resident(wire);
    let place = format!("{port} in the network namespace of process {}", inside.id());

    let examined = doctor(&daemons[0], &["offloads"]);
    is_found(
        &examined,
        "offloads",
        "warning",
        &format!("{REFUSES}, {place}"),
    );
    let unfinished = format!("{UNFINISHED}: 'tx' is on at its other end, {place}");
    is_found(&examined, "offloads", "warning", &unfinished);
    chain.ensure_it_pings().unwrap_err();

    let [gro, tx] = commands(&findings(&examined, "offloads"));
    chain.r.run(["sh", "-c", &gro]).unwrap();
    let left = findings(&doctor(&daemons[0], &["offloads"]), "offloads");
    assert_eq!(commands(&left), [tx.as_str()]);
    chain.ensure_it_pings().unwrap();
    chain.ensure_it_carries().unwrap_err();

    chain.r.run(["sh", "-c", &tx]).unwrap();
    is_fit(&findings(&doctor(&daemons[0], &["offloads"]), "offloads"));
    chain.ensure_it_carries().unwrap();
}

#[test]
fn the_other_end_is_found_by_the_name_of_its_namespace() {
    let patient = Patient::new("xdp", "");
    let names = format!(
        "mkdir -p /run/netns; mount -t tmpfs none /run/netns\n\
         : > /run/netns/no-namespace; : > /run/netns/wire\n\
         mount --bind {} /run/netns/wire",
        patient.lab.wire().node().path()
    );
    let port = Wire::port(&patient.host, "eth0");
    let mended = format!(
        "ip netns exec wire ethtool -K {port} gro on\nip netns exec wire ethtool -K {port} tx off \
         > /dev/null"
    );
    let [broken, mended] = patient.in_mounts(&names, &mended);
    let found = findings(&broken, "offloads");
    let place = format!("{port} in the network namespace wire");
    is_found(&broken, "offloads", "warning", &place);
    assert_eq!(
        commands::<2>(&found),
        [
            format!("ip netns exec wire ethtool -K {port} gro on"),
            format!("ip netns exec wire ethtool -K {port} tx off")
        ]
    );
    is_fit(&findings(&mended, "offloads"));
}

#[test]
fn the_other_end_is_found_beside_its_veth() {
    let patient = Patient::new("tc", "");
    two_uplinks(&patient, ["xdp", "tc"]);
    let found = patient.findings("offloads");
    assert_eq!(
        commands::<2>(&found),
        ["ethtool -K eth0p gro on", "ethtool -K eth0p tx off"]
    );
    mend(&patient.host, &found);
    is_fit(&patient.findings("offloads"));
}

#[test]
fn an_uplink_with_xdp_in_the_stack_must_take_what_drivers_send_it() {
    let patient = Patient::new("tc", "");
    two_uplinks(&patient, ["xdp", "xdp-generic"]);
    let found = patient.findings("offloads");
    assert_eq!(
        commands::<3>(&found),
        ["eth0p gro on", "eth0p tx off", "eth1p gro on"].map(|end| format!("ethtool -K {end}"))
    );
    mend(&patient.host, &found);
    is_fit(&patient.findings("offloads"));
    // From XDP in the stack, any veth takes packets, with the marks of their checksums.
    patient.host.offload("eth1p", "gro", false).unwrap();
    two_uplinks_config(&patient, ["xdp-generic", "xdp-generic"]);
    patient.is_content("offloads");
}

#[test]
fn an_other_end_with_xdp_of_its_own_takes_packets_without_gro() {
    for mode in [XdpMode::Driver, XdpMode::Skb] {
        let patient = Patient::new("tc", "");
        two_uplinks(&patient, ["xdp", "tc"]);
        patient.host.offload("eth0p", "tx", false).unwrap();
        patient.finds("offloads", "warning", REFUSES);
        let _foreign = attach_foreign_xdp(&patient, "eth0p", mode);
        // The kernel switches it on with a program in the driver.
        patient.host.offload("eth0p", "gro", false).unwrap();
        if mode == XdpMode::Driver {
            is_fit(&patient.findings("offloads"));
        } else {
            patient.finds("offloads", "warning", REFUSES);
        }
    }
}

#[test]
fn an_other_end_that_cannot_be_seen_is_noted_with_the_reason() {
    let mut patient = Patient::new("xdp", "");
    let unseen = "the other end of the veth eth0 cannot be seen: neither a name";
    patient.finds("offloads", "note", unseen);
    // That it takes no frames is known from this end, where the kernel tells.
    if tells_xdp_features() {
        patient.finds("offloads", "warning", REFUSES);
    }
    let wire = patient.lab.wire();
    wire.accept_xdp(&patient.host, "eth0").unwrap();
    let warned = commands::<1>(&patient.findings("offloads"));
    assert!(warned[0].contains("gro on tx off"), "{warned:?}");
    // And so without the rights to look into namespaces.
    let _inside = resident(wire.node());
    patient.daemon.restrict(&["bpf", "net_admin", "perfmon"]);
    patient.finds("offloads", "note", "the other end of the veth eth0");
    patient.daemon.write_config(&config("tc", "")).unwrap();
    patient.is_content("offloads");
}

/// A process within a namespace, which it has entered.
fn resident(node: &Node) -> Process {
    let process = node.spawn(["sleep", "infinity"]).unwrap();
    let inside = fs::read_link(node.path()).unwrap();
    let own = format!("/proc/{}/ns/net", process.id());
    let entered = eventually("the namespace to be entered", PATIENCE, || {
        ensure!(fs::read_link(&own)? == inside, "it is elsewhere");
        Ok(())
    });
    entered.unwrap();
    process
}

/// The uplinks `eth0` and `eth1`, whose other ends are on the host too: `eth0p`, `eth1p`.
fn two_uplinks(patient: &Patient, modes: [&str; 2]) {
    patient.host.ip("link del eth0").unwrap();
    for name in ["eth0", "eth1"] {
        let pair = format!("link add {name} type veth peer name {name}p");
        let up = format!("link set {name} up\nlink set {name}p up");
        patient.host.ip(&format!("{pair}\n{up}")).unwrap();
    }
    two_uplinks_config(patient, modes);
}

fn two_uplinks_config(patient: &Patient, [first, second]: [&str; 2]) {
    let more = format!("[[uplink]]\ninterface = \"eth1\"\nmode = \"{second}\"\n");
    let config = config(first, &more);
    patient.daemon.write_config(&config).unwrap();
}

/// What is to be run at other ends.
fn commands<const N: usize>(found: &[Value]) -> [String; N] {
    let fixes = found.iter().map(|finding| text(&finding["fix"]).to_owned());
    let commands: Vec<_> = fixes.filter(|fix| fix.contains("ethtool")).collect();
    commands.try_into().unwrap_or_else(|_| panic!("{found:?}"))
}

fn mend(host: &Node, found: &[Value]) {
    for finding in found {
        let fix = text(&finding["fix"]);
        if fix.contains("ethtool") {
            host.run(["sh", "-c", fix]).unwrap();
        }
    }
}

/// All that is left is what no setting of the other end mends.
fn is_fit(found: &[Value]) {
    let whats: Vec<_> = found.iter().map(|finding| text(&finding["what"])).collect();
    assert_eq!(whats, ["eth0 is a veth and is to have XDP in the driver"]);
}
