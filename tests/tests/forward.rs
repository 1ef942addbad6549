//! Containers of two hosts reach one another, over every kind of uplink hook.

use std::{net::IpAddr, time::Duration};

use routemesh_tests::lab::{
    Capture, Echo, Lab, Pair, Ping, Routemesh, Side, has_tcx, tcp_stream, udp_echo,
};

const MIB: u64 = 1 << 20;

/// Makes a test of each function, for each mode of the uplinks.
macro_rules! in_every_mode {
    ($($fact:ident)*) => {
        mod tc { $(#[test] fn $fact() { super::$fact("tc"); })* }
        mod xdp { $(#[test] fn $fact() { super::$fact("xdp"); })* }
        mod xdp_generic { $(#[test] fn $fact() { super::$fact("xdp-generic"); })* }
    };
}

in_every_mode! {
    the_uplink_is_in_the_mode_asked_for
    pings_of_all_sizes_are_answered
    tcp_streams_arrive_unchanged
    udp_datagrams_come_back_unchanged
    two_routers_take_two_off_the_ttl
    the_ttl_runs_out_at_the_first_router
    the_ttl_runs_out_at_the_second_router
    a_sender_learns_the_mtu_of_the_uplink
    a_stream_gets_through_a_narrow_uplink
    hosts_still_reach_one_another
    without_routes_a_host_works_as_before
}

fn the_uplink_is_in_the_mode_asked_for(mode: &str) {
    let pair = Pair::new().unwrap();
    let (a, _) = pair.routemesh(mode).unwrap();
    let links = a.cli_json(&["link", "list"]).unwrap();
    let links = links.as_array().unwrap();
    let uplink = links.iter().find(|link| link["ifname"] == "eth0").unwrap();
    let tc = if has_tcx() { "tcx" } else { "clsact" };
    let wanted = match mode {
        "tc" => tc.to_owned(),
        mode => format!("{mode}+{tc}"),
    };
    assert_eq!(uplink["mode"], wanted, "{uplink}");
}

fn pings_of_all_sizes_are_answered(mode: &str) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    let whole = Ping {
        dont_fragment: true,
        ..Ping::of(1400)
    };
    for address in [pair.b.container.v4(), pair.b.container.v6()] {
        whole.run(&pair.a.container, address).unwrap();
        // Two bytes hold no time stamp; beyond the MTU they go in fragments.
        for size in [2, 56, 3000, 9000] {
            Ping::of(size).run(&pair.a.container, address).unwrap();
        }
    }
}

fn tcp_streams_arrive_unchanged(mode: &str) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    let (a, b) = (&pair.a.container, &pair.b.container);
    for (from, to) in [(a, b), (b, a)] {
        tcp_stream(from, to, to.v4(), 16 * MIB).unwrap();
        tcp_stream(from, to, to.v6(), 16 * MIB).unwrap();
    }
}

fn udp_datagrams_come_back_unchanged(mode: &str) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    let (a, b) = (&pair.a.container, &pair.b.container);
    // 1472 bytes fill a packet over IPv4; the longer ones are fragments.
    let sizes = &[0, 1, 17, 1000, 1452, 1472, 1473, 4000, 20_000];
    for address in [b.v4(), b.v6()] {
        udp_echo(a, b, address, Echo { sizes }).unwrap();
    }
}

fn two_routers_take_two_off_the_ttl(mode: &str) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    for address in [pair.b.container.v4(), pair.b.container.v6()] {
        let report = Ping::default().run(&pair.a.container, address).unwrap();
        assert_eq!(report.matches("ttl=62").count(), 3, "{report}");
    }
}

fn the_ttl_runs_out_at_the_first_router(mode: &str) {
    let gateways = ["10.100.0.1", "fd00:10:100::1"];
    the_ttl_runs_out(mode, 1, gateways);
}

fn the_ttl_runs_out_at_the_second_router(mode: &str) {
    let uplinks = ["192.168.100.2", "fd00:100::2"];
    the_ttl_runs_out(mode, 2, uplinks);
}

fn the_ttl_runs_out(mode: &str, ttl: u8, routers: [&str; 2]) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    let b = &pair.b.container;
    for (address, router) in [b.v4(), b.v6()].into_iter().zip(routers) {
        let ping = Ping {
            ttl,
            ..Ping::default()
        };
        let report = ping.report(&pair.a.container, address).unwrap();
        assert!(report.contains(&format!("From {router} ")), "{report}");
        assert!(report.contains("Time"), "{report}");
        assert!(report.contains(" 0 received"), "{report}");
    }
}

fn a_sender_learns_the_mtu_of_the_uplink(mode: &str) {
    let pair = pair_with_narrow_uplinks();
    let _running = pair.routemesh(mode).unwrap();
    let ping = Ping {
        dont_fragment: true,
        ..Ping::of(1400)
    };
    for address in [pair.b.container.v4(), pair.b.container.v6()] {
        let report = ping.report(&pair.a.container, address).unwrap();
        assert!(
            report.contains("mtu = 1400") || report.contains("mtu=1400"),
            "{report}"
        );
    }
}

fn a_stream_gets_through_a_narrow_uplink(mode: &str) {
    let pair = pair_with_narrow_uplinks();
    let _running = pair.routemesh(mode).unwrap();
    let (a, b) = (&pair.a.container, &pair.b.container);
    tcp_stream(a, b, b.v4(), 4 * MIB).unwrap();
    tcp_stream(a, b, b.v6(), 4 * MIB).unwrap();
}

fn hosts_still_reach_one_another(mode: &str) {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh(mode).unwrap();
    let (a, b) = (&pair.a.host, &pair.b.host);
    for address in [IpAddr::from(b.v4()), IpAddr::from(b.v6())] {
        Ping::of(3000).run(a, address).unwrap();
        tcp_stream(a, b, address, MIB).unwrap();
    }
    let gateway = "10.100.0.1".parse().unwrap();
    Ping::default().run(&pair.a.container, gateway).unwrap();
}

fn without_routes_a_host_works_as_before(mode: &str) {
    let lab = Lab::new().unwrap();
    let (a, b) = (lab.host("a").unwrap(), lab.host("b").unwrap());
    let config = format!("[[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n");
    let _running = Routemesh::start(&a, &config).unwrap();
    for (from, to) in [(&a, &b), (&b, &a)] {
        for address in [IpAddr::from(to.v4()), IpAddr::from(to.v6())] {
            // ARP and neighbour discovery go through the hooks too.
            a.ip("neigh flush dev eth0").unwrap();
            b.ip("neigh flush dev eth0").unwrap();
            Ping::of(3000).run(from, address).unwrap();
            tcp_stream(from, to, address, MIB).unwrap();
            let echo = Echo {
                sizes: &[1, 512, 1400],
            };
            udp_echo(from, to, address, echo).unwrap();
        }
    }
}

#[test]
fn auto_means_tc_on_a_veth_and_says_why() {
    let pair = Pair::new().unwrap();
    let (a, _) = pair.routemesh("auto").unwrap();
    let status = a.cli_json(&["status"]).unwrap();
    let links = status["links"].as_array().unwrap();
    let uplink = links.iter().find(|link| link["ifname"] == "eth0").unwrap();
    let tc = if has_tcx() { "tcx" } else { "clsact" };
    assert_eq!(uplink["mode"], tc, "{uplink}");
    assert!(uplink["reason"].is_string(), "{uplink}");
}

#[test]
fn super_packets_cross_in_one_piece() {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh("tc").unwrap();
    let (a, b) = (&pair.a.container, &pair.b.container);
    let capture = Capture::start(b).unwrap();
    tcp_stream(a, b, b.v4(), MIB).unwrap();
    capture
        .wait_for(Duration::from_secs(2), |frame| frame.len() > 4000)
        .unwrap();
}

#[test]
fn two_networks_of_one_host_reach_one_another() {
    let pair = Pair::new().unwrap();
    let Side { host, .. } = &pair.a;
    let other = host
        .network("docker1", "10.101.0.1/24", Some("fd00:10:101::1/64"))
        .unwrap();
    let c = host.container("c1", &other).unwrap();
    let config = pair.a.config("tc", &pair.b) + "[[network]]\ninterface = \"docker1\"\n";
    let _running = Routemesh::start(host, &config).unwrap();
    for address in [c.v4(), c.v6()] {
        let report = Ping::of(3000).run(&pair.a.container, address).unwrap();
        assert_eq!(report.matches("ttl=63").count(), 3, "{report}");
        tcp_stream(&pair.a.container, &c, address, 4 * MIB).unwrap();
    }
}

#[test]
fn a_container_without_a_bridge_is_reached() {
    let pair = Pair::new().unwrap();
    let c = pair
        .a
        .host
        .ptp("ptp0", "10.121.0.1/24", Some("fd00:10:121::1/64"))
        .unwrap();
    let config = pair.a.config("tc", &pair.b) + "[[network]]\ninterface = \"ptp0\"\n";
    let _a = Routemesh::start(&pair.a.host, &config).unwrap();
    let config = pair.b.config("tc", &pair.a)
        + "[[route]]\ndst = \"10.121.0.0/24\"\nvia = \"192.168.100.1\"\n\
           [[route]]\ndst = \"fd00:10:121::/64\"\nvia = \"fd00:100::1\"\n";
    let _b = Routemesh::start(&pair.b.host, &config).unwrap();
    for address in [c.v4(), c.v6()] {
        Ping::of(3000).run(&pair.b.container, address).unwrap();
        Ping::default().run(&pair.a.container, address).unwrap();
        tcp_stream(&pair.b.container, &c, address, 4 * MIB).unwrap();
    }
    tcp_stream(&c, &pair.b.container, pair.b.container.v4(), 4 * MIB).unwrap();
}

#[test]
fn the_more_specific_route_wins() {
    let pair = Pair::new().unwrap();
    let b2 = pair.b.host.container("b2", &pair.b.network).unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let refused = pair.b.container.v4().to_string();
    a.cli_ok(&["route", "add", "blackhole", &refused]).unwrap();
    Ping::default().run(&pair.a.container, b2.v4()).unwrap();
    let report = Ping::default()
        .report(&pair.a.container, pair.b.container.v4())
        .unwrap();
    assert!(report.contains(" 0 received"), "{report}");
    assert_eq!(a.packets("port", "blackhole").unwrap(), 3);
}

#[test]
fn ipv4_goes_by_way_of_an_ipv6_next_hop() {
    for mode in ["tc", "xdp"] {
        let pair = Pair::new().unwrap();
        let (a, _b) = pair.routemesh(mode).unwrap();
        let route = ["route", "replace", "10.200.0.0/24", "via", "fd00:100::2"];
        a.cli_ok(&route).unwrap();
        let (from, to) = (&pair.a.container, &pair.b.container);
        Ping::of(3000).run(from, to.v4()).unwrap();
        tcp_stream(from, to, to.v4(), MIB).unwrap();
    }
}

#[test]
fn a_route_with_an_mtu_of_its_own_tells_it_to_senders() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let words = ["10.200.0.0/24", "via", "192.168.100.2", "mtu", "1300"];
    a.cli_ok(&[&["route", "replace"], words.as_slice()].concat())
        .unwrap();
    let ping = Ping {
        dont_fragment: true,
        ..Ping::of(1350)
    };
    let report = ping
        .report(&pair.a.container, pair.b.container.v4())
        .unwrap();
    assert!(report.contains("mtu = 1300"), "{report}");
    let (from, to) = (&pair.a.container, &pair.b.container);
    tcp_stream(from, to, to.v4(), MIB).unwrap();
}

