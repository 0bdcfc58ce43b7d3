//! The optimiser: stochastic gradient descent on the cross entropy between the
//! graph and the picture (UMAP paper, algorithm 5).
//!
//! An edge of strength w takes part in w / w_max of the epochs. In each of them its ends are pulled
//! together (`pulls`), and both are pushed away from some points drawn at random (`pushes`): first all
//! pushes of an epoch, then all pulls. The paper takes one edge after the other, and pushes its head
//! after each pull; `textbook` does that, slowly, and is what this is tested against.

use pulp::Arch;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::curve::Curve;
use super::draws::SplitMix64;
use super::forces::Forces;
use super::fuzzy_set::FuzzySet;
use super::pulls::{Pull, Pulls};
use super::pushes::Pushes;

#[cfg(test)]
mod textbook;

/// How long the optimiser runs.
pub(super) struct Schedule {
    pub(super) epochs: usize,
    pub(super) negative_samples: usize,
}

/// Moves `positions` so that they show the graph. O(epochs · edges · negative samples).
pub(super) fn optimise(
    positions: &mut [[f32; 2]],
    set: &FuzzySet,
    schedule: &Schedule,
    curve: &Curve,
    random: &mut ChaCha8Rng,
) {
    let forces = Forces::new(curve);
    let mut draws = SplitMix64::new(random.next_u64());
    let strongest = f64::from(set.strongest());
    let shares = |point| {
        set.row(point as usize)
            .map(move |(other, strength)| (other, f64::from(strength) / strongest))
    };
    let points = 0..set.len() as u32;
    let edges = points.clone().flat_map(|head| {
        let after = shares(head).filter(move |&(tail, _)| tail > head);
        after.map(move |(tail, share)| ([head, tail], share))
    });
    let mut pulls = Pulls::new(edges, &mut draws);
    let mut pushes = Pushes::new(points.map(|point| {
        let pulled: f64 = shares(point).map(|(_, share)| share).sum();
        pulled * schedule.negative_samples as f64
    }));

    for epoch in 0..schedule.epochs {
        let rate = 1.0 - epoch as f32 / schedule.epochs as f32;
        pushes.apply(positions, forces, rate, epoch as u32, &mut draws);
        let edges = pulls.due(epoch as u32);
        // An edge belongs to the neighbourhoods of both its ends.
        for _ in 0..2 {
            Arch::new().dispatch(Pull {
                positions: &mut *positions,
                edges,
                forces,
                rate,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::neighbors::nearest;

    /// What both make small: cross entropy with a non-edge counted as often as it is drawn (Damrich
    /// and Hamprecht 2021, *On UMAP's true loss function*).
    fn cost(positions: &[[f32; 2]], set: &FuzzySet, curve: &Curve, draws: f64) -> f64 {
        let mut cost = 0.0;
        for point in 0..set.len() {
            let mut joined = vec![0.0; set.len()];
            for (other, strength) in set.row(point) {
                joined[other as usize] = f64::from(strength);
            }
            let drawn = draws * joined.iter().sum::<f64>() / set.len() as f64;
            for other in (0..set.len()).filter(|&other| other != point) {
                let difference = [0, 1].map(|axis| positions[point][axis] - positions[other][axis]);
                let squared = difference.map(|d| f64::from(d).powi(2)).iter().sum();
                let shown = curve.strength(squared).clamp(1e-4, 1.0 - 1e-4);
                cost -= joined[other] * shown.ln() + drawn * (1.0 - shown).ln();
            }
        }
        cost
    }

    #[test]
    fn pictures_are_as_good_as_those_of_the_textbook() {
        let curve = Curve::fit(0.1, 1.0);
        for count in [20, 100, 700] {
            // Around a ring and through its middle, with some scatter.
            let mut draws = SplitMix64::new(2);
            let points = DMatrix::from_fn(3, count, |row, column| {
                let angle = std::f32::consts::TAU * column as f32 / count as f32;
                let scatter = draws.below(1000) as f32 / 5000.0;
                scatter + [angle.cos(), angle.sin(), (2.0 * angle).sin()][row]
            });
            let set = FuzzySet::union(&nearest(points.as_view(), 14).unwrap());
            let schedule = Schedule {
                epochs: 300,
                negative_samples: 5,
            };
            let start: Vec<[f32; 2]> = points
                .column_iter()
                .map(|point| [5.0 + 5.0 * point[0], 5.0 + 5.0 * point[1]])
                .collect();
            let mut costs = [0.0; 2];
            for seed in 0..5 {
                let [mut ours, mut theirs] = [start.clone(), start.clone()];
                let random = &mut ChaCha8Rng::seed_from_u64(seed);
                optimise(&mut ours, &set, &schedule, &curve, random);
                textbook::optimise(&mut theirs, &set, &schedule, &curve, seed);
                costs[0] += cost(&ours, &set, &curve, 5.0);
                costs[1] += cost(&theirs, &set, &curve, 5.0);
            }
            assert!(costs[0] < 1.03 * costs[1], "{count}: {costs:?}");
        }
    }
}
