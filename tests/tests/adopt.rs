//! A daemon takes over the maps of the one before: with what is in them where it can, and with
//! new ones beside them where it cannot.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use nix::unistd::{Uid, chown};
use routemesh_tests::lab::{Footprint, Lab, Pair, Ping, Routemesh, attached, pinned_maps};

/// Packets of each exchange of pings.
const PINGS: u32 = 20;

#[test]
fn maps_and_counters_outlive_a_killed_daemon() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    a.cli_ok(&["route", "add", "blackhole", "10.98.0.0/16"])
        .unwrap();
    pings(&pair);
    let (maps, before) = (pinned_maps(a.bpffs()).unwrap(), Counted::by(&a));
    assert!(maps.len() > 8, "{maps:?}");
    assert_eq!(before.route, u64::from(PINGS), "{before:?}");
    a.kill();
    pings(&pair);
    a.resume().unwrap();
    assert_eq!(pinned_maps(a.bpffs()).unwrap(), maps);
    assert!(a.log().contains("took over the maps in"), "{}", a.log());
    let after = Counted::by(&a);
    // Those of between were counted too, and none of them twice.
    assert_eq!(after.route, before.route + u64::from(PINGS), "{after:?}");
    assert_eq!(after.tc, before.tc + u64::from(PINGS), "{after:?}");
}

#[test]
fn what_changed_while_no_daemon_ran_is_all_that_the_next_one_changes() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    pings(&pair);
    let before = Counted::by(&a);
    a.kill();
    let config = pair.a.config("tc", &pair.b);
    let more = "[[route]]\ndst = \"10.97.0.0/16\"\nvia = \"192.168.100.2\"\n\
        [[route]]\ndst = \"10.96.0.0/16\"\nblackhole = true\n";
    a.write_config(&format!("{config}{more}")).unwrap();
    a.resume().unwrap();
    assert_eq!(Counted::by(&a).route, before.route);
    for dst in ["10.97.0.0/16", "10.96.0.0/16"] {
        assert_eq!(counted(&a, dst), 0, "{dst}");
    }
    a.kill();
    a.write_config(&config).unwrap();
    a.resume().unwrap();
    let routes = a.cli_ok(&["route", "list"]).unwrap();
    assert!(!routes.contains("10.97.0.0/16"), "{routes}");
    let once = Ping {
        count: 1,
        ..Ping::default()
    };
    once.run(&pair.a.container, pair.b.container.v4()).unwrap();
    assert_eq!(Counted::by(&a).route, before.route + 1);
}

#[test]
fn maps_of_other_lengths_are_replaced_and_all_differences_told() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    let hooks = attached(&pair.a.host).unwrap().len();
    pings(&pair);
    let (old, before) = (ids(&a), Counted::by(&a));
    a.kill();
    let config = pair.a.config("xdp", &pair.b);
    a.write_config(&format!("{config}[limits]\nroutes = 4000\n"))
        .unwrap();
    a.resume().unwrap();
    assert!(ids(&a).is_disjoint(&old));
    // Once, not once for each set of maps.
    assert_eq!(Counted::by(&a), before);
    assert_eq!(attached(&pair.a.host).unwrap().len(), hooks);
    let log = a.log();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("are not as this build has them"))
        .collect();
    assert_eq!(told.len(), 1, "{log}");
    for map in ["ROUTES", "ROUTE_COUNTERS"] {
        assert!(told[0].contains(&format!("{map}: capacity ")), "{log}");
    }
    pings(&pair);
    assert_eq!(Counted::by(&a).route, before.route + u64::from(PINGS));
    a.stop().unwrap();
    footprint.until_gone().unwrap();
}