#[test]
fn a_default_route_leaves_the_host_its_own_traffic() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    a.cli_ok(&["route", "flush"]).unwrap();
    a.cli_ok(&["route", "add", "default", "via", "192.168.100.2"])
        .unwrap();
    a.cli_ok(&["route", "add", "default", "via", "fd00:100::2"])
        .unwrap();
    Ping::default()
        .run(&pair.a.host, pair.b.host.v4().into())
        .unwrap();
    Ping::default()
        .run(&pair.a.host, pair.b.host.v6().into())
        .unwrap();
    for gateway in ["10.100.0.1", "fd00:10:100::1", "192.168.100.1"] {
        Ping::default()
            .run(&pair.a.container, gateway.parse().unwrap())
            .unwrap();
    }
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
}

#[test]
fn filters_of_others_see_what_is_passed() {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh("tc").unwrap();
    let (a, b) = (&pair.a.host, &pair.b.host);
    Ping::default().run(a, b.v4().into()).unwrap();
    // A classic program of one instruction, which drops (2) what it is shown.
    let filter = "tc qdisc add dev eth0 clsact 2> /dev/null; tc filter add dev eth0 ingress \
        protocol ip prio 60000 bpf direct-action bytecode '1,6 0 0 2'";
    a.run(["sh", "-c", filter]).unwrap();
    let report = Ping::default().report(a, b.v4().into()).unwrap();
    assert!(report.contains(" 0 received"), "{report}");
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
}

#[test]
fn routes_count_their_packets_and_bytes() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    Ping::of(100)
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    let route = a.cli_json(&["route", "get", "10.200.0.2"]).unwrap();
    let route = if route.is_array() { &route[0] } else { &route };
    assert_eq!(route["packets"], 3, "{route}");
    assert_eq!(route["bytes"], 3 * (20 + 8 + 100), "{route}");
}

/// Hosts whose uplinks carry 1400 bytes, while their containers think of 1500.
fn pair_with_narrow_uplinks() -> Pair {
    let pair = Pair::new().unwrap();
    for side in [&pair.a, &pair.b] {
        side.host.mtu("eth0", 1400).unwrap();
    }
    pair
}
