//! Seeded random permutations: the only source of chance in this crate.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a permutation is for; each purpose reads its own ChaCha stream of the seed.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Break ties between leaves.
    Ties = 0,
    /// Order leaves at random, as a baseline.
    Baseline = 1,
    /// Shake a path out of a local minimum.
    Kicks = 2,
}

/// A stream of random numbers for one purpose.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose as u64);
        Self(rng)
    }

    /// Uniform on `0..bound`, for a bound above 0, without bias (Lemire 2019, "Fast random integer
    /// generation in an interval").
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(bound);
            if product as u32 >= rejected {
                return (product >> 32) as u32;
            }
        }
    }
}

/// A uniformly random permutation of `0..n` (Fisher–Yates), the same for the same arguments.
pub(crate) fn permutation(n: usize, seed: u64, purpose: Purpose) -> Vec<u32> {
    let mut chance = Chance::new(seed, purpose);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for last in (1..n).rev() {
        order.swap(last, chance.below(last as u32 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permutation_of_three_is_about_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            *counts
                .entry(permutation(3, seed, Purpose::Ties))
                .or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 expected, standard deviation 29
        assert!(counts.values().all(|&count| (850..1150).contains(&count)));
    }

    #[test]
    fn a_permutation_holds_every_leaf_once_and_depends_on_seed_and_purpose() {
        let ties = permutation(500, 9, Purpose::Ties);
        let mut sorted = ties.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..500));
        assert_eq!(ties, permutation(500, 9, Purpose::Ties));
        assert_ne!(ties, permutation(500, 10, Purpose::Ties));
        assert_ne!(ties, permutation(500, 9, Purpose::Baseline));
    }
}
