//! Starting, changing and doubting a daemon while packets flow.

use std::{
    fmt::Write as _,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use nix::sys::signal::Signal;
use routemesh_tests::lab::{
    Footprint, LEAST_RATE, Node, PATIENCE, Pair, Ping, Routemesh, eventually, has_tcx, tcp_stream,
    udp_numbered_both_ways,
};

/// Datagrams in a second and direction, where the machine can.
const RATE: u32 = 20_000;
const MIB: u64 = 1 << 20;

#[test]
fn streams_survive_a_table_that_never_stands_still() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    let (from, to) = (
        Node::clone(&pair.a.container),
        Node::clone(&pair.b.container),
    );
    let address = pair.b.container.v4();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let sent = (0..8).try_for_each(|_| tcp_stream(&from, &to, address, 16 * MIB).map(drop));
            done.store(true, Ordering::Release);
            sent
        });
        let batch: String = (0..500)
            .map(|n| format!("10.3.{}.{}/32 via 192.168.100.2\n", n / 250, n % 250))
            .collect();
        while !done.load(Ordering::Acquire) {
            let added = a
                .cli_with_input(&["route", "replace", "-b", "-"], &batch)
                .unwrap();
            assert!(added.status.success());
            // The route in use is replaced by its like, and by a narrower one beside it.
            let words = ["10.200.0.0/24", "via", "192.168.100.2"];
            a.cli_ok(&[&["route", "replace"], words.as_slice()].concat())
                .unwrap();
            a.cli_ok(&["route", "replace", "10.200.0.2", "via", "192.168.100.2"])
                .unwrap();
            a.cli_ok(&["route", "flush"]).unwrap();
            a.signal(Signal::SIGHUP).unwrap();
        }
        stream.join().unwrap().unwrap();
    });
}

#[test]
fn containers_that_come_and_go_do_not_disturb_others() {
    let pair = Pair::new().unwrap();
    let (_a, _b) = pair.routemesh("tc").unwrap();
    let containers = [&pair.a.container, &pair.b.container];
    let others: Vec<_> = (0..10)
        .map(|n| {
            pair.b
                .host
                .container(&format!("x{n}"), &pair.b.network)
                .unwrap()
        })
        .collect();
    Ping::default()
        .run(containers[0], containers[1].v4())
        .unwrap();
    let numbered = udp_numbered_both_ways(containers, RATE, || {
        others.iter().try_for_each(|other| {
            other.stop()?;
            other.start()
        })
    });
    for numbered in numbered.unwrap() {
        numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    }
    for other in &others {
        let once = Ping {
            count: 1,
            ..Ping::default()
        };
        eventually("a restarted container", PATIENCE, || {
            once.run(containers[1], other.v4())
        })
        .unwrap();
        eventually("a restarted container", PATIENCE, || {
            once.run(containers[0], other.v6())
        })
        .unwrap();
    }
}

#[test]
fn native_xdp_that_cannot_attach_falls_back_to_tc_and_says_why() {
    let pair = Pair::new().unwrap();
    for side in [&pair.a, &pair.b] {
        // Beyond what a page holds, a veth takes no XDP program.
        side.host.mtu("eth0", 9000).unwrap();
        let port = routemesh_tests::lab::Wire::port(&side.host, "eth0");
        pair.lab.wire().node().mtu(&port, 9000).unwrap();
    }
    let (a, _b) = pair.routemesh("xdp").unwrap();
    let links = a.cli_json(&["link", "list"]).unwrap();
    let mut found = links.as_array().into_iter().flatten();
    let uplink = found.find(|link| link["ifname"] == "eth0").unwrap();
    let tc = if has_tcx() { "tcx" } else { "clsact" };
    assert_eq!(uplink["mode"], tc, "{uplink}");
    assert_eq!(uplink["configured_mode"], "xdp", "{uplink}");
    assert!(uplink["reason"].is_string(), "{uplink}");
    assert_eq!(
        a.log().matches(&format!("eth0: {tc}")).count(),
        1,
        "{}",
        a.log()
    );
    let (from, to) = (&pair.a.container, &pair.b.container);
    tcp_stream(from, to, to.v4(), MIB).unwrap();
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let config = a.config_path();
    let words = [
        "daemon",
        "--detach-on-exit",
        "--config",
        config.to_str().unwrap(),
    ];
    let bpffs = a.bpffs().to_str().unwrap();
    let second = a
        .cli(&[words.as_slice(), &["--bpffs", bpffs]].concat())
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("routemesh.sock"), "{said}");
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    a.cli_ok(&["status"]).unwrap();
}

#[test]
fn a_second_daemon_on_the_same_pins_is_refused() {
    let pair = Pair::new().unwrap();
    let (a, _b) = pair.routemesh("tc").unwrap();
    let config = a.config_path();
    let socket = a.folder().join("second.sock");
    let second = a
        .cli(&[
            "daemon",
            "--detach-on-exit",
            "--socket",
            socket.to_str().unwrap(),
            "--config",
            config.to_str().unwrap(),
            "--bpffs",
            a.bpffs().to_str().unwrap(),
        ])
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another routemesh daemon pins in"), "{said}");
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
}

#[test]
fn an_interrupted_daemon_leaves_nothing_behind() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    a.signal(Signal::SIGINT).unwrap();
    footprint.until_gone().unwrap();
}

