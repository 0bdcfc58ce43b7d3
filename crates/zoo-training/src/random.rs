//! Random numbers that depend on nothing but their name.
//!
//! Every use draws from a ChaCha8 stream keyed by (seed, purpose, epoch). No generator state is
//! ever saved, and what a model draws does not depend on the models beside it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for: streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Initialisation,
    /// The order in which an epoch visits the training images.
    Shuffle,
    /// What is drawn to change a data set.
    Change,
}

/// The stream of (seed, purpose, epoch).
pub fn stream(seed: u64, purpose: Purpose, epoch: u32) -> ChaCha8Rng {
    let purpose: u64 = match purpose {
        Purpose::Initialisation => 1,
        Purpose::Shuffle => 2,
        Purpose::Change => 3,
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.to_le_bytes());
    key[16..24].copy_from_slice(&u64::from(epoch).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A uniform number below `bound`, without bias (Lemire 2019, arXiv:1805.10941).
pub(crate) fn below(bound: u32, rng: &mut ChaCha8Rng) -> u32 {
    let mut product = u64::from(rng.next_u32()) * u64::from(bound);
    if (product as u32) < bound {
        let threshold = bound.wrapping_neg() % bound;
        while (product as u32) < threshold {
            product = u64::from(rng.next_u32()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

/// The order in which model `seed` visits `images` training images in `epoch` (1, 2, 3, …):
/// a Fisher–Yates shuffle of 0..images.
pub fn visiting_order(seed: u64, epoch: u32, images: usize) -> Vec<u32> {
    let mut rng = stream(seed, Purpose::Shuffle, epoch);
    let mut order: Vec<u32> = (0..images as u32).collect();
    for last in (1..order.len()).rev() {
        let other = below(last as u32 + 1, &mut rng);
        order.swap(last, other as usize);
    }
    order
}

/// Fills `out` with normal deviates of mean 0 and the given standard deviation (Box–Muller).
///
/// The elementary functions come from `libm`, not from the system, so that every machine draws
/// the same bits.
pub(crate) fn fill_normal(out: &mut [f32], standard_deviation: f64, rng: &mut ChaCha8Rng) {
    for pair in out.chunks_mut(2) {
        let deviates = normal_pair(standard_deviation, rng).map(|deviate| deviate as f32);
        pair.copy_from_slice(&deviates[..pair.len()]);
    }
}

/// One standard normal deviate.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    normal_pair(1.0, rng)[0]
}

fn normal_pair(standard_deviation: f64, rng: &mut ChaCha8Rng) -> [f64; 2] {
    let mut unit = || (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit())) * standard_deviation;
    let angle = std::f64::consts::TAU * unit();
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_visits_every_image_once() {
        let mut order = visiting_order(7, 3, 1000);
        assert_ne!(order, (0..1000).collect::<Vec<u32>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<u32>>());
    }

    #[test]
    fn seed_purpose_and_epoch_each_name_another_stream() {
        let first = |seed, purpose, epoch| stream(seed, purpose, epoch).next_u64();
        let base = first(1, Purpose::Shuffle, 1);
        assert_eq!(base, first(1, Purpose::Shuffle, 1));
        assert_ne!(base, first(2, Purpose::Shuffle, 1));
        assert_ne!(base, first(1, Purpose::Initialisation, 1));
        assert_ne!(base, first(1, Purpose::Shuffle, 2));
    }

    #[test]
    fn numbers_below_a_bound_are_uniform() {
        let mut rng = stream(0, Purpose::Shuffle, 0);
        let mut counts = [0f64; 7];
        for _ in 0..70_000 {
            counts[below(7, &mut rng) as usize] += 1.0;
        }
        let chi_squared: f64 = counts.iter().map(|c| (c - 1e4).powi(2) / 1e4).sum();
        assert!(
            chi_squared < 22.5,
            "0.999 quantile at 6 degrees of freedom: {chi_squared}"
        );
    }

    #[test]
    fn normal_deviates_have_the_moments_asked_for() {
        let mut deviates = vec![0.0; 100_001];
        fill_normal(
            &mut deviates,
            2.0,
            &mut stream(1, Purpose::Initialisation, 0),
        );
        let n = deviates.len() as f64;
        let mean = deviates.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = deviates
            .iter()
            .map(|&x| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / n;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.08, "{variance}");
    }

    /// The streams must never change: every published result hangs on them.
    #[test]
    fn the_streams_are_the_ones_they_always_were() {
        assert_eq!(visiting_order(1, 1, 8), PINNED_ORDER);
        let mut deviates = [0.0; 3];
        fill_normal(
            &mut deviates,
            1.0,
            &mut stream(1, Purpose::Initialisation, 0),
        );
        assert_eq!(deviates.map(f32::to_bits), PINNED_DEVIATES);
    }

    const PINNED_ORDER: [u32; 8] = [6, 1, 0, 3, 7, 5, 2, 4];
    const PINNED_DEVIATES: [u32; 3] = [1_051_996_328, 3_206_845_211, 3_207_687_543];
}
