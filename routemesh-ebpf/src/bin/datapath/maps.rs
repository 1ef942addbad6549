//! The maps, and typed look-ups in them.
#![expect(
    unsafe_code,
    reason = "map elements and globals are the kernel's memory"
)]

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, xdp_action},
    btf_maps::{Array, DevMapHash, HashMap, LpmTrie, PerCpuArray, lpm_trie::Key},
    helpers::generated::bpf_ktime_get_coarse_ns,
    macros::btf_map,
};
use routemesh_common::{
    CachedCounter, CachedRoute, Counter, ENDPOINT_SLOTS, Endpoint, INTERFACE_SLOTS, IndexBucket,
    Interface, NETWORK_ID_SLOTS, NEXT_HOP_SLOTS, NetworkId, NetworkUse, NextHop, OUTCOME_SLOTS,
    Outcome, PEER_SLOTS, RouteRecord, TableState, TokenBucket, TunnelSettings, cache_place,
};
use routemesh_ebpf::wire::Address;

const ON_DEMAND: usize = BPF_F_NO_PREALLOC as usize;
const MAPPABLE: usize = BPF_F_MMAPABLE as usize;

// The loader sets the lengths that are 1 and not of one entry by their nature.
#[btf_map]
static ROUTES: LpmTrie<[u32; 4], u32, 1> = LpmTrie::new();
#[btf_map]
static ROUTE_INDEX: Array<IndexBucket, 1, MAPPABLE> = Array::new();
#[btf_map]
static ROUTE_RECORDS: Array<RouteRecord, 1, MAPPABLE> = Array::new();
#[btf_map]
static ROUTE_CACHE: Array<CachedRoute, 1> = Array::new();
#[btf_map]
static TABLE_STATE: Array<TableState, 1, MAPPABLE> = Array::new();
#[btf_map]
static NEXT_HOPS: Array<NextHop, { NEXT_HOP_SLOTS as usize }> = Array::new();
#[btf_map]
static ENDPOINTS: HashMap<Address, Endpoint, { ENDPOINT_SLOTS as usize }, ON_DEMAND> =
    HashMap::new();
#[btf_map]
static INTERFACES: Array<Interface, { INTERFACE_SLOTS as usize }, MAPPABLE> = Array::new();
#[btf_map]
static DISPLACED: HashMap<u32, u32, { INTERFACE_SLOTS as usize }, ON_DEMAND> = HashMap::new();
#[btf_map]
static PEERS: HashMap<Address, u8, { PEER_SLOTS as usize }, ON_DEMAND> = HashMap::new();
#[btf_map]
static NETWORK_IDS: HashMap<NetworkId, NetworkUse, { NETWORK_ID_SLOTS as usize }, ON_DEMAND> =
    HashMap::new();
#[btf_map]
static TUNNEL_SETTINGS: Array<TunnelSettings, 1> = Array::new();
#[btf_map]
static TX_PORTS: DevMapHash<{ INTERFACE_SLOTS as usize }> = DevMapHash::new();
#[btf_map]
static OUTCOMES: Array<Counter, 1, MAPPABLE> = Array::new();
#[btf_map]
static ROUTE_COUNTERS: Array<Counter, 1, MAPPABLE> = Array::new();
#[btf_map]
static COUNTER_CACHE: Array<CachedCounter, 1, MAPPABLE> = Array::new();
#[btf_map]
static ICMP_BUDGET: PerCpuArray<TokenBucket, 1> = PerCpuArray::new();

#[unsafe(no_mangle)]
static ROUTE_SLOTS: u32 = 1;
#[unsafe(no_mangle)]
static NETWORK_NAMESPACE: u64 = 1;
#[unsafe(no_mangle)]
static INDEX_BUCKETS: u32 = 1;
#[unsafe(no_mangle)]
static CACHE_LENGTH: u32 = 1;
#[unsafe(no_mangle)]
static ONE: u64 = 1;

/// What is known of the interface a packet came in by.
#[inline(always)]
pub(crate) fn interface(ifindex: u32) -> Option<&'static Interface> {
    // An array is looked up in line; a hash would be the dearest thing that most packets meet.
    let own = INTERFACES.get(ifindex % INTERFACE_SLOTS)?;
    if own.ifindex == ifindex {
        Some(own)
    } else {
        displaced(ifindex)
    }
}

/// What is known of an interface whose own slot is another's.
#[inline(never)]
fn displaced(ifindex: u32) -> Option<&'static Interface> {
    // SAFETY: the kernel frees map elements after an RCU grace period, which ends after the
    // program; a replaced element is another one, so this one does not change.
    let slot = unsafe { DISPLACED.get(&ifindex) }?;
    INTERFACES.get(*slot)
}

/// A trie's key on the stack, its address aligned: it is written as two words, which the verifier
/// wants aligned there.
#[repr(C, align(8))]
struct TrieKey {
    before: u32,
    key: Key<[u32; 4]>,
}

/// What holds for all routes.
#[inline(always)]
pub(crate) fn table_state() -> Option<&'static TableState> {
    TABLE_STATE.get(0)
}

/// Whether a daemon follows the neighbours, so that the MACs of next hops are theirs.
#[inline(always)]
pub(crate) fn neighbours_are_followed() -> bool {
    // SAFETY: reads a clock; always allowed.
    let now = unsafe { bpf_ktime_get_coarse_ns() };
    table_state().is_some_and(|state| now < read(&state.followed_until))
}

