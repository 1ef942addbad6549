//! Arrays of the kernel's in this process's memory: a million entries read or written without a
//! system call.
#![expect(unsafe_code, reason = "maps the kernel's arrays into this process")]

use std::{
    num::NonZeroUsize,
    os::fd::AsFd as _,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64},
};

use anyhow::{Context as _, Result, bail};
use aya::maps::{Map, MapData};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use routemesh_common::{
    CachedCounter, INDEXED_LENGTHS, IndexBucket, IndexedLength, Interface, RouteRecord, TableState,
};

/// A type that memory shared with the kernel may be read as.
///
/// # Safety
/// Made of atomics only, with no padding.
pub(super) unsafe trait Shared {}

// SAFETY: an atomic, of 8 bytes.
unsafe impl Shared for AtomicU64 {}
// SAFETY: atomics of 8 bytes, and ones of 4 bytes in pairs.
unsafe impl Shared for SharedRecord {}
// SAFETY: atomics of 8 bytes.
unsafe impl Shared for SharedBucket {}
// SAFETY: atomics of 8 bytes.
unsafe impl Shared for SharedState {}
// SAFETY: atomics of 8 bytes.
unsafe impl Shared for SharedCached {}
// SAFETY: atomics of 8 bytes.
unsafe impl Shared for SharedInterface {}

/// A [`RouteRecord`] that the programs read while it is written.
#[repr(C, align(64))]
pub(super) struct SharedRecord {
    pub(super) dst: [AtomicU64; 2],
    pub(super) state: AtomicU64,
    pub(super) answers: [[AtomicU32; 3]; 2],
    pub(super) length: AtomicU32,
    pub(super) found_by: AtomicU32,
    pub(super) reserved: AtomicU64,
}

/// An [`IndexBucket`], in the same way.
#[repr(C, align(64))]
pub(super) struct SharedBucket {
    pub(super) entries: [AtomicU64; 8],
}

/// A [`TableState`], in the same way.
#[repr(C)]
pub(super) struct SharedState {
    pub(super) epoch: AtomicU64,
    pub(super) followed_until: AtomicU64,
    pub(super) indexed: [[SharedLength; INDEXED_LENGTHS]; 2],
}

/// An [`IndexedLength`], in the same way.
#[repr(C)]
pub(super) struct SharedLength {
    pub(super) mask: [AtomicU64; 2],
    pub(super) length: AtomicU64,
}

/// A [`CachedCounter`] that the programs write while it is read.
#[repr(C, align(32))]
pub(super) struct SharedCached {
    pub(super) owner: AtomicU64,
    pub(super) packets: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) reserved: AtomicU64,
}

/// An [`Interface`], in the same way.
#[repr(C)]
pub(super) struct SharedInterface {
    pub(super) words: [AtomicU64; 5],
}

const _: () = assert!(size_of::<SharedInterface>() == size_of::<Interface>());
const _: () = assert!(size_of::<SharedRecord>() == size_of::<RouteRecord>());
const _: () = assert!(size_of::<SharedBucket>() == size_of::<IndexBucket>());
const _: () = assert!(size_of::<SharedState>() == size_of::<TableState>());
const _: () = assert!(size_of::<SharedCached>() == size_of::<CachedCounter>());
const _: () = assert!(size_of::<SharedLength>() == size_of::<IndexedLength>());

/// An array's entries in this process's memory. All of its pages count as this process's own,
/// touched or not: the kernel enters them when it maps them (`remap_vmalloc_range`).
pub(super) struct Mapping<T: Shared> {
    address: NonNull<T>,
    bytes: NonZeroUsize,
    entries: usize,
}

// SAFETY: what is behind the pointer is atomics, for any thread, and the mapping is the
// process's.
unsafe impl<T: Shared> Send for Mapping<T> {}

impl<T: Shared> Mapping<T> {
    /// Maps an array made with `BPF_F_MMAPABLE` of `entries` entries of `T`'s size.
    ///
    /// # Errors
    /// When the kernel refuses, as for a shorter array.
    pub(super) fn of(map: &MapData, entries: usize) -> Result<Self> {
        Self::part(map, 0, entries)
    }

    /// Maps a part of such an array: `entries` entries from `first` on, which must begin a page.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn part(map: &MapData, first: usize, entries: usize) -> Result<Self> {
        let bytes = NonZeroUsize::new((entries * size_of::<T>()).next_multiple_of(4096))
            .context("an array to be mapped has no entries")?;
        let offset = first * size_of::<T>();
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh shared mapping, which aliases no memory of this process.
        let address = unsafe {
            mmap(
                None,
                bytes,
                protection,
                MapFlags::MAP_SHARED,
                map.fd().as_fd(),
                offset as i64,
            )
        }
        .context("map an array into memory")?;
        Ok(Self {
            address: address.cast(),
            bytes,
            entries,
        })
    }

    /// The entries.
    pub(super) fn entries(&self) -> &[T] {
        // SAFETY: the mapping is readable, writable and at least of that length while `self`
        // lives, page-aligned, and `Shared` vouches for the type.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.entries) }
    }
}

impl<T: Shared> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing borrows from it any more.
        let unmapped = unsafe { munmap(self.address.cast(), self.bytes.get()) };
        debug_assert!(unmapped.is_ok(), "unmap an array: {unmapped:?}");
    }
}

/// The map itself, not a copy of its descriptor: programs that are loaded later name that number.
pub(super) fn array(map: Map) -> Result<MapData> {
    let Map::Array(map) = map else {
        bail!("a map to be mapped into memory is no array");
    };
    Ok(map)
}
