//! Counting, per CPU, and the rate of ICMP errors.
#![expect(
    unsafe_code,
    reason = "counters are written through the kernel's pointers"
)]

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use routemesh_common::{Counter, OUTCOME_ROOM, Outcome, Route};

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
    add(maps::route_counter(route.counter), u64::from(bytes));
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
