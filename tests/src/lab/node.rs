//! A network namespace, and how to act within it.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::fd::AsRawFd,
    panic,
    process::{Command, Output},
    sync::Arc,
    thread,
};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns, unshare};

use super::process::{self, Process};

/// A network namespace. Clones are handles to the same one; it goes with the last of them and
/// the last process in it.
#[derive(Clone)]
pub struct Node(Arc<Namespace>);

struct Namespace {
    name: String,
    file: File,
}

impl Node {
    /// A namespace with `lo` up, which forwards nothing, and in which IPv6 addresses can be
    /// used at once and no router is asked for. `name` is for messages.
    pub(super) fn new(name: &str) -> Result<Self> {
        let file = thread::scope(|scope| {
            let new = scope.spawn(|| -> Result<File> {
                unshare(CloneFlags::CLONE_NEWNET)?;
                Ok(File::open("/proc/thread-self/ns/net")?)
            });
            new.join()
                .unwrap_or_else(|cause| panic::resume_unwind(cause))
        })
        .with_context(|| format!("make a network namespace for {name}; are you root?"))?;
        let name = name.to_owned();
        let node = Self(Arc::new(Namespace { name, file }));
        for (key, value) in [
            ("ipv4.ip_forward", "0"),
            ("ipv6.conf.all.forwarding", "0"),
            ("ipv6.conf.default.accept_dad", "0"),
            ("ipv6.conf.default.accept_ra", "0"),
            ("ipv6.conf.default.router_solicitations", "0"),
        ] {
            node.sysctl(key, value)?;
        }
        node.ip("link set lo up")?;
        Ok(node)
    }

    /// A namespace made by someone else, as `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// When there is none.
    pub fn existing(name: &str, path: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("open the namespace {path}"))?;
        let name = name.to_owned();
        Ok(Self(Arc::new(Namespace { name, file })))
    }

    /// The node's name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A path by which other processes can enter the namespace (`nsenter --net=PATH`), for as
    /// long as this one lives.
    #[must_use]
    pub fn path(&self) -> String {
        let fd = self.0.file.as_raw_fd();
        format!("/proc/{}/fd/{fd}", std::process::id())
    }

    /// Runs `work` on a thread within the namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered, and those of `work`.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.0.file, CloneFlags::CLONE_NEWNET)
                    .with_context(|| format!("enter the namespace of {}", self.name()))?;
                work()
            });
            inside
                .join()
                .unwrap_or_else(|cause| panic::resume_unwind(cause))
        })
    }

    /// A command to be run within the namespace, which dies with this process.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "nsenter"])
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs the program `words[0]` to its end and returns its stdout.
    ///
    /// # Errors
    /// When it cannot be started or ends with an exit code other than 0.
    pub fn run<const N: usize>(&self, words: [&str; N]) -> Result<String> {
        process::finish(&mut self.words(&words), "").with_context(|| format!("on {}", self.name()))
    }

    /// Runs the program `words[0]` to its end, however it ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(&self, words: &[&str]) -> Result<Output> {
        process::output(&mut self.words(words), "").with_context(|| format!("on {}", self.name()))
    }

    /// Starts the program `words[0]`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn<const N: usize>(&self, words: [&str; N]) -> Result<Process> {
        Process::spawn(&mut self.words(&words)).with_context(|| format!("on {}", self.name()))
    }

    fn words(&self, words: &[&str]) -> Command {
        let mut command = self.command(words[0]);
        command.args(&words[1..]);
        command
    }

    /// Runs lines of `ip` commands, without the word `ip`; the first that fails is the last.
    ///
    /// # Errors
    /// What `ip` says to the line that failed.
    pub fn ip(&self, lines: &str) -> Result<()> {
        let mut command = self.words(&["ip", "-batch", "-"]);
        process::finish(&mut command, lines)
            .with_context(|| format!("ip on {}:\n{lines}", self.name()))?;
        Ok(())
    }

    /// Sets `net.KEY`, with the key as `ipv4.ip_forward`.
    ///
    /// # Errors
    /// When the kernel has no such key or refuses the value.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{}", key.replace('.', "/"));
        self.enter(|| {
            fs::write(&path, value)
                .with_context(|| format!("write {value} to {path} on {}", self.name()))
        })
    }

    /// Makes the kernel forward between the node's interfaces, IPv4 and IPv6.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forward(&self) -> Result<()> {
        self.sysctl("ipv4.ip_forward", "1")?;
        self.sysctl("ipv6.conf.all.forwarding", "1")
    }

    /// Takes an interface up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn up(&self, interface: &str) -> Result<()> {
        self.ip(&format!("link set {interface} up"))
    }

    /// Takes an interface down.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn down(&self, interface: &str) -> Result<()> {
        self.ip(&format!("link set {interface} down"))
    }

    /// Sets an interface's MTU, in bytes.
    ///
    /// # Errors
    /// When there is none of that name, or it refuses.
    pub fn mtu(&self, interface: &str, mtu: u32) -> Result<()> {
        self.ip(&format!("link set {interface} mtu {mtu}"))
    }

    /// Switches an offload of an interface, by its name in `ethtool -K`.
    ///
    /// # Errors
    /// What `ethtool` says.
    pub fn offload(&self, interface: &str, offload: &str, on: bool) -> Result<()> {
        let state = if on { "on" } else { "off" };
        self.run(["ethtool", "-K", interface, offload, state])?;
        Ok(())
    }

    /// The MAC of an interface.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn mac(&self, interface: &str) -> Result<[u8; 6]> {
        let json = self.run(["ip", "-json", "link", "show", interface])?;
        let links: serde_json::Value = serde_json::from_str(&json)?;
        let text = links[0]["address"].as_str().context("no address")?;
        let mut mac = [0; 6];
        for (byte, digits) in mac.iter_mut().zip(text.split(':')) {
            *byte = u8::from_str_radix(digits, 16)?;
        }
        Ok(mac)
    }
}
