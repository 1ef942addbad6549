//! The Debian package in a Debian of its own, under the systemd that it is for.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Machine, Node, PATIENCE, Pair, Ping, Routemesh, SHARED, attached, debian, eventually,
    udp_numbered,
};

const UNIT: &str = "routemesh.service";
const CONFIG: &str = "/etc/routemesh/config.toml";
/// Datagrams in a second while something is done to the daemon.
const RATE: u32 = 20_000;

/// It takes minutes: a release is built, and a Debian fetched.
#[test]
fn the_package_is_installed_started_upgraded_and_purged() {
    if env::var_os("ROUTEMESH_TEST_LONG").is_none() {
        println!("left out: it takes minutes, and ROUTEMESH_TEST_LONG is not set");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = tempfile::tempdir().unwrap();
    let [old, new] = ["1", "2"].map(|revision| package(packages.path(), revision));
    is_made_with_the_same_bytes_again(packages.path());
    let root = debian(folder).unwrap();

    let pair = Pair::new().unwrap();
    let _b = Routemesh::start(&pair.b.host, &pair.b.config("tc", &pair.a)).unwrap();
    let machine = Machine::boot(&pair.a.host, &root, packages.path()).unwrap();
    let scene = Scene { pair, machine };
    scene.is_installed_and_waits(&old);
    scene.starts_with_three_capabilities();
    scene.reloads_what_is_good_and_refuses_what_is_not();
    scene.forwards_while_a_hung_daemon_is_replaced();
    scene.takes_a_change_back_while_it_is_stopped();
    scene.forwards_while_it_is_upgraded(&new);
    scene.is_gone_when_purged();
}

/// Makes the package, and tells its name.
fn package(folder: &Path, revision: &str) -> String {
    let made = Command::new(env!("CARGO"))
        .args(["xtask", "dist", "--revision", revision, "--output"])
        .arg(folder)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut words = said.split_whitespace();
    words
        .find(|word| word.ends_with(".deb"))
        .unwrap()
        .to_owned()
}

/// The last one, and the tarball.
fn is_made_with_the_same_bytes_again(first: &Path) {
    let again = tempfile::tempdir().unwrap();
    package(again.path(), "2");
    let sums = |folder: &Path| std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(first), sums(again.path()));
}

/// Two hosts; the package is on A.
struct Scene {
    pair: Pair,
    machine: Machine,
}

impl Scene {
    fn is_installed_and_waits(&self, package: &str) {
        let machine = &self.machine;
        machine
            .run(["dpkg", "--install", &format!("{SHARED}/{package}")])
            .unwrap();
        assert_eq!(machine.property(UNIT, "ActiveState").unwrap(), "inactive");
        assert_eq!(machine.property(UNIT, "UnitFileState").unwrap(), "disabled");
        machine.run(["routemesh", "config", "check"]).unwrap();
        machine.run(["getent", "group", "routemesh"]).unwrap();
        let verified = machine
            .output(&["systemd-analyze", "verify", "--man=no", UNIT])
            .unwrap();
        assert!(
            verified.status.success() && verified.stderr.is_empty(),
            "{verified:?}"
        );
        self.pings().unwrap_err();
    }

