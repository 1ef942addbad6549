//! The daemon is replaced while packets flow both ways, and none is lost or doubled.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Numbered, Pair, Routemesh, Side, attached, pinned_maps, run, udp_numbered,
};

/// Datagrams in a second and direction, where the machine can.
const RATE: u32 = 100_000;
/// Fewer would prove little.
const LEAST_RATE: f64 = 5_000.0;

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

#[test]
fn nothing_is_lost_while_a_killed_daemon_is_followed_by_another() {
    let scene = Scene::new("tc");
    let (before, after) = scene.under_load(|a, _| {
        for _ in 0..3 {
            a.kill();
            a.resume()?;
        }
        Ok(())
    });
    assert_eq!(before.maps, after.maps);
    assert!(after.counted >= before.counted + after.sent, "{after:?}");
}

#[test]
fn nothing_is_lost_while_maps_of_other_lengths_take_over() {
    let scene = Scene::new("tc");
    let config = scene.pair.a.config("tc", &scene.pair.b);
    let (before, after) = scene.under_load(|a, _| {
        for routes in [4_000, 9_000, 2_000] {
            a.write_config(&format!("{config}[limits]\nroutes = {routes}\n"))?;
            a.stop()?;
            a.resume()?;
        }
        Ok(())
    });
    assert_ne!(before.maps, after.maps);
    assert!(after.counted >= before.counted + after.sent, "{after:?}");
}

#[test]
fn nothing_is_lost_while_maps_of_another_build_take_over() {
    let scene = Scene::new("tc");
    let (before, after) = scene.under_load(|a, _| {
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
    assert!(after.counted >= before.counted + after.sent, "{after:?}");
}

/// Up to a build with other programs and the same maps, to one whose next hops have another layout,
/// and down to the build of the beginning: each is compiled from sources of its own.
fn other_builds_take_over(mode: &str) {
    let (before, after) = Scene::new(mode).under_load(|a, pair| {
        for (build, new) in [
            (Some("routemesh-other-programs"), Other::Programs),
            (Some("routemesh-other-maps"), Other::Maps),
            (None, Other::Both),
            (Some("routemesh-other-programs"), Other::Programs),
            (None, Other::Programs),
        ] {
            let (programs, maps) = (programs(pair)?, pinned_maps(a.bpffs())?);
            a.set_build(build);
            a.stop()?;
            a.resume()?;
            let version = a.cli_json(&["status"])?["version"].to_string();
            let other = version.contains("other");
            ensure!(
                build.map_or(!other, |build| version.contains(build)),
                "{version}"
            );
            let tags = self::programs(pair)?;
            ensure!(tags.keys().eq(programs.keys()), "{tags:?} and {programs:?}");
            let all_new = tags.iter().all(|(hook, tag)| programs[hook] != *tag);
            ensure!(
                all_new == (new != Other::Maps),
                "{build:?}: {programs:?}, {tags:?}"
            );
            let same = pinned_maps(a.bpffs())? == maps;
            ensure!(same == (new == Other::Programs), "{build:?}: {maps:?}");
        }
        Ok(())
    });
    assert_ne!(before.maps, after.maps);
    assert!(after.counted >= before.counted + after.sent, "{after:?}");
}

/// What a build has otherwise than the one before it.
#[derive(PartialEq)]
enum Other {
    Programs,
    Maps,
    Both,
}

/// Two hosts whose containers send to one another, and the daemon of host A.
struct Scene {
    pair: Pair,
    a: Routemesh,
    b: Routemesh,
}

/// How things stand on host A.
#[derive(Debug)]
struct State {
    /// Ids of the maps.
    maps: Vec<u32>,
    /// Packets that the route to the other containers counted.
    counted: u64,
    /// Datagrams sent since the state before.
    sent: u64,
}

impl Scene {
    fn new(mode: &str) -> Self {
        let pair = Pair::new().unwrap();
        let (mut a, b) = pair.routemesh(mode).unwrap();
        a.set_options(&[]);
        a.kill();
        a.resume().unwrap();
        Self { pair, a, b }
    }

    /// Has both containers send to one another during `meanwhile`; nothing may be lost or come
    /// twice, and nothing be left behind at the end.
    fn under_load(
        self,
        meanwhile: impl FnOnce(&mut Routemesh, &Pair) -> Result<()>,
    ) -> (State, State) {
        let _alone = LOAD.lock().unwrap_or_else(PoisonError::into_inner);
        let Self { pair, mut a, b } = self;
        let before = State::of(&a, 0);
        let mut there = None;
        let back = udp_numbered_between(&pair.b, &pair.a, || {
            there = Some(udp_numbered_between(&pair.a, &pair.b, || {
                meanwhile(&mut a, &pair)
            })?);
            Ok(())
        });
        let back = back.with_context(|| a.log()).unwrap();
        let there = there.unwrap();
        for numbered in [&there, &back] {
            numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
        }
        let after = State::of(&a, there.sent);
        a.end_without_trace().unwrap();
        drop(b);
        (before, after)
    }
}

impl State {
    fn of(daemon: &Routemesh, sent: u64) -> Self {
        let routes = daemon.cli_json(&["route", "list"]).unwrap();
        let mut routes = routes.as_array().into_iter().flatten();
        let route = routes.find(|route| route["dst"] == "10.200.0.0/24");
        Self {
            maps: pinned_maps(daemon.bpffs()).unwrap().into_values().collect(),
            counted: route.unwrap()["packets"].as_u64().unwrap(),
            sent,
        }
    }
}

fn udp_numbered_between(
    from: &Side,
    to: &Side,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Numbered> {
    let address = to.container.v4();
    udp_numbered(&from.container, &to.container, address, RATE, meanwhile)
}

/// The programs at the hooks of host A, each as the hash of its instructions.
fn programs(pair: &Pair) -> Result<BTreeMap<String, String>> {
    let attached = attached(&pair.a.host)?;
    let programs = attached.iter().map(|(id, what)| {
        let shown = run("bpftool", ["-j", "prog", "show", "id", &id.to_string()])?;
        let program: serde_json::Value = serde_json::from_str(&shown)?;
        let tag = program["tag"].as_str().context(shown)?.to_owned();
        Ok((what.replace(&format!(" {id}"), ""), tag))
    });
    programs.collect()
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
