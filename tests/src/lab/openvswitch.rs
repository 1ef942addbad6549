//! A real Open vSwitch on a host of the lab, with its datapath in user space.

use std::{
    fs::{self, File},
    net::IpAddr,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Host, PATIENCE, Process, Wire, eventually, process, run};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const DATABASE_SOCKET: &str = "db.sock";

/// Open vSwitch in a host's namespace, with all its files in a folder of its own; it goes when
/// it is dropped.
///
/// The uplink `eth0` is a port of the bridge `br-phy`, which has the host's addresses. Tunnels are
/// ports of the bridge `br-int`, whose interface of that name the host's routes can lead to.
///
/// It reads frames as they lie in memory: who sends to it must finish checksums, and cut
/// super-packets into segments, before they leave ([`super::Segments::ByUplink`]).
pub struct OpenVswitch {
    // In this order they end.
    switch: Process,
    _database: Process,
    folder: TempDir,
}

impl OpenVswitch {
    /// The interface of the host that leads into the tunnels.
    pub const INTERFACE: &'static str = "br-int";

    /// Starts it on `host`, whose uplink is on `wire`, and waits until it switches. `mac` is that
    /// of [`Self::INTERFACE`], and `mtu` what the tunnels leave of the underlay's.
    ///
    /// # Errors
    /// When it is not installed, or does not come up: with the end of its log.
    pub fn start(host: &Host, wire: &Wire, mac: &str, mtu: u32) -> Result<Self> {
        let folder = TempDir::with_prefix("routemesh-ovs-")?;
        let file = folder.path().join("conf.db").display().to_string();
        run("ovsdb-tool", ["create", &file, SCHEMA])?;
        let remote = format!("--remote=punix:{}", socket(folder.path(), DATABASE_SOCKET));
        let database = start(host, folder.path(), "ovsdb-server", &[&file, &remote])?;
        let remote = database_of(folder.path());
        let switch = start(host, folder.path(), "ovs-vswitchd", &[&remote])?;
        let mut switch = Self {
            switch,
            _database: database,
            folder,
        };
        let prepared = switch.prepare(host, wire, mac, mtu);
        prepared.with_context(|| {
            let log = switch.folder.path().join("ovs-vswitchd.log");
            let log = fs::read_to_string(log).unwrap_or_default();
            format!("start Open vSwitch on {}:\n{log}", host.name())
        })?;
        Ok(switch)
    }

    fn prepare(&mut self, host: &Host, wire: &Wire, mac: &str, mtu: u32) -> Result<()> {
        eventually("ovsdb-server", PATIENCE, || {
            ensure!(self.switch.ended()?.is_none(), "ovs-vswitchd has ended");
            self.vsctl("--no-wait init").map(drop)
        })?;
        let uplink: Vec<_> = host.mac("eth0")?.map(|byte| format!("{byte:02x}")).into();
        for (bridge, mac) in [
            ("br-phy", uplink.join(":").as_str()),
            (Self::INTERFACE, mac),
        ] {
            self.vsctl(&format!(
                "add-br {bridge} -- set bridge {bridge} datapath_type=netdev \
                 other_config:hwaddr=\"{mac}\""
            ))?;
        }
        self.vsctl(&format!(
            "set interface {} mtu_request={mtu}",
            Self::INTERFACE
        ))?;
        host.ip("addr flush dev eth0")?;
        self.vsctl("add-port br-phy eth0")?;
        wire.address_interface(host, "br-phy")?;
        host.up(Self::INTERFACE)
    }

    /// Adds a tunnel to `remote` as a port of `br-int`. `kind` is `vxlan`, `geneve` or `gre`, and
    /// `key` its VNI or key, where it has one. TOS and TTL are as routemesh has them.
    ///
    /// # Errors
    /// What `ovs-vsctl` says.
    pub fn tunnel(&self, kind: &str, remote: IpAddr, key: Option<u32>) -> Result<()> {
        let port = format!("{kind}0");
        let key = key
            .map(|key| format!("options:key={key}"))
            .unwrap_or_default();
        self.vsctl(&format!(
            "add-port br-int {port} -- set interface {port} type={kind} \
             options:remote_ip=\"{remote}\" options:tos=inherit options:ttl=64 {key}"
        ))?;
        Ok(())
    }

    /// Packets that have left by the tunnel of that kind, which it counts up in a second or so.
    ///
    /// # Errors
    /// When there is none.
    pub fn tunnelled(&self, kind: &str) -> Result<u64> {
        let bridge = socket(self.folder.path(), &format!("{}.mgmt", Self::INTERFACE));
        let port = format!("{kind}0");
        let counts = run(
            "ovs-ofctl",
            ["dump-ports", &format!("unix:{bridge}"), &port],
        )?;
        // As `tx pkts=12, bytes=…`.
        let (_, sent) = counts
            .split_once("tx pkts=")
            .context("no count of packets")?;
        let digits = sent.split(|letter: char| !letter.is_ascii_digit()).next();
        Ok(digits.unwrap_or_default().parse()?)
    }

    /// Runs `ovs-vsctl` with these words, and waits until what they ask for is done.
    ///
    /// # Errors
    /// What `ovs-vsctl` says.
    pub fn vsctl(&self, words: &str) -> Result<String> {
        let database = format!("--db={}", database_of(self.folder.path()));
        let mut command = Command::new("ovs-vsctl");
        command
            .arg(database)
            .arg(format!("--timeout={}", PATIENCE.as_secs()))
            .args(words.split_whitespace());
        process::finish(&mut command, "")
    }
}

/// Starts one of its daemons in the foreground, with a log in `folder`.
fn start(host: &Host, folder: &Path, program: &str, words: &[&str]) -> Result<Process> {
    let log = File::create(folder.join(format!("{program}.log")))?;
    let mut command = host.command(program);
    command
        .args(words)
        .arg("--no-chdir")
        .arg(format!(
            "--unixctl={}",
            socket(folder, &format!("{program}.ctl"))
        ))
        // The syslog is the machine's, not the lab's.
        .arg("--verbose=syslog:off")
        .env("OVS_RUNDIR", folder)
        .env("OVS_LOGDIR", folder)
        .env("OVS_DBDIR", folder)
        .stdout(log.try_clone()?)
        .stderr(log);
    Process::spawn(&mut command)
}

fn database_of(folder: &Path) -> String {
    format!("unix:{}", socket(folder, DATABASE_SOCKET))
}

fn socket(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}
