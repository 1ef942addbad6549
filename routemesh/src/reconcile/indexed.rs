//! Which lengths of prefixes the index in front of the trie has: those that most routes have.

use std::collections::BTreeMap;

use routemesh_common::INDEXED_LENGTHS;

/// How many times as many prefixes another length must have, and how many more besides, before it
/// takes the place of one: those that it displaces move to the trie, one by one.
const MUCH: usize = 2;
const MORE: usize = 8;

/// A length of prefixes that the index may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Whether of IPv6's.
    pub v6: bool,
    /// The place in the list of its family.
    pub at: usize,
    /// The length in bits.
    pub bits: u8,
}

impl Length {
    /// From its length among addresses of 16 bytes; none for 0.
    #[must_use]
    pub fn read(v6: bool, at: usize, mapped: u32) -> Option<Self> {
        let above = if v6 { 0 } else { 96 };
        let bits = u8::try_from(mapped.checked_sub(above)?).ok()?;
        (mapped > 0).then_some(Self { v6, at, bits })
    }

    /// Its length among addresses of 16 bytes.
    #[must_use]
    pub fn mapped(self) -> u32 {
        u32::from(self.bits) + if self.v6 { 0 } else { 96 }
    }
}

/// The lengths that the index has, of IPv4 and of IPv6.
#[derive(Debug, Default)]
pub(super) struct Indexed([[Option<u8>; INDEXED_LENGTHS]; 2]);

impl Indexed {
    /// Lengths that had better be in the index; `counts` has the prefixes by family and length.
    pub(super) fn better(&self, counts: &BTreeMap<(bool, u8), usize>) -> Vec<Length> {
        [false, true]
            .into_iter()
            .flat_map(|v6| self.better_of(v6, counts))
            .collect()
    }

    fn better_of(&self, v6: bool, counts: &BTreeMap<(bool, u8), usize>) -> Vec<Length> {
        let mut lengths = self.0[usize::from(v6)];
        let count = |bits: u8| counts.get(&(v6, bits)).copied().unwrap_or(0);
        // What holds everything would have to be the only one to be in the index.
        let mut others: Vec<(usize, u8)> = counts
            .range((v6, 1)..=(v6, u8::MAX))
            .map(|((_, bits), count)| (*count, *bits))
            .filter(|(_, bits)| !lengths.contains(&Some(*bits)))
            .collect();
        others.sort_unstable();
        let mut better = Vec::new();
        while let Some((most, bits)) = others.pop() {
            let held = |at: &usize| lengths[*at].map_or(0, count);
            let Some(at) = (0..INDEXED_LENGTHS).min_by_key(held) else {
                break;
            };
            let least = held(&at);
            if least > 0 && most <= MUCH * least + MORE {
                break;
            }
            lengths[at] = Some(bits);
            better.push(Length { v6, at, bits });
        }
        better
    }

    /// Family and length of what has the place at present.
    pub(super) fn key(&self, length: Length) -> Option<(bool, u8)> {
        self.0[usize::from(length.v6)][length.at].map(|bits| (length.v6, bits))
    }

    pub(super) fn set(&mut self, length: Length) {
        self.0[usize::from(length.v6)][length.at] = Some(length.bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is better than these lengths, where there are so many prefixes of IPv4.
    fn better(indexed: [Option<u8>; INDEXED_LENGTHS], counts: &[(u8, usize)]) -> Vec<(usize, u8)> {
        let indexed = Indexed([indexed, [None; INDEXED_LENGTHS]]);
        let counts = counts.iter().map(|(bits, count)| ((false, *bits), *count));
        let better = indexed.better(&counts.collect());
        better
            .into_iter()
            .map(|length| (length.at, length.bits))
            .collect()
    }

    #[test]
    fn the_lengths_that_most_prefixes_have_come_first() {
        let counts = [(0, 9), (16, 1), (24, 5), (32, 3)];
        assert_eq!(better([None, None], &counts), [(0, 24), (1, 32)]);
        assert_eq!(better([Some(16), None], &counts), [(1, 24)]);
    }

    #[test]
    fn a_length_gives_way_to_one_of_many_more_prefixes() {
        let lengths = [Some(24), Some(32)];
        assert_eq!(better(lengths, &[(24, 5), (28, 14), (32, 3)]), []);
        assert_eq!(better(lengths, &[(24, 5), (28, 15), (32, 3)]), [(1, 28)]);
        assert_eq!(
            better(lengths, &[(24, 5), (28, 2)]),
            [(1, 28)],
            "none of 32"
        );
    }
}
