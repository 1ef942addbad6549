//! What a daemon has put into the kernel, and what is still there afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Child,
};

use anyhow::{Context, Result, ensure};
use aya::{
    maps::{MapInfo, loaded_maps},
    programs::{ProgramInfo, SchedClassifier, TcAttachType, loaded_programs},
    util::KernelVersion,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Node, PATIENCE, Routemesh, eventually};

/// Programs and maps of one daemon by id, which the kernel does not give out again; where it
/// pins and listens; and the host it does that on.
pub struct Footprint {
    node: Node,
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    bpffs: PathBuf,
    socket: PathBuf,
}

/// What is there of a [`Footprint`], each thing in words.
pub type Leftovers = Vec<String>;

impl Footprint {
    /// Takes the footprint of a daemon that is running.
    ///
    /// # Errors
    /// When it is not, or the kernel does not say.
    pub fn of(node: &Node, daemon: &Routemesh) -> Result<Self> {
        let pid = daemon.pid().context("the daemon is not running")?;
        let mut programs = open(pid, "prog_id:")?;
        programs.extend(attached(node)?.iter().map(|(id, _)| *id));
        Ok(Self {
            node: node.clone(),
            programs,
            maps: open(pid, "map_id:")?,
            bpffs: daemon.bpffs().to_owned(),
            socket: daemon.socket(),
        })
    }

    /// Whether there are programs, maps and pins at all.
    #[must_use]
    pub fn is_real(&self) -> bool {
        !self.programs.is_empty() && !self.maps.is_empty() && !pinned_under(&self.bpffs).is_empty()
    }

    /// How many programs and maps there were.
    #[must_use]
    pub fn loaded(&self) -> (usize, usize) {
        (self.programs.len(), self.maps.len())
    }

    /// What is there of daemons before, which had these maps: the maps, and programs that use them
    /// or those of now, beside this daemon's own.
    #[must_use]
    pub fn strangers(&self, maps: &BTreeSet<u32>) -> Leftovers {
        let all = maps | &self.maps;
        let programs = loaded_programs().flatten();
        let strange = programs
            .filter(|program| !self.programs.contains(&program.id()) && uses(program, &all))
            .map(|program| format!("program {}", program.id()));
        let loaded = loaded_maps().flatten().map(|info| info.id());
        strange
            .chain(still("map", &(maps - &self.maps), loaded))
            .collect()
    }

    /// What is still there: loaded programs and maps, programs attached to the host's
    /// interfaces, pins, qdiscs and the socket.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn leftovers(&self) -> Result<Leftovers> {
        let mut left = Leftovers::new();
        let programs = loaded_programs().flatten().map(|info| info.id());
        left.extend(still("program", &self.programs, programs));
        let maps = loaded_maps().flatten().map(|info| info.id());
        left.extend(still("map", &self.maps, maps));
        left.extend(attached(&self.node)?.into_iter().map(|(_, what)| what));
        left.extend(
            pinned_under(&self.bpffs)
                .iter()
                .map(|pin| pin.display().to_string()),
        );
        left.extend(qdiscs(&self.node)?);
        if self.socket.exists() {
            left.push(self.socket.display().to_string());
        }
        Ok(left)
    }

    /// Waits until nothing of it is there any more: the kernel frees programs and maps a moment
    /// after their last user has gone.
    ///
    /// # Errors
    /// When something stays: what.
    pub fn until_gone(&self) -> Result<()> {
        eventually("nothing to be left", PATIENCE, || {
            let left = self.leftovers()?;
            ensure!(left.is_empty(), "left behind: {}", left.join(", "));
            Ok(())
        })
    }
}

impl Routemesh {
    /// Starts the daemon once more, to end with all that any of its lives put into the kernel.
    ///
    /// # Errors
    /// When something stays.
    pub fn end_without_trace(&mut self) -> Result<()> {
        let footprint = Footprint::of(self.node(), self)?;
        self.set_options(&["--detach-on-exit"]);
        self.kill();
        self.resume()?;
        self.stop()?;
        footprint.until_gone()
    }

    /// Memory that the kernel has for the daemon's maps, in bytes.
    ///
    /// # Errors
    /// When the daemon is not running, or the kernel does not say.
    pub fn map_memory(&self) -> Result<u64> {
        let pid = self.pid().context("the daemon is not running")?;
        let size = |text: String| Some((number(&text, "map_id:")?, number(&text, "memlock:")?));
        // Some are open more than once.
        let sizes: BTreeMap<u64, u64> = descriptors(pid)?.filter_map(size).collect();
        Ok(sizes.values().sum())
    }
}

/// Interrupts a program that makes a lab of its own once that many daemons of it pin, waits for its
/// end, and fails when it says anything but that it was interrupted, or leaves pins.
///
/// # Errors
/// Just then.
pub fn interrupt(program: Child, daemons: usize) -> Result<()> {
    let pid = program.id();
    eventually("the daemons to run", PATIENCE * 4, || {
        ensure!(pins(pid).len() >= daemons);
        Ok(())
    })?;
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGINT)?;
    let output = program.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "{output:?}");
    ensure!(pins(pid).is_empty(), "left behind: {:?}", pins(pid));
    Ok(())
}

