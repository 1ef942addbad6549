//! A packet in ordinary memory, for the tests of the core.
#![expect(unsafe_code, reason = "stands in for the kernel's packet memory")]

extern crate std;

use std::vec::Vec;

use crate::packet::Packet;

/// An Ethernet frame.
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl Frame {
    /// A frame of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

// SAFETY: the range is the vector's own, and it is resized through `&mut` only.
unsafe impl Packet for Frame {
    fn start(&self) -> usize {
        self.0.as_ptr() as usize
    }

    fn end(&self) -> usize {
        self.start() + self.0.len()
    }
}
