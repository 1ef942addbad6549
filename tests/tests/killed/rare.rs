//! Moments that chance seldom meets, and what would go wrong long after them.

use std::{collections::BTreeSet, fmt::Write as _, net::IpAddr};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{Call, Of, PATIENCE, Pair, Ping, Routemesh, eventually, pinned_maps};

use crate::{
    moment::{kill_at_next, staged},
    state::Via,
    trial::Scene,
};

/// Packets of each exchange of pings.
const PINGS: u32 = 20;
/// How often a daemon that makes maps of its own looks at the sets that are pinned: to choose one, to
/// number its own, to carry counters over and to remove the others.
const LOOKS: usize = 4;

/// A change that was staged is no more desired when the next daemon starts; a later one, of
/// another route, must not put it into force.
#[test]
fn what_was_staged_when_a_daemon_was_killed_never_takes_effect() {
    let scene = Scene::new().unwrap();
    let mut probe = scene.probe().unwrap();
    let before = [("10.9.1.0/24", Via::C), ("10.9.2.0/25", Via::C)];
    // The trie gets what is around another route, by a call: the first route is staged by then.
    let after = [before[0], ("10.9.2.0/24", Via::B), before[1]].map(|(dst, _)| (dst, Via::B));
    let [before, after] = [config(&scene, &before), config(&scene, &after)];
    let mut a = Routemesh::prepare(&scene.pair.a.host, &before).unwrap();
    a.set_options(&[]);
    let in_between = || {
        a.resume()?;
        a.write_config(&after)?;
        kill_at_next(&a, "bpf", || a.cli(&["reload"]))??;
        is_killed(&mut a)?;
        a.write_config(&before)?;
        // It makes such calls too when it learns a MAC.
        ensure!(staged(a.bpffs())? > 0, "nothing was staged");
        Ok(())
    };
    eventually("a kill in between", PATIENCE, in_between).unwrap();

    a.resume().unwrap();
    let words = ["route", "add", "10.9.3.0/24", "via", Via::B.gateway()];
    a.cli_ok(&words).unwrap();
    let hosts: [IpAddr; 3] = [1, 2, 3].map(|net| [10, 9, net, 1].into());
    let landed = probe.landed(&hosts).unwrap();
    let wanted = hosts.into_iter().zip([Via::C, Via::C, Via::B]);
    let wanted = wanted.map(|(host, via)| (host, via as usize)).collect();
    assert_eq!(landed, wanted, "{}", a.cli_ok(&["route", "list"]).unwrap());
}

/// Each daemon wants maps of another size, so that none goes on with those of the one before, which
/// was killed when it looked at the sets that are pinned.
#[test]
fn counters_outlive_daemons_that_are_killed_as_they_take_over_one_after_another() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    a.set_options(&[]);
    let mut sets = Vec::new();
    for number in 1..=LOOKS {
        pings(&pair);
        a.kill();
        a.write_config(&sized(&pair, number)).unwrap();
        a.kill_at(Some(Call {
            kind: "openat",
            number,
            of: Of::Sets,
        }));
        a.launch().unwrap();
        is_killed(&mut a).unwrap();
        sets.push(sets_of(&a));
    }
    // One after it had exchanged the programs, and one when it had carried the counters over, too.
    assert_eq!(sets, [1, 1, 2, 3], "{}", a.log());
    pings(&pair);

    a.kill_at(None);
    a.write_config(&sized(&pair, LOOKS + 1)).unwrap();
    a.resume().unwrap();
    let pinged = (LOOKS as u64 + 1) * u64::from(PINGS);
    assert_eq!(counted(&a), [pinged; 2], "{}", a.log());
    assert_eq!(sets_of(&a), 1);
}

fn sized(pair: &Pair, thousands: usize) -> String {
    let config = pair.a.config("xdp", &pair.b);
    format!("{config}[limits]\nroutes = {thousands}000\n")
}

fn config(scene: &Scene, routes: &[(&str, Via)]) -> String {
    let mut text = scene.pair.a.config("tc", &scene.pair.b);
    let sure = Via::ALL.map(|via| (format!("{}/32", via.sure()), via));
    let sure = sure.iter().map(|(dst, via)| (dst.as_str(), *via));
    for (dst, via) in routes.iter().copied().chain(sure) {
        let via = via.gateway();
        let _ = write!(text, "[[route]]\ndst = \"{dst}\"\nvia = \"{via}\"\n");
    }
    text
}

fn is_killed(daemon: &mut Routemesh) -> Result<()> {
    let end = eventually("the daemon's end", PATIENCE, || {
        daemon.end()?.context("it lives")
    })?;
    ensure!(end.code().is_none(), "it was not killed: {end}");
    daemon.kill();
    Ok(())
}

fn pings(pair: &Pair) {
    let pings = Ping {
        count: PINGS,
        ..Ping::default()
    };
    pings.run(&pair.a.container, pair.b.container.v4()).unwrap();
}

/// What the route to the other container and the container's port have counted.
fn counted(daemon: &Routemesh) -> [u64; 2] {
    let routes = daemon.cli_json(&["route", "list"]).unwrap();
    let mut routes = routes.as_array().into_iter().flatten();
    let route = routes.find(|route| route["dst"] == "10.200.0.0/24");
    let packets = route.unwrap()["packets"].as_u64().unwrap();
    [packets, daemon.packets("port", "routed").unwrap()]
}

/// How many sets of maps are pinned that have a number.
fn sets_of(daemon: &Routemesh) -> usize {
    let maps = pinned_maps(daemon.bpffs()).unwrap();
    let sets: BTreeSet<_> = maps.keys().filter_map(|pin| pin.parent()).collect();
    sets.iter().filter(|set| !set.ends_with("next")).count()
}
