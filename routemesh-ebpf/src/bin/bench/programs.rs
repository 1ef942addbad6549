//! The programs.
#![expect(
    unsafe_code,
    reason = "map elements are the kernel's memory, and the section and symbol names the loader's contract"
)]

use aya_ebpf::{
    bindings::{TC_ACT_UNSPEC, xdp_action},
    btf_maps::{Array, DevMap},
    helpers::generated::{bpf_get_prandom_u32, bpf_ktime_get_ns},
    macros::{btf_map, classifier, xdp},
    programs::{TcContext, XdpContext},
};
use routemesh_common::{
    Outcome,
    bench::{Arrived, CLOCKED, MARK, PLAIN, Stream, WRAPPED},
};
use routemesh_ebpf::packet::Packet;

use crate::frame::Frame;

#[btf_map]
static STREAM: Array<Stream, 1> = Array::new();
#[btf_map]
static ARRIVED: Array<Arrived, 1> = Array::new();
#[btf_map]
static OUT: DevMap<1> = DevMap::new();

/// Bytes of an IPv4 header.
const IPV4: usize = 20;
/// Bytes of an IPv4 and a UDP header.
const IPV4_UDP: usize = 28;

/// Makes the frame anew, since live frames keep what was done to them, and sends it.
#[xdp]
pub(crate) fn rmb_source(ctx: XdpContext) -> u32 {
    let mut frame = Frame::new(ctx);
    match STREAM.get(0) {
        Some(stream) if make(&mut frame, stream).is_ok() => frame.send_back(),
        _ => xdp_action::XDP_ABORTED,
    }
}

#[inline(always)]
fn make(frame: &mut Frame, stream: &Stream) -> Result<(), Outcome> {
    for (index, word) in stream.head.iter().enumerate() {
        match frame.header_mut::<[u8; 8]>(index * 8) {
            Ok(bytes) => *bytes = word.to_ne_bytes(),
            Err(_) => break,
        }
    }
    // SAFETY: reads a number; always allowed.
    let random = unsafe { bpf_get_prandom_u32() };
    let dst = stream.base + ((random & stream.mask) << stream.shift);
    // The two places by name: the verifier does not follow any other.
    if stream.at == WRAPPED {
        address(frame, WRAPPED as usize, stream.sum, dst)
    } else {
        address(frame, PLAIN as usize, stream.sum, dst)
    }
}

/// Writes the destination and the checksum of the IPv4 header at `at`.
#[inline(always)]
fn address(frame: &mut Frame, at: usize, sum: u32, dst: u32) -> Result<(), Outcome> {
    let sum = sum + (dst >> 16) + (dst & 0xffff);
    *frame.header_mut(at + 10)? = (!folded(sum) as u16).to_be_bytes();
    *frame.header_mut(at + 16)? = dst.to_be_bytes();
    Ok(())
}

/// Counts the source's frames and drops them; others are the stack's.
#[xdp]
pub(crate) fn rmb_sink(ctx: XdpContext) -> u32 {
    let frame = Frame::new(ctx);
    // The two places by name, as above.
    let ttl = if is_marked(&frame, PLAIN as usize) {
        whole(&frame, PLAIN as usize)
    } else if is_marked(&frame, WRAPPED as usize) {
        whole(&frame, WRAPPED as usize)
    } else {
        return xdp_action::XDP_PASS;
    };
    let Some(arrived) = ARRIVED.get_ptr_mut(0) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: there is one source, on one CPU, which this is the end of.
    count(unsafe { &mut *arrived }, ttl);
    xdp_action::XDP_DROP
}

#[inline(always)]
fn count(arrived: &mut Arrived, ttl: Result<u8, Outcome>) {
    let Ok(ttl) = ttl else {
        arrived.broken += 1;
        return;
    };
    arrived.packets += 1;
    arrived.ttl = u64::from(ttl);
    if arrived.first == 0 {
        arrived.first = now();
    }
    if arrived.packets.is_multiple_of(CLOCKED) {
        arrived.last = now();
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: reads a clock; always allowed.
    unsafe { bpf_ktime_get_ns() }
}

/// Whether the IPv4 header at `at` is one of the source's.
#[inline(always)]
fn is_marked(frame: &Frame, at: usize) -> bool {
    frame
        .header::<[u8; 8]>(at + IPV4_UDP)
        .is_ok_and(|mark| *mark == MARK)
}

/// The TTL, where that header's checksum is right.
#[inline(always)]
fn whole(frame: &Frame, at: usize) -> Result<u8, Outcome> {
    let header = frame.header::<[u8; IPV4]>(at)?;
    let mut sum = 0;
    for index in 0..IPV4 / 2 {
        sum += u32::from(u16::from_be_bytes([
            header[2 * index],
            header[2 * index + 1],
        ]));
    }
    if folded(sum) == 0xffff {
        Ok(header[8])
    } else {
        Err(Outcome::Truncated)
    }
}

/// A sum in sixteen bits, its carries added.
#[inline(always)]
fn folded(sum: u32) -> u32 {
    let sum = (sum >> 16) + (sum & 0xffff);
    (sum >> 16) + (sum & 0xffff)
}

/// Sends all on as they are.
#[xdp]
pub(crate) fn rmb_redirect(_: XdpContext) -> u32 {
    OUT.redirect(0, 0).unwrap_or(xdp_action::XDP_ABORTED)
}

/// Passes all.
#[xdp]
pub(crate) fn rmb_idle(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// The same at tc.
#[classifier]
pub(crate) fn rmb_idle_tc(_: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
