//! What the kernel lets us do.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use anyhow::{Context as _, Error, Result};
use nix::{
    libc,
    sys::{
        resource::{RLIM_INFINITY, Resource, getrlimit},
        statfs::{BPF_FS_MAGIC, statfs},
    },
};

use super::{Finding, Host};
use crate::datapath::probe;

/// Where the kernel tells of its lockdown, the state in brackets.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const JIT: &str = "/proc/sys/net/core/bpf_jit_enable";

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn capabilities(host: &Host) -> Result<Vec<Finding>> {
    if host.is_capable() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::error(
        format!("{} missing", host.missing_capabilities.join(", ")),
        "without them no program can be loaded or attached, and some of these checks not be made",
        "run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, as the systemd unit does",
    )])
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn bpffs(host: &Host) -> Result<Vec<Finding>> {
    let directory = &host.bpffs;
    let below = directory.parent().unwrap_or(directory);
    if !statfs(below).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC) {
        return Ok(vec![Finding::error(
            format!("{} is not in a BPF file system", directory.display()),
            "what is pinned there outlives the daemon, so that packets go on without it; only with CAP_SYS_ADMIN can the daemon mount it",
            format!("mount -t bpf bpf {}", below.display()),
        )]);
    }
    let own = nix::unistd::geteuid().as_raw();
    let stranger = |directory: &Path| {
        let owner = fs::metadata(directory).ok()?.uid();
        // Who could not be the daemon asks for one of root.
        let is_root = owner == 0 && !host.is_capable();
        (owner != own && !is_root).then_some(owner)
    };
    Ok(stranger(directory)
        .map(|owner| {
            Finding::error(
                format!("{} belongs to user {owner}", directory.display()),
                "who can write there can put programs in the place of ours; the daemon refuses it",
                format!("rm -r {}", directory.display()),
            )
        })
        .into_iter()
        .collect())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn lockdown(_: &Host) -> Result<Vec<Finding>> {
    let state = fs::read_to_string(LOCKDOWN).unwrap_or_default();
    if !state.contains("[confidentiality]") {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::warning(
        "the kernel is locked down for confidentiality",
        "some distributions' kernels then load no BPF programs; whether this one does, 'programs' tells",
        "start the kernel with 'lockdown=integrity', or without that word",
    )])
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn jit(_: &Host) -> Result<Vec<Finding>> {
    let state = fs::read_to_string(JIT).unwrap_or_default();
    if state.trim() != "0" {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::warning(
        "BPF programs are interpreted",
        "every packet costs several times as much as with the compiler",
        "sysctl -w net.core.bpf_jit_enable=1",
    )])
}

pub(super) fn memlock(_: &Host) -> Result<Vec<Finding>> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    let counts = soft != RLIM_INFINITY && probe::memlock_counts()?;
    Ok(limited(counts, soft).into_iter().collect())
}

fn limited(counts: bool, soft: u64) -> Option<Finding> {
    counts.then(|| {
        Finding::error(
            format!("this kernel counts maps against RLIMIT_MEMLOCK, which is {soft} bytes"),
            "maps that are larger are refused with EPERM, which looks like missing rights",
            "ulimit -l unlimited",
        )
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn programs(host: &Host) -> Result<Vec<Finding>> {
    let refused = probe::load(host.config.limits.routes).err();
    let finding = |error: Error| {
        Finding::error(
            format!("{error:#}"),
            "this is what keeps the daemon from starting",
            remedy(&error),
        )
    };
    Ok(refused.map(finding).into_iter().collect())
}

/// What may help against a refusal, by its number.
fn remedy(error: &Error) -> &'static str {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref());
    match causes.filter_map(io::Error::raw_os_error).next() {
        Some(libc::EMFILE) => "ulimit -n 4096",
        Some(libc::ENOMEM | libc::E2BIG) => "set a smaller limits.routes",
        _ => "use a kernel that the README's requirements name",
    }
}

pub(super) fn hooks(_: &Host) -> Result<Vec<Finding>> {
    probe::load(1).context("there is no program to attach")?;
    match probe::attach() {
        Ok(true) => Ok(Vec::new()),
        Ok(false) => anyhow::bail!("a network namespace to try it in needs CAP_SYS_ADMIN"),
        Err(error) => Ok(vec![Finding::error(
            format!("{error:#}"),
            "where no program can be attached, no packet is forwarded",
            "use a kernel with CONFIG_NET_CLS_ACT, CONFIG_NET_CLS_BPF and CONFIG_BPF_SYSCALL, as Debian's",
        )]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_does_not_count_is_no_finding() {
        assert_eq!(limited(false, 8 << 20), None);
        let found = limited(true, 65_536).unwrap();
        assert!(found.what.contains("65536 bytes"), "{}", found.what);
        assert_eq!(found.fix, "ulimit -l unlimited");
    }
}
