//! Which route a packet takes.
#![expect(
    unsafe_code,
    reason = "a CPU's cache is written through the kernel's pointers"
)]

use routemesh_common::{
    Family, IndexBucket, IndexedLength, Route, RouteKind, RouteRecord, index_place,
};
use routemesh_ebpf::wire::Address;

use crate::maps::{self, read};

/// The routes as they were when a packet came in. All its look-ups are made in one such, so it
/// sees the table before a change or the one after, and never some of each.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    epoch: u64,
}

impl Table {
    /// The table in force.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        // Once: by a second look another table may be in force.
        let epoch = maps::table_state().map_or(0, |state| read(&state.epoch));
        Self { epoch }
    }

    /// The route of the longest prefix that holds `address`, to be used before the next look-up,
    /// which may put another one in its place.
    #[inline(always)]
    pub(crate) fn route(self, address: Address, family: Family) -> Option<&'static Route> {
        let dst = address.double_words();
        let place = maps::route_place(dst);
        let entry = maps::cached_route(place)?;
        // SAFETY: the entry is of this CPU, and a program is not interrupted by another on it; so
        // below.
        let known = unsafe { (*entry).epoch == self.epoch && (*entry).dst == dst };
        if !known && find_route(place, dst[0], dst[1], self.epoch, family.0.into()) == 0 {
            return None;
        }
        // SAFETY: what was returned before is not used any more.
        let route = unsafe { &(*entry).route };
        // `::/0` holds every IPv4-mapped address too.
        (route.kind != RouteKind::NONE && route.family == family).then_some(route)
    }
}

/// Notes at that place of the cache the route of the longest prefix that holds an address, in the
/// table with that epoch; 1 when it is done.
///
/// A global function, which the verifier follows once, and not for each way that leads to it.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn find_route(place: u32, first: u64, last: u64, epoch: u64, family: u64) -> u32 {
    let Some(entry) = maps::cached_route(place) else {
        return 0;
    };
    // What a table once answered it answers for ever. Slot 0 has the answer that there is none.
    let Some(record) = maps::route_record(slot(first, last, family)) else {
        return 0;
    };
    // The answer in use is not written while packets are under way that use it.
    let side = RouteRecord::side(read(&record.state), epoch) as u64;
    // Before 6.2 the verifier does not know the bounds of an exclusive or; it knows this number.
    let Some(answer) = record.answers.get((side & maps::one()) as usize) else {
        return 0;
    };
    // SAFETY: as in `route`.
    let entry = unsafe { &mut *entry };
    // SAFETY: from and to references, of two maps. For an assignment the compiler calls
    // `memmove`, a loop for the verifier.
    unsafe { core::ptr::copy_nonoverlapping(answer, &raw mut entry.route, 1) };
    entry.dst = [first, last];
    entry.epoch = epoch;
    1
}

/// The slot of the longest prefix that holds an address; 0 where there is none.
///
/// A function of its own also for the verifier, which would else follow the rest of the program
/// for each way through it.
#[inline(never)]
fn slot(first: u64, last: u64, family: u64) -> u32 {
    let address = Address::from_double_words([first, last]);
    // What is in the index has no longer prefix within it, in the trie or elsewhere.
    match indexed(address, family) {
        0 => maps::longest_match(address).unwrap_or(0),
        slot => slot,
    }
}

/// The slot of the prefix in the index that holds `address`; 0 where there is none.
#[inline(always)]
fn indexed(address: Address, family: u64) -> u32 {
    let Some(state) = maps::table_state() else {
        return 0;
    };
    let [v4, v6] = &state.indexed;
    let [first, second] = if family == u64::from(Family::V6.0) {
        v6
    } else {
        v4
    };
    // In one of them at most.
    of_length(address, first).unwrap_or(0) | of_length(address, second).unwrap_or(0)
}

/// The slot of the prefix of that length in the index that holds `address`; 0 where there is none.
///
/// With no branch, each of which the verifier would follow: with one for each entry it follows
/// three times as many instructions of the program.
#[inline(always)]
fn of_length(address: Address, indexed: &IndexedLength) -> Option<u32> {
    let length = read(&indexed.length);
    let [first, last] = address.double_words();
    let dst = [
        first & read(&indexed.mask[0]),
        last & read(&indexed.mask[1]),
    ];
    let (hash, tag) = index_place(dst);
    let one = maps::one();
    let slot = tagged(maps::index_bucket(hash)?, tag, one);
    // Two addresses may have the same tag, and two prefixes the same address.
    let record = maps::route_record(slot)?;
    let differs =
        (record.dst[0] ^ dst[0]) | (record.dst[1] ^ dst[1]) | (u64::from(record.length) ^ length);
    // Not more than 63 bits, of which the mask is made.
    let differs = differs >> 1 | differs & 1;
    Some(slot & all_if_zero(differs, one) as u32)
}

/// The slot that stands for the tag; 0 where there is none.
#[inline(always)]
fn tagged(bucket: &IndexBucket, tag: u32, one: u64) -> u32 {
    let slot = |at: usize| {
        let entry = bucket.entries[at];
        entry & all_if_zero(entry >> 32 ^ u64::from(tag), one)
    };
    (slot(0) | slot(1) | slot(2) | slot(3) | slot(4) | slot(5) | slot(6) | slot(7)) as u32
}

/// All ones for 0, and 0 for what has 63 bits at most. The compiler would make a branch of it if
/// it knew that one is 1.
#[inline(always)]
fn all_if_zero(number: u64, one: u64) -> u64 {
    (number.wrapping_sub(one) as i64 >> 63) as u64
}