/// Whether a program uses one of these maps. (Before kernel 4.15 it does not say.)
fn uses(program: &ProgramInfo, maps: &BTreeSet<u32>) -> bool {
    let used = program.map_ids().ok().flatten().unwrap_or_default();
    used.iter().any(|id| maps.contains(id))
}

fn still(kind: &str, ours: &BTreeSet<u32>, loaded: impl Iterator<Item = u32>) -> Leftovers {
    loaded
        .filter(|id| ours.contains(id))
        .map(|id| format!("{kind} {id}"))
        .collect()
}

/// Programs attached to interfaces of the node by XDP or tc, by id and with a word on each.
///
/// # Errors
/// When the kernel does not say.
pub fn attached(node: &Node) -> Result<Vec<(u32, String)>> {
    let json = node.run(["ip", "-json", "-details", "link", "show"])?;
    let links: serde_json::Value = serde_json::from_str(&json).context("ip link show")?;
    let mut found = Vec::new();
    for link in links.as_array().into_iter().flatten() {
        let name = link["ifname"].as_str().context("a link without a name")?;
        if let Some(id) = link["xdp"]["prog"]["id"].as_u64() {
            found.push((id as u32, format!("XDP program {id} on {name}")));
        }
        let ids = if has_tcx() {
            tcx_programs(node, name)?
        } else {
            filters(node, name)?
        };
        found.extend(
            ids.iter()
                .map(|id| (*id, format!("tc program {id} on {name}"))),
        );
    }
    Ok(found)
}

/// The folders of pins of the daemons that the process `pid` started in labs.
#[must_use]
pub fn pins(pid: u32) -> Vec<String> {
    let prefix = format!("routemesh-test-{pid}-");
    fs::read_dir("/sys/fs/bpf")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

/// Whether this kernel attaches tc programs by links; else they are filters of a qdisc.
#[must_use]
pub fn has_tcx() -> bool {
    KernelVersion::current().is_ok_and(|current| current >= KernelVersion::new(6, 6, 0))
}

/// Whether this kernel tells what XDP features a driver has.
#[must_use]
pub fn tells_xdp_features() -> bool {
    KernelVersion::current().is_ok_and(|current| current >= KernelVersion::new(6, 3, 0))
}

/// Whether a program can tell this kernel the family of what it takes out of a tunnel
/// (`BPF_F_ADJ_ROOM_DECAP_L3_IPV4` and its like).
#[must_use]
pub fn has_decapsulation_flags() -> bool {
    KernelVersion::current().is_ok_and(|current| current >= KernelVersion::new(6, 3, 0))
}

fn tcx_programs(node: &Node, interface: &str) -> Result<Vec<u32>> {
    node.enter(|| {
        let mut ids = Vec::new();
        for hook in [TcAttachType::Ingress, TcAttachType::Egress] {
            let (_, programs) = SchedClassifier::query_tcx(interface, hook)
                .with_context(|| format!("ask for the tcx programs of {interface}"))?;
            ids.extend(programs.iter().map(ProgramInfo::id));
        }
        Ok(ids)
    })
}

fn filters(node: &Node, interface: &str) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for side in ["ingress", "egress"] {
        let json = node.run(["tc", "-json", "filter", "show", "dev", interface, side])?;
        let filters: serde_json::Value = serde_json::from_str(&json).context("tc filter show")?;
        let filters = filters.as_array().into_iter().flatten();
        ids.extend(filters.filter_map(|filter| filter["options"]["prog"]["id"].as_u64()));
    }
    Ok(ids.into_iter().map(|id| id as u32).collect())
}

/// The ids of BPF objects that a process holds open, of the kind named by `field`.
fn open(pid: u32, field: &str) -> Result<BTreeSet<u32>> {
    let ids = descriptors(pid)?.filter_map(|text| number(&text, field));
    Ok(ids.map(|id| id as u32).collect())
}

/// What the kernel says of each descriptor that a process holds open: `/proc/PID/fdinfo`.
fn descriptors(pid: u32) -> Result<impl Iterator<Item = String>> {
    let folder = format!("/proc/{pid}/fdinfo");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {folder}"))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok()))
}

fn number(text: &str, field: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().parse().ok()
}

/// All that is under `folder`: pins are files there, records of filters are folders.
#[must_use]
pub fn pinned_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            let mut found = pinned_under(&path);
            found.push(path);
            found
        })
        .collect()
}

/// The maps that are pinned under `folder`, each with its id.
///
/// # Errors
/// When the kernel does not say.
pub fn pinned_maps(folder: &Path) -> Result<BTreeMap<PathBuf, u32>> {
    let pins = pinned_under(folder).into_iter();
    let maps = pins.filter(|path| path.is_file() && parent(path) != Some("links"));
    maps.map(|path| {
        let info = MapInfo::from_pin(&path).with_context(|| path.display().to_string())?;
        let id = info.id();
        Ok((path, id))
    })
    .collect()
}

fn parent(path: &Path) -> Option<&str> {
    path.parent()?.file_name()?.to_str()
}

/// Queueing disciplines that hold tc programs.
fn qdiscs(node: &Node) -> Result<Leftovers> {
    let text = node.run(["tc", "qdisc", "show"])?;
    Ok(text
        .lines()
        .filter(|line| line.contains("clsact") || line.contains("ingress"))
        .map(str::to_owned)
        .collect())
}
