//! Hashing: spreads, and is no secret.

/// A step of multiplicative hashing: the upper bits of the product depend on all of the factors.
#[must_use]
#[inline(always)]
pub(crate) const fn mix(hash: u32, word: u32) -> u32 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1)
}
