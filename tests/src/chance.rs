//! Chance that can be repeated.

use std::env;

/// Pseudo-random numbers (xorshift64).
pub struct Chance(u64);

impl Chance {
    /// The numbers of this seed; 0 has those of 1, since from 0 come none but 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// The next number, below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }
}

/// The seed in `ROUTEMESH_SEED`, if one is given.
#[must_use]
pub fn given_seed() -> Option<u64> {
    env::var("ROUTEMESH_SEED").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_numbers_of_their_own() {
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            [(); 4].map(|()| chance.below(1 << 20))
        };
        assert_eq!(numbers(22), numbers(22));
        assert_ne!(numbers(22), numbers(23));
        assert_ne!(numbers(23), numbers(24));
        assert_eq!(numbers(0), numbers(1));
    }
}
