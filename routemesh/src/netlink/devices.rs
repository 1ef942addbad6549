//! What else may be on an interface: programs, filters, tunnels of the kernel's own. Asked once,
//! and not followed.

use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use anyhow::{Context as _, Result};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::{errno::Errno, sys::signal::SigSet};

use super::raw::{NLA_F_NESTED, ask, attribute, find, number, text};

// include/uapi/linux/rtnetlink.h, if_link.h, pkt_sched.h, pkt_cls.h
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
const RTM_GETTFILTER: u16 = 46;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_FD: u16 = 1;
const IFLA_XDP_FLAGS: u16 = 3;
const IFLA_XDP_DRV_PROG_ID: u16 = 5;
const XDP_FLAGS_UPDATE_IF_NOEXIST: u32 = 1 << 0;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
const NO_PROGRAM: RawFd = -1;
/// The one program, or that of the driver, the stack or the hardware.
const IFLA_XDP_PROGRAMS: [u16; 4] = [4, 5, 6, 7];
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_GENEVE_ID: u16 = 1;
const IFLA_GENEVE_PORT: u16 = 5;
const CLSACT_INGRESS: u32 = 0xffff_fff2;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_BPF_NAME: u16 = 7;
/// Bytes of `struct ifinfomsg` and `struct tcmsg`.
const IFINFOMSG: usize = 16;
const TCMSG: usize = 20;

/// A tunnel device of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelDevice {
    /// Its interface's index.
    pub ifindex: u32,
    /// `vxlan` or `geneve`.
    pub kind: String,
    /// Network identifier.
    pub vni: u32,
    /// UDP port it listens on.
    pub port: u16,
}

/// A tc filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `bpf`, `u32`, ...
    pub kind: String,
    /// Its place among them, which those of one kind may share.
    pub priority: u32,
    /// What a BPF program was called when it was attached.
    pub name: Option<String>,
}

/// The ids of the XDP programs of each interface that has any.
///
/// # Errors
/// When the kernel does not tell.
pub fn xdp_programs() -> Result<Vec<(u32, Vec<u32>)>> {
    let found = links()?.into_iter().filter_map(|(ifindex, attributes)| {
        let xdp = find(&attributes, IFLA_XDP)?;
        let ids = IFLA_XDP_PROGRAMS
            .iter()
            .filter_map(|kind| number(find(xdp, *kind)?));
        let mut ids: Vec<u32> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then_some((ifindex, ids))
    });
    Ok(found.collect())
}

/// Whether the driver of an interface runs an XDP program, which proves that it can.
///
/// # Errors
/// When the kernel does not tell.
pub fn has_native_xdp(ifindex: u32) -> Result<bool> {
    let links = links()?;
    let attributes = links.iter().find(|(index, _)| *index == ifindex);
    let program = attributes.and_then(|(_, all)| find(find(all, IFLA_XDP)?, IFLA_XDP_DRV_PROG_ID));
    Ok(program.is_some())
}

/// Has the driver of an interface without XDP refuse a program once more: it says why in words,
/// which who attaches a link is not told. One that it does not refuse this time is taken away.
///
/// # Errors
/// The refusal.
pub fn refuse_xdp(ifindex: u32, program: BorrowedFd<'_>) -> Result<()> {
    // What is attached like this does not go with the process that attached it.
    let signals = SigSet::all();
    signals.thread_block()?;
    let refused = set_native_xdp(ifindex, program.as_raw_fd(), XDP_FLAGS_UPDATE_IF_NOEXIST);
    let taken = match &refused {
        Ok(()) => set_native_xdp(ifindex, NO_PROGRAM, 0),
        Err(_) => Ok(()),
    };
    signals.thread_unblock()?;
    refused.and(taken)
}

fn set_native_xdp(ifindex: u32, descriptor: RawFd, flags: u32) -> Result<()> {
    let mut body = vec![0; IFINFOMSG];
    body[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    let program = attribute(IFLA_XDP_FD, &descriptor.to_ne_bytes());
    let flags = attribute(IFLA_XDP_FLAGS, &(flags | XDP_FLAGS_DRV_MODE).to_ne_bytes());
    let xdp = [program, flags].concat();
    body.extend(attribute(IFLA_XDP | NLA_F_NESTED, &xdp));
    ask(NETLINK_ROUTE, RTM_SETLINK, &body, false).map(drop)
}

/// The kernel's own VXLAN and Geneve devices.
///
/// # Errors
/// When the kernel does not tell.
pub fn tunnel_devices() -> Result<Vec<TunnelDevice>> {
    let found = links()?.into_iter().filter_map(|(ifindex, attributes)| {
        let info = find(&attributes, IFLA_LINKINFO)?;
        let kind = text(find(info, IFLA_INFO_KIND)?);
        let (id, port) = match kind.as_str() {
            "vxlan" => (IFLA_VXLAN_ID, IFLA_VXLAN_PORT),
            "geneve" => (IFLA_GENEVE_ID, IFLA_GENEVE_PORT),
            _ => return None,
        };
        let data = find(info, IFLA_INFO_DATA)?;
        Some(TunnelDevice {
            ifindex,
            kind,
            vni: find(data, id).and_then(number).unwrap_or_default(),
            port: u16::from_be_bytes(*find(data, port)?.first_chunk()?),
        })
    });
    Ok(found.collect())
}

/// The filters on the ingress of an interface's `clsact`, if it has one.
///
/// # Errors
/// When the kernel does not tell.
pub fn ingress_filters(ifindex: u32) -> Result<Vec<Filter>> {
    let mut body = vec![0; TCMSG];
    body[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    body[12..16].copy_from_slice(&CLSACT_INGRESS.to_ne_bytes());
    let answers = match ask(NETLINK_ROUTE, RTM_GETTFILTER, &body, true) {
        // There is no such qdisc.
        Err(error) if error.downcast_ref() == Some(&Errno::EINVAL) => return Ok(Vec::new()),
        answers => {
            answers.with_context(|| format!("read the tc filters of interface {ifindex}"))?
        }
    };
    let mut filters: Vec<Filter> = answers
        .iter()
        .filter_map(|answer| {
            let attributes = answer.get(TCMSG..)?;
            // A priority without a filter has no options.
            let options = find(attributes, TCA_OPTIONS)?;
            Some(Filter {
                kind: text(find(attributes, TCA_KIND)?),
                // Above the protocol's number.
                priority: number(answer.get(16..)?)? >> 16,
                name: find(options, TCA_BPF_NAME).map(text),
            })
        })
        .collect();
    filters.dedup();
    Ok(filters)
}

/// Every interface's index and attributes.
pub(super) fn links() -> Result<Vec<(u32, Vec<u8>)>> {
    let answers = ask(NETLINK_ROUTE, RTM_GETLINK, &[0; IFINFOMSG], true)
        .context("read the kernel's links")?;
    let link = |answer: Vec<u8>| {
        let ifindex = number(answer.get(4..)?)?;
        Some((ifindex, answer.get(IFINFOMSG..)?.to_vec()))
    };
    Ok(answers.into_iter().filter_map(link).collect())
}
