//! Moments that chance seldom meets, and what would go wrong long after them.

use std::{fmt::Write as _, net::IpAddr};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{PATIENCE, Routemesh, eventually};

use crate::{
    moment::{kill_at_next, staged},
    state::Via,
    trial::Scene,
};

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
