//! The index in front of the trie: where it has a prefix, and which lengths it may have.

use std::sync::atomic::Ordering;

use anyhow::Result;
use aya::Ebpf;
use routemesh_common::{IndexBucket, index_place, map_names};

use super::{
    grace::grace_period,
    mapping::{SharedBucket, SharedLength, array},
    take,
    windows::Windows,
};
use crate::{
    model::{Prefix, mapped},
    reconcile::fib::Place,
};

/// The buckets.
pub(super) struct Index(Windows<SharedBucket>);

/// Buckets for so many records: with two entries of eight in each on average, up to almost three.
/// Of four in each, two of a hundred prefixes would find no room.
pub(super) fn buckets(slots: u32) -> u32 {
    (slots / 8 * 3).next_power_of_two()
}

impl Index {
    pub(super) fn new(ebpf: &mut Ebpf, buckets: u32) -> Result<Self> {
        let array = array(take(ebpf, map_names::ROUTE_INDEX)?)?;
        Ok(Self(Windows::of(array, buckets as usize)))
    }

    /// Has the address lead to the record; says whether there is room for it.
    ///
    /// # Errors
    /// Like the others', when the kernel does not map it.
    pub(super) fn insert(&self, place: Place) -> Result<bool> {
        let (bucket, tag) = self.bucket(place.dst)?;
        let entries = || {
            bucket
                .entries
                .iter()
                .map(|entry| entry.load(Ordering::Relaxed))
        };
        let free = entries().position(|entry| entry == 0);
        let is_taken = entries().any(|entry| entry != 0 && (entry >> 32) as u32 == tag);
        let (Some(free), false) = (free, is_taken) else {
            return Ok(false);
        };
        bucket.entries[free].store(IndexBucket::entry(tag, place.slot), Ordering::Release);
        Ok(true)
    }

    /// Takes that back, where it is so.
    pub(super) fn remove(&self, place: Place) -> Result<()> {
        let (bucket, tag) = self.bucket(place.dst)?;
        let ours = IndexBucket::entry(tag, place.slot);
        for entry in &bucket.entries {
            if entry.load(Ordering::Relaxed) == ours {
                entry.store(0, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Whether the address leads to the record.
    pub(super) fn leads_to(&self, place: Place) -> Result<bool> {
        let (bucket, tag) = self.bucket(place.dst)?;
        let ours = IndexBucket::entry(tag, place.slot);
        let mut entries = bucket.entries.iter();
        Ok(entries.any(|entry| entry.load(Ordering::Relaxed) == ours))
    }

    fn bucket(&self, dst: Prefix) -> Result<(&SharedBucket, u32)> {
        let (hash, tag) = index_place(bytemuck::cast(mapped(dst.address())));
        let bucket = self.0.entry(hash as usize & (self.0.len() - 1))?;
        Ok((bucket, tag))
    }
}

impl SharedLength {
    /// The length that may be in the index; 0 for none.
    pub(super) fn get(&self) -> u32 {
        self.length.load(Ordering::Relaxed) as u32
    }

    /// Has packets look for prefixes of another length. There must be none of the one before.
    pub(super) fn set(&self, length: u32) {
        if self.get() != 0 {
            // No packet may see a part of each.
            self.length.store(0, Ordering::Release);
            grace_period();
        }
        let mask: u128 = !u128::MAX.checked_shr(length).unwrap_or(0);
        let words: [u64; 2] = bytemuck::cast(mask.to_be_bytes());
        for (to, word) in self.mask.iter().zip(words) {
            to.store(word, Ordering::Relaxed);
        }
        self.length.store(u64::from(length), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_mask_has_the_bits_of_its_length() {
        let of = |length: u32| {
            let shared = SharedLength {
                mask: [const { AtomicU64::new(0) }; 2],
                length: AtomicU64::new(0),
            };
            shared.set(length);
            let words = [&shared.mask[0], &shared.mask[1]].map(|word| word.load(Ordering::Relaxed));
            let bytes: [u8; 16] = bytemuck::cast(words);
            u128::from_be_bytes(bytes)
        };
        assert_eq!(of(128), u128::MAX);
        assert_eq!(of(1), 1 << 127);
        assert_eq!(of(96 + 24), u128::MAX << 8);
    }
}