#[test]
fn a_daemon_that_is_started_in_another_mode_takes_over() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    for mode in ["xdp-generic", "xdp", "tc", "xdp-generic", "tc", "xdp"] {
        a.kill();
        a.write_config(&pair.a.config(mode, &pair.b)).unwrap();
        a.resume().unwrap();
        Ping::default()
            .run(&pair.a.container, pair.b.container.v4())
            .unwrap();
        Ping::default()
            .run(&pair.b.container, pair.a.container.v6())
            .unwrap();
        let attached = pair
            .a
            .host
            .run(["ip", "-d", "link", "show", "eth0"])
            .unwrap();
        assert_eq!(
            attached.contains("prog/xdp"),
            mode != "tc",
            "{mode}: {attached}"
        );
    }
    a.stop().unwrap();
    footprint.until_gone().unwrap();
}

#[test]
fn a_killed_daemon_is_followed_by_one_that_knows_what_changed() {
    let pair = Pair::new().unwrap();
    let (_a, mut b) = pair.routemesh("tc").unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    b.kill();
    pair.b.container.stop().unwrap();
    pair.b.network.delete().unwrap();
    pair.b.network.create().unwrap();
    pair.b.container.start().unwrap();
    b.resume().unwrap();
    heals(&b, &pair);
}

#[test]
fn routes_of_the_cli_outlive_a_killed_daemon() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    a.cli_ok(&["route", "add", "10.99.0.0/16", "via", "192.168.100.2"])
        .unwrap();
    a.cli_ok(&["route", "add", "blackhole", "10.98.0.0/16"])
        .unwrap();
    a.cli_ok(&["route", "del", "10.98.0.0/16"]).unwrap();
    a.kill();
    a.resume().unwrap();
    let routes = a.cli_ok(&["route", "list", "--source", "cli"]).unwrap();
    assert!(routes.contains("10.99.0.0/16"), "{routes}");
    assert!(!routes.contains("10.98.0.0/16"), "{routes}");
}

fn heals(daemon: &Routemesh, pair: &Pair) {
    let once = Ping {
        count: 1,
        ..Ping::default()
    };
    eventually("the container", PATIENCE, || {
        once.run(&pair.a.container, pair.b.container.v4())
            .map_err(|error| error.context(daemon.log()))
    })
    .unwrap();
}

#[test]
fn a_daemon_that_takes_over_needs_no_more_memory_than_the_one_before() {
    const ROUTES: u64 = 50_000;
    /// What a route takes in the tables is a third less.
    const OF_EACH: u64 = 180;
    let pair = Pair::new().unwrap();
    let (mut daemon, _b) = pair.routemesh("tc").unwrap();
    let idle = memory(&daemon, "RssAnon");
    add_routes(&daemon, ROUTES);
    let peak = memory(&daemon, "VmHWM");
    daemon.kill();
    daemon.resume().unwrap();
    let peak_after = memory(&daemon, "VmHWM");
    // Most of either is what a start takes, and that is never quite the same.
    assert!(
        peak_after < peak + peak / 16,
        "{peak_after} bytes, and {peak} before"
    );
    let grown = memory(&daemon, "RssAnon") - idle;
    assert!(
        grown < ROUTES * OF_EACH,
        "{grown} bytes for {ROUTES} routes"
    );
}

#[test]
fn a_daemon_has_as_much_of_the_maps_in_memory_as_its_table_takes() {
    const ROUTES: u64 = 20_000;
    let pair = Pair::new().unwrap();
    let (daemon, _b) = pair.routemesh("tc").unwrap();
    let idle = mapped(&daemon);
    assert!(idle < MIB, "{idle} bytes of maps with a handful of routes");
    add_routes(&daemon, ROUTES);
    let grown = mapped(&daemon) - idle;
    // A record is of 64 bytes; the index is for as many routes as there may be.
    let records = ROUTES * 64;
    assert!(
        (records..records + 6 * MIB).contains(&grown),
        "{grown} bytes of maps for {ROUTES} routes"
    );
}

/// Adds routes of hosts, one after another.
fn add_routes(daemon: &Routemesh, routes: u64) {
    let mut batch = String::new();
    for number in 0..routes {
        let (high, low) = (number / 250, number % 250);
        writeln!(
            batch,
            "10.{}.{}.{low} via 192.168.100.2",
            high / 250 + 3,
            high % 250
        )
        .unwrap();
    }
    let added = daemon.cli_with_input(&["route", "add", "-b", "-"], &batch);
    assert!(added.unwrap().status.success());
}

/// Bytes of the daemon's memory, by their name in its `status`.
fn memory(daemon: &Routemesh, name: &str) -> u64 {
    let pid = daemon.pid().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Bytes of the kernel's maps in the daemon's memory.
fn mapped(daemon: &Routemesh) -> u64 {
    let pid = daemon.pid().unwrap();
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    // After the line with its name, each mapping has lines such as `Rss:    64 kB`.
    let mappings = smaps.split("anon_inode:bpf-map").skip(1);
    let sizes = mappings.filter_map(|after| {
        let line = after.lines().find_map(|line| line.strip_prefix("Rss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    sizes.sum::<u64>() * 1024
}
