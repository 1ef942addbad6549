//! Where packets end, as counted by routemesh and as seen by those who sent them.

use anyhow::Result;
use routemesh_tests::lab::{Pair, Ping, Routemesh, ended_at, received, settled, tcp_stream};

const MIB: u64 = 1 << 20;

#[test]
fn outcomes_add_up_to_the_packets_the_uplink_received() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let host = &pair.a.host;
    // What came before the programs were attached was not theirs to count.
    let before = settled(|| Ok(received(host, "eth0")? - ended(&a, "tc")?)).unwrap();
    streams_and_fragments(&pair);
    Ping::default().run(host, pair.b.host.v4().into()).unwrap();
    let after = settled(|| Ok(received(host, "eth0")? - ended(&a, "tc")?)).unwrap();
    assert_eq!(after, before);
}

#[test]
fn what_xdp_hands_up_is_what_tc_sees() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("xdp").unwrap();
    // From one answer: between two, packets go on arriving.
    let difference = || {
        let counts = a.outcomes()?;
        let handed_up = ended_at(&counts, ("eth0", "xdp"), |verdict| verdict == "pass");
        Ok(handed_up - ended_at(&counts, ("eth0", "tc"), |_| true))
    };
    let before = settled(difference).unwrap();
    streams_and_fragments(&pair);
    assert_eq!(settled(difference).unwrap(), before);
}

#[test]
fn a_routing_loop_is_cut_at_once() {
    for mode in ["tc", "xdp"] {
        let pair = Pair::new().unwrap();
        let (a, b) = pair.routemesh(mode).unwrap();
        a.cli_ok(&["route", "add", "10.99.0.0/16", "via", "192.168.100.2"])
            .unwrap();
        b.cli_ok(&["route", "add", "10.99.0.0/16", "via", "192.168.100.1"])
            .unwrap();
        let nowhere = "10.99.1.1".parse().unwrap();
        let report = Ping::default().report(&pair.a.container, nowhere).unwrap();
        assert!(report.contains(" 0 received"), "{report}");
        let cut = b.packets("tc", "loop").unwrap() + b.packets("xdp", "loop").unwrap();
        assert_eq!(cut, 3, "in mode {mode}");
    }
}

#[test]
fn what_is_left_to_the_stack_arrives_there_whole() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    pair.kernel_routing().unwrap();
    let to = pair.b.container.v4();
    // Options are every router's to read; here each one writes its address down.
    let report = pair
        .a
        .container
        .run(["ping", "-n", "-R", "-c", "1", "-W", "2", &to.to_string()])
        .unwrap();
    assert!(report.contains("192.168.100.1"), "{report}");
    assert!(a.packets("tc", "ip_options").unwrap() > 0);
}

#[test]
fn packets_to_nowhere_end_in_no_route() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let before = a.packets("tc", "no_route").unwrap();
    for nowhere in ["203.0.113.9", "2001:db8::9"] {
        Ping::default()
            .report(&pair.a.container, nowhere.parse().unwrap())
            .unwrap();
    }
    assert_eq!(a.packets("tc", "no_route").unwrap(), before + 6);
}

/// A stream to host A's container, and packets of both directions that are cut into fragments.
fn streams_and_fragments(pair: &Pair) {
    let (a, b) = (&pair.a.container, &pair.b.container);
    tcp_stream(b, a, a.v4(), MIB).unwrap();
    Ping::of(3000).run(a, b.v6()).unwrap();
}

/// Packets that ended in any outcome at a hook of the uplink.
fn ended(daemon: &Routemesh, hook: &str) -> Result<i64> {
    Ok(ended_at(&daemon.outcomes()?, ("eth0", hook), |_| true))
}
