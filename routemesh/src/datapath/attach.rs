//! Attaching the programs to interfaces.

use std::{io, path::Path, thread};

use anyhow::{Context as _, Result, anyhow};
use aya::{
    Ebpf,
    programs::{Program, ProgramError, SchedClassifier, TcAttachType, Xdp, XdpMode},
    util::KernelVersion,
};
use nix::libc;
use routemesh_common::programs;

use super::{
    Datapath, clsact,
    link::{keep, pinned},
};

/// A place on an interface where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// tc ingress.
    Tc,
    /// XDP in the driver.
    Xdp,
    /// XDP in the stack, for any device.
    XdpGeneric,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tc, Self::Xdp, Self::XdpGeneric];

    /// Its name in paths.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tc => "tc",
            Self::Xdp => "xdp",
            Self::XdpGeneric => "xdpgeneric",
        }
    }
}

/// How a program came to be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// By a link of tc's own (kernel 6.6, commit e420bed02507).
    Tcx,
    /// As a filter of the `clsact` queueing discipline.
    Clsact,
    /// In the driver.
    Xdp,
    /// In the stack.
    XdpGeneric,
}

impl Attached {
    /// Its name in `link list`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::Xdp => "xdp",
            Self::XdpGeneric => "xdp-generic",
        }
    }
}

impl Datapath {
    /// Attaches to an interface, or takes over the link that is pinned for it: the program is
    /// then swapped between two packets.
    ///
    /// # Errors
    /// Why the kernel refused; nothing is attached then that was not before.
    pub fn attach(&mut self, hook: Hook, ifindex: u32, name: &str) -> Result<Attached> {
        self.load_program(hook)?;
        let mut attached = self.attach_at(hook, ifindex, name);
        if attached.as_ref().is_err_and(is_severed) {
            self.detach(hook, ifindex)?;
            attached = self.attach_at(hook, ifindex, name);
        }
        attached.with_context(|| format!("attach {} to {name}", hook.name()))
    }

    fn attach_at(&mut self, hook: Hook, ifindex: u32, name: &str) -> Result<Attached> {
        let pin = self.pins.link(hook, ifindex);
        match hook {
            Hook::Tc if has_tcx() => self.attach_tcx(name, &pin),
            Hook::Tc => self.attach_clsact(name, &pin),
            // A device has XDP in one mode only: what another run left in the other must go.
            Hook::Xdp => {
                self.detach(Hook::XdpGeneric, ifindex)?;
                self.attach_xdp(ifindex, XdpMode::Driver, &pin)
            }
            Hook::XdpGeneric => {
                self.detach(Hook::Xdp, ifindex)?;
                self.attach_xdp(ifindex, XdpMode::Skb, &pin)
            }
        }
    }

    /// Detaches from an interface: no packet that comes in later is seen by the program. One that
    /// is gone has nothing attached.
    ///
    /// # Errors
    /// Why the kernel refused.
    pub fn detach(&mut self, hook: Hook, ifindex: u32) -> Result<()> {
        super::detach::one(ifindex, &self.pins.link(hook, ifindex))
    }

    /// The links that are pinned, by this process or one before it.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn pinned(&self) -> Result<Vec<(Hook, u32)>> {
        self.pins.all()
    }

    fn attach_tcx(&mut self, name: &str, pin: &Path) -> Result<Attached> {
        let program: &mut SchedClassifier = typed(&mut self.ebpf, programs::TC)?;
        let link = match pinned(pin)? {
            Some(old) => program.attach_to_link(old.try_into().context("take over its link")?)?,
            None => program
                .attach(name, TcAttachType::Ingress)
                .map_err(explain)?,
        };
        keep(program.take_link(link)?.try_into()?, pin)?;
        Ok(Attached::Tcx)
    }

    fn attach_clsact(&mut self, name: &str, record: &Path) -> Result<Attached> {
        let program = typed(&mut self.ebpf, programs::TC)?;
        clsact::attach(program, name, record)?;
        Ok(Attached::Clsact)
    }

    /// Has the kernel verify tc's program and, at the same time, XDP's where it is to be attached:
    /// either takes tens of milliseconds. What refuses XDP's is told when it is attached.
    ///
    /// # Errors
    /// Why the kernel refused tc's.
    pub fn load_programs(&mut self, with_xdp: bool) -> Result<()> {
        let (mut tc, mut xdp) = (None, None);
        for (name, program) in self.ebpf.programs_mut() {
            match name {
                programs::TC => tc = Some(program),
                programs::XDP if with_xdp => xdp = Some(program),
                _ => {}
            }
        }
        thread::scope(|scope| {
            if let Some(xdp) = xdp {
                scope.spawn(|| load(programs::XDP, xdp));
            }
            let tc = tc.with_context(|| absent(programs::TC))?;
            load(programs::TC, tc)
        })
    }

    /// Has the kernel verify the program of a hook, where it has not yet.
    ///
    /// # Errors
    /// Why the kernel refused.
    pub(super) fn load_program(&mut self, hook: Hook) -> Result<()> {
        let name = match hook {
            Hook::Tc => programs::TC,
            Hook::Xdp | Hook::XdpGeneric => programs::XDP,
        };
        let program = self.ebpf.program_mut(name);
        load(name, program.with_context(|| absent(name))?)
    }

    fn attach_xdp(&mut self, ifindex: u32, mode: XdpMode, pin: &Path) -> Result<Attached> {
        let program: &mut Xdp = typed(&mut self.ebpf, programs::XDP)?;
        let link = match pinned(pin)? {
            Some(old) => program.attach_to_link(old.try_into().context("take over its link")?)?,
            None => program.attach_to_if_index(ifindex, mode).map_err(explain)?,
        };
        keep(program.take_link(link)?.try_into()?, pin)?;
        Ok(if mode == XdpMode::Skb {
            Attached::XdpGeneric
        } else {
            Attached::Xdp
        })
    }
}

/// A program of the object, as one of its type.
pub(super) fn typed<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .with_context(|| absent(name))?
        .try_into()
        .with_context(|| format!("program {name} has another type than this build expects"))
}

fn absent(name: &str) -> String {
    format!("the object has no program {name}")
}

/// Has the kernel verify a program, where it has not yet.
fn load(name: &str, program: &mut Program) -> Result<()> {
    let loaded = if let Program::Xdp(xdp) = program {
        xdp.load()
    } else {
        <&mut SchedClassifier>::try_from(program).and_then(SchedClassifier::load)
    };
    match loaded {
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        loaded => loaded
            .map_err(explain)
            .with_context(|| format!("load program {name}")),
    }
}

/// Whether tc takes links. (aya goes by the kernel's version too.)
pub(super) fn has_tcx() -> bool {
    KernelVersion::current().is_ok_and(|current| current >= KernelVersion::new(6, 6, 0))
}

/// Whether a pinned link is of an interface that is gone, whose number another one has now.
fn is_severed(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    causes.any(|cause: &io::Error| cause.raw_os_error() == Some(libc::ENOLINK))
}

/// Adds what the error number alone does not tell.
pub(super) fn explain(error: ProgramError) -> anyhow::Error {
    let ProgramError::SyscallError(refused) = &error else {
        return anyhow!(error);
    };
    let hint = match refused.io_error.raw_os_error() {
        Some(libc::EBUSY) => "another XDP program is attached: `ip link show` names it",
        Some(libc::EPERM) => "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run it as root",
        Some(libc::EOPNOTSUPP) => "the device's driver has no XDP",
        _ => return anyhow!(error),
    };
    anyhow!(error).context(hint)
}
