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
    bench::{Arrived, CLOCKED, IPV4, IPV6, IPV6_PAYLOAD, MARK, PLAIN, Stream, WRAPPED},
};
use routemesh_ebpf::packet::Packet;

use crate::frame::Frame;

#[btf_map]
static STREAM: Array<Stream, 1> = Array::new();
#[btf_map]
static ARRIVED: Array<Arrived, 1> = Array::new();
#[btf_map]
static OUT: DevMap<1> = DevMap::new();

/// Bytes of a UDP header.
const UDP: usize = 8;
/// The number of UDP in IP headers.
const PROTOCOL: u32 = 17;
/// Bytes of an IPv6 packet of the source's.
const IPV6_PACKET: usize = IPV6.transport + UDP + IPV6_PAYLOAD;

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
        address(frame, WRAPPED as usize, stream, dst)
    } else {
        address(frame, PLAIN as usize, stream, dst)
    }
}

/// Writes the destination and the checksum of the packet at `at`.
#[inline(always)]
fn address(frame: &mut Frame, at: usize, stream: &Stream, dst: u32) -> Result<(), Outcome> {
    let sum = stream.sum + (dst >> 16) + (dst & 0xffff);
    let checksum = (!folded(sum) as u16).to_be_bytes();
    let layout = if stream.ipv6 == 0 { IPV4 } else { IPV6 };
    *frame.header_mut(at + layout.checksum)? = checksum;
    *frame.header_mut(at + layout.destination)? = dst.to_be_bytes();
    Ok(())
}

/// Counts the source's frames and drops them; others are the stack's.
#[xdp]
pub(crate) fn rmb_sink(ctx: XdpContext) -> u32 {
    let frame = Frame::new(ctx);
    // The two places by name, as above.
    let plain = examined(&frame, PLAIN as usize);
    let Some(seen) = plain.or_else(|| examined(&frame, WRAPPED as usize)) else {
        return xdp_action::XDP_PASS;
    };
    let Some(arrived) = ARRIVED.get_ptr_mut(0) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: there is one source, on one CPU, which this is the end of.
    count(unsafe { &mut *arrived }, seen);
    xdp_action::XDP_DROP
}

/// What is looked at in a frame that is whole.
struct Seen {
    ttl: u32,
    /// The last 32 bits.
    destination: u32,
}

#[inline(always)]
fn count(arrived: &mut Arrived, seen: Result<Seen, Outcome>) {
    let Ok(seen) = seen else {
        arrived.broken += 1;
        return;
    };
    arrived.packets += 1;
    if arrived.first == 0 {
        arrived.first = now();
        arrived.ttl = seen.ttl;
        arrived.destination = seen.destination;
    }
    arrived.ttls |= arrived.ttl ^ seen.ttl;
    arrived.destinations |= arrived.destination ^ seen.destination;
    if arrived.packets.is_multiple_of(CLOCKED) {
        arrived.last = now();
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: reads a clock; always allowed.
    unsafe { bpf_ktime_get_ns() }
}

/// What the packet at `at` is if its checksum is right, or that it is not; none where it is none of
/// the source's.
#[inline(always)]
fn examined(frame: &Frame, at: usize) -> Option<Result<Seen, Outcome>> {
    if is_marked(frame, at + IPV4.transport) {
        Some(whole_v4(frame, at))
    } else if is_marked(frame, at + IPV6.transport) {
        Some(whole_v6(frame, at))
    } else {
        None
    }
}

/// Whether the UDP header at `at` is one of the source's.
#[inline(always)]
fn is_marked(frame: &Frame, at: usize) -> bool {
    let mark = frame.header::<[u8; 8]>(at + UDP);
    mark.is_ok_and(|mark| *mark == MARK)
}

/// The packet, where the header's checksum is right.
#[inline(always)]
fn whole_v4(frame: &Frame, at: usize) -> Result<Seen, Outcome> {
    let header = frame.header::<[u8; 20]>(at)?;
    right(sum(header), header[8], frame.header(at + IPV4.destination)?)
}

/// The packet, where UDP's checksum is right; RFC 8200 §8.1 has what it covers of the header.
#[inline(always)]
fn whole_v6(frame: &Frame, at: usize) -> Result<Seen, Outcome> {
    let first = frame.header::<[u8; 8]>(at)?;
    let mut total = PROTOCOL + sum(&first[4..6]);
    for eight in 1..IPV6_PACKET / 8 {
        total += sum(frame.header::<[u8; 8]>(at + 8 * eight)?);
    }
    total += sum(frame.header::<[u8; IPV6_PACKET % 8]>(at + IPV6_PACKET / 8 * 8)?);
    right(total, first[7], frame.header(at + IPV6.destination)?)
}

#[inline(always)]
fn right(sum: u32, ttl: u8, destination: &[u8; 4]) -> Result<Seen, Outcome> {
    if folded(sum) == 0xffff {
        Ok(Seen {
            ttl: u32::from(ttl),
            destination: u32::from_be_bytes(*destination),
        })
    } else {
        Err(Outcome::Truncated)
    }
}

#[inline(always)]
fn sum(bytes: &[u8]) -> u32 {
    let mut sum = 0;
    for index in 0..bytes.len() / 2 {
        sum += u32::from(u16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]]));
    }
    sum
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
