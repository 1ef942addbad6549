//! A daemon is killed at any moment, and the next one has all as it should be: what is desired is in
//! force, nothing of the killed one is left, and packets of a route that stays never stop.
//!
//! Two things kill: strace, at a call into the kernel chosen by chance, and the clock, while a batch
//! of routes is written, which is done with no call. `ROUTEMESH_SEED` repeats a run.

mod moment;
mod rare;
mod state;
mod trial;

use std::{env, time::SystemTime};

use anyhow::Context as _;
use routemesh_tests::{
    chance::given_seed,
    lab::{Routemesh, udp_numbered},
};

use trial::{Scene, Trial};

/// Lives that are ended by a kill, and how many where time does not matter.
const POINTS: usize = 15;
const POINTS_LONG: usize = 200;
/// Datagrams in a second, all the while.
const RATE: u32 = 2_000;

#[test]
fn a_daemon_that_is_killed_anywhere_is_followed_by_one_that_mends_all() {
    let (points, seed) = (points(), seed());
    println!("ROUTEMESH_SEED={seed}, {points} kill points");
    let scene = Scene::new().unwrap();
    let (a, b) = (&scene.pair.a, &scene.pair.b);
    let _b = Routemesh::start(&b.host, &b.config("tc", a)).unwrap();
    let mut trial = Trial::new(&scene, seed).unwrap();
    let numbered = udp_numbered(&a.container, &b.container, b.container.v4(), RATE, || {
        while trial.killed < points && trial.lives < points * 4 {
            trial.run()?;
        }
        Ok(())
    });
    let numbered = numbered
        .with_context(|| format!("ROUTEMESH_SEED={seed}"))
        .unwrap();
    println!(
        "killed {} times, {} lives ended by themselves; {} datagrams",
        trial.killed,
        trial.lives - trial.killed,
        numbered.sent
    );
    println!(
        "killed at {:?}; {} times among the stores of a table",
        trial.kinds, trial.staged
    );
    assert_eq!(trial.killed, points, "too few moments were deadly");
    assert!(
        trial.staged > 0 || points < POINTS_LONG,
        "none came among the stores of a table"
    );
    assert!(
        numbered.lost.is_empty() && numbered.repeated.is_empty(),
        "ROUTEMESH_SEED={seed}: of {} datagrams lost: {:?}, twice: {:?}",
        numbered.sent,
        numbered.lost,
        numbered.repeated
    );
    trial.end(numbered.sent).unwrap();
}

fn points() -> usize {
    if env::var_os("ROUTEMESH_TEST_LONG").is_some() {
        POINTS_LONG
    } else {
        POINTS
    }
}

fn seed() -> u64 {
    given_seed().unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64
    })
}
