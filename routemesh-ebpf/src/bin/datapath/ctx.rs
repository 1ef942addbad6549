//! The packet as the two hooks hand it over, and what only they can do with it.
#![expect(
    unsafe_code,
    reason = "context fields and helpers are reached through the kernel's pointers"
)]

use core::ptr;

use aya_ebpf::{
    bindings::{bpf_redir_neigh, bpf_redir_neigh__bindgen_ty_1},
    helpers::generated::{
        bpf_clone_redirect, bpf_csum_diff, bpf_csum_update, bpf_l4_csum_replace, bpf_redirect,
        bpf_redirect_neigh, bpf_redirect_peer, bpf_skb_adjust_room, bpf_skb_change_proto,
        bpf_skb_change_tail, bpf_skb_change_type, bpf_skb_load_bytes, bpf_skb_pull_data,
        bpf_skb_store_bytes, bpf_xdp_adjust_head,
    },
    programs::{TcContext, XdpContext},
};
use aya_log_ebpf::warn;
use routemesh_common::{Family, Outcome};
use routemesh_ebpf::{
    packet::{Packet, Resize},
    tunnel::Room,
    wire::{
        Address, ETH_LEN, Eth, EtherType, IPV4_LEN, IPV6_LEN, IpProto, Mac, Udp, Wire, looked_at,
    },
};

use crate::room::{FIXED_GSO, Kind, decapsulation, encapsulation};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const PACKET_HOST: u32 = 0;
const TC_ACT_REDIRECT: i64 = 7;
/// `BPF_F_INGRESS`.
const INGRESS: u64 = 1;
/// `BPF_ADJ_ROOM_NET`: room is made behind the IP header.
const ADJ_ROOM_NET: u32 = 0;
/// `BPF_ADJ_ROOM_MAC`: room is made behind the Ethernet header.
const ADJ_ROOM_MAC: u32 = 1;
/// Bytes that are added only to be taken away.
const SURPLUS: i32 = 4;

/// A frame at XDP.
pub(crate) struct Xdp(XdpContext);

impl Xdp {
    #[inline(always)]
    pub(crate) fn new(ctx: XdpContext) -> Self {
        Self(ctx)
    }

    /// The interface the frame came in by.
    #[inline(always)]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: the context is the kernel's and outlives the program.
        unsafe { (*self.0.ctx).ingress_ifindex }
    }

    /// Bytes of the frame.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        (self.end() - self.start()) as u32
    }
}

// SAFETY: the kernel vouches for data..data_end, and nothing here moves the packet.
unsafe impl Packet for Xdp {
    #[inline(always)]
    fn start(&self) -> usize {
        self.0.data()
    }

    #[inline(always)]
    fn end(&self) -> usize {
        self.0.data_end()
    }
}

impl Resize for Xdp {
    #[inline(always)]
    fn open(&mut self, room: Room) -> Result<(), Outcome> {
        // SAFETY: moves the packet, which `&mut self` allows; so below.
        done(unsafe { bpf_xdp_adjust_head(self.0.ctx, -(room.length() as i32)) })
    }

    #[inline(always)]
    fn close(&mut self, room: Room, _: Family) -> Result<(), Outcome> {
        let eth = self.header::<Eth>(0)?;
        let (dst, src) = (Mac::from(&eth.dst), Mac::from(&eth.src));
        // SAFETY: as in `open`.
        done(unsafe { bpf_xdp_adjust_head(self.0.ctx, room.length() as i32) })?;
        let eth = self.header_mut::<Eth>(0)?;
        dst.write(&mut eth.dst);
        src.write(&mut eth.src);
        Ok(())
    }
}

/// A frame at tc ingress, of which the kernel may hold only the head in one piece.
pub(crate) struct Tc(TcContext);

impl Tc {
    #[inline(always)]
    pub(crate) fn new(ctx: TcContext) -> Self {
        let mut tc = Self(ctx);
        tc.note(Kind::NONE);
        tc
    }

