//! What a daemon holds, and by how much that may grow.

use std::{collections::BTreeSet, fmt, fs};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{Footprint, Routemesh, attached, pinned_maps, pinned_under};

/// By how many KiB a daemon's own memory may grow in a life, for some fifty more routes and what the
/// allocator does not give back: 332 were seen. One that keeps 3 KiB of each operation is over it
/// within a life.
const MEMORY: u64 = 512;

/// Memory of a daemon's own that is in use, in KiB: what is of a file or of a map is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory(u64);

impl Memory {
    fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let words = line.and_then(|rest| rest.split_whitespace().next());
        Ok(Self(words.context("no RssAnon")?.parse()?))
    }

    /// Fails when it is more than this life had at first.
    pub(crate) fn ensure_not_grown(self, first: Self) -> Result<()> {
        ensure!(
            self.0 <= first.0 + MEMORY,
            "its memory grew from {} to {} KiB",
            first.0,
            self.0
        );
        Ok(())
    }
}

/// What a daemon holds, in its process and in the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    memory: Memory,
    descriptors: usize,
    netlink: usize,
    maps: usize,
    programs: usize,
    hooks: usize,
    pins: usize,
}

impl Holdings {
    /// Reads them; that many hooks are to be thought of as being there. `maps` are those of all the
    /// daemon's lives.
    ///
    /// # Errors
    /// When there is anything of a life before, too.
    pub(crate) fn of(daemon: &Routemesh, away: usize, maps: &BTreeSet<u32>) -> Result<Self> {
        let (pid, node) = (daemon.pid().context("it is not running")?, daemon.node());
        ensure_one_set(daemon)?;
        let footprint = Footprint::of(node, daemon)?;
        let strange = footprint.strangers(maps);
        ensure!(strange.is_empty(), "left of a life before: {strange:?}");
        let (programs, maps) = footprint.loaded();
        let targets = descriptors(pid)?;
        let own: BTreeSet<_> = targets.iter().filter_map(|target| inode(target)).collect();
        let table = fs::read_to_string(format!("/proc/{pid}/net/netlink"))?;
        let sockets = table
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        Ok(Self {
            memory: Memory::of(pid)?,
            descriptors: targets.len(),
            netlink: sockets.filter(|inode| own.contains(inode)).count(),
            maps,
            programs,
            hooks: attached(node)?.len() + away,
            // A hook's link has one.
            pins: pinned_under(daemon.bpffs()).len() + away,
        })
    }

    pub(crate) fn memory(&self) -> Memory {
        self.memory
    }

    /// The greater of each.
    pub(crate) fn or_more(&self, other: &Self) -> Self {
        Self {
            memory: self.memory,
            descriptors: self.descriptors.max(other.descriptors),
            netlink: self.netlink.max(other.netlink),
            maps: self.maps.max(other.maps),
            programs: self.programs.max(other.programs),
            hooks: self.hooks.max(other.hooks),
            pins: self.pins.max(other.pins),
        }
    }

    /// Fails when there is more than there was at first of anything but memory.
    pub(crate) fn ensure_not_above(&self, first: &Self) -> Result<()> {
        let within = self.descriptors <= first.descriptors
            && self.netlink <= first.netlink
            && self.maps <= first.maps
            && self.programs <= first.programs
            && self.hooks <= first.hooks
            && self.pins <= first.pins;
        ensure!(within, "it grew from {first} to {self}");
        Ok(())
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB, {} descriptors, {} netlink sockets, {} maps, {} programs, {} hooks, {} pins",
            self.memory.0,
            self.descriptors,
            self.netlink,
            self.maps,
            self.programs,
            self.hooks,
            self.pins
        )
    }
}

/// Fails when there are other maps pinned than one daemon's.
fn ensure_one_set(daemon: &Routemesh) -> Result<()> {
    let maps = pinned_maps(daemon.bpffs())?;
    let sets: BTreeSet<_> = maps.keys().filter_map(|pin| pin.parent()).collect();
    ensure!(sets.len() == 1, "not one set of maps is pinned: {sets:?}");
    Ok(())
}

fn descriptors(pid: u32) -> Result<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(targets.map(|path| path.display().to_string()).collect())
}

fn inode(target: &str) -> Option<&str> {
    target.strip_prefix("socket:[")?.strip_suffix(']')
}
