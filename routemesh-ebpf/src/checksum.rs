//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// A one's-complement sum on its way; carries are folded in at the end. It is kept in the
/// machine's byte order, which the sum does not depend on (RFC 1071 §2B).
#[derive(Clone, Copy)]
pub struct Sum(u64);

impl Sum {
    /// Nothing summed yet.
    #[must_use]
    #[inline(always)]
    pub const fn new() -> Self {
        Self(0)
    }

    /// With a 16-bit number added.
    #[must_use]
    #[inline(always)]
    pub const fn number(self, number: u16) -> Self {
        Self(self.0 + number.to_be() as u64)
    }

    /// With a sum of 16-bit numbers added.
    #[must_use]
    #[inline(always)]
    pub const fn wide(self, sum: u32) -> Self {
        Self(self.0 + Self::new().number((sum >> 16) as u16).number(sum as u16).0)
    }

    /// With `N` bytes added; `N` is even.
    #[must_use]
    #[inline(always)]
    pub fn bytes<const N: usize>(self, bytes: &[u8; N]) -> Self {
        const { assert!(N.is_multiple_of(2)) }
        let mut sum = self.0;
        let mut at = 0;
        while at + 4 <= N {
            let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            sum += u32::from_ne_bytes(word) as u64;
            at += 4;
        }
        if at < N {
            sum += u16::from_ne_bytes([bytes[at], bytes[at + 1]]) as u64;
        }
        Self(sum)
    }

    /// The 16-bit one's-complement sum.
    #[must_use]
    #[inline(always)]
    pub const fn folded(self) -> u16 {
        let mut sum = self.0;
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        u16::from_be(sum as u16)
    }

    /// Whether what was summed has a right checksum: then the sum, folded, is 0xffff, so it is a
    /// multiple of that. To see this takes one multiplication: by the inverse modulo 2⁶⁴, which
    /// makes of the multiples, and of no others, the numbers up to 2⁶⁴ / 0xffff.
    #[must_use]
    #[inline(always)]
    pub const fn is_right(self) -> bool {
        const INVERSE: u64 = 0xfffe_fffe_fffe_ffff;
        const { assert!(INVERSE.wrapping_mul(0xffff) == 1) }
        self.0 != 0 && self.0.wrapping_mul(INVERSE) <= u64::MAX / 0xffff
    }

    /// The checksum field for what was summed, in network order.
    #[must_use]
    #[inline(always)]
    pub const fn checksum(self) -> [u8; 2] {
        (!self.folded()).to_be_bytes()
    }
}

impl Default for Sum {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum field of an IPv4 header whose TTL went down by one (RFC 1624: the field rises
/// by 0x0100, with the carry from the top added at the bottom).
#[must_use]
#[inline(always)]
pub const fn after_ttl_decrement(checksum: [u8; 2]) -> [u8; 2] {
    let raised = u16::from_ne_bytes(checksum) as u32 + 0x0100_u16.to_be() as u32;
    ((raised + (raised >= 0xffff) as u32) as u16).to_ne_bytes()
}

/// The checksum field of what has another word in the place of one (RFC 1624 eqn. 3).
#[must_use]
#[inline(always)]
pub fn replaced(checksum: [u8; 2], before: [u8; 2], after: [u8; 2]) -> [u8; 2] {
    Sum::new()
        .number(!u16::from_be_bytes(checksum))
        .number(!u16::from_be_bytes(before))
        .bytes(&after)
        .checksum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_up() {
        let sum = Sum::new().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.folded(), 0xddf2);
    }

    #[test]
    fn zeroes_behind_do_not_change_a_sum() {
        let sum = Sum::new().bytes(&[0x12, 0x34, 0x56, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sum.folded(), 0x1234 + 0x5600);
    }

    #[test]
    fn a_sum_is_right_where_it_folds_to_all_ones() {
        // Around all multiples that the sum of twenty bytes may be near the ends of.
        for multiple in (0..0x8_0000).chain(0x4_fff0_0000..0x4_fff8_0000) {
            for sum in [
                multiple * 0xffff,
                multiple * 0xffff + 1,
                multiple * 0xffff + 0xfffe,
            ] {
                assert_eq!(Sum(sum).is_right(), Sum(sum).folded() == 0xffff, "{sum:#x}");
            }
        }
    }

    #[test]
    fn the_incremental_ttl_checksum_equals_the_full_one_for_every_header() {
        for ttl in 1..=255_u8 {
            for rest in (0..=u16::MAX).step_by(7) {
                let full = |ttl: u8| Sum::new().bytes(&[ttl, 6]).number(rest).checksum();
                let updated = after_ttl_decrement(full(ttl));
                // 0x0000 and 0xffff are the same number in one's complement.
                let valid = Sum::new().bytes(&[ttl - 1, 6]).number(rest).bytes(&updated);
                assert_eq!(valid.folded(), 0xffff, "ttl {ttl} rest {rest:#06x}");
            }
        }
    }
}
