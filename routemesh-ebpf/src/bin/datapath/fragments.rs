//! Cutting IPv4 packets that do not fit, where their senders allow it.
//!
//! A program cannot make two packets of one, but it can have a copy come in anew. So a packet that is
//! too big is given the header of its first part, and a copy of it comes in, with all that follows as
//! if Ethernet had padded it: that is cut off when it does ([`trim`]). Then the part is taken out,
//! and the rest comes in, to be cut again where it is still too big. Nothing needs to be noted beside
//! the packets, so nobody can forge it.

use routemesh_common::Outcome;
use routemesh_ebpf::{
    fragment::{self, LONGEST, PAYLOAD, SUM_BLOCK},
    packet::Packet as _,
    parse::Datagram,
    wire::ETH_LEN,
};

use crate::{ctx::Tc, pipeline::Sent};

/// Words of payload that are put aside: more than is in front of a checksum's beginning.
const ASIDE: usize = 5;
/// Blocks that the longest packet has.
const BLOCKS: usize = (LONGEST as usize).div_ceil(SUM_BLOCK);

/// Cuts the packet in two, of which the first has `mtu` bytes at most.
///
/// # Errors
/// [`Outcome::NeedsFragmentation`] where it is none that can be cut; then it is as it came.
#[inline(never)]
pub(crate) fn send(tc: &mut Tc, datagram: &Datagram, mtu: u32) -> Result<Sent, Outcome> {
    if tc.segment() != 0 {
        return Err(Outcome::NeedsFragmentation);
    }
    let first = fragment::first(datagram, mtu)?;
    // The kernel refuses where a packet out of a tunnel came from this very machine, still marked
    // as one that is in a tunnel. Now the frame lies in one piece.
    tc.resize(frame(datagram))
        .map_err(|_| Outcome::NeedsFragmentation)?;
    if tc.has_pending_sum(PAYLOAD)? {
        finish_sum(tc, datagram)?;
    }
    fragment::begin(tc, datagram, first)?;
    tc.receive_copy()?;
    tc.resize_payload(-(first as i32))?;
    fragment::end(tc, datagram, first)?;
    Ok(Sent {
        outcome: Outcome::Fragmented,
        action: tc.receive(tc.ifindex())?,
    })
}

/// Cuts off what follows the first part of a packet that was cut, and what else follows a fragment.
///
/// # Errors
/// [`Outcome::HelperFailed`] when the kernel refuses.
///
/// A function of its own also for the verifier, which would else follow the rest of the program for
/// each way through it.
#[inline(never)]
pub(crate) fn trim(tc: &mut Tc, datagram: &Datagram) -> Result<(), Outcome> {
    if datagram.earlier_fragment() && tc.length() > frame(datagram) {
        tc.resize(frame(datagram))?;
    }
    Ok(())
}

/// Bytes of the frame that has the packet and nothing else.
#[inline(always)]
fn frame(datagram: &Datagram) -> u32 {
    datagram.length() + ETH_LEN as u32
}

/// Puts the checksum over the whole datagram in its place, since no card can compute it from parts.
///
/// # Errors
/// [`Outcome::NeedsFragmentation`] where it is another that the card is to compute, as of a packet in
/// a container's own tunnel.
#[inline(always)]
fn finish_sum(tc: &mut Tc, datagram: &Datagram) -> Result<(), Outcome> {
    let at = fragment::checksum_at(datagram)?;
    let check = fragment::checksum(payload_sum(tc, datagram)?);
    // The kernel stops counting on the card when the bytes from which on it sums are taken away, and
    // does not begin again when they are back (`skb_postpull_rcsum`).
    let aside = tc.load::<ASIDE>(PAYLOAD)?;
    let length = size_of_val(&aside) as i32;
    tc.resize_payload(-length)?;
    let is_another = tc.has_pending_sum(PAYLOAD)?;
    tc.resize_payload(length)?;
    tc.store(PAYLOAD, &aside)?;
    if is_another {
        return Err(Outcome::NeedsFragmentation);
    }
    *tc.header_mut::<[u8; 2]>(at)? = check;
    Ok(())
}

/// What the payload sums up to.
#[inline(always)]
fn payload_sum(tc: &mut Tc, datagram: &Datagram) -> Result<u32, Outcome> {
    let end = frame(datagram);
    // Whole blocks, with zeroes behind.
    tc.resize(end + SUM_BLOCK as u32)?;
    let mut sum = 0;
    for block in 0..BLOCKS {
        let at = PAYLOAD + block * SUM_BLOCK;
        if at as u32 >= end {
            break;
        }
        sum = tc.sum::<[u8; SUM_BLOCK]>(at, sum)?;
    }
    tc.resize(end)?;
    Ok(sum)
}
