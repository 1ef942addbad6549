//! What the service manager hears of a daemon, by the protocol of `sd_notify(3)`.

use std::{os::unix::net::UnixDatagram, time::Duration};

use nix::sys::signal::Signal;
use routemesh_tests::lab::{PATIENCE, Pair, Routemesh};

#[test]
fn the_manager_hears_of_start_reload_and_end() {
    let pair = Pair::new().unwrap();
    let (mut daemon, manager) = supervised(&pair, &[]);
    daemon.resume().unwrap();
    assert_eq!(manager.next(), ["READY=1"]);
    let status = manager.next();
    assert!(
        status[0].starts_with("STATUS=") && status[0].contains("attached to 3 interfaces"),
        "{status:?}"
    );

    daemon.signal(Signal::SIGHUP).unwrap();
    let reloading = manager.next();
    assert_eq!(reloading[0], "RELOADING=1");
    let when = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(when.parse::<u64>().unwrap() > 0, "{when}");
    assert_eq!(manager.next(), ["READY=1"]);

    daemon.stop().unwrap();
    assert_eq!(manager.next(), ["STOPPING=1"]);
}

#[test]
fn a_bad_file_ends_the_reload_too_and_routes_make_news() {
    let pair = Pair::new().unwrap();
    let (mut daemon, manager) = supervised(&pair, &[]);
    daemon.resume().unwrap();
    assert_eq!(manager.next(), ["READY=1"]);
    let before = manager.next();

    daemon.write_config("no = \"configuration\"\n").unwrap();
    daemon.cli(&["reload"]).unwrap();
    assert_eq!(manager.next()[0], "RELOADING=1");
    assert_eq!(manager.next(), ["READY=1"]);

    daemon
        .cli_ok(&["route", "add", "blackhole", "10.9.9.0/24"])
        .unwrap();
    assert_ne!(manager.next(), before);
}

#[test]
fn a_daemon_says_in_time_that_it_is_alive_and_a_stopped_one_does_not() {
    let bound = Duration::from_secs(3);
    let pair = Pair::new().unwrap();
    let (mut daemon, manager) =
        supervised(&pair, &[("WATCHDOG_USEC", bound.as_micros().to_string())]);
    daemon.resume().unwrap();
    manager.0.set_read_timeout(Some(bound)).unwrap();
    let mut beats = 0;
    while beats < 3 {
        beats += u32::from(manager.next() == ["WATCHDOG=1"]);
    }
    daemon.signal(Signal::SIGSTOP).unwrap();
    // One may have been on its way.
    manager.heard();
    let after = manager.heard();
    daemon.signal(Signal::SIGCONT).unwrap();
    assert_eq!(after, None);
    assert_eq!(manager.next(), ["WATCHDOG=1"]);
}

/// A daemon of host A, not started yet, and who hears what it tells its manager.
fn supervised(pair: &Pair, variables: &[(&'static str, String)]) -> (Routemesh, Manager) {
    let mut daemon = Routemesh::prepare(&pair.a.host, &pair.a.config("tc", &pair.b)).unwrap();
    let path = daemon.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    daemon.set_variable("NOTIFY_SOCKET", path.display().to_string());
    for (name, value) in variables {
        daemon.set_variable(name, value.clone());
    }
    (daemon, Manager(socket))
}

struct Manager(UnixDatagram);

impl Manager {
    /// The lines of the next message.
    fn next(&self) -> Vec<String> {
        self.heard().expect("a message in time")
    }

    /// The lines of the next message, if there is one in time.
    fn heard(&self) -> Option<Vec<String>> {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).ok()?;
        let text = String::from_utf8_lossy(&message[..length]);
        Some(text.lines().map(str::to_owned).collect())
    }
}
