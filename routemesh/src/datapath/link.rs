//! A link that is pinned: what holds a program to its interface, or to the control groups.
#![expect(unsafe_code, reason = "aya does not have BPF_LINK_DETACH")]

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use anyhow::{Context as _, Result};
use aya::programs::{
    links::{FdLink, LinkError, PinnedLink},
    loaded_links,
};
use aya_obj::generated::bpf_cmd;
use nix::libc;

/// The link that is pinned there, if one is.
pub(super) fn pinned(pin: &Path) -> Result<Option<FdLink>> {
    match PinnedLink::from_pin(pin) {
        Ok(link) => Ok(Some(link.into())),
        Err(LinkError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("open {}", pin.display())),
    }
}

/// Pins the link where it is not pinned yet; either way it stays when this process ends.
pub(super) fn keep(link: FdLink, pin: &Path) -> Result<()> {
    if !pin.exists() {
        link.pin(pin)
            .with_context(|| format!("pin {}", pin.display()))?;
    }
    Ok(())
}

/// Detaches what is pinned there, and removes the pin, where there is one.
///
/// With its pin alone a link goes too, but later: a worker ends it after an RCU grace period
/// (`bpf_free_inode`, `bpf_link_put`), and not while another process has it open.
///
/// # Errors
/// Why the kernel refused; the pin is removed all the same.
pub(super) fn detach(pin: &Path) -> Result<()> {
    let detached = match open(pin) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        link => link.and_then(|link| sever(&link)),
    };
    match fs::remove_file(pin) {
        // Somebody else has removed it meanwhile, as `detach --all` does.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.with_context(|| format!("remove {}", pin.display()))?,
    }
    detached.with_context(|| format!("detach the link that was pinned as {}", pin.display()))
}

/// The id of the link that holds a program to an interface; none where none does, several do, or
/// this process may not know.
pub(super) fn holding(program: u32, ifindex: u32) -> Option<u32> {
    let links = loaded_links().flatten();
    let ids = links.filter(|link| link.program_id() == program);
    let mut ids = ids
        .map(|link| link.id())
        .filter(|id| is_on(*id, ifindex).unwrap_or(false));
    ids.next().filter(|_| ids.next().is_none())
}

/// The id of the link that is pinned there, if one is.
pub(super) fn id(pin: &Path) -> Option<u32> {
    Some(pinned(pin).ok()??.info().ok()?.id())
}

/// Whether a link is on an interface: aya does not tell, what the kernel says of open files does.
fn is_on(id: u32, ifindex: u32) -> io::Result<bool> {
    let link = made(bpf_cmd::BPF_LINK_GET_FD_BY_ID, &id.to_ne_bytes())?;
    let told = fs::read_to_string(format!("/proc/self/fdinfo/{}", link.as_raw_fd()))?;
    let wanted = ["ifindex:", &ifindex.to_string()];
    Ok(told.lines().any(|line| line.split_whitespace().eq(wanted)))
}

fn open(pin: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let address = path.as_ptr() as u64;
    made(bpf_cmd::BPF_OBJ_GET, &address.to_ne_bytes())
}

/// What a command that makes a descriptor has made.
fn made(command: bpf_cmd, attributes: &[u8]) -> io::Result<OwnedFd> {
    let descriptor = bpf(command, attributes)?;
    // SAFETY: the kernel has just made it for us, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Takes the program away from where it is attached (kernel 5.9, commit 73b11c2ab072).
fn sever(link: &OwnedFd) -> io::Result<()> {
    bpf(bpf_cmd::BPF_LINK_DETACH, &link.as_raw_fd().to_ne_bytes()).map(drop)
}

/// What the kernel says to a command of `bpf(2)`, whose other attributes are 0.
fn bpf(command: bpf_cmd, attributes: &[u8]) -> io::Result<RawFd> {
    // SAFETY: the kernel reads as many bytes as it is told, and writes none with these commands.
    let said = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            attributes.as_ptr(),
            attributes.len(),
        )
    };
    match said {
        -1 => Err(io::Error::last_os_error()),
        said => Ok(said as RawFd),
    }
}
