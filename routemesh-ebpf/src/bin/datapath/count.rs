//! Counting, per CPU, and the rate of ICMP errors.
#![expect(
    unsafe_code,
    reason = "counters are written through the kernel's pointers"
)]

use core::sync::atomic::{Ordering, compiler_fence};

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use routemesh_common::{CachedCounter, Counter, OUTCOME_ROOM, Outcome, Route};

use crate::maps;

/// ICMP errors a CPU may send in a burst, and per second.
const ERRORS_PER_SECOND: u64 = 1_000;
const ERROR_BURST: u64 = 100;
const NANOSECONDS_PER_ERROR: u64 = 1_000_000_000 / ERRORS_PER_SECOND;

/// Counts a packet that ended.
#[inline(always)]
pub(crate) fn outcome(row: u32, outcome: Outcome, bytes: u64) {
    add(
        maps::outcome_counter(row * OUTCOME_ROOM + outcome as u32),
        bytes,
    );
}

/// Counts a packet that the route sent on, answered or dropped. One that is left to the stack, or
/// to the next hook, is not: it may be counted there.
#[inline(always)]
pub(crate) fn route(route: &Route, bytes: u32) {
    let slot = route.counter;
    let Some(cached) = maps::cached_counter(slot) else {
        return;
    };
    // SAFETY: the element is of this CPU, and a program is not interrupted by another on it; so
    // below.
    let cached = unsafe { &mut *cached };
    if cached.owner as u32 != slot {
        give(cached, slot);
    }
    cached.counter.packets += 1;
    cached.counter.bytes += u64::from(bytes);
}

/// Has it count for the counter in slot `to` from now on.
///
/// Who reads looks at the caches before the counters: nothing leaves the one before it is in the
/// other. A function of its own for the verifier, which would else follow the rest of the program
/// for each way through it.
#[inline(never)]
fn give(cached: &mut CachedCounter, to: u32) {
    let before = cached.owner;
    let (Some(of_before), Some(of_next)) =
        (maps::route_counter(before as u32), maps::route_counter(to))
    else {
        return;
    };
    // SAFETY: as above.
    unsafe { *of_before = cached.counter };
    let nobody = (before >> 32).wrapping_add(1) << 32;
    set_owner(cached, nobody);
    // SAFETY: as above.
    cached.counter = unsafe { *of_next };
    set_owner(cached, nobody | u64::from(to));
}

/// Between what was written before and what is written after, in the order of which x86-64 lets
/// other CPUs see it. On other machines a reading of that very moment may lack some packets; the
/// next one has them.
#[inline(always)]
fn set_owner(cached: &mut CachedCounter, owner: u64) {
    compiler_fence(Ordering::SeqCst);
    cached.owner = owner;
    compiler_fence(Ordering::SeqCst);
}

#[inline(always)]
fn add(counter: Option<*mut Counter>, bytes: u64) {
    let Some(counter) = counter else { return };
    // SAFETY: the element is of this CPU, and a program is not interrupted by another on it.
    let counter = unsafe { &mut *counter };
    counter.packets += 1;
    counter.bytes += bytes;
}

/// Takes the right to send one ICMP error.
///
/// # Errors
/// [`Outcome::ErrorRateLimited`] when too many were sent.
#[inline(always)]
pub(crate) fn take_error_token() -> Result<(), Outcome> {
    let Some(bucket) = maps::icmp_budget() else {
        return Err(Outcome::ErrorRateLimited);
    };
    // SAFETY: a per-CPU element, and a program is not interrupted by another on its CPU.
    let bucket = unsafe { &mut *bucket };
    // SAFETY: reads a clock; always allowed.
    let now = unsafe { bpf_ktime_get_ns() };
    let earned = (now - bucket.filled_at) / NANOSECONDS_PER_ERROR;
    if earned > 0 {
        // What is left over of the time counts towards the next token.
        bucket.filled_at += earned * NANOSECONDS_PER_ERROR;
        bucket.tokens = (bucket.tokens + earned).min(ERROR_BURST);
    }
    if bucket.tokens == 0 {
        return Err(Outcome::ErrorRateLimited);
    }
    bucket.tokens -= 1;
    Ok(())
}
