//! The maps, and typed look-ups in them.
#![expect(
    unsafe_code,
    reason = "map elements and globals are the kernel's memory"
)]

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, xdp_action},
    btf_maps::{Array, DevMapHash, HashMap, LpmTrie, PerCpuArray, lpm_trie::Key},
    macros::btf_map,
};
use routemesh_common::{
    CachedRoute, Counter, ENDPOINT_SLOTS, Endpoint, Family, INTERFACE_SLOTS, Interface,
    NETWORK_ID_SLOTS, NEXT_HOP_SLOTS, NetworkId, NetworkUse, NextHop, OUTCOME_SLOTS, Outcome,
    PEER_SLOTS, Route, RouteKind, TableState, TokenBucket, TunnelSettings,
};
use routemesh_ebpf::wire::Address;

const ON_DEMAND: usize = BPF_F_NO_PREALLOC as usize;
const MAPPABLE: usize = BPF_F_MMAPABLE as usize;

// The loader sets the lengths of ROUTES, ROUTE_CACHE, OUTCOMES and ROUTE_COUNTERS.
#[btf_map]
static ROUTES: LpmTrie<[u32; 4], Route, 1> = LpmTrie::new();
#[btf_map]
static TABLE_STATE: Array<TableState, 1> = Array::new();
#[btf_map]
static ROUTE_CACHE: Array<CachedRoute, 1> = Array::new();
#[btf_map]
static NEXT_HOPS: Array<NextHop, { NEXT_HOP_SLOTS as usize }> = Array::new();
#[btf_map]
static ENDPOINTS: HashMap<Address, Endpoint, { ENDPOINT_SLOTS as usize }, ON_DEMAND> =
    HashMap::new();
#[btf_map]
static INTERFACES: HashMap<u32, Interface, { INTERFACE_SLOTS as usize }, ON_DEMAND> =
    HashMap::new();
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
static ICMP_BUDGET: PerCpuArray<TokenBucket, 1> = PerCpuArray::new();

#[unsafe(no_mangle)]
static ROUTE_SLOTS: u32 = 1;
#[unsafe(no_mangle)]
static CACHE_SLOTS: u32 = 1;

/// What is known of the interface a packet came in by.
#[inline(always)]
pub(crate) fn interface(ifindex: u32) -> Option<&'static Interface> {
    // SAFETY: the kernel frees map elements after an RCU grace period, which ends after the
    // program; a replaced element is another one, so this one does not change.
    unsafe { INTERFACES.get(&ifindex) }
}

/// A trie's key on the stack, its address aligned: it is written as two words, which the verifier
/// wants aligned there.
#[repr(C, align(8))]
struct TrieKey {
    before: u32,
    key: Key<[u32; 4]>,
}

/// The route of the longest prefix that holds `address`, to be used before the next look-up.
#[inline(always)]
pub(crate) fn route(address: Address, family: Family) -> Option<&'static Route> {
    let route = match TABLE_STATE.get(0) {
        Some(state) if state.cached == 1 => cached(address, state.generation)?,
        _ => longest_match(address)?,
    };
    // `::/0` holds every IPv4-mapped address too.
    (route.family == family).then_some(route)
}

/// What the trie says of the address, or said to this CPU before: a trie of many routes takes
/// time. `generation` was read before the trie is, so what is remembered of a trie that changes
/// at this moment is stale at once.
#[inline(always)]
fn cached(address: Address, generation: u64) -> Option<&'static Route> {
    // SAFETY: a global of the object; volatile because the loader writes it before loading.
    let slots = unsafe { core::ptr::read_volatile(&raw const CACHE_SLOTS) };
    let slot = (address.hash() >> 16) & (slots - 1);
    let entry = ROUTE_CACHE.get_ptr_mut(cpu() * slots + slot)?;
    // SAFETY: the element is of this CPU, a program is not interrupted by another on it, and what
    // was returned before is not used any more.
    let entry = unsafe { &mut *entry };
    if entry.generation != generation || entry.dst != address.double_words() {
        entry.route = longest_match(address).copied().unwrap_or(NO_ROUTE);
        entry.dst = address.double_words();
        entry.generation = generation;
    }
    (entry.route.kind != RouteKind::NONE).then_some(&entry.route)
}

const NO_ROUTE: Route = Route {
    kind: RouteKind::NONE,
    family: Family::V4,
    source: 0,
    reserved: 0,
    target: 0,
    counter: 0,
};

#[inline(always)]
fn longest_match(address: Address) -> Option<&'static Route> {
    let key = TrieKey {
        before: 0,
        key: Key::new(128, address.words()),
    };
    ROUTES.get(&key.key)
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
pub(crate) fn is_peer(address: &Address) -> bool {
    // SAFETY: as in `interface`.
    unsafe { PEERS.get(address) }.is_some()
}

/// Who may send packets of that network; none: it is not one of this host's.
#[inline(always)]
pub(crate) fn network(id: NetworkId) -> Option<NetworkUse> {
    // SAFETY: as in `interface`.
    unsafe { NETWORK_IDS.get(&id) }.copied()
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
