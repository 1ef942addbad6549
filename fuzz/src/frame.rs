//! A packet between two pages that cannot be touched: reading a byte too far ends the process.
#![expect(unsafe_code, reason = "stands in for the kernel's packet memory")]

use std::{cell::RefCell, num::NonZero, ptr::NonNull, slice};

use nix::{
    libc::c_void,
    sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap},
};
use routemesh_common::{Family, Outcome};
use routemesh_ebpf::{
    packet::{Packet, Resize},
    tunnel::Room,
    wire::{ETH_LEN, EtherType, looked_at},
};

/// Bytes of both MACs of a frame.
const MACS: usize = 12;
/// Bytes of the largest frame; longer inputs are cut.
pub(crate) const LARGEST: usize = 8192;
const PAGE: usize = 4096;
/// What may be put in front of and behind a frame.
const ROOM: usize = PAGE;
const WRITABLE: usize = LARGEST + 2 * ROOM;

/// An Ethernet frame that ends at the end of its memory.
///
/// New room is filled with a byte of the test's choice: what is not written shows.
pub(crate) struct Frame {
    memory: Memory,
    start: usize,
    end: usize,
    /// Bytes that can be read before [`Resize::reach`] asks for more, as at tc.
    head: usize,
    fill: u8,
}

impl Frame {
    /// The frame in one piece, as at XDP.
    pub(crate) fn whole(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(LARGEST)];
        let mut frame = Self {
            memory: Memory::take(),
            start: WRITABLE - bytes.len(),
            end: WRITABLE,
            head: usize::MAX,
            fill: 0xa5,
        };
        frame.bytes_mut().copy_from_slice(bytes);
        frame
    }

    /// The frame with no more in reach than tc brings into one piece before it looks
    /// (`pull_headers` of the programs).
    pub(crate) fn at_tc(bytes: &[u8]) -> Self {
        let family = if bytes.get(MACS..ETH_LEN) == Some(&EtherType::IPV4.0) {
            Family::V4
        } else {
            Family::V6
        };
        Self {
            head: ETH_LEN + looked_at(family),
            ..Self::whole(bytes)
        }
    }

    /// With new room filled with `fill`.
    pub(crate) fn filling(mut self, fill: u8) -> Self {
        self.fill = fill;
        self
    }

    /// Its length.
    pub(crate) fn length(&self) -> u32 {
        (self.end - self.start) as u32
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start..end` lies in the writable part of the mapping, which `self` owns.
        unsafe { slice::from_raw_parts(self.memory.at(self.start), self.end - self.start) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.memory.at(self.start), self.end - self.start) }
    }

    /// Cuts it, or fills it up with zeroes, as `bpf_skb_change_tail` does. It ends where its memory
    /// ends again.
    pub(crate) fn resize(&mut self, length: usize) {
        let mut bytes = self.bytes().to_vec();
        bytes.resize(length, 0);
        self.start = self.end - length;
        self.bytes_mut().copy_from_slice(&bytes);
    }

    /// Writes the Ethernet header.
    pub(crate) fn set_ethernet(&mut self, header: &[u8; ETH_LEN]) {
        self.bytes_mut()[..ETH_LEN].copy_from_slice(header);
    }

    /// Opens `length` bytes behind the Ethernet header, which has to be written anew.
    pub(crate) fn insert(&mut self, length: usize) {
        self.start -= length;
        self.head = self.head.saturating_add(length);
        let fill = self.fill;
        self.bytes_mut()[..ETH_LEN + length].fill(fill);
    }
}

// SAFETY: the range lies in the mapping that `self` owns, and it is moved through `&mut` only.
unsafe impl Packet for Frame {
    fn start(&self) -> usize {
        self.memory.at(self.start) as usize
    }

    fn end(&self) -> usize {
        self.start() + (self.end - self.start).min(self.head)
    }
}

impl Resize for Frame {
    fn reach(&mut self, bytes: usize) {
        self.head = self.head.max(bytes);
    }

    fn open(&mut self, room: Room) -> Result<(), Outcome> {
        self.insert(room.length() as usize);
        Ok(())
    }

    fn close(&mut self, room: Room, _: Family) -> Result<(), Outcome> {
        let room = room.length() as usize;
        if ETH_LEN + room > self.length() as usize {
            return Err(Outcome::HelperFailed);
        }
        // All of the Ethernet header but the MACs is the caller's to write.
        let fill = self.fill;
        let bytes = self.bytes_mut();
        bytes.copy_within(..MACS, room);
        bytes[room + MACS..room + ETH_LEN].fill(fill);
        self.start += room;
        self.head = self.head.saturating_sub(room);
        Ok(())
    }
}

thread_local! {
    /// Mappings that no frame uses: making one costs more than a run.
    static FREE: RefCell<Vec<Mapping>> = const { RefCell::new(Vec::new()) };
}

/// A mapping on loan; given back when dropped.
struct Memory(Option<Mapping>);

impl Memory {
    fn take() -> Self {
        let free = FREE.with_borrow_mut(Vec::pop);
        Self(Some(free.unwrap_or_else(Mapping::new)))
    }

    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= WRITABLE);
        let mapping = self.0.as_ref().expect("it is given back at the end only");
        mapping.0.as_ptr().cast::<u8>().wrapping_add(PAGE + offset)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        FREE.with_borrow_mut(|free| free.extend(self.0.take()));
    }
}

/// Writable pages between two that are not.
struct Mapping(NonNull<c_void>);

impl Mapping {
    const LENGTH: NonZero<usize> = NonZero::new(WRITABLE + 2 * PAGE).expect("it is not zero");

    fn new() -> Self {
        let flags = MapFlags::MAP_PRIVATE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe { mmap_anonymous(None, Self::LENGTH, ProtFlags::PROT_NONE, flags) };
        let start = start.expect("map memory for a frame");
        let writable = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let inside = start.map_addr(|address| address.saturating_add(PAGE));
        // SAFETY: these pages are the new mapping's, and nothing refers to them yet.
        unsafe { mprotect(inside, WRITABLE, writable) }.expect("let the frame be written");
        Self(start)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and whoever had it on loan has given it back.
        let unmapped = unsafe { munmap(self.0, Self::LENGTH.get()) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_reaches_beyond_the_frame_is_refused() {
        let frame = Frame::whole(&[7; 20]);
        assert!(frame.header::<[u8; 20]>(0).is_ok());
        assert!(frame.header::<[u8; 20]>(1).is_err());
        assert_eq!(frame.end() % PAGE, 0, "the next byte is out of bounds");
    }

    #[test]
    fn what_is_not_in_reach_is_reached_for() {
        let mut bytes = [0; 90];
        for (ether_type, head) in [(EtherType::IPV4, 54), (EtherType::IPV6, 74)] {
            bytes[MACS..ETH_LEN].copy_from_slice(&ether_type.0);
            let mut frame = Frame::at_tc(&bytes);
            assert!(frame.header::<u8>(head - 1).is_ok());
            assert!(frame.header::<u8>(head).is_err());
            frame.reach(head + 1);
            assert!(frame.header::<u8>(head).is_ok());
            assert!(frame.header::<u8>(head + 1).is_err());
        }
    }
}
