//! The optimiser: stochastic gradient descent on the cross entropy between the
//! graph and the picture (UMAP paper, algorithm 5).
//!
//! Every epoch visits the edges in order; an edge of strength w takes part in
//! w / w_max of the epochs. Its ends are pulled together, then its head is pushed
//! away from points drawn at random. All of it runs on one thread, each step on
//! the positions that the step before left, so the result is the same on every
//! run; the forces depend on a squared distance alone and are read from a table,
//! which makes one thread quick enough.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::curve::Curve;
use super::fuzzy_set::FuzzySet;

/// No coordinate moves farther than this in one step at full learning rate.
const MOST_FORCE: f32 = 4.0;
/// Keeps the push between points that almost coincide finite.
const SOFTENING: f64 = 1e-3;

/// How long the optimiser runs.
pub(super) struct Schedule {
    pub(super) epochs: usize,
    pub(super) negative_samples: usize,
}

/// Moves `positions` so that they show the graph.
pub(super) fn optimise(
    positions: &mut [[f32; 2]],
    set: &FuzzySet,
    schedule: &Schedule,
    curve: &Curve,
    random: &mut ChaCha8Rng,
) {
    let (a, b) = (curve.a, curve.b);
    let pull =
        Force::tabulate(|squared| -2.0 * a * b * squared.powf(b - 1.0) * curve.strength(squared));
    let push = Force::tabulate(|squared| 2.0 * b / (SOFTENING + squared) * curve.strength(squared));
    let mut draws = SplitMix64(random.next_u64());

    let strongest = set.strongest();
    let epochs_between: Vec<f32> = set.strengths().iter().map(|w| strongest / w).collect();
    let mut next_epoch = epochs_between.clone();

    for epoch in 0..schedule.epochs {
        let rate = 1.0 - epoch as f32 / schedule.epochs as f32;
        for head in 0..set.len() {
            for edge in set.edges(head) {
                if next_epoch[edge] > epoch as f32 {
                    continue;
                }
                next_epoch[edge] += epochs_between[edge];

                let tail = set.targets()[edge] as usize;
                let step = pull.step(positions[head], positions[tail], rate);
                for axis in 0..2 {
                    positions[head][axis] += step[axis];
                    positions[tail][axis] -= step[axis];
                }
                for _ in 0..schedule.negative_samples {
                    // The head itself may be drawn: at distance zero it moves nothing.
                    let other = draws.below(set.len() as u32) as usize;
                    let step = push.step(positions[head], positions[other], rate);
                    for axis in 0..2 {
                        positions[head][axis] += step[axis];
                    }
                }
            }
        }
    }
}

/// A force along the line between two points, tabulated over their squared
/// distance: per octave [`Force::PER_OCTAVE`] entries with straight lines
/// between them, found by the leading bits of the distance.
struct Force {
    /// Value at the start of each piece, and its increase over the piece.
    pieces: Vec<[f32; 2]>,
}

impl Force {
    const PER_OCTAVE_BITS: u32 = 6;
    /// Squared distances outside 2^LEAST .. 2^MOST are treated as the nearest bound.
    const LEAST: i32 = -24;
    const MOST: i32 = 20;
    /// Mantissa bits of f32 that say where within a piece a number lies.
    const WITHIN_BITS: u32 = f32::MANTISSA_DIGITS - 1 - Self::PER_OCTAVE_BITS;

    fn tabulate(force: impl Fn(f64) -> f64) -> Self {
        let per_octave = f64::from(1 << Self::PER_OCTAVE_BITS);
        let pieces = (Self::LEAST..Self::MOST)
            .flat_map(|octave| (0..1 << Self::PER_OCTAVE_BITS).map(move |piece| (octave, piece)))
            .map(|(octave, piece)| {
                let at = |piece: i32| {
                    force(2f64.powi(octave) * (1.0 + f64::from(piece) / per_octave)) as f32
                };
                [at(piece), at(piece + 1) - at(piece)]
            })
            .collect();
        Self { pieces }
    }

    fn at(&self, squared: f32) -> f32 {
        let first = 2f32.powi(Self::LEAST).to_bits();
        let last = 2f32.powi(Self::MOST).to_bits() - 1;
        // Positive floats are ordered as their bits are.
        let bits = squared.to_bits().clamp(first, last) - first;
        let [value, increase] = self.pieces[(bits >> Self::WITHIN_BITS) as usize];
        let within = (bits & ((1 << Self::WITHIN_BITS) - 1)) as f32;
        value + increase * (within / (1 << Self::WITHIN_BITS) as f32)
    }

    /// How far `from` moves because of `to`.
    fn step(&self, from: [f32; 2], to: [f32; 2], rate: f32) -> [f32; 2] {
        let difference = [from[0] - to[0], from[1] - to[1]];
        let force = self.at(difference[0] * difference[0] + difference[1] * difference[1]);
        difference.map(|d| rate * (force * d).clamp(-MOST_FORCE, MOST_FORCE))
    }
}

/// Vigna's SplitMix64: the optimiser draws tens of millions of points, and no
/// more is asked of them than that they be spread evenly.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in 0..bound, each as likely as the others up to bound / 2³².
    fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_forces_within_a_thousandth() {
        let curve = Curve::fit(0.1, 1.0);
        let push = |squared: f64| 2.0 * curve.b / (SOFTENING + squared) * curve.strength(squared);
        let table = Force::tabulate(push);
        for i in 0..200_000 {
            let squared = 2f64.powf(-24.0 + 44.0 * f64::from(i) / 200_000.0);
            let exact = push(squared);
            let read = f64::from(table.at(squared as f32));
            assert!((read - exact).abs() <= 1e-3 * exact, "at {squared}");
        }
    }

    #[test]
    fn distances_beyond_the_table_read_its_ends() {
        let table = Force::tabulate(|squared| 1.0 / (1.0 + squared));
        assert_eq!(table.at(0.0), table.at(2f32.powi(Force::LEAST)));
        assert_eq!(table.at(f32::MAX), table.at(2f32.powi(Force::MOST)));
    }

    #[test]
    fn forces_are_the_slopes_of_the_cross_entropy() {
        // An edge costs −ln v, a non-edge −ln (1 − v), v the strength.
        let curve = Curve::fit(0.1, 1.0);
        let (a, b) = (curve.a, curve.b);
        for distance in [0.05, 0.3, 1.0, 4.0] {
            let squared: f64 = distance * distance;
            let h = 1e-6;
            let slope =
                |cost: &dyn Fn(f64) -> f64| (cost(distance + h) - cost(distance - h)) / (2.0 * h);
            let edge = slope(&|d| -curve.strength(d * d).ln());
            let non_edge = slope(&|d| -(1.0 - curve.strength(d * d)).ln());
            let pull = -2.0 * a * b * squared.powf(b - 1.0) * curve.strength(squared) * distance;
            let push = 2.0 * b / squared * curve.strength(squared) * distance;
            assert!((pull + edge).abs() < 1e-5 * edge.abs());
            assert!((push + non_edge).abs() < 1e-5 * non_edge.abs());
        }
    }

    #[test]
    fn splitmix_gives_the_published_numbers() {
        let mut draws = SplitMix64(1_234_567);
        assert_eq!(draws.next(), 6_457_827_717_110_365_317);
        assert_eq!(draws.next(), 3_203_168_211_198_807_973);
        assert_eq!(draws.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn draws_fill_their_range() {
        let mut draws = SplitMix64(7);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[draws.below(10) as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (850..1150).contains(&count)),
            "{seen:?}"
        );
    }
}
