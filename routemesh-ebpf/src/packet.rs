//! Access to the bytes of the packet in hand.
#![expect(
    unsafe_code,
    reason = "the one place that turns a packet address into a reference"
)]

use routemesh_common::{Family, Outcome};

use crate::{checksum::replaced, tunnel::Room, wire::Wire};

/// The bytes of the packet in hand, from its Ethernet header on.
///
/// # Safety
/// `start()..end()` must be readable and writable for as long as `self` is borrowed, and what
/// moves or resizes the packet must take `&mut self`.
pub unsafe trait Packet {
    /// Address of the first byte.
    fn start(&self) -> usize;

    /// Address behind the last byte.
    fn end(&self) -> usize;

    /// The header `at` bytes from the start.
    ///
    /// # Errors
    /// [`Outcome::Truncated`] when the packet ends before it does.
    #[inline(always)]
    fn header<T: Wire>(&self, at: usize) -> Result<&T, Outcome> {
        let address = self.start() + at;
        if address + size_of::<T>() > self.end() {
            return Err(Outcome::Truncated);
        }
        // SAFETY: in bounds by the check above, and a `Wire` has alignment 1 and is valid for
        // any bytes. The borrow of `self` keeps the packet from being moved or written.
        Ok(unsafe { &*(address as *const T) })
    }

    /// The header `at` bytes from the start, to be written.
    ///
    /// # Errors
    /// [`Outcome::Truncated`] when the packet ends before it does.
    #[inline(always)]
    fn header_mut<T: Wire>(&mut self, at: usize) -> Result<&mut T, Outcome> {
        let address = self.start() + at;
        if address + size_of::<T>() > self.end() {
            return Err(Outcome::Truncated);
        }
        // SAFETY: as in `header`; the mutable borrow of `self` makes the reference the only one.
        Ok(unsafe { &mut *(address as *mut T) })
    }
}

/// A packet that a tunnel header can be put around.
pub trait Resize: Packet {
    /// Brings the first `bytes` into the piece that can be read, as far as the packet has them.
    /// By default it is there as a whole.
    #[inline(always)]
    fn reach(&mut self, _bytes: usize) {}

    /// Changes a word that the checksum `at` bytes from the start covers, where it is in its place
    /// already: by default it is (RFC 1624 eqn. 3).
    ///
    /// # Errors
    /// [`Outcome::HelperFailed`] when the packet ends before it.
    #[inline(always)]
    fn replace_sum(&mut self, at: usize, before: [u8; 2], after: [u8; 2]) -> Result<(), Outcome> {
        let check = self.header_mut::<[u8; 2]>(at)?;
        *check = replaced(*check, before, after);
        Ok(())
    }

    /// Whether the kernel still has to cut the packet into segments. By default it need not.
    #[inline(always)]
    fn is_super_packet(&self) -> bool {
        false
    }

    /// Opens `room` behind the Ethernet header. Afterwards all up to the end of the room is the
    /// caller's to write, the Ethernet header too, and the old IP header follows.
    ///
    /// # Errors
    /// [`Outcome::HelperFailed`] when there is no memory for it.
    fn open(&mut self, room: Room) -> Result<(), Outcome>;

    /// Takes `room` out from behind the Ethernet header, which keeps its MACs; what follows it is
    /// the caller's to write there. An IP header of family `inner` follows.
    ///
    /// # Errors
    /// [`Outcome::HelperFailed`] when the packet is shorter.
    fn close(&mut self, room: Room, inner: Family) -> Result<(), Outcome>;
}
