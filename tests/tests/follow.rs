//! Links, addresses and containers come and go, and traffic heals without a restart.

use std::net::IpAddr;

use anyhow::ensure;
use routemesh_tests::lab::{Node, PATIENCE, Pair, Ping, Routemesh, eventually, tcp_stream};

const MIB: u64 = 1 << 20;

#[test]
fn traffic_heals_after_an_uplink_flaps() {
    for mode in ["tc", "xdp"] {
        let pair = Pair::new().unwrap();
        let (a, _b) = pair.routemesh(mode).unwrap();
        both_ways(&pair);
        pair.a.host.down("eth0").unwrap();
        heals_to(&a, "eth0", "down");
        pair.a.host.up("eth0").unwrap();
        // The kernel drops IPv6 addresses of an interface that goes down.
        pair.a
            .host
            .ip("addr replace fd00:100::1/64 dev eth0 nodad")
            .unwrap();
        heals_to(&a, "eth0", "up");
        both_ways(&pair);
    }
}

#[test]
fn traffic_heals_after_an_uplink_is_replaced() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    both_ways(&pair);
    let link = pair
        .a
        .host
        .run(["ip", "-o", "link", "show", "eth0"])
        .unwrap();
    let mac = link
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1)
        .unwrap();
    pair.a.host.ip("link del eth0").unwrap();
    heals_to(&a, "eth0", "missing");
    pair.a.host.plug("eth0", pair.lab.wire()).unwrap();
    // As a NIC whose driver was loaded anew: had it another MAC, host B's kernel would believe
    // in the old one for as long as its neighbour entry is fresh.
    pair.a
        .host
        .ip(&format!("link set eth0 address {mac}"))
        .unwrap();
    both_ways(&pair);
}

#[test]
fn traffic_heals_after_a_network_is_deleted_and_made_again() {
    let pair = Pair::new().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    both_ways(&pair);
    pair.b.network.delete().unwrap();
    heals_to(&b, "docker0", "missing");
    pair.b.network.create().unwrap();
    both_ways(&pair);
    let (from, to) = (&pair.a.container, &pair.b.container);
    tcp_stream(from, to, to.v4(), MIB).unwrap();
}

#[test]
fn a_network_that_appears_after_the_start_is_served() {
    let pair = Pair::new().unwrap();
    pair.b.network.delete().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    heals_to(&b, "docker0", "missing");
    pair.b.network.create().unwrap();
    both_ways(&pair);
}

#[test]
fn a_restarted_container_is_found_behind_its_new_port() {
    let pair = Pair::new().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    both_ways(&pair);
    for _ in 0..3 {
        pair.b.container.stop().unwrap();
        pair.b.container.start().unwrap();
        both_ways(&pair);
    }
    let port = pair.b.container.port();
    eventually("the endpoint's new port", PATIENCE, || {
        let endpoints = b.cli_json(&["endpoint", "list"])?;
        let found = endpoints.as_array().into_iter().flatten();
        let mut of_b1 = found.filter(|endpoint| endpoint["address"] == "10.200.0.2");
        ensure!(
            of_b1.any(|endpoint| endpoint["dev"] == *port),
            "{endpoints}"
        );
        Ok(())
    })
    .unwrap();
}

#[test]
fn ports_are_followed_as_they_come_and_go() {
    let pair = Pair::new().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    let b2 = pair.b.host.container("b2", &pair.b.network).unwrap();
    heals(&pair.a.container, b2.v4());
    heals_to(&b, &b2.port(), "up");
    let port = b2.port();
    b2.stop().unwrap();
    eventually("the port to be forgotten", PATIENCE, || {
        let links = b.cli_ok(&["link", "list"])?;
        ensure!(!links.contains(&port), "{links}");
        Ok(())
    })
    .unwrap();
    both_ways(&pair);
}

#[test]
fn traffic_heals_after_an_uplink_changes_its_address() {
    let pair = Pair::new().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    both_ways(&pair);
    pair.a
        .host
        .ip("addr del 192.168.100.1/24 dev eth0\naddr add 192.168.100.77/24 dev eth0")
        .unwrap();
    b.cli_ok(&["route", "replace", "10.100.0.0/24", "via", "192.168.100.77"])
        .unwrap();
    both_ways(&pair);
}

#[test]
fn a_route_is_unreachable_while_its_next_hop_is_on_no_link() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    pair.a
        .host
        .ip("addr del 192.168.100.1/24 dev eth0")
        .unwrap();
    eventually("the route to be unreachable", PATIENCE, || {
        let state = state_of(&a, "10.200.0.0/24")?;
        ensure!(state == "unreachable", "it is {state}");
        Ok(())
    })
    .unwrap();
    pair.a
        .host
        .ip("addr add 192.168.100.1/24 dev eth0")
        .unwrap();
    eventually("the route to be active", PATIENCE, || {
        let state = state_of(&a, "10.200.0.0/24")?;
        ensure!(state == "active", "it is {state}");
        Ok(())
    })
    .unwrap();
    both_ways(&pair);
}

#[test]
fn a_smaller_mtu_of_the_uplink_is_told_to_senders() {
    let pair = Pair::new().unwrap();
    let _running = pair.routemesh("tc").unwrap();
    both_ways(&pair);
    pair.a.host.mtu("eth0", 1300).unwrap();
    let ping = Ping {
        dont_fragment: true,
        count: 1,
        ..Ping::of(1350)
    };
    eventually("an answer with the new MTU", PATIENCE, || {
        let report = ping.report(&pair.a.container, pair.b.container.v4())?;
        ensure!(report.contains("1300"), "{report}");
        Ok(())
    })
    .unwrap();
}

fn state_of(daemon: &Routemesh, prefix: &str) -> anyhow::Result<String> {
    let routes = daemon.cli_json(&["route", "list"])?;
    let mut routes = routes.as_array().into_iter().flatten();
    let route = routes.find(|route| route["dst"] == prefix);
    Ok(route
        .map_or("none", |route| route["state"].as_str().unwrap_or("?"))
        .to_owned())
}

/// Waits until the daemon shows the interface in that state.
fn heals_to(daemon: &Routemesh, interface: &str, state: &str) {
    let what = format!("{interface} to be {state}");
    eventually(&what, PATIENCE, || {
        let links = daemon.cli_json(&["link", "list"])?;
        let mut found = links.as_array().into_iter().flatten();
        let link = found.find(|link| link["ifname"] == interface);
        ensure!(link.is_some_and(|link| link["state"] == state), "{links}");
        Ok(())
    })
    .unwrap();
}

/// Waits until the containers of both hosts reach one another, over IPv4 and IPv6.
fn both_ways(pair: &Pair) {
    let (a, b) = (&pair.a.container, &pair.b.container);
    for (from, to) in [(a, b), (b, a)] {
        heals(from, to.v4());
        heals(from, to.v6());
    }
}

fn heals(from: &Node, to: IpAddr) {
    let ping = Ping {
        count: 1,
        ..Ping::default()
    };
    let what = format!("{to} to be reached from {}", from.name());
    eventually(&what, PATIENCE, || ping.run(from, to)).unwrap();
}