#[test]
fn an_interface_that_has_the_number_of_one_that_is_gone_gets_links_of_its_own() {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    let make = || host.ip("link add up0 index 77 type bridge").unwrap();
    make();
    let mut a =
        Routemesh::start(&host, "[[uplink]]\ninterface = \"up0\"\nmode = \"tc\"\n").unwrap();
    assert_eq!(attached(&host).unwrap().len(), 1);
    a.kill();
    host.ip("link del up0").unwrap();
    make();
    a.resume().unwrap();
    assert_eq!(attached(&host).unwrap().len(), 1, "{}", a.log());
    a.cli_ok(&["status"]).unwrap();
}

#[test]
fn the_pins_are_closed_to_others() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    assert_eq!(mode(a.bpffs()), 0o700);
    a.kill();
    fs::set_permissions(a.bpffs(), fs::Permissions::from_mode(0o755)).unwrap();
    a.resume().unwrap();
    assert_eq!(mode(a.bpffs()), 0o700);
}

#[test]
fn pins_of_someone_else_are_refused() {
    let pair = Pair::new().unwrap();
    let mut a = Routemesh::prepare(&pair.a.host, &pair.a.config("tc", &pair.b)).unwrap();
    fs::create_dir(a.bpffs()).unwrap();
    chown(a.bpffs(), Some(Uid::from_raw(1000)), None).unwrap();
    let refused = format!("{:#}", a.resume().unwrap_err());
    assert!(refused.contains("belongs to user 1000"), "{refused}");
    assert!(attached(&pair.a.host).unwrap().is_empty());

    fs::remove_dir(a.bpffs()).unwrap();
    let elsewhere = a.bpffs().with_extension("");
    let elsewhere = elsewhere.with_file_name(format!(
        "{}-elsewhere",
        elsewhere.file_name().unwrap().to_string_lossy()
    ));
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, a.bpffs()).unwrap();
    let refused = a.resume();
    fs::remove_file(a.bpffs()).unwrap();
    fs::remove_dir(&elsewhere).unwrap();
    let refused = format!("{:#}", refused.unwrap_err());
    assert!(refused.contains("is no directory"), "{refused}");
}

#[test]
fn detach_reads_neither_maps_nor_configuration() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    a.kill();
    a.write_config("this is no configuration").unwrap();
    // Of each map another is now in the place: none of ours is to be had.
    let foreign = pinned_maps(a.bpffs()).unwrap();
    for path in foreign.keys() {
        fs::remove_file(path).unwrap();
    }
    for path in foreign.keys() {
        let path = path.to_str().unwrap();
        let words = [
            "map", "create", path, "type", "array", "key", "4", "value", "3", "entries", "1",
            "name", "foreign",
        ];
        routemesh_tests::lab::run("bpftool", words).unwrap();
    }
    a.cli_ok(&["detach", "--all", "--bpffs", a.bpffs().to_str().unwrap()])
        .unwrap();
    fs::remove_file(a.socket()).unwrap();
    footprint.until_gone().unwrap();
}

/// What was counted on the way of [`pings`].
#[derive(Debug, PartialEq)]
struct Counted {
    /// By the route to the other container.
    route: u64,
    /// At the container's port.
    tc: u64,
}

impl Counted {
    fn by(daemon: &Routemesh) -> Self {
        Self {
            route: counted(daemon, "10.200.0.0/24"),
            tc: daemon.packets("port", "routed").unwrap(),
        }
    }
}

fn counted(daemon: &Routemesh, dst: &str) -> u64 {
    let routes = daemon.cli_json(&["route", "list"]).unwrap();
    let mut routes = routes.as_array().into_iter().flatten();
    let route = routes.find(|route| route["dst"] == dst).unwrap();
    route["packets"].as_u64().unwrap()
}

fn pings(pair: &Pair) {
    let pings = Ping {
        count: PINGS,
        ..Ping::default()
    };
    pings.run(&pair.a.container, pair.b.container.v4()).unwrap();
}

fn ids(daemon: &Routemesh) -> BTreeSet<u32> {
    let maps = pinned_maps(daemon.bpffs()).unwrap();
    assert!(!maps.is_empty());
    maps.into_values().collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
