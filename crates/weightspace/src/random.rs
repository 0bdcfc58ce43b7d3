//! Random numbers that depend on nothing but their name.
//!
//! Every use draws from a ChaCha8 stream keyed by (seed, purpose, index), so that no two uses share
//! numbers, and no generator is ever saved. Where speed asks for it, a faster generator is expanded
//! from such a stream.

pub use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Most bytes in the name of a purpose.
const LONGEST_PURPOSE: usize = 16;

/// The stream of (seed, purpose, index). A purpose is named by at most 16 bytes; what comes after
/// them does not count.
pub fn stream(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    debug_assert!(purpose.len() <= LONGEST_PURPOSE, "{purpose} is too long");
    let mut key = [0; 32];
    let (numbers, name) = key.split_at_mut(16);
    for (place, byte) in numbers
        .iter_mut()
        .zip(seed.to_le_bytes().into_iter().chain(index.to_le_bytes()))
    {
        *place = byte;
    }
    for (place, byte) in name.iter_mut().zip(purpose.bytes()) {
        *place = byte;
    }
    ChaCha8Rng::from_seed(key)
}

/// A uniform number below `bound`, without bias (Lemire 2019, arXiv:1805.10941); 0 for a bound of 0.
pub fn below(bound: u32, random: &mut ChaCha8Rng) -> u32 {
    let mut product = u64::from(random.next_u32()) * u64::from(bound);
    if (product as u32) < bound {
        let threshold = bound.wrapping_neg() % bound;
        while (product as u32) < threshold {
            product = u64::from(random.next_u32()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

/// The numbers 0..`count` in a random order (Fisher–Yates).
///
/// # Panics
/// Never for fewer than 2³² numbers.
pub fn permutation(count: u32, random: &mut ChaCha8Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        let other = below(last + 1, random);
        order.swap(last as usize, other as usize);
    }
    order
}

/// A standard normal deviate (G. Box and M. Muller, *A Note on the Generation of Random Normal
/// Deviates*, 1958).
///
/// The elementary functions come from `libm`, not from the system, so that every machine draws the
/// same bits.
pub fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit()));
    radius * libm::cos(std::f64::consts::TAU * unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_purpose_and_index_each_name_another_stream() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let base = first(1, "shuffle", 1);
        assert_eq!(base, first(1, "shuffle", 1));
        assert_ne!(base, first(2, "shuffle", 1));
        assert_ne!(base, first(1, "ties", 1));
        assert_ne!(base, first(1, "shuffle", 2));
    }

    #[test]
    fn a_permutation_has_every_number_once_and_is_not_the_identity() {
        let mut order = permutation(1000, &mut stream(7, "shuffle", 0));
        assert_ne!(order, (0..1000).collect::<Vec<u32>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<u32>>());
        assert!(permutation(0, &mut stream(7, "shuffle", 0)).is_empty());
    }

    #[test]
    fn normal_deviates_have_the_moments_and_the_tails_of_a_normal_distribution() {
        let mut random = stream(3, "normal", 0);
        let count = 100_000;
        let deviates: Vec<f64> = (0..count).map(|_| normal(&mut random)).collect();
        let moment = |power| deviates.iter().map(|x| x.powi(power)).sum::<f64>() / count as f64;
        // Five standard errors of each.
        assert!(moment(1).abs() < 0.016, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.023, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.16, "{}", moment(4));
        let beyond_three = deviates.iter().filter(|x| x.abs() > 3.0).count();
        assert!((190..350).contains(&beyond_three), "{beyond_three} of 270");
    }

    #[test]
    fn permutations_of_three_come_equally_often() {
        let mut counts = std::collections::BTreeMap::new();
        for index in 0..6000 {
            let order = permutation(3, &mut stream(0, "shuffle", index));
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        let squares = counts.values().map(|&n: &i32| f64::from(n - 1000).powi(2));
        let chi_squared = squares.sum::<f64>() / 1000.0;
        assert!(
            chi_squared < 20.5,
            "0.999 quantile at 5 degrees of freedom: {chi_squared}"
        );
    }
}
