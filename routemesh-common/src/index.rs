//! Where the index has what: another answer here is another layout, see [`crate::ABI_VERSION`].

/// Where the index has a prefix's address: the hash that the lowest bits of are the number of its
/// bucket, and its tag there.
#[must_use]
#[inline(always)]
pub const fn index_place(dst: [u64; 2]) -> (u32, u32) {
    let mut hash = dst[0].wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ dst[1];
    hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^= hash >> 32;
    (hash as u32, (hash >> 32) as u32)
}
