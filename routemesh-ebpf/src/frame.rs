//! A packet in ordinary memory, for the tests of the core.
#![expect(unsafe_code, reason = "stands in for the kernel's packet memory")]

extern crate std;

use core::array;
use std::vec::Vec;

use routemesh_common::{Family, Outcome};

use crate::{
    checksum::Sum,
    packet::{Packet, Resize},
    tunnel::Room,
    wire::ETH_LEN,
};

/// MAC that the frames below are for.
pub(crate) const STATION: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// MAC that they come from.
pub(crate) const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// An Ethernet frame.
#[derive(Clone)]
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl Frame {
    /// UDP from 10.0.0.2 to 10.1.0.2, TTL 64, without payload.
    pub(crate) fn ipv4() -> Self {
        let mut ip = [
            0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 1, 0, 2,
        ];
        let check = Sum::new().bytes(&ip).checksum();
        ip[10..12].copy_from_slice(&check);
        Self([&STATION, &SENDER, &[8, 0][..], &ip, &[0; 8]].concat())
    }

    /// UDP from fd00::2 to fd01::2, hop limit 64, without payload.
    pub(crate) fn ipv6() -> Self {
        let mut ip = [0; 40];
        ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 8, 17, 64]);
        (ip[8], ip[23]) = (0xfd, 2);
        (ip[24], ip[25], ip[39]) = (0xfd, 1, 2);
        Self([&STATION, &SENDER, &[0x86, 0xdd][..], &ip, &[0; 8]].concat())
    }

    /// With other bytes from `at` on; IPv4's header checksum is made right again.
    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        if self.0[12..14] == [8, 0] {
            self.0[24..26].fill(0);
            let header: [u8; 20] = array::from_fn(|index| self.0[14 + index]);
            self.0[24..26].copy_from_slice(&Sum::new().bytes(&header).checksum());
        }
        self
    }

    /// With more bytes behind.
    pub(crate) fn followed_by(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
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

impl Resize for Frame {
    fn open(&mut self, room: Room) -> Result<(), Outcome> {
        let gap = std::iter::repeat_n(0, room.length() as usize);
        self.0.splice(ETH_LEN..ETH_LEN, gap);
        Ok(())
    }

    fn close(&mut self, room: Room, _: Family) -> Result<(), Outcome> {
        let end = ETH_LEN + room.length() as usize;
        if end > self.0.len() {
            return Err(Outcome::HelperFailed);
        }
        self.0.drain(ETH_LEN..end);
        Ok(())
    }
}
