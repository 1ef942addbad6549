//! `routemesh doctor`: what on this host is in the way, why that matters, and what mends it.
//!
//! It needs no daemon, and changes nothing. Where something can be tried without disturbing
//! anybody it is tried, and no version is asked; what disturbs is tried where that is asked for.
//! Another check is a function and a line of [`CHECKS`].

mod devices;
mod host;
mod kernel;
mod paths;
mod ports;
mod programs;
mod sysctls;
mod veths;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

pub use host::Host;

/// What to examine.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; none for the one built in.
    pub config: Option<PathBuf>,
    /// The directory in the BPF file system that the daemon pins in.
    pub bpffs: PathBuf,
    /// The names of the checks to make; empty: all.
    pub checks: Vec<String>,
    /// Whether XDP is attached for a moment where it is to be and is not, although a driver may
    /// take its link down for that.
    pub try_xdp: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Some packets are lost or slow, or will be.
    Warning,
    /// It does not work like that.
    Error,
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is the case.
    pub what: String,
    /// Why that matters.
    pub why: String,
    /// The command that mends it, or what to do where no command can.
    pub fix: String,
}

impl Finding {
    fn new(severity: Severity, what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self {
            severity,
            what: what.into(),
            why: why.to_owned(),
            fix: fix.into(),
        }
    }

    fn error(what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self::new(Severity::Error, what, why, fix)
    }

    fn warning(what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self::new(Severity::Warning, what, why, fix)
    }

    fn note(what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self::new(Severity::Note, what, why, fix)
    }
}

/// What a check needs before it can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The daemon's capabilities.
    Capabilities,
}

/// A thing that is looked at.
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What is looked at, and how.
    pub about: &'static str,
    needs: Needs,
    run: fn(&Host) -> Result<Vec<Finding>>,
}

/// All checks, in their order.
pub const CHECKS: &[Check] = &[
    check(
        "configuration",
        "The file is read, and compared with this host",
        host::configuration,
    ),
    check(
        "capabilities",
        "Those that the daemon needs are there",
        kernel::capabilities,
    ),
    check(
        "bpffs",
        "The directory to pin in is in a BPF file system, and nobody else's",
        kernel::bpffs,
    ),
    check(
        "lockdown",
        "The kernel is not locked down so far that programs cannot be loaded",
        kernel::lockdown,
    ),
    check(
        "jit",
        "Programs are compiled, and not interpreted",
        kernel::jit,
    ),
    privileged(
        "memlock",
        "Maps are made with RLIMIT_MEMLOCK at 0: where that fails, the limit counts",
        kernel::memlock,
    ),
    privileged(
        "programs",
        "Both programs, and maps of the size configured, are loaded and let go of",
        kernel::programs,
    ),
    privileged(
        "hooks",
        "Both programs are attached in a network namespace that ends with that",
        kernel::hooks,
    ),
    check(
        "interfaces",
        "Uplinks and container networks are up",
        devices::interfaces,
    ),
    check(
        "xdp",
        "What the drivers of uplinks that are to have XDP say they can do, or do when they are tried",
        devices::xdp,
    ),
    check(
        "offloads",
        "The other ends of veths with XDP take what it sends, and send what it can send on",
        veths::offloads,
    ),
    check(
        "foreign-programs",
        "XDP and tc programs of others, and second ones of ours, on our interfaces",
        programs::foreign,
    ),
    check(
        "next-hops",
        "Each next hop has a way there, and a neighbour that answers",
        paths::next_hops,
    ),
    check(
        "mtu",
        "Container networks send nothing that is larger than the paths configured",
        paths::mtu,
    ),
    check(
        "ports",
        "No kernel device and no process has the UDP ports of tunnels in use",
        ports::clashes,
    ),
    check(
        "rp-filter",
        "The kernel does not drop what is left to it because of its source",
        sysctls::rp_filter,
    ),
    check(
        "forwarding",
        "The kernel forwards what is left to it",
        sysctls::forwarding,
    ),
];

const fn check(
    name: &'static str,
    about: &'static str,
    run: fn(&Host) -> Result<Vec<Finding>>,
) -> Check {
    Check {
        name,
        about,
        needs: Needs::Nothing,
        run,
    }
}

const fn privileged(
    name: &'static str,
    about: &'static str,
    run: fn(&Host) -> Result<Vec<Finding>>,
) -> Check {
    Check {
        needs: Needs::Capabilities,
        ..check(name, about, run)
    }
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// The check's name.
    pub check: &'static str,
    /// Why it could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What it found; empty where all is well.
    pub findings: Vec<Finding>,
}

/// Makes the checks on the host of this network namespace.
///
/// # Errors
/// When the kernel does not tell of its interfaces.
pub fn examine(options: &Options) -> Result<Vec<Examined>> {
    let host = Host::look(options)?;
    let wanted = |check: &&Check| {
        options.checks.is_empty() || options.checks.iter().any(|name| name == check.name)
    };
    let checks = CHECKS.iter().filter(wanted);
    Ok(checks.map(|check| made(check, &host)).collect())
}

fn made(check: &Check, host: &Host) -> Examined {
    let result = if check.needs == Needs::Capabilities && !host.is_capable() {
        Err(anyhow::anyhow!("needs the capabilities of the daemon"))
    } else {
        (check.run)(host)
    };
    let (unknown, findings) = match result {
        Ok(findings) => (None, findings),
        Err(error) => (Some(format!("{error:#}")), Vec::new()),
    };
    Examined {
        check: check.name,
        unknown,
        findings,
    }
}