/// The part of the index that prefixes with that hash are in.
#[inline(always)]
pub(crate) fn index_bucket(hash: u32) -> Option<&'static IndexBucket> {
    // SAFETY: a global of the object; volatile because the loader writes it before loading.
    let buckets = unsafe { core::ptr::read_volatile(&raw const INDEX_BUCKETS) };
    ROUTE_INDEX.get(hash & (buckets - 1))
}

/// The slot of the longest prefix in the trie that holds `address`.
#[inline(always)]
pub(crate) fn longest_match(address: Address) -> Option<u32> {
    let key = TrieKey {
        before: 0,
        key: Key::new(128, address.words()),
    };
    ROUTES.get(&key.key).copied()
}

/// The record in that slot.
#[inline(always)]
pub(crate) fn route_record(slot: u32) -> Option<&'static RouteRecord> {
    ROUTE_RECORDS.get(slot)
}

/// Reads a number in a map that the daemon may write at the same time.
#[inline(always)]
pub(crate) fn read(number: &u64) -> u64 {
    // SAFETY: from a reference. Volatile, so that it is read once.
    unsafe { core::ptr::read_volatile(number) }
}

/// 1, which the compiler does not know.
#[inline(always)]
pub(crate) fn one() -> u64 {
    read(&ONE)
}

/// The container with that address, where it is known.
#[inline(always)]
pub(crate) fn endpoint(address: &Address) -> Option<&'static Endpoint> {
    // SAFETY: as in `interface`.
    unsafe { ENDPOINTS.get(address) }
}

/// The next hop in that slot.
#[inline(always)]
pub(crate) fn next_hop(slot: u32) -> Result<&'static NextHop, Outcome> {
    NEXT_HOPS.get(slot).ok_or(Outcome::NoRoute)
}

/// Whether a peer has that underlay address.
#[inline(always)]
pub(crate) fn is_peer(address: Address) -> bool {
    // SAFETY: as in `interface`.
    unsafe { PEERS.get(&address) }.is_some()
}

/// Who may send packets of that network; none: it is not one of this host's.
#[inline(always)]
pub(crate) fn network(id: NetworkId) -> Option<NetworkUse> {
    // SAFETY: as in `interface`.
    unsafe { NETWORK_IDS.get(&id) }.copied()
}

/// The network namespace of this host, by its cookie.
#[inline(always)]
pub(crate) fn network_namespace() -> u64 {
    // SAFETY: a global of the object; volatile because the loader writes it before loading.
    unsafe { core::ptr::read_volatile(&raw const NETWORK_NAMESPACE) }
}

/// What tunnel packets this host takes for its own.
#[inline(always)]
pub(crate) fn tunnel_settings() -> Result<&'static TunnelSettings, Outcome> {
    TUNNEL_SETTINGS.get(0).ok_or(Outcome::ToHost)
}

/// Sends the frame out of that interface, from XDP.
#[inline(always)]
pub(crate) fn redirect_xdp(ifindex: u32) -> Result<u32, Outcome> {
    TX_PORTS
        .redirect(ifindex, u64::from(xdp_action::XDP_PASS))
        .map_err(|_| Outcome::HandedUp)
}

/// The counters of an outcome row, for the CPU in hand.
#[inline(always)]
pub(crate) fn outcome_counter(slot: u32) -> Option<*mut Counter> {
    OUTCOMES.get_ptr_mut(cpu() * OUTCOME_SLOTS + slot)
}

/// Where this CPU has what it found for that address.
#[inline(always)]
pub(crate) fn route_place([first, last]: [u64; 2]) -> u32 {
    // As numbers, so that addresses which follow one another are numbers that do.
    cached(u64::from_be(first ^ last))
}

/// What this CPU found for an address with that place.
#[inline(always)]
pub(crate) fn cached_route(place: u32) -> Option<*mut CachedRoute> {
    ROUTE_CACHE.get_ptr_mut(place)
}

/// Where this CPU may count what is the counter's in that slot.
#[inline(always)]
pub(crate) fn cached_counter(slot: u32) -> Option<*mut CachedCounter> {
    COUNTER_CACHE.get_ptr_mut(cached(slot.into()))
}

/// The place of a number in the caches of the CPU in hand.
#[inline(always)]
fn cached(number: u64) -> u32 {
    // SAFETY: a global of the object; volatile because the loader writes it before loading.
    let length = unsafe { core::ptr::read_volatile(&raw const CACHE_LENGTH) };
    cpu() * length + (cache_place(number) & (length - 1))
}

/// The counters of a route, for the CPU in hand.
#[inline(always)]
pub(crate) fn route_counter(slot: u32) -> Option<*mut Counter> {
    // SAFETY: a global of the object; volatile because the loader writes it before loading.
    let slots = unsafe { core::ptr::read_volatile(&raw const ROUTE_SLOTS) };
    ROUTE_COUNTERS.get_ptr_mut(cpu() * slots + slot)
}

/// The budget of ICMP errors of the CPU in hand.
#[inline(always)]
pub(crate) fn icmp_budget() -> Option<*mut TokenBucket> {
    ICMP_BUDGET.get_ptr_mut(0)
}

#[inline(always)]
fn cpu() -> u32 {
    // SAFETY: reads a number; always allowed.
    unsafe { aya_ebpf::helpers::generated::bpf_get_smp_processor_id() }
}
