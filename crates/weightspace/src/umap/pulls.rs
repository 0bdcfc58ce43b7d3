//! Neighbours are pulled together.
//!
//! Edges stand in random order, so that those next to each other in the list hardly ever share a
//! point: eight of them are pulled at the same time, as if one after the other. They all are pulled
//! twice in an epoch that they are due in, once for each end's neighbourhood.

use pulp::{Simd, WithSimd};

use super::draws::SplitMix64;
use super::forces::{Forces, LANES};
use super::fraction::Fraction;

/// All edges of a graph, each once.
pub(super) struct Pulls {
    ends: Vec<[u32; 2]>,
    shares: Vec<Fraction>,
    /// The ends of those edges that are due; behind them, what earlier epochs left.
    due: Vec<[u32; 2]>,
}

impl Pulls {
    /// Each edge with the share of the epochs that it is due in.
    pub(super) fn new(
        edges: impl Iterator<Item = ([u32; 2], f64)>,
        draws: &mut SplitMix64,
    ) -> Self {
        let mut edges: Vec<([u32; 2], Fraction)> = edges
            .map(|(ends, share)| (ends, Fraction::of(share)))
            .collect();
        draws.shuffle(&mut edges);
        let (ends, shares): (Vec<_>, Vec<_>) = edges.into_iter().unzip();
        Self {
            due: ends.clone(),
            ends,
            shares,
        }
    }

    /// The edges that are due in an epoch.
    pub(super) fn due(&mut self, epoch: u32) -> &[[u32; 2]] {
        let mut count = 0;
        for (&ends, &share) in self.ends.iter().zip(&self.shares) {
            // Written in any case, and overwritten if not due: quicker than to branch.
            self.due[count] = ends;
            count += usize::from(share.is_due(epoch));
        }
        &self.due[..count]
    }
}

/// Pulls the ends of edges together, at a learning rate.
pub(super) struct Pull<'a> {
    pub(super) positions: &'a mut [[f32; 2]],
    pub(super) edges: &'a [[u32; 2]],
    pub(super) forces: Forces,
    pub(super) rate: f32,
}

impl WithSimd for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (blocks, rest) = self.edges.as_chunks::<LANES>();
        for edges in blocks {
            pull(self.positions, edges, self.forces, self.rate);
        }
        pull(self.positions, rest, self.forces, self.rate);
    }
}

/// Pulls along at most [`LANES`] edges, all as they are before.
#[inline(always)]
fn pull(positions: &mut [[f32; 2]], edges: &[[u32; 2]], forces: Forces, rate: f32) {
    let (mut dx, mut dy) = ([0.0; LANES], [0.0; LANES]);
    for (lane, &[head, tail]) in edges.iter().enumerate().take(LANES) {
        let (from, to) = (positions[head as usize], positions[tail as usize]);
        dx[lane] = from[0] - to[0];
        dy[lane] = from[1] - to[1];
    }
    let [x, y] = forces.pull(dx, dy);
    for (lane, &[head, tail]) in edges.iter().enumerate().take(LANES) {
        let step = [rate * x[lane], rate * y[lane]];
        for axis in 0..2 {
            positions[head as usize][axis] += step[axis];
            positions[tail as usize][axis] -= step[axis];
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::Arch;

    use super::super::curve::Curve;
    use super::*;

    #[test]
    fn edges_are_due_as_often_as_their_share_says() {
        let share = |edge: u32| f64::from(edge + 1) / 50.0;
        let edges = (0..50).map(|edge| ([edge, edge + 1], share(edge)));
        let mut pulls = Pulls::new(edges, &mut SplitMix64::new(1));
        let mut times = [0; 50];
        for epoch in 0..500 {
            for &[head, tail] in pulls.due(epoch) {
                assert_eq!(tail, head + 1);
                times[head as usize] += 1;
            }
        }
        for (edge, &times) in (0..).zip(&times) {
            let wanted = 500.0 * share(edge);
            assert!((f64::from(times) - wanted).abs() <= 1.0, "{times} {wanted}");
        }
    }

    #[test]
    fn edges_apart_are_pulled_as_if_one_after_the_other() {
        let curve = Curve::fit(0.1, 1.0);
        for edges in [1, 7, 8, 19] {
            let before: Vec<[f32; 2]> = (0..2 * edges)
                .map(|point| [(point * point % 17) as f32, (point % 5) as f32 * 0.3])
                .collect();
            let ends: Vec<[u32; 2]> = (0..edges as u32)
                .map(|edge| [2 * edge, 2 * edge + 1])
                .collect();
            let mut after = before.clone();
            Arch::new().dispatch(Pull {
                positions: &mut after,
                edges: &ends,
                forces: Forces::new(&curve),
                rate: 0.25,
            });
            for (before, after) in before
                .as_chunks::<2>()
                .0
                .iter()
                .zip(after.as_chunks::<2>().0)
            {
                let difference = [0, 1].map(|axis| f64::from(before[0][axis] - before[1][axis]));
                let squared = difference[0].powi(2) + difference[1].powi(2);
                let force = -2.0
                    * curve.a
                    * curve.b
                    * squared.powf(curve.b - 1.0)
                    * curve.strength(squared);
                for axis in 0..2 {
                    let step = 0.25 * (force * difference[axis]).clamp(-4.0, 4.0);
                    for (end, sign) in [(0, 1.0), (1, -1.0)] {
                        let moved = f64::from(after[end][axis]) - f64::from(before[end][axis]);
                        assert!((moved - sign * step).abs() < 1e-3, "{moved} {step}");
                    }
                }
            }
        }
    }
}
