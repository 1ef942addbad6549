//! What a daemon holds, and by how much that may grow.

use std::{collections::BTreeSet, fmt, fs};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{Footprint, Node, Routemesh, attached};

/// By how many KiB resident memory may differ between two lives.
const MEMORY: u64 = 16 << 10;
/// The same for descriptors: clients may be connected.
const DESCRIPTORS: usize = 4;

/// What a daemon holds.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    memory: u64,
    descriptors: usize,
    netlink: usize,
    maps: usize,
    programs: usize,
    hooks: usize,
}

impl Holdings {
    /// Reads them; that many hooks are to be thought of as being there.
    pub(crate) fn of(node: &Node, daemon: &Routemesh, away: usize) -> Result<Self> {
        let pid = daemon.pid().context("the daemon is not running")?;
        let (programs, maps) = Footprint::of(node, daemon)?.loaded();
        let targets = descriptors(pid)?;
        let own: BTreeSet<_> = targets.iter().filter_map(|target| inode(target)).collect();
        let table = fs::read_to_string(format!("/proc/{pid}/net/netlink"))?;
        let sockets = table
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        Ok(Self {
            memory: resident(pid)?,
            descriptors: targets.len(),
            netlink: sockets.filter(|inode| own.contains(inode)).count(),
            maps,
            programs,
            hooks: attached(node)?.len() + away,
        })
    }

    /// The greater of each.
    pub(crate) fn or_more(&self, other: &Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            netlink: self.netlink.max(other.netlink),
            maps: self.maps.max(other.maps),
            programs: self.programs.max(other.programs),
            hooks: self.hooks.max(other.hooks),
        }
    }

    /// Fails when there is more than there was at first.
    pub(crate) fn ensure_not_above(&self, first: &Self) -> Result<()> {
        let within = self.memory <= first.memory + MEMORY
            && self.descriptors <= first.descriptors + DESCRIPTORS
            && self.netlink <= first.netlink
            && self.maps <= first.maps
            && self.programs <= first.programs
            && self.hooks <= first.hooks;
        ensure!(within, "it grew from {first} to {self}");
        Ok(())
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB, {} descriptors, {} netlink sockets, {} maps, {} programs, {} hooks",
            self.memory, self.descriptors, self.netlink, self.maps, self.programs, self.hooks
        )
    }
}

fn descriptors(pid: u32) -> Result<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(targets.map(|path| path.display().to_string()).collect())
}

fn inode(target: &str) -> Option<&str> {
    target.strip_prefix("socket:[")?.strip_suffix(']')
}

/// Resident memory in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.and_then(|rest| rest.split_whitespace().next());
    Ok(words.context("no VmRSS")?.parse()?)
}
