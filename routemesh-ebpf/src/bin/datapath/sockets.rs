//! Sockets of this host: what a process without privileges may not have the kernel send.
//!
//! A peer takes tunnel packets from this host's address for this host's word, and over UDP any
//! process can send one. So it may not connect or send to a peer's tunnel ports. GRE and IP in IP
//! want a raw socket, and with that (`CAP_NET_RAW`) a process can say anything to anyone. Asked
//! here, where a socket learns its destination, it costs packets nothing.
#![expect(
    unsafe_code,
    reason = "context fields and helpers are reached through the kernel's pointers"
)]

use aya_ebpf::{
    helpers::generated::{bpf_get_current_uid_gid, bpf_get_netns_cookie},
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};
use routemesh_ebpf::wire::{Address, IpProto};

use crate::maps;

/// The socket may go on; otherwise the process gets `EPERM`.
const ALLOW: i32 = 1;
const REFUSE: i32 = 0;
const ROOT: u32 = 0;

#[cgroup_sock_addr(connect4)]
pub(crate) fn rm_connect4(ctx: SockAddrContext) -> i32 {
    verdict(&ctx, ipv4)
}

#[cgroup_sock_addr(sendmsg4)]
pub(crate) fn rm_sendmsg4(ctx: SockAddrContext) -> i32 {
    verdict(&ctx, ipv4)
}

#[cgroup_sock_addr(connect6)]
pub(crate) fn rm_connect6(ctx: SockAddrContext) -> i32 {
    verdict(&ctx, ipv6)
}

#[cgroup_sock_addr(sendmsg6)]
pub(crate) fn rm_sendmsg6(ctx: SockAddrContext) -> i32 {
    verdict(&ctx, ipv6)
}

#[inline(always)]
fn verdict(ctx: &SockAddrContext, destination: impl Fn(&SockAddrContext) -> Address) -> i32 {
    let forges = is_tunnel_port(ctx)
        && !is_root()
        && is_of_this_host(ctx)
        && maps::is_peer(destination(ctx));
    if forges { REFUSE } else { ALLOW }
}

#[inline(always)]
fn is_tunnel_port(ctx: &SockAddrContext) -> bool {
    // SAFETY: the context is the kernel's and outlives the program; so below.
    let (protocol, port) = unsafe { ((*ctx.sock_addr).protocol, (*ctx.sock_addr).user_port) };
    // In network order, in the first two bytes of the word.
    let [a, b, _, _] = port.to_ne_bytes();
    protocol == u32::from(IpProto::UDP.0)
        && maps::tunnel_settings()
            .is_ok_and(|ours| [a, b] == ours.vxlan_port || [a, b] == ours.geneve_port)
}

#[inline(always)]
fn is_root() -> bool {
    // SAFETY: reads a number; always allowed.
    unsafe { bpf_get_current_uid_gid() as u32 == ROOT }
}

/// A container's socket is not: its packets come to the hook of its network.
#[inline(always)]
fn is_of_this_host(ctx: &SockAddrContext) -> bool {
    // SAFETY: the kernel reads the socket of the context.
    unsafe { bpf_get_netns_cookie(ctx.sock_addr.cast()) == maps::network_namespace() }
}

#[inline(always)]
fn ipv4(ctx: &SockAddrContext) -> Address {
    // SAFETY: as in `is_tunnel_port`.
    Address::v4(unsafe { (*ctx.sock_addr).user_ip4 }.to_ne_bytes())
}

/// An IPv4 address may be in it, mapped as in our maps.
#[inline(always)]
fn ipv6(ctx: &SockAddrContext) -> Address {
    // SAFETY: as in `is_tunnel_port`.
    let words = unsafe {
        let words = &raw const (*ctx.sock_addr).user_ip6;
        let word = |at: usize| words.cast::<u32>().add(at).read_volatile();
        [word(0), word(1), word(2), word(3)]
    };
    Address::from_words(words)
}