    /// The interface the frame came in by.
    #[inline(always)]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: the context is the kernel's and outlives the program; so below.
        unsafe { (*self.0.skb.skb).ifindex }
    }

    /// Tells of a packet that a helper refused: it should not happen, so it is worth a word where
    /// someone listens (`routemesh daemon --bpf-log`). Otherwise the verifier removes this.
    #[inline(always)]
    pub(crate) fn log_failure(&self) {
        warn!(
            &self.0,
            "a helper refused a packet of {} bytes from interface {}",
            self.length(),
            self.ifindex()
        );
    }

    /// Bytes of the frame in all.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        // SAFETY: as in `ifindex`.
        unsafe { (*self.0.skb.skb).len }
    }

    /// Payload bytes of each segment a super-packet is to be cut into; 0 for other packets.
    #[inline(always)]
    pub(crate) fn segment(&self) -> u32 {
        // SAFETY: as in `ifindex`.
        unsafe { (*self.0.skb.skb).gso_size }
    }

    /// Whether the NIC took a VLAN tag off the frame.
    #[inline(always)]
    pub(crate) fn has_vlan_tag(&self) -> bool {
        // SAFETY: as in `ifindex`.
        unsafe { (*self.0.skb.skb).vlan_present != 0 }
    }

    /// Brings the headers into the piece that programs can read, where they are not.
    #[inline(always)]
    pub(crate) fn pull_headers(&mut self) {
        // SAFETY: as in `ifindex`.
        let protocol = unsafe { (*self.0.skb.skb).protocol };
        let family = if protocol == u32::from(u16::from_ne_bytes(EtherType::IPV4.0)) {
            Family::V4
        } else {
            Family::V6
        };
        self.pull((ETH_LEN + looked_at(family)) as u32);
    }

    #[inline(always)]
    fn pull(&mut self, bytes: u32) {
        let head = (self.end() - self.start()) as u32;
        if head < bytes && head < self.length() {
            // What cannot be had is found missing by whoever reads it.
            // SAFETY: moves the packet, which `&mut self` allows; so below.
            let _ = unsafe { bpf_skb_pull_data(self.0.skb.skb, bytes.min(self.length())) };
        }
    }

    /// Cuts the frame to `length` bytes, or fills it up with zeroes. It then lies in one piece,
    /// and a super-packet is one no more.
    #[inline(always)]
    pub(crate) fn resize(&mut self, length: u32) -> Result<(), Outcome> {
        // SAFETY: as in `pull`.
        done(unsafe { bpf_skb_change_tail(self.0.skb.skb, length, 0) })
    }

    /// Opens `length` bytes behind the Ethernet header.
    #[inline(always)]
    pub(crate) fn insert(&mut self, length: u32) -> Result<(), Outcome> {
        self.adjust(length as i32, 0)
    }

    /// Opens `length` bytes behind the IP header, or takes as many away.
    #[inline(always)]
    pub(crate) fn resize_payload(&mut self, length: i32) -> Result<(), Outcome> {
        // SAFETY: as in `pull`.
        done(unsafe { bpf_skb_adjust_room(self.0.skb.skb, length, ADJ_ROOM_NET, 0) })
    }

    /// Copies bytes of the frame.
    #[inline(always)]
    pub(crate) fn load<const N: usize>(&self, at: usize) -> Result<[u64; N], Outcome> {
        let mut bytes = [0; N];
        let to = (&raw mut bytes).cast();
        let length = size_of::<[u64; N]>() as u32;
        // SAFETY: the kernel writes as many bytes as there are.
        done(unsafe { bpf_skb_load_bytes(self.0.skb.skb.cast(), at as u32, to, length) })?;
        Ok(bytes)
    }

    /// Puts bytes into the frame.
    #[inline(always)]
    pub(crate) fn store<const N: usize>(
        &mut self,
        at: usize,
        bytes: &[u64; N],
    ) -> Result<(), Outcome> {
        let from = (&raw const *bytes).cast();
        let length = size_of::<[u64; N]>() as u32;
        // SAFETY: the kernel reads as many bytes as there are; as in `pull`.
        done(unsafe { bpf_skb_store_bytes(self.0.skb.skb, at as u32, from, length, 0) })
    }

    /// Adds a block of the frame to a sum, in the machine's byte order.
    #[inline(always)]
    pub(crate) fn sum<T: Wire>(&self, at: usize, sum: u32) -> Result<u32, Outcome> {
        let block = &raw const *self.header::<T>(at)?;
        let length = size_of::<T>() as u32;
        // SAFETY: reads a block that is there.
        let sum =
            unsafe { bpf_csum_diff(ptr::null_mut(), 0, block.cast_mut().cast(), length, sum) };
        if sum < 0 {
            Err(Outcome::HelperFailed)
        } else {
            Ok(sum as u32)
        }
    }

    /// Whether the kernel leaves a checksum of the packet to the network card
    /// (`CHECKSUM_PARTIAL`). Then it does not change one in its place, as at `at`.
    #[inline(always)]
    pub(crate) fn has_pending_sum(&mut self, at: usize) -> Result<bool, Outcome> {
        let before = u16::from_ne_bytes(*self.header::<[u8; 2]>(at)?);
        self.replace_sum(at, [0, 0], [0, 1])?;
        let after = self.header_mut::<[u8; 2]>(at)?;
        let pending = u16::from_ne_bytes(*after) == before;
        *after = before.to_ne_bytes();
        Ok(pending)
    }

    #[inline(always)]
    fn adjust(&mut self, length: i32, flags: u64) -> Result<(), Outcome> {
        // SAFETY: as in `pull`.
        done(unsafe { bpf_skb_adjust_room(self.0.skb.skb, length, ADJ_ROOM_MAC, flags) })
    }

    /// Takes `length` bytes away behind the Ethernet header; what is left is of `family`.
    #[inline(always)]
    fn shrink(&mut self, length: i32, family: Family) -> Result<(), Outcome> {
        if let Ok(()) = self.adjust(-length, FIXED_GSO | decapsulation(family)) {
            return Ok(());
        }
        // Linux knows the family's flag since 6.3.
        let grown = self.translate(family)?;
        self.adjust(-(length + grown), FIXED_GSO)
    }

    /// Has the kernel take the packet for one of `family`, and returns by how many bytes its
    /// header has grown for it. What stands there then is of neither.
    #[inline(always)]
    fn translate(&mut self, family: Family) -> Result<i32, Outcome> {
        let (ether_type, grown) = if family == Family::V4 {
            (EtherType::IPV4, IPV4_LEN as i32 - IPV6_LEN as i32)
        } else {
            (EtherType::IPV6, IPV6_LEN as i32 - IPV4_LEN as i32)
        };
        let protocol = u16::from_ne_bytes(ether_type.0);
        // SAFETY: as in `ifindex`.
        if unsafe { (*self.0.skb.skb).protocol } == u32::from(protocol) {
            return Ok(0);
        }
        // SAFETY: as in `pull`.
        done(unsafe { bpf_skb_change_proto(self.0.skb.skb, protocol, 0) })?;
        Ok(grown)
    }

    /// The kind of the tunnel that the packet is in.
    #[inline(always)]
    fn kind(&self, room: Room) -> Result<Kind, Outcome> {
        let kind = Kind::of(room);
        if room.proto != IpProto::UDP {
            return Ok(kind);
        }
        Ok(kind.with(self.header::<Udp>(room.shim_at())?.check))
    }

    /// Notes a kind with the packet, where the verifier does not follow it: on the stack it would be
    /// a way of its own through the rest of the program.
    #[inline(always)]
    fn note(&mut self, Kind(kind): Kind) {
        // SAFETY: the context is the kernel's; this word is for programs to use.
        unsafe { (&raw mut (*self.0.skb.skb).cb[0]).write_volatile(kind) };
    }

    #[inline(always)]
    fn noted(&self) -> Kind {
        // SAFETY: as in `note`.
        Kind(unsafe { (&raw const (*self.0.skb.skb).cb[0]).read_volatile() })
    }

    /// Tells the kernel that an IPv6 hop limit went down by one, where the NIC has summed the
    /// whole packet. (The same change to an IPv4 header leaves its sum as it was.)
    #[inline(always)]
    pub(crate) fn hop_limit_decremented(&mut self) {
        let minus_one = u32::from(0xfffe_u16.to_be());
        // SAFETY: changes a number of the packet's; it fails where there is no such sum.
        let _ = unsafe { bpf_csum_update(self.0.skb.skb, minus_one) };
    }

    /// Hands the frame to the other end of the veth pair `ifindex` belongs to, as if it had
    /// come in there.
    #[inline(always)]
    pub(crate) fn redirect_peer(&mut self, ifindex: u32) -> Result<u32, Outcome> {
        // SAFETY: as in `ifindex`.
        if unsafe { (*self.0.skb.skb).pkt_type } != PACKET_HOST {
            // A frame that came in by a bridge port was not addressed to that port, and
            // kernels before 6.15 keep that mark across the redirect: the container drops it.
            // SAFETY: changes a number of the packet's.
            done(unsafe { bpf_skb_change_type(self.0.skb.skb, PACKET_HOST) })?;
        }
        // SAFETY: notes the redirect, which the kernel carries out after the program.
        sent(unsafe { bpf_redirect_peer(ifindex, 0) })
    }

    /// Sends the frame out of `ifindex` as it is.
    #[inline(always)]
    pub(crate) fn redirect(&mut self, ifindex: u32) -> Result<u32, Outcome> {
        // SAFETY: as in `redirect_peer`.
        sent(unsafe { bpf_redirect(ifindex, 0) })
    }

    /// Has the frame come in by `ifindex`, where programs see it anew.
    #[inline(always)]
    pub(crate) fn receive(&mut self, ifindex: u32) -> Result<u32, Outcome> {
        // SAFETY: as in `redirect_peer`.
        sent(unsafe { bpf_redirect(ifindex, INGRESS) })
    }

    /// Has a copy of the frame come in by the interface that it came in by.
    #[inline(always)]
    pub(crate) fn receive_copy(&mut self) -> Result<(), Outcome> {
        let ifindex = self.ifindex();
        // SAFETY: moves the packet, which `&mut self` allows.
        done(unsafe { bpf_clone_redirect(self.0.skb.skb, ifindex, INGRESS) })
    }

    /// Sends the packet out of `ifindex` to the neighbour with that address, which the kernel
    /// resolves where it has to.
    #[inline(always)]
    pub(crate) fn redirect_neigh(
        &mut self,
        ifindex: u32,
        family: Family,
        address: Address,
    ) -> Result<u32, Outcome> {
        let [a, b, c, d] = address.words();
        let mut neighbour = if family == Family::V4 {
            bpf_redir_neigh {
                nh_family: AF_INET,
                __bindgen_anon_1: bpf_redir_neigh__bindgen_ty_1 {
                    ipv6_nh: [d, 0, 0, 0],
                },
            }
        } else {
            bpf_redir_neigh {
                nh_family: AF_INET6,
                __bindgen_anon_1: bpf_redir_neigh__bindgen_ty_1 {
                    ipv6_nh: [a, b, c, d],
                },
            }
        };
        // SAFETY: the kernel copies the parameters; the redirect follows after the program.
        sent(unsafe {
            bpf_redirect_neigh(
                ifindex,
                &raw mut neighbour,
                size_of::<bpf_redir_neigh>() as i32,
                0,
            )
        })
    }
}

