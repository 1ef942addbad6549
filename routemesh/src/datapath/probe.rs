//! What this kernel can do, found out by doing it where it disturbs nobody.

use std::{
    fs, io,
    os::fd::{AsFd as _, BorrowedFd},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use aya::{
    Ebpf,
    programs::{
        LinkOrder, SchedClassifier, TcAttachType, Xdp, XdpMode, loaded_programs,
        tc::{TcAttachOptions, qdisc_add_clsact},
    },
};
use nix::{
    libc,
    sched::{CloneFlags, unshare},
    sys::resource::{Resource, getrlimit, setrlimit},
};
use routemesh_common::programs;

use super::{
    Hook,
    attach::{explain, has_tcx, typed},
    capabilities, link,
    load::load_unpinned,
    pins::Pins,
};

/// An interface that every network namespace has.
const LOOPBACK: &str = "lo";

/// A program of whomever, in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: u32,
    /// Its name; empty where it has none.
    pub name: String,
}

impl Found {
    /// Whether it is routemesh's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        [programs::TC, programs::XDP].contains(&self.name.as_str())
    }
}

/// The capabilities that this process lacks to be the daemon.
///
/// # Errors
/// When the kernel does not tell.
pub fn missing_capabilities() -> Result<Vec<&'static str>> {
    capabilities::missing()
}

/// Loads both programs with maps for `routes` routes, and lets go of them.
///
/// # Errors
/// What the kernel refused.
pub fn load(routes: u32) -> Result<()> {
    loaded(routes).map(drop)
}

/// Attaches both programs to the loopback of a network namespace of its own, which ends with
/// them. False where this process may not make one.
///
/// # Errors
/// What the kernel refused.
pub fn attach() -> Result<bool> {
    let attempt = || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return Ok(false);
        }
        let mut ebpf = loaded(1)?;
        attach_tc(&mut ebpf).context("attach a tc program")?;
        let xdp: &mut Xdp = typed(&mut ebpf, programs::XDP)?;
        xdp.attach(LOOPBACK, XdpMode::Skb)
            .map_err(explain)
            .context("attach an XDP program")?;
        Ok(true)
    };
    let ended = thread::spawn(attempt).join();
    ended.unwrap_or_else(|_| Err(anyhow!("the attempt panicked")))
}

/// XDP's program, over maps of its own, to try drivers with. What it is attached to lets go of it
/// when this is dropped, or the process ends.
pub struct XdpTrial(Ebpf);

impl XdpTrial {
    /// Loads the program.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn load() -> Result<Self> {
        loaded(1).map(Self)
    }

    /// Attaches it in the driver of an interface, which some take down and up for it. It passes
    /// everything.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn attach(&mut self, ifindex: u32) -> Result<()> {
        let attached = self.program()?.attach_to_if_index(ifindex, XdpMode::Driver);
        attached.map(drop).map_err(explain)
    }

    /// The program's descriptor.
    ///
    /// # Errors
    /// When the object has no such program.
    pub fn descriptor(&mut self) -> Result<BorrowedFd<'_>> {
        Ok(self.program()?.fd()?.as_fd())
    }

    fn program(&mut self) -> Result<&mut Xdp> {
        typed(&mut self.0, programs::XDP)
    }
}

fn loaded(routes: u32) -> Result<Ebpf> {
    let mut ebpf = load_unpinned(routes)?;
    let tc: &mut SchedClassifier = typed(&mut ebpf, programs::TC)?;
    tc.load().map_err(explain).context("load program rm_tc")?;
    let xdp: &mut Xdp = typed(&mut ebpf, programs::XDP)?;
    xdp.load().map_err(explain).context("load program rm_xdp")?;
    Ok(ebpf)
}

fn attach_tc(ebpf: &mut Ebpf) -> Result<()> {
    let tc: &mut SchedClassifier = typed(ebpf, programs::TC)?;
    let attached = if has_tcx() {
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        tc.attach_with_options(LOOPBACK, TcAttachType::Ingress, order)
    } else {
        qdisc_add_clsact(LOOPBACK).context("add the clsact qdisc")?;
        tc.attach(LOOPBACK, TcAttachType::Ingress)
    };
    attached.map(drop).map_err(explain)
}

/// Whether RLIMIT_MEMLOCK counts maps, as kernels before 5.11 do: none may be made then while it
/// is 0. The limit is as before afterwards.
///
/// # Errors
/// When the limit cannot be read or set.
pub fn memlock_counts() -> Result<bool> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).context("read RLIMIT_MEMLOCK")?;
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, hard).context("set RLIMIT_MEMLOCK")?;
    let made = load_unpinned(1);
    setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard).context("set RLIMIT_MEMLOCK")?;
    Ok(made.is_err_and(|error| {
        let mut causes = error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>());
        causes.any(|cause| cause.raw_os_error() == Some(libc::EPERM))
    }))
}

/// The programs of those ids, with their names as far as this process may know them.
#[must_use]
pub fn named(ids: &[u32]) -> Vec<Found> {
    let known: Vec<Found> = loaded_programs()
        .flatten()
        .filter(|info| ids.contains(&info.id()))
        .map(|info| Found {
            id: info.id(),
            name: info.name_as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    let unnamed = |id: &u32| Found {
        id: *id,
        name: String::new(),
    };
    ids.iter()
        .map(|id| known.iter().find(|found| found.id == *id).cloned())
        .zip(ids)
        .map(|(found, id)| found.unwrap_or_else(|| unnamed(id)))
        .collect()
}

/// The link that holds a program to an interface, by its id; none where it is held otherwise, or
/// this process may not know.
#[must_use]
pub fn link(program: u32, ifindex: u32) -> Option<u32> {
    link::holding(program, ifindex)
}

/// The directory of pins, `directory` or one beside it, that has that link to tc of an interface.
#[must_use]
pub fn pinned_in(directory: &Path, link: u32, ifindex: u32) -> Option<PathBuf> {
    let has =
        |directory: &PathBuf| link::id(&Pins::at(directory).link(Hook::Tc, ifindex)) == Some(link);
    let entries = fs::read_dir(directory.parent()?).ok()?;
    let mut beside = entries.flatten().map(|entry| entry.path());
    beside.find(has)
}

/// The programs in tc's links on an interface's ingress, in their order.
///
/// # Errors
/// When the kernel does not tell, as without CAP_SYS_ADMIN.
pub fn tcx_programs(interface: &str) -> Result<Vec<Found>> {
    if !has_tcx() {
        return Ok(Vec::new());
    }
    let (_, infos) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress)
        .with_context(|| format!("ask for the tcx programs of {interface}"))?;
    Ok(infos
        .iter()
        .map(|info| Found {
            id: info.id(),
            name: info.name_as_str().unwrap_or_default().to_owned(),
        })
        .collect())
}
