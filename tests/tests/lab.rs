//! The lab itself, with the kernel in routemesh's place: what fails here is not routemesh's.

use std::{fs, net::IpAddr, path::Path, time::Duration};

use routemesh_tests::{
    lab::{
        Capture, Echo, Lab, Pair, Ping, flowtable, lack_of_flowtables, offloaded, received,
        relayed, tcp_for, tcp_stream, tcp_streams, udp_echo,
    },
    packet::ETHERTYPE_IPV4,
};

const MIB: u64 = 1 << 20;

#[test]
fn hosts_on_a_wire_reach_one_another() {
    let lab = Lab::new().unwrap();
    let (a, b) = (lab.host("a").unwrap(), lab.host("b").unwrap());
    Ping::default().run(&a, b.v4().into()).unwrap();
    Ping::default().run(&a, b.v6().into()).unwrap();
}

#[test]
fn containers_of_two_hosts_do_not_reach_one_another_without_routemesh() {
    let pair = Pair::new().unwrap();
    let ping = Ping {
        count: 1,
        ..Ping::default()
    };
    for address in [pair.b.container.v4(), pair.b.container.v6()] {
        let report = ping.report(&pair.a.container, address).unwrap();
        assert!(report.contains(" 0 received"), "{report}");
    }
}

#[test]
fn with_kernel_routing_all_kinds_of_traffic_pass() {
    let pair = routed_by_the_kernel();
    let (a, b) = (&pair.a.container, &pair.b.container);
    for address in [b.v4(), b.v6()] {
        Ping::of(1200).run(a, address).unwrap();
        Ping::of(9000).run(a, address).unwrap();
        tcp_stream(a, b, address, 8 * MIB).unwrap();
        let transfer = tcp_streams(a, b, address, (8, MIB)).unwrap();
        assert_eq!(transfer.bytes, 8 * MIB);
        let sizes = &[0, 1, 1400, 1473, 4000, 30_000];
        udp_echo(a, b, address, Echo { sizes }).unwrap();
    }
    let transfer = tcp_for(a, b, b.v4(), Duration::from_millis(200)).unwrap();
    assert!(transfer.gbit_per_second() > 0.0);
}

#[test]
fn a_flowtable_takes_what_the_kernel_would_have_routed() {
    if let Some(lack) = lack_of_flowtables().unwrap() {
        eprintln!("skipped: no flowtables: {lack}");
        return;
    }
    let interfaces = ["eth0", "docker0"];
    let pair = routed_by_the_kernel();
    for side in [&pair.a, &pair.b] {
        flowtable(side.host.node(), &interfaces).unwrap();
    }
    let (a, b) = (&pair.a.container, &pair.b.container);
    let counts = || {
        let came = interfaces.map(|interface| received(&pair.b.host, interface).unwrap());
        let offloaded = offloaded(&pair.b.host, &interfaces).unwrap();
        (came.iter().sum::<i64>().unsigned_abs(), offloaded)
    };
    for address in [b.v4(), b.v6()] {
        let before = counts();
        tcp_stream(a, b, address, 8 * MIB).unwrap();
        let after = counts();
        let (came, offloaded) = (after.0 - before.0, after.1 - before.1);
        // All but what it takes until the flow is known.
        assert!(
            came > 100 && offloaded > came * 9 / 10,
            "{offloaded} of {came}"
        );
    }
}

#[test]
fn a_relay_carries_frames_as_they_are() {
    let pair = Pair::relayed().unwrap();
    let (a, b) = (&pair.a.container, &pair.b.container);
    let carried = || {
        let sent = relayed(&pair.a.host, &a.port()).unwrap();
        (sent, relayed(&pair.b.host, "eth0").unwrap())
    };
    for address in [b.v4(), b.v6()] {
        let before = carried();
        tcp_stream(a, b, address, 8 * MIB).unwrap();
        let after = carried();
        let (sent, got) = (after.0 - before.0, after.1 - before.1);
        // No segment has more than 1448 bytes.
        assert!(sent.min(got) > 8 * MIB / 1448, "{sent} sent, {got} got");
    }
    let capture = Capture::start(b).unwrap();
    Ping::default().run(a, b.v4()).unwrap();
    let request = capture
        .wait_for(Duration::from_secs(2), |frame| is_ipv4_from(frame, a.v4()))
        .unwrap();
    assert_eq!(request[14 + 8], 64, "no router counted down");
    assert_eq!(request[6..12], a.mac("eth0").unwrap(), "from the container");
}

