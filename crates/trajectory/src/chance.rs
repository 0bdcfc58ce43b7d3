//! What this crate draws random numbers for: each purpose reads a stream of its own.

use rand_chacha::rand_core::Rng;
use weightspace::random::{ChaCha8Rng, permutation, stream};

/// Breaks ties between leaves.
pub(crate) fn ties(leaves: usize, seed: u64) -> Vec<u32> {
    permutation(leaves as u32, &mut stream(seed, "order ties", 0))
}

/// Orders leaves at random, as a baseline.
pub(crate) fn baseline(leaves: usize, seed: u64) -> Vec<u32> {
    permutation(leaves as u32, &mut stream(seed, "order baseline", 0))
}

/// Shakes a path out of a local minimum.
pub(crate) fn kicks(seed: u64) -> ChaCha8Rng {
    stream(seed, "order kicks", 0)
}

/// The root of one of the trees that cut points into cells. A cut and its two halves expand their
/// numbers from it, so that they can be made side by side.
pub(crate) fn projection_tree(tree: u64) -> u64 {
    stream(0, "projection trees", tree).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_depends_on_the_seed_and_on_what_it_is_for() {
        let order = ties(500, 9);
        assert_eq!(order, ties(500, 9));
        assert_ne!(order, ties(500, 10));
        assert_ne!(order, baseline(500, 9));
    }

    #[test]
    fn every_projection_tree_has_a_root_of_its_own() {
        let roots: std::collections::BTreeSet<u64> = (0..8).map(projection_tree).collect();
        assert_eq!(roots.len(), 8);
    }
}
