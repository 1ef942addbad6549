//! Guarding the sockets of this host: a process without privileges must not send what a peer would
//! take for this host's tunnel.
//!
//! The programs are attached to the root of the control groups, so to every process there is, and
//! tell this host's sockets by their network namespace.
#![expect(unsafe_code, reason = "nix does not have SO_NETNS_COOKIE")]

use std::{
    fs::{self, File},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use aya::programs::{CgroupAttachMode, CgroupSockAddr, ProgramError, links::FdLink};
use nix::{
    libc,
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};
use routemesh_common::programs;

use super::{Datapath, attach, link};

impl Datapath {
    /// Attaches the guard, or puts this one in the place of an earlier daemon's.
    ///
    /// # Errors
    /// Why it cannot be had: nothing is attached then that was not before.
    pub fn guard_sockets(&mut self) -> Result<()> {
        let root = root().context("find the root of the control groups")?;
        for name in programs::SOCKETS {
            self.guard(name, &root)
                .with_context(|| format!("attach {name} to {}", root.display()))?;
        }
        Ok(())
    }

    fn guard(&mut self, name: &str, root: &Path) -> Result<()> {
        let root = File::open(root)?;
        let program = self.load_socket_program(name)?;
        // A link takes others beside it, and it takes no flags.
        let id = program.attach(root, CgroupAttachMode::Single)?;
        let attached: FdLink = program.take_link(id)?.try_into()?;
        let pin = self.pins.socket(name);
        link::detach(&pin)?;
        link::keep(attached, &pin)
    }

    /// Has the kernel verify one of them, where it has not yet.
    pub(super) fn load_socket_program(&mut self, name: &str) -> Result<&mut CgroupSockAddr> {
        let program: &mut CgroupSockAddr = attach::typed(&mut self.ebpf, name)?;
        match program.load() {
            Err(ProgramError::AlreadyLoaded) => Ok(program),
            loaded => {
                loaded.with_context(|| format!("load program {name}"))?;
                Ok(program)
            }
        }
    }

    /// Takes the guard away, where there is one.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn release_sockets(&mut self) -> Result<()> {
        programs::SOCKETS
            .iter()
            .try_for_each(|name| link::detach(&self.pins.socket(name)))
    }
}

/// The cookie of the network namespace of this process; 0, which no namespace has, before 5.14.
pub(super) fn namespace() -> u64 {
    let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
    let Ok(socket) = socket(AddressFamily::Unix, kind, flags, None) else {
        return 0;
    };
    let mut cookie = 0_u64;
    let mut length = size_of_val(&cookie) as libc::socklen_t;
    // SAFETY: the kernel writes as many bytes as `length` says, and `cookie` has them.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if code == 0 { cookie } else { 0 }
}

/// Where the second version of the control groups is mounted.
fn root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read /proc/self/mounts")?;
    mount_of("cgroup2", &mounts).context("no cgroup2 is mounted, as on /sys/fs/cgroup")
}

fn mount_of(kind: &str, mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next()? == kind).then(|| PathBuf::from(place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_control_groups_is_found_beside_the_first_version() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        let found = mount_of("cgroup2", mounts);
        assert_eq!(found, Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(mount_of("cgroup2", "proc /proc proc rw 0 0\n"), None);
    }

    #[test]
    fn a_network_namespace_has_a_cookie() {
        assert_ne!(namespace(), 0);
        assert_eq!(namespace(), namespace());
    }
}