#[test]
fn without_a_relays_filter_nothing_gets_through() {
    let pair = Pair::relayed().unwrap();
    let b = &pair.b.host;
    b.run(["tc", "filter", "del", "dev", "eth0", "ingress"])
        .unwrap();
    let address = pair.b.container.v4();
    let report = Ping::default().report(&pair.a.container, address).unwrap();
    assert!(report.contains(" 0 received"), "{report}");
    let error = relayed(b, "eth0").unwrap_err().to_string();
    assert!(error.contains("no relay at eth0"), "{error}");
}

#[test]
fn a_capture_sees_the_ttl_that_two_routers_leave() {
    let pair = routed_by_the_kernel();
    let capture = Capture::start(&pair.b.container).unwrap();
    let (a, b) = (pair.a.container.v4(), pair.b.container.v4());
    Ping::default().run(&pair.a.container, b).unwrap();
    let request = capture
        .wait_for(Duration::from_secs(2), |frame| is_ipv4_from(frame, a))
        .unwrap();
    assert_eq!(request[14 + 8], 62);
}

#[test]
fn a_restarted_container_has_its_addresses_behind_another_port() {
    let pair = routed_by_the_kernel();
    let b = &pair.b.container;
    let (port, mac) = (b.port(), b.mac("eth0").unwrap());
    b.stop().unwrap();
    b.start().unwrap();
    assert_ne!(b.port(), port);
    assert_eq!(b.mac("eth0").unwrap(), mac);
    Ping::default().run(&pair.a.container, b.v4()).unwrap();
}

#[test]
fn a_recreated_network_has_its_containers() {
    let pair = routed_by_the_kernel();
    pair.b.network.delete().unwrap();
    pair.b.network.create().unwrap();
    let address = pair.b.container.v6();
    Ping::default().run(&pair.a.container, address).unwrap();
}

#[test]
fn a_container_without_a_bridge_reaches_its_host() {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    let container = host
        .ptp("ptp0", "10.121.0.1/24", Some("fd00:10:121::1/64"))
        .unwrap();
    for gateway in ["10.121.0.1", "fd00:10:121::1"] {
        let gateway: IpAddr = gateway.parse().unwrap();
        Ping::default().run(&container, gateway).unwrap();
    }
}

#[test]
fn a_cable_and_a_second_wire_join_hosts_too() {
    let lab = Lab::new().unwrap();
    let (a, r) = (lab.host("a").unwrap(), lab.host("r").unwrap());
    let wire = lab.new_wire().unwrap();
    let b = lab.unplugged_host("b").unwrap();
    r.plug("eth1", &wire).unwrap();
    b.plug("eth0", &wire).unwrap();
    a.cable(&b, "eth9").unwrap();
    Ping::default().run(&r, wire.v4(&b).into()).unwrap();
    let over_the_cable = IpAddr::from([10, 9, 0, b.number()]);
    Ping::default().run(&a, over_the_cable).unwrap();
}

#[test]
fn a_program_that_fails_is_quoted_with_its_words() {
    let lab = Lab::new().unwrap();
    let error = lab.wire().node().run(["ip", "link", "del", "nothing"]);
    let text = format!("{:#}", error.unwrap_err());
    assert!(text.contains("ip link del nothing"), "{text}");
    assert!(text.contains("Cannot find device"), "{text}");
}

#[test]
fn a_dropped_process_is_gone() {
    let lab = Lab::new().unwrap();
    let process = lab.wire().node().spawn(["sleep", "1000"]).unwrap();
    let folder = format!("/proc/{}", process.id());
    assert!(Path::new(&folder).exists());
    drop(process);
    assert!(!Path::new(&folder).exists());
}

#[test]
fn the_machine_keeps_its_interfaces() {
    let before = own_interfaces();
    let pair = Pair::new().unwrap();
    assert_eq!(own_interfaces(), before);
    drop(pair);
    assert_eq!(own_interfaces(), before);
}

fn own_interfaces() -> Vec<String> {
    let entries = fs::read_dir("/sys/class/net").unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Two hosts that the kernel forwards on, with routes to one another's containers.
fn routed_by_the_kernel() -> Pair {
    let pair = Pair::new().unwrap();
    pair.kernel_routing().unwrap();
    pair
}

fn is_ipv4_from(frame: &[u8], src: IpAddr) -> bool {
    let IpAddr::V4(src) = src else { return false };
    frame[12..14] == ETHERTYPE_IPV4.to_be_bytes() && frame.get(26..30) == Some(&src.octets())
}
