//! What the archives hold, and the Debian package in a Debian of its own, under the systemd that it is
//! for.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Machine, Node, PATIENCE, Pair, Ping, Routemesh, SHARED, attached, binary, debian, eventually,
    run, udp_numbered,
};

const UNIT: &str = "routemesh.service";
const CONFIG: &str = "/etc/routemesh/config.toml";
/// Datagrams in a second while something is done to the daemon.
const RATE: u32 = 20_000;

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// What the package holds beside man pages.
const IN_PACKAGE: [&str; 9] = [
    "etc/routemesh/config.toml",
    "usr/bin/routemesh",
    "usr/lib/systemd/system/routemesh.service",
    "usr/lib/sysusers.d/routemesh.conf",
    "usr/share/bash-completion/completions/routemesh",
    "usr/share/doc/routemesh/LICENSES-THIRD-PARTY.gz",
    "usr/share/doc/routemesh/copyright",
    "usr/share/fish/vendor_completions.d/routemesh.fish",
    "usr/share/zsh/vendor-completions/_routemesh",
];
/// What the tarball holds beside man pages.
const IN_TARBALL: [&str; 11] = [
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
    "LICENSE-MIT",
    "LICENSES-THIRD-PARTY",
    "completions/_routemesh",
    "completions/routemesh.bash",
    "completions/routemesh.fish",
    "config.toml",
    "routemesh",
    "routemesh.service",
    "routemesh.sysusers",
];

/// Of the program under test, so that none is built for it.
#[test]
fn the_package_and_the_tarball_hold_what_an_operator_needs() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("stripped");
    let program = program.to_str().unwrap();
    // Packing all that a debugger wants takes a minute.
    run(
        "strip",
        ["-o", program, binary().unwrap().to_str().unwrap()],
    )
    .unwrap();
    let made = dist(folder.path(), &["--binary", program]);
    hold_what_an_operator_needs(folder.path(), &made);
}

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
    let made = dist(folder, &["--revision", revision]);
    hold_what_an_operator_needs(folder, &made);
    made[1].clone()
}

/// Makes the tarball and the package, and tells their names in this order.
fn dist(folder: &Path, options: &[&str]) -> [String; 2] {
    let made = Command::new(env!("CARGO"))
        .args(["xtask", "dist", "--output"])
        .arg(folder)
        .args(options)
        .current_dir(ROOT)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&made.stderr)
    );
    [".tar.gz", ".deb"].map(|ending| {
        let mut words = said.split_whitespace();
        words
            .find(|word| word.ends_with(ending))
            .unwrap_or_else(|| panic!("no {ending}: {said}"))
            .to_owned()
    })
}

/// The program, what starts it, its completions and man pages, an example configuration and the
/// licences; and the tarball's program runs.
fn hold_what_an_operator_needs(folder: &Path, [tarball, package]: &[String; 2]) {
    let pages = fs::read_dir(Path::new(ROOT).join("docs/man")).unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    let pages: Vec<String> = pages.collect();
    assert!(pages.len() > 1, "{pages:?}");
    let [tarball, package] = [tarball, package].map(|name| folder.join(name));
    let [tarball, package] = [&tarball, &package].map(|path| path.to_str().unwrap());

    let contents = run("dpkg-deb", ["--contents", package]).unwrap();
    let held: Vec<&str> = contents
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5)?.strip_prefix("./"))
        .collect();
    let pages_held = pages
        .iter()
        .map(|page| format!("usr/share/man/man8/{page}.gz"));
    for name in pages_held.chain(IN_PACKAGE.map(str::to_owned)) {
        assert!(held.contains(&name.as_str()), "no {name}: {contents}");
    }

    let contents = run("tar", ["--list", "--file", tarball]).unwrap();
    let (top, _) = contents.split_once('/').unwrap();
    let held: Vec<&str> = contents.lines().collect();
    let pages_held = pages.iter().map(|page| format!("man/{page}"));
    for name in pages_held.chain(IN_TARBALL.map(str::to_owned)) {
        let name = format!("{top}/{name}");
        assert!(held.contains(&name.as_str()), "no {name}: {contents}");
    }
    let to = folder.to_str().unwrap();
    run("tar", ["--extract", "--file", tarball, "--directory", to]).unwrap();
    let program = folder.join(top).join("routemesh");
    let version = run(program.to_str().unwrap(), ["--version"]).unwrap();
    assert!(
        version.contains(env!("CARGO_PKG_VERSION")),
        "{program:?} says {version}"
    );
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
