//! Whether this process may load programs: asked first, since the kernel's own answer comes late
//! and is a page of its verifier's log.

use std::fs;

use anyhow::{Context as _, Result, ensure};

/// What is needed, by the kernel's numbers. Before 5.8 `CAP_SYS_ADMIN` stood for the first and
/// the last, and it does still.
const NEEDED: [(&str, u64); 3] = [
    ("CAP_BPF", 1 << 39 | SYS_ADMIN),
    ("CAP_NET_ADMIN", 1 << 12),
    ("CAP_PERFMON", 1 << 38 | SYS_ADMIN),
];
const SYS_ADMIN: u64 = 1 << 21;

/// Fails when a capability is missing, and names it.
pub(super) fn check() -> Result<()> {
    let lacking = missing()?;
    ensure!(
        lacking.is_empty(),
        "{} missing: run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
        lacking.join(", ")
    );
    Ok(())
}

/// The names of those that are missing.
pub(super) fn missing() -> Result<Vec<&'static str>> {
    let status = fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    lacking(&status).context("find the capabilities in /proc/self/status")
}

fn lacking(status: &str) -> Option<Vec<&'static str>> {
    let hex = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let held = u64::from_str_radix(hex.trim(), 16).ok()?;
    let missing = NEEDED.into_iter().filter(|(_, any)| held & any == 0);
    Some(missing.map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let of = |mask: &str| lacking(&format!("Uid:\t0\nCapEff:\t{mask}\n")).unwrap();
        assert_eq!(of("000001ffffffffff"), [""; 0]);
        assert_eq!(of("000000c000001000"), [""; 0]);
        assert_eq!(of("0000000000201000"), [""; 0]);
        assert_eq!(of("0000008000001000"), ["CAP_PERFMON"]);
        assert_eq!(of("0000000000000000").len(), 3);
    }

    #[test]
    fn a_status_without_capabilities_is_not_understood() {
        assert_eq!(lacking("Uid:\t0\n"), None);
    }
}
