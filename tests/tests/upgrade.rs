//! The daemon is replaced while packets flow both ways, and none is lost or doubled.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Chain, FULL_RATE, LEAST_RATE, Pair, Routemesh, Side, pinned_maps, run, udp_numbered_both_ways,
};

/// One at a time: a receiver that has no processor for a second loses datagrams by itself.
static LOAD: Mutex<()> = Mutex::new(());

#[test]
fn nothing_is_lost_while_other_builds_take_over_at_tc() {
    other_builds_take_over("tc");
}

#[test]
fn nothing_is_lost_while_other_builds_take_over_at_xdp() {
    other_builds_take_over("xdp");
}

#[test]
fn nothing_is_lost_while_other_builds_take_over_at_generic_xdp() {
    other_builds_take_over("xdp-generic");
}

/// The host in the middle has two uplinks, and sends out of one by XDP what comes in by the other.
#[test]
fn nothing_is_lost_while_other_builds_take_over_a_host_in_the_middle() {
    let chain = Chain::between_two_wires().unwrap();
    let [mut r, _a, _b] = chain.routemesh("xdp", "tc").unwrap();
    let (before, after) = under_load(
        [&chain.a, &chain.b],
        &mut r,
        Routemesh::other_builds_take_over,
    );
    assert_ne!(before.maps, after.maps);
    let carried = after.by_xdp - before.by_xdp;
    assert_eq!(carried, after.sent + after.sent_back, "{after:?}");
}

#[test]
fn nothing_is_lost_while_a_killed_daemon_is_followed_by_another() {
    let (before, after) = between_two_hosts("tc", |a, _| {
        for _ in 0..3 {
            a.kill();
            a.resume()?;
        }
        Ok(())
    });
    assert_eq!(before.maps, after.maps);
}

#[test]
fn nothing_is_lost_while_maps_of_other_lengths_take_over() {
    let (before, after) = between_two_hosts("tc", |a, config| {
        for routes in [4_000, 9_000, 2_000] {
            a.write_config(&format!("{config}[limits]\nroutes = {routes}\n"))?;
            a.stop()?;
            a.resume()?;
        }
        Ok(())
    });
    assert_ne!(before.maps, after.maps);
}

#[test]
fn nothing_is_lost_while_maps_of_another_build_take_over() {
    let (before, after) = between_two_hosts("tc", |a, _| {
        for (map, value) in [("PEERS", "2"), ("NEXT_HOPS", "112"), ("ENDPOINTS", "32")] {
            a.kill();
            let pin = swap_for_another(a, map, value)?;
            a.resume()?;
            ensure!(!pin.exists(), "{} is there still", pin.display());
            let told = format!("{map}: value size {value} instead of ");
            ensure!(a.log().contains(&told), "{told}: {}", a.log());
        }
        Ok(())
    });
    assert_ne!(before.maps, after.maps);
}

fn other_builds_take_over(mode: &str) {
    let (before, after) = between_two_hosts(mode, |a, _| a.other_builds_take_over());
    assert_ne!(before.maps, after.maps);
}

/// How things stand on the host whose daemon is replaced.
#[derive(Debug)]
struct State {
    /// Ids of the maps.
    maps: Vec<u32>,
    /// Packets that the route to B's containers counted.
    counted: u64,
    /// Packets that XDP sent on.
    by_xdp: u64,
    /// Datagrams sent to B since the state before.
    sent: u64,
    /// Datagrams sent to A since then.
    sent_back: u64,
}

impl State {
    fn of(daemon: &Routemesh, [sent, sent_back]: [u64; 2]) -> Self {
        let routes = daemon.cli_json(&["route", "list"]).unwrap();
        let mut routes = routes.as_array().into_iter().flatten();
        let route = routes.find(|route| route["dst"] == "10.200.0.0/24");
        Self {
            maps: pinned_maps(daemon.bpffs()).unwrap().into_values().collect(),
            counted: route.unwrap()["packets"].as_u64().unwrap(),
            by_xdp: daemon.packets("xdp", "routed").unwrap(),
            sent,
            sent_back,
        }
    }
}

/// Has the containers of two hosts send to one another while `meanwhile` replaces the daemon of host
/// A, which has that configuration.
fn between_two_hosts(
    mode: &str,
    meanwhile: impl FnOnce(&mut Routemesh, &str) -> Result<()>,
) -> (State, State) {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh(mode).unwrap();
    let config = pair.a.config(mode, &pair.b);
    under_load([&pair.a, &pair.b], &mut a, |a| meanwhile(a, &config))
}

/// Has both containers send to one another while `meanwhile` replaces a daemon; nothing may be lost,
/// come twice or stay uncounted, and nothing be left behind at the end.
fn under_load(
    [a, b]: [&Side; 2],
    daemon: &mut Routemesh,
    meanwhile: impl FnOnce(&mut Routemesh) -> Result<()>,
) -> (State, State) {
    let _alone = LOAD.lock().unwrap_or_else(PoisonError::into_inner);
    // What is in the kernel outlives it.
    daemon.set_options(&[]);
    daemon.kill();
    daemon.resume().unwrap();
    let before = State::of(daemon, [0, 0]);
    let containers = [&a.container, &b.container];
    let numbered = udp_numbered_both_ways(containers, FULL_RATE, || meanwhile(daemon));
    let numbered = numbered.with_context(|| daemon.log()).unwrap();
    for numbered in &numbered {
        numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    }
    let after = State::of(daemon, numbered.map(|numbered| numbered.sent));
    assert_eq!(after.counted, before.counted + after.sent, "{after:?}");
    daemon.end_without_trace().unwrap();
    (before, after)
}

/// Puts a map with values of another size where a map is pinned, as if another build had done so.
fn swap_for_another(daemon: &Routemesh, map: &str, value: &str) -> Result<PathBuf> {
    let pins = pinned_maps(daemon.bpffs())?;
    let pin = pins
        .into_keys()
        .find(|pin| {
            let name = pin.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with(&format!("{map}-"))
        })
        .with_context(|| format!("find {map}"))?;
    fs::remove_file(&pin)?;
    let path = pin.to_string_lossy();
    let words = [
        "map", "create", &path, "type", "hash", "key", "16", "value", value, "entries", "16",
        "name", "another",
    ];
    run("bpftool", words)?;
    Ok(pin)
}