    fn starts_with_three_capabilities(&self) {
        let machine = &self.machine;
        let config = self.pair.a.config("tc", &self.pair.b);
        machine.write(CONFIG, &config).unwrap();
        machine.run(["systemctl", "enable", "--now", UNIT]).unwrap();
        self.pings().unwrap();
        let status = machine.run(["systemctl", "status", UNIT]).unwrap();
        assert!(
            status.contains("routes in force, attached to 3 interfaces"),
            "{status}"
        );
        let status = machine
            .run(["cat", &format!("/proc/{}/status", self.pid())])
            .unwrap();
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            // CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: bits 39, 38 and 12.
            assert!(
                status.contains(&format!("{set}:\t000000c000001000")),
                "{status}"
            );
        }
        let mode = machine
            .run(["stat", "--format=%a %U", "/sys/fs/bpf/routemesh"])
            .unwrap();
        assert_eq!(mode.trim(), "700 root");
        machine
            .run(["routemesh", "route", "add", "blackhole", "10.9.9.0/24"])
            .unwrap();
        let exposure = machine.run(["systemd-analyze", "security", UNIT, "--threshold=25"]);
        println!("{}", exposure.unwrap().lines().last().unwrap_or_default());
    }

    fn reloads_what_is_good_and_refuses_what_is_not(&self) {
        let machine = &self.machine;
        let config = self.pair.a.config("tc", &self.pair.b);
        let more = format!("{config}[[route]]\ndst = \"10.66.0.0/16\"\nblackhole = true\n");
        machine.write(CONFIG, &more).unwrap();
        machine.run(["systemctl", "reload", UNIT]).unwrap();
        assert!(self.routes().contains("10.66.0.0/16"));
        machine.write(CONFIG, "no = \"configuration\"\n").unwrap();
        machine.run(["systemctl", "reload", UNIT]).unwrap_err();
        assert_eq!(machine.property(UNIT, "ActiveState").unwrap(), "active");
        assert!(self.routes().contains("10.66.0.0/16"));
        machine.write(CONFIG, &config).unwrap();
        self.pings().unwrap();
    }

    fn forwards_while_a_hung_daemon_is_replaced(&self) {
        let machine = &self.machine;
        let bound = "[Service]\nWatchdogSec=2s\n";
        let path = format!("/run/systemd/system/{UNIT}.d/watchdog.conf");
        machine.write(&path, bound).unwrap();
        machine.run(["systemctl", "daemon-reload"]).unwrap();
        machine.run(["systemctl", "restart", UNIT]).unwrap();
        let hung = self.pid();
        self.loses_nothing("a hung daemon", || {
            machine.run(["systemctl", "kill", "--signal=STOP", UNIT])?;
            self.another_daemon_after(&hung)
        });
        assert_ne!(machine.property(UNIT, "NRestarts").unwrap(), "0");
    }

    fn takes_a_change_back_while_it_is_stopped(&self) {
        let machine = &self.machine;
        let config = self.pair.a.config("tc", &self.pair.b);
        let (without_routes, _) = config.split_once("[[route]]").unwrap();
        machine.write("/run/other.toml", without_routes).unwrap();
        machine
            .run(["routemesh", "apply", "/run/other.toml", "--confirm", "10s"])
            .unwrap();
        machine.run(["systemctl", "stop", UNIT]).unwrap();
        assert_eq!(machine.property(UNIT, "ActiveState").unwrap(), "inactive");
        self.pings().unwrap_err();
        assert!(machine.has(&format!("{CONFIG}.unconfirmed")).unwrap());
        eventually("the routes to be back", 2 * PATIENCE, || self.pings()).unwrap();
        eventually("the guard to end", PATIENCE, || {
            // It is the daemon's own file by way of /proc/self/exe.
            let processes = machine.run(["sh", "-c", "cat /proc/[0-9]*/comm"])?;
            ensure!(!processes.lines().any(|name| name == "exe"), "{processes}");
            Ok(())
        })
        .unwrap();
        assert_eq!(machine.property(UNIT, "ActiveState").unwrap(), "inactive");
        machine.run(["systemctl", "start", UNIT]).unwrap();
        assert!(self.routes().contains("10.9.9.0/24"), "{}", self.routes());
        self.pings().unwrap();
    }

    fn forwards_while_it_is_upgraded(&self, package: &str) {
        let old = self.pid();
        self.loses_nothing("an upgrade", || {
            let path = format!("{SHARED}/{package}");
            self.machine.run(["dpkg", "--install", &path])?;
            self.another_daemon_after(&old)
        });
        let version = [
            "dpkg-query",
            "--show",
            "--showformat=${Version}",
            "routemesh",
        ];
        let version = self.machine.run(version).unwrap();
        assert!(version.ends_with("-2"), "{version}");
        assert!(self.routes().contains("10.9.9.0/24"), "{}", self.routes());
    }

    fn is_gone_when_purged(&self) {
        let (machine, host) = (&self.machine, &self.pair.a.host);
        assert_eq!(attached(host).unwrap().len(), 3);
        machine.run(["dpkg", "--purge", "routemesh"]).unwrap();
        assert_eq!(attached(host).unwrap(), []);
        for path in [
            "/sys/fs/bpf/routemesh",
            "/run/routemesh",
            "/etc/routemesh",
            "/usr/bin/routemesh",
            "/etc/systemd/system/multi-user.target.wants/routemesh.service",
        ] {
            assert!(!machine.has(path).unwrap(), "{path}");
        }
        self.pings().unwrap_err();
    }

    fn pings(&self) -> Result<String> {
        let once = Ping {
            count: 1,
            ..Ping::default()
        };
        once.run(&self.pair.a.container, self.pair.b.container.v4())
    }

    fn pid(&self) -> String {
        self.machine.property(UNIT, "MainPID").unwrap()
    }

    fn routes(&self) -> String {
        self.machine.run(["routemesh", "route", "list"]).unwrap()
    }

    fn another_daemon_after(&self, old: &str) -> Result<()> {
        eventually("another daemon", PATIENCE, || {
            let (now, state) = (self.pid(), self.machine.property(UNIT, "ActiveState")?);
            ensure!(now != old && state == "active", "{now} is {state}");
            Ok(())
        })
    }

    /// Numbered datagrams each arrive once meanwhile.
    fn loses_nothing(&self, what: &str, meanwhile: impl FnOnce() -> Result<()>) {
        let (from, to): (&Node, &Node) = (&self.pair.a.container, &self.pair.b.container);
        let address = self.pair.b.container.v4();
        let numbered = udp_numbered(from, to, address, RATE, meanwhile).unwrap();
        let arrived = numbered.ensure_all_arrived_once(f64::from(RATE) / 10.0);
        arrived.context(what.to_owned()).unwrap();
    }
}
