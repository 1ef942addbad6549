//! Changes of the configuration on trial: kept when confirmed, and else taken back by itself,
//! whatever becomes of the daemon.

use std::{
    fs,
    ops::Range,
    path::PathBuf,
    process::Output,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use routemesh_tests::lab::{PATIENCE, Pair, Ping, Routemesh, eventually, patient};

#[test]
fn a_change_that_nobody_confirms_is_taken_back() {
    let scene = Scene::new();
    let deadline = scene.try_without_routes(8);
    let status = scene.a.cli_ok(&["status"]).unwrap();
    assert!(
        status.contains("to confirm a change, taken back in "),
        "{status}"
    );
    assert_eq!(
        scene.file(),
        scene.before,
        "the file waits for the confirmation"
    );
    assert!(!scene.is_reached());
    scene.is_taken_back_at(&deadline);
    assert_eq!(scene.file(), scene.before);
    let late = scene.a.cli(&["confirm"]).unwrap();
    assert_eq!(late.status.code(), Some(4), "{}", stderr(&late));

    let again = scene.a.cli_ok(&["rollback"]).unwrap();
    assert!(again.contains("2 removed"), "{again}");
    assert!(
        !scene.is_reached(),
        "what was taken back is the previous one"
    );
}

#[test]
fn a_confirmed_change_stays() {
    let mut scene = Scene::new();
    scene.try_without_routes(8);
    let guard = guards(&scene.a);
    assert_eq!(guard.len(), 1);
    let said = scene.a.cli_ok(&["confirm"]).unwrap();
    assert!(said.contains("config.toml"), "{said}");
    assert!(guards(&scene.a).is_empty(), "there is nothing to guard");
    assert_eq!(scene.file(), scene.after);
    std::thread::sleep(seconds(9));
    assert!(
        !scene.is_reached(),
        "taken back in spite of the confirmation"
    );
    scene.a.kill();
    scene.a.resume().unwrap();
    assert!(!scene.is_reached());
}

#[test]
fn a_daemon_that_is_killed_and_stays_dead_does_not_keep_the_change_alive() {
    let mut scene = Scene::new();
    let deadline = scene.try_without_routes(8);
    scene.a.kill();
    assert!(!scene.is_reached());
    scene.is_taken_back_at(&deadline);
    // The guard goes as soon as its work is done.
    eventually("the socket to be free", PATIENCE, || {
        ensure!(!scene.beside(".unconfirmed").exists());
        Ok(())
    })
    .unwrap();
    scene.a.resume().unwrap();
    assert!(scene.is_reached());
}

#[test]
fn a_daemon_that_is_started_anew_goes_on_waiting() {
    let mut scene = Scene::new();
    let deadline = scene.try_without_routes(14);
    scene.a.kill();
    scene.a.resume().unwrap();
    assert!(!scene.is_reached());
    let status = scene.a.cli_json(&["status"]).unwrap();
    let left = status["unconfirmed"]["seconds_left"].as_u64().unwrap();
    assert!((1..=seconds(14).as_secs()).contains(&left), "{left}");
    scene.is_taken_back_at(&deadline);
    assert_eq!(scene.file(), scene.before);
}

#[test]
fn a_change_is_confirmed_at_a_daemon_that_was_started_anew() {
    let mut scene = Scene::new();
    scene.try_without_routes(60);
    scene.a.kill();
    scene.a.resume().unwrap();
    scene.a.cli_ok(&["confirm"]).unwrap();
    assert_eq!(scene.file(), scene.after);
    assert!(!scene.is_reached());
}

#[test]
fn a_daemon_that_is_started_too_late_takes_the_change_back_first() {
    let mut scene = Scene::new();
    scene.try_without_routes(6);
    // As a service manager does that ends all of a service's processes.
    for guard in guards(&scene.a) {
        kill(guard, Signal::SIGKILL).unwrap();
    }
    scene.a.kill();
    std::thread::sleep(seconds(7));
    assert!(!scene.is_reached(), "nobody was there to take it back");
    scene.a.resume().unwrap();
    assert!(scene.is_reached());
    assert!(!scene.beside(".unconfirmed").exists());
}

#[test]
fn a_host_that_was_detached_stays_so() {
    let mut scene = Scene::new();
    scene.try_without_routes(8);
    scene.a.kill();
    let bpffs = scene.a.bpffs().to_str().unwrap();
    scene
        .a
        .cli_ok(&["detach", "--all", "--bpffs", bpffs])
        .unwrap();
    eventually("the guard to see to the files", 2 * PATIENCE, || {
        ensure!(!scene.beside(".unconfirmed").exists());
        Ok(())
    })
    .unwrap();
    assert!(!scene.a.bpffs().exists());
    assert!(!scene.is_reached());
}

#[test]
fn a_dry_run_tells_the_difference_and_changes_nothing() {
    let scene = Scene::new();
    let apply = |more: &[&str]| {
        let words = [&["apply", "--dry-run", scene.path()], more].concat();
        scene.a.cli(&words).unwrap()
    };
    let said = apply(&[]);
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "- route 10.200.0.0/24 via 192.168.100.2\n\
         - route fd00:10:200::/64 via fd00:100::2\n"
    );
    let json: serde_json::Value = serde_json::from_slice(&apply(&["-j"]).stdout).unwrap();
    assert_eq!(json["changes"][0]["op"], "remove", "{json}");
    assert_eq!(apply(&["--exit-code"]).status.code(), Some(1));
    let own = scene.a.config_path();
    let same = ["apply", "--dry-run", "--exit-code", own.to_str().unwrap()];
    let same = scene.a.cli(&same).unwrap();
    assert_eq!((same.status.code(), same.stdout.len()), (Some(0), 0));
    assert_eq!(scene.file(), scene.before);
    assert!(!scene.beside(".previous").exists());
    assert!(scene.is_reached());
}

