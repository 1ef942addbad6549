//! tc before it had links (kernel 6.6): a filter below the queueing discipline `clsact`.
//!
//! Neither can be pinned. In the place of a link's pin there is a directory as a record of them:
//! of the filter's priority, and of the discipline where it was not there before us.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result, anyhow};
use aya::programs::{
    ProgramError, SchedClassifier, TcAttachType,
    tc::{
        NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle, qdisc_add_clsact,
        qdisc_detach_program,
    },
};
use nix::{libc, net::if_::if_indextoname};
use routemesh_common::programs;

use super::{pins, qdisc};

/// The filter's number among those of its priority.
const HANDLE: TcHandle = TcHandle::new(0, 1);

/// In the record: the discipline is ours.
const QDISC: &str = "qdisc";

/// In the record, with a number behind it: the filter's priority.
const PRIORITY: &str = "priority-";

/// Adds the filter, with the discipline that it needs; or swaps the program, between two
/// packets, of the filter that the record tells of.
///
/// # Errors
/// Why the kernel refused.
pub(super) fn attach(program: &mut SchedClassifier, name: &str, record: &Path) -> Result<()> {
    pins::make(record)?;
    match qdisc_add_clsact(name) {
        Ok(()) => pins::make(&record.join(QDISC))?,
        // One is there already: ours, as the record says then, or another's. Both serve.
        Err(TcError::NetlinkError(error)) if error.raw_os_error() == Some(libc::EEXIST) => {}
        Err(error) => return Err(error).context("add the clsact qdisc"),
    }
    let link = match swap(program, name, record)? {
        Some(link) => link,
        None => add(program, name, record)?,
    };
    // It must outlive this process.
    std::mem::forget(link);
    Ok(())
}

/// Removes the filter; and the discipline where that is ours and nothing else hangs from it.
///
/// # Errors
/// Why the kernel refused.
pub(super) fn detach(ifindex: u32, record: &Path) -> Result<()> {
    // With an interface goes all that hangs from it.
    if let Ok(name) = if_indextoname(ifindex) {
        remove_filter(&name.to_string_lossy())?;
        if record.join(QDISC).exists() && !qdisc::has_filters(ifindex)? {
            qdisc::remove_clsact(ifindex)?;
        }
    }
    fs::remove_dir_all(record).with_context(|| format!("remove {}", record.display()))
}

/// Removes the filters on an interface's ingress that have our program's name, if there are any.
///
/// # Errors
/// Why the kernel refused.
pub(super) fn remove_filter(name: &str) -> Result<bool> {
    match qdisc_detach_program(name, TcAttachType::Ingress, programs::TC) {
        Ok(()) => Ok(true),
        Err(TcError::IoError(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(anyhow!(error)).with_context(|| format!("remove the tc filter of {name}"))
        }
    }
}

/// Puts the program in the place of the one before; none where no filter is left to take over.
fn swap(
    program: &mut SchedClassifier,
    name: &str,
    record: &Path,
) -> Result<Option<SchedClassifierLink>> {
    let Some(priority) = recorded_priority(record) else {
        return Ok(None);
    };
    let old = SchedClassifierLink::attached(name, TcAttachType::Ingress, priority, HANDLE, None)?;
    match program.attach_to_link(old) {
        Ok(link) => Ok(Some(program.take_link(link)?)),
        Err(ProgramError::TcError(TcError::NetlinkError(error)))
            if error.raw_os_error() == Some(libc::ENOENT) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("take over its filter"),
    }
}

/// Adds a filter where the kernel puts it: before those that are there.
fn add(program: &mut SchedClassifier, name: &str, record: &Path) -> Result<SchedClassifierLink> {
    // One without a record, of a process that was killed in between: two would handle a packet
    // twice.
    remove_filter(name)?;
    let options = TcAttachOptions::Netlink(NlOptions {
        handle: HANDLE,
        ..NlOptions::default()
    });
    let link = program.attach_with_options(name, TcAttachType::Ingress, options)?;
    let link = program.take_link(link)?;
    if let Some(old) = recorded_priority(record) {
        fs::remove_dir(record.join(format!("{PRIORITY}{old}")))?;
    }
    pins::make(&record.join(format!("{PRIORITY}{}", link.priority()?)))?;
    Ok(link)
}

fn recorded_priority(record: &Path) -> Option<u16> {
    let entries = fs::read_dir(record).ok()?;
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find_map(|name| name.strip_prefix(PRIORITY)?.parse().ok())
}