// SAFETY: the kernel vouches for data..data_end; what moves the packet takes `&mut self`.
unsafe impl Packet for Tc {
    #[inline(always)]
    fn start(&self) -> usize {
        self.0.data()
    }

    #[inline(always)]
    fn end(&self) -> usize {
        self.0.data_end()
    }
}

impl Resize for Tc {
    #[inline(always)]
    fn reach(&mut self, bytes: usize) {
        self.pull(bytes as u32);
    }

    /// The kernel knows whether the checksum is in its place, or still the network card's to
    /// compute from what is summed of it (`CHECKSUM_PARTIAL`).
    #[inline(always)]
    fn replace_sum(&mut self, at: usize, before: [u8; 2], after: [u8; 2]) -> Result<(), Outcome> {
        let [before, after] = [before, after].map(u16::from_ne_bytes).map(u64::from);
        // SAFETY: as in `pull`.
        done(unsafe { bpf_l4_csum_replace(self.0.skb.skb, at as u32, before, after, 2) })
    }

    #[inline(always)]
    fn is_super_packet(&self) -> bool {
        self.segment() != 0
    }

    #[inline(always)]
    fn open(&mut self, room: Room) -> Result<(), Outcome> {
        let length = room.length() as i32;
        match self.adjust(length, encapsulation(room)) {
            // The kernel takes no tunnel around what it has marked as one: what a container put
            // into a tunnel of its own, or what came out of one and went through GRO. Only
            // super-packets need the mark to be right, and after a tunnel of the same kind it is:
            // where the inner headers are, and how to cut it.
            Err(_) if self.segment() == 0 || self.noted() == Kind::of(room) => {
                // Then taking some of it away again tells the kernel the family.
                self.adjust(length + SURPLUS, FIXED_GSO)?;
                self.shrink(SURPLUS, room.outer)
            }
            done => done,
        }
    }

    #[inline(always)]
    fn close(&mut self, room: Room, inner: Family) -> Result<(), Outcome> {
        let kind = self.kind(room)?;
        self.note(kind);
        self.shrink(room.length() as i32, inner)
    }
}

#[inline(always)]
fn done(code: i64) -> Result<(), Outcome> {
    if code == 0 {
        Ok(())
    } else {
        Err(Outcome::HelperFailed)
    }
}

#[inline(always)]
fn sent(action: i64) -> Result<u32, Outcome> {
    if action == TC_ACT_REDIRECT {
        Ok(action as u32)
    } else {
        Err(Outcome::HelperFailed)
    }
}
