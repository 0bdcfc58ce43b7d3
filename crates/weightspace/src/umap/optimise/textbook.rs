//! The optimiser as the paper writes it, one edge and one push after the other, for tests.

use super::{Schedule, SplitMix64};
use crate::umap::curve::Curve;
use crate::umap::fuzzy_set::FuzzySet;

/// Moves `positions` so that they show the graph.
pub(super) fn optimise(
    positions: &mut [[f32; 2]],
    set: &FuzzySet,
    schedule: &Schedule,
    curve: &Curve,
    seed: u64,
) {
    let &Curve { a, b } = curve;
    let pull = |squared: f64| -2.0 * a * b * squared.powf(b - 1.0) * curve.strength(squared);
    let push = |squared: f64| 2.0 * b / (1e-3 + squared) * curve.strength(squared);
    let mut draws = SplitMix64::new(seed);
    let strongest = set.strongest();
    let mut visits: Vec<Vec<f64>> = (0..set.len())
        .map(|head| vec![0.0; set.row(head).count()])
        .collect();
    for epoch in 0..schedule.epochs {
        let rate = 1.0 - epoch as f64 / schedule.epochs as f64;
        for head in 0..set.len() {
            for (edge, (tail, strength)) in set.row(head).enumerate() {
                visits[head][edge] += f64::from(strength / strongest);
                if visits[head][edge] < 1.0 {
                    continue;
                }
                visits[head][edge] -= 1.0;
                let tail = tail as usize;
                let step = step(positions[head], positions[tail], rate, pull);
                for axis in 0..2 {
                    positions[head][axis] += step[axis];
                    positions[tail][axis] -= step[axis];
                }
                for _ in 0..schedule.negative_samples {
                    let other = draws.below(set.len() as u32) as usize;
                    let step = self::step(positions[head], positions[other], rate, push);
                    for axis in 0..2 {
                        positions[head][axis] += step[axis];
                    }
                }
            }
        }
    }
}

/// How far `from` moves because of `to`.
fn step(from: [f32; 2], to: [f32; 2], rate: f64, force: impl Fn(f64) -> f64) -> [f32; 2] {
    let difference = [from[0] - to[0], from[1] - to[1]].map(f64::from);
    let squared = difference[0].powi(2) + difference[1].powi(2);
    let force = force(squared.max(1e-7));
    difference.map(|d| (rate * (force * d).clamp(-4.0, 4.0)) as f32)
}