#[test]
fn a_rollback_of_a_rollback_ends_where_it_began() {
    let mut scene = Scene::new();
    let nothing = scene.a.cli(&["rollback"]).unwrap();
    assert_eq!(nothing.status.code(), Some(4), "{}", stderr(&nothing));
    scene.a.cli_ok(&["apply", scene.path()]).unwrap();
    assert!(!scene.is_reached());
    let planned = scene.a.cli_ok(&["rollback", "--dry-run"]).unwrap();
    assert!(planned.starts_with("+ route 10.200.0.0/24"), "{planned}");
    for reached in [true, false, true] {
        scene.a.cli_ok(&["rollback"]).unwrap();
        assert_eq!(scene.is_reached(), reached);
    }
    assert_eq!(scene.file(), scene.before);
    scene.a.kill();
    scene.a.resume().unwrap();
    scene.a.cli_ok(&["rollback", "--confirm", "60s"]).unwrap();
    assert!(!scene.is_reached());
    scene.a.cli_ok(&["rollback"]).unwrap();
    assert!(scene.is_reached(), "a rollback ends an unconfirmed one");
    assert_eq!(scene.file(), scene.before);
}

#[test]
fn a_reload_can_be_rolled_back_too() {
    let scene = Scene::new();
    scene.a.write_config(&scene.after).unwrap();
    scene.a.cli_ok(&["reload"]).unwrap();
    assert!(!scene.is_reached());
    scene.a.cli_ok(&["rollback"]).unwrap();
    assert!(scene.is_reached());
    assert_eq!(scene.file(), scene.before);
}

#[test]
fn a_bad_file_is_shown_where_it_is_bad_and_changes_nothing() {
    let scene = Scene::new();
    let bad = [
        ("[[route]]\ndst = \"10.1.2.3/16\"\n", "10.1.0.0/16"),
        ("[[uplink]]\ninterface = \"eth7\"\n", "did you mean eth0?"),
    ];
    for (text, complaint) in bad {
        fs::write(scene.path(), text).unwrap();
        for more in [&["--confirm", "60s"][..], &["--dry-run"], &[]] {
            let refused = [&["apply", scene.path()], more].concat();
            let refused = scene.a.cli(&refused).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
            assert!(stderr(&refused).contains(complaint), "{}", stderr(&refused));
        }
    }
    assert_eq!(scene.file(), scene.before);
    assert!(!scene.beside(".unconfirmed").exists());
    assert!(scene.is_reached());
}

#[test]
fn while_one_change_awaits_its_confirmation_others_are_refused() {
    let scene = Scene::new();
    scene.try_without_routes(60);
    let own = scene.a.config_path();
    let own = own.to_str().unwrap();
    let others = [
        &["apply", own][..],
        &["apply", own, "--confirm", "5s"],
        &["reload"],
        &["rollback", "--confirm", "5s"],
    ];
    for words in others {
        let refused = scene.a.cli(words).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{words:?}");
        let said = stderr(&refused);
        assert!(
            said.contains("awaits its confirmation, for another "),
            "{said}"
        );
    }
    assert!(!scene.is_reached());
    scene.a.cli_ok(&["rollback"]).unwrap();
    assert!(scene.is_reached());
    scene.a.cli_ok(&["reload"]).unwrap();
}

#[test]
fn the_daemons_own_file_may_be_edited_and_tried() {
    let scene = Scene::new();
    scene.a.write_config(&scene.after).unwrap();
    let own = scene.a.config_path();
    let (_, deadline) = scene.try_file(own.to_str().unwrap(), 8);
    assert!(!scene.is_reached());
    scene.is_taken_back_at(&deadline);
    assert_eq!(scene.file(), scene.before, "what a restart would read");
    let previous = fs::read_to_string(scene.beside(".previous")).unwrap();
    assert_eq!(previous, scene.after, "the edit is not lost");
}

