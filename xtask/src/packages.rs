//! Debian packages: which are missing, and installing them.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{is_root, output},
    setup::say,
};

/// A Debian package, known to be there by a program or a file, whoever installed it.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    name: &'static str,
    provides: &'static str,
}

const fn package(name: &'static str, provides: &'static str) -> Package {
    Package { name, provides }
}

/// What the Lab makes hosts, cables and traffic with.
pub(crate) const LAB: &[Package] = &[
    package("iproute2", "ip"),
    package("iputils-ping", "ping"),
    package("ethtool", "ethtool"),
    package("iperf3", "iperf3"),
    package("iptables", "iptables"),
    package("bpftool", "bpftool"),
];

const NFTABLES: Package = package("nftables", "nft");
const OPEN_VSWITCH: Package = package("openvswitch-switch", "ovs-vswitchd");

/// What the benchmark needs beside the Lab's.
pub(crate) const BENCH: &[Package] = &[NFTABLES, OPEN_VSWITCH];

/// What the tests need beside the Lab's.
pub(crate) const TESTS: &[Package] = &[
    NFTABLES,
    OPEN_VSWITCH,
    package("tcpdump", "tcpdump"),
    package("tshark", "tshark"),
    package("docker.io", "dockerd"),
    package("containernetworking-plugins", "/usr/lib/cni/bridge"),
    package("busybox-static", "busybox"),
    package("prometheus", "promtool"),
    package("strace", "strace"),
    package("systemd-container", "systemd-nspawn"),
    package("mmdebstrap", "mmdebstrap"),
];

/// What packing what users install needs.
pub(crate) const DIST: &[Package] = &[
    package("dpkg", "dpkg-deb"),
    package("tar", "tar"),
    package("gzip", "gzip"),
    package("coreutils", "sha256sum"),
];

/// What libFuzzer is built with.
pub(crate) const FUZZ: &[Package] = &[package("g++", "c++")];

/// What emulated machines need.
pub(crate) const VM: &[Package] = &[
    package(QEMU, "qemu-system-x86_64"),
    package("busybox-static", "busybox"),
    package("kmod", "depmod"),
    package("xz-utils", "xz"),
];

/// Installs those of `wanted` that the machine lacks, and says so.
///
/// # Errors
///
/// If one is missing and cannot be installed here; the error says what to do about it.
pub(crate) fn need(wanted: &[Package]) -> Result<()> {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|package| !is_there(package.provides))
        .map(|package| package.name)
        .collect();
    install(&missing)
}

/// Installs those Debian packages of `names` that are not installed, and says so.
///
/// Nothing is ever removed to make room for them, and no service is started where it can be helped.
///
/// # Errors
///
/// If one is missing and this is not Debian, or not root; or if apt-get fails.
pub(crate) fn install(names: &[&str]) -> Result<()> {
    let missing: Vec<_> = names
        .iter()
        .copied()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_debian() {
        bail!(
            "missing, in Debian's names: {list}; this is no Debian, so install your system's own"
        );
    }
    if !is_root() {
        bail!(
            "missing: run `sudo apt-get update && sudo apt-get install {} {list}`",
            OPTIONS.join(" ")
        );
    }
    say(&format!("installing {list}"));
    quietly(&mut apt_get("update"))?;
    let mut install = apt_get("install");
    install.arg("-y").args(OPTIONS).args(&missing);
    if missing.contains(&QEMU)
        && let Some(version) = other_version(QEMU_TOOLS, QEMU)?
    {
        say(&format!(
            "taking {QEMU_TOOLS} back to {version}: qemu's version of another breaks it"
        ));
        install
            .arg("--allow-downgrades")
            .arg(format!("{QEMU_TOOLS}={version}"));
    }
    quietly(&mut install)
}

const QEMU: &str = "qemu-system-x86";

/// Not needed, but where it is installed it must be of qemu's own version, and from backports it
/// is of another.
const QEMU_TOOLS: &str = "qemu-utils";

/// The version that `wanted` would be installed in, if `installed` is there in another.
fn other_version(installed: &str, wanted: &str) -> Result<Option<String>> {
    if !is_installed(installed) {
        return Ok(None);
    }
    let versions = |package| -> Result<_> {
        let policy = output(
            Command::new("apt-cache")
                .env("LC_ALL", "C")
                .args(["policy", package]),
        )?;
        let field = |name| {
            let mut lines = policy.lines();
            let value = lines.find_map(|line| line.trim().strip_prefix(name));
            value.map(|value| value.trim().to_owned())
        };
        Ok((field("Installed:"), field("Candidate:")))
    };
    let ((there, _), (_, candidate)) = (versions(installed)?, versions(wanted)?);
    Ok(candidate.filter(|candidate| Some(candidate) != there.as_ref()))
}

const OPTIONS: &[&str] = &["--no-install-recommends", "--no-remove"];

fn apt_get(verb: &str) -> Command {
    let mut command = Command::new("apt-get");
    // Run level 1 keeps sysvinit's scripts, as in a container, from starting a service.
    command
        .args([
            "-q",
            "-oAcquire::Retries=3",
            "-oDPkg::Lock::Timeout=300",
            verb,
        ])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null());
    command
}

/// Runs apt-get, whose hundreds of lines are of interest only if it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output().context("run apt-get")?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    bail!("apt-get: {}: {}", output.status, errors.trim());
}

/// Whether packages can be had with apt-get.
pub(crate) fn is_debian() -> bool {
    is_there("apt-get")
}

fn is_installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", name])
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

/// Whether a program is on the PATH or where administrators' programs are, or a file exists.
fn is_there(provides: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .any(|directory| directory.join(provides).exists())
}