#[test]
fn an_edit_that_is_not_in_force_is_not_overwritten() {
    let scene = Scene::new();
    let edited = format!("# mine\n{}", scene.before);
    scene.a.write_config(&edited).unwrap();
    let refused = scene.a.cli(&["apply", scene.path()]).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("was edited"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(scene.file(), edited);
    scene.a.cli_ok(&["reload"]).unwrap();
    scene.a.cli_ok(&["apply", scene.path()]).unwrap();
    assert_eq!(scene.file(), scene.after);
}

#[test]
fn without_a_file_there_is_one_afterwards() {
    let pair = Pair::new().unwrap();
    let mut a = Routemesh::prepare(&pair.a.host, "").unwrap();
    a.write_config(&pair.a.config("tc", &pair.b)).unwrap();
    a.resume().unwrap();
    fs::remove_file(a.config_path()).unwrap();
    let file = a.folder().join("other.toml");
    fs::write(&file, "[[uplink]]\ninterface = \"eth0\"\n").unwrap();
    a.cli_ok(&["apply", file.to_str().unwrap()]).unwrap();
    let written = fs::read_to_string(a.config_path()).unwrap();
    assert!(written.starts_with("[[uplink]]"), "{written}");
}

/// Two hosts of which one is to lose its routes to the other.
struct Scene {
    pair: Pair,
    a: Routemesh,
    _b: Routemesh,
    /// The configuration of host A, and one without routes.
    before: String,
    after: String,
    /// A file of the latter.
    other: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let pair = Pair::new().unwrap();
        let (a, b) = pair.routemesh("tc").unwrap();
        let before = pair.a.config("tc", &pair.b);
        let (after, _) = before.split_once("[[route]]").unwrap();
        let other = a.folder().join("other.toml");
        fs::write(&other, after).unwrap();
        let scene = Self {
            after: after.to_owned(),
            pair,
            a,
            _b: b,
            before,
            other,
        };
        assert!(scene.is_reached());
        scene
    }

    fn path(&self) -> &str {
        self.other.to_str().unwrap()
    }

    /// Applies a configuration without routes, and tells between what moments its deadline is.
    fn try_without_routes(&self, seconds: u64) -> Range<Instant> {
        let (said, deadline) = self.try_file(self.path(), seconds);
        assert!(said.contains("2 removed"), "{said}");
        assert!(
            said.contains("unless 'routemesh confirm' comes before"),
            "{said}"
        );
        deadline
    }

    /// Applies a file that is to be confirmed in that time. The time begins when the daemon is asked,
    /// and that is after the first moment here and before the second.
    fn try_file(&self, path: &str, seconds: u64) -> (String, Range<Instant>) {
        let begun = Instant::now();
        let words = ["apply", path, "--confirm", &time(seconds)];
        let said = self.a.cli_ok(&words).unwrap();
        let time = self::seconds(seconds);
        (said, begun + time..Instant::now() + time)
    }

    /// Whether packets get from container to container.
    fn is_reached(&self) -> bool {
        self.ping().is_ok()
    }

    fn ping(&self) -> Result<()> {
        let once = Ping {
            count: 1,
            ..Ping::default()
        };
        once.run(&self.pair.a.container, self.pair.b.container.v4())?;
        once.run(&self.pair.a.container, self.pair.b.container.v6())?;
        Ok(())
    }

    /// The routes are back, not before the deadline, and not long after it.
    fn is_taken_back_at(&self, deadline: &Range<Instant>) {
        let (from, to) = (&self.pair.a.container, self.pair.b.container.v4());
        let left = deadline.end.saturating_duration_since(Instant::now());
        let back = Ping::until_answered(from, to, left + 2 * PATIENCE);
        let back = back.with_context(|| self.a.log()).unwrap();
        assert!(
            back >= deadline.start,
            "{:?} too early: {}",
            deadline.start - back,
            self.a.log()
        );
        assert!(back < deadline.end + patient(2 * PATIENCE));
        self.ping().unwrap();
    }

    fn file(&self) -> String {
        fs::read_to_string(self.a.config_path()).unwrap()
    }

    fn beside(&self, ending: &str) -> PathBuf {
        format!("{}{ending}", self.a.config_path().display()).into()
    }
}

/// The daemon's guards.
fn guards(daemon: &Routemesh) -> Vec<Pid> {
    let pid = daemon.pid().unwrap();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.map(Pid::from_raw).collect()
}

/// A time that is long enough for what happens meanwhile.
fn seconds(seconds: u64) -> Duration {
    patient(Duration::from_secs(seconds))
}

fn time(before: u64) -> String {
    format!("{}s", seconds(before).as_secs())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
