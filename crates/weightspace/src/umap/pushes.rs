//! Points are pushed away from strangers, drawn at random.
//!
//! At the start of an epoch all positions are copied in random order, and every point takes a stretch
//! of that list: a fair sample that is read without jumps through memory, eight points at a time. All
//! are pushed from where they were at the start, so that none waits for another, and threads may
//! share the work without changing the result.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::draws::SplitMix64;
use super::forces::{Forces, LANES, Lanes};
use super::fraction::Fraction;

/// Points that one thread takes at a time.
const SHARE: usize = 2048;
/// Points whose sums are added up together.
const TOGETHER: usize = 64;

/// The positions of [`LANES`] strangers.
type Block = [Lanes; 2];

/// Who is pushed how often, and by whom.
pub(super) struct Pushes {
    appetites: Vec<Appetite>,
    order: Vec<u32>,
    /// All points in that order, and the first ones again, so that no stretch has to wrap round.
    blocks: Vec<Block>,
}

/// How many blocks a point takes in an epoch.
#[derive(Clone, Copy)]
struct Appetite {
    whole: u32,
    /// How often it takes one more.
    more: Fraction,
}

impl Pushes {
    /// `strangers` says how many of them each point meets in an epoch, on the average.
    pub(super) fn new(strangers: impl Iterator<Item = f64>) -> Self {
        let appetites: Vec<Appetite> = strangers
            .map(|strangers| {
                let blocks = strangers / LANES as f64;
                Appetite {
                    whole: blocks as u32,
                    more: Fraction::of(blocks.fract()),
                }
            })
            .collect();
        let most = appetites.iter().map(|appetite| appetite.whole + 1).max();
        let distinct = appetites.len().div_ceil(LANES);
        Self {
            order: (0..appetites.len() as u32).collect(),
            blocks: vec![Block::default(); distinct + most.unwrap_or(0) as usize],
            appetites,
        }
    }

    /// Pushes every point once round, at a learning rate.
    pub(super) fn apply(
        &mut self,
        positions: &mut [[f32; 2]],
        forces: Forces,
        rate: f32,
        epoch: u32,
        draws: &mut SplitMix64,
    ) {
        self.shuffle(positions, draws);
        let shares = positions
            .par_chunks_mut(SHARE)
            .zip(self.appetites.par_chunks(SHARE));
        shares
            .enumerate()
            .for_each(|(share, (positions, appetites))| {
                Arch::new().dispatch(Push {
                    positions,
                    appetites,
                    first: share * SHARE,
                    blocks: &self.blocks,
                    distinct: self.order.len().div_ceil(LANES),
                    forces,
                    rate,
                    epoch,
                });
            });
    }

    /// Copies all positions in a new order.
    fn shuffle(&mut self, positions: &[[f32; 2]], draws: &mut SplitMix64) {
        draws.shuffle(&mut self.order);
        let distinct = self.order.len().div_ceil(LANES);
        // What is left of the last block is filled up with the first points.
        let mut strangers = self
            .order
            .iter()
            .cycle()
            .map(|&point| positions[point as usize]);
        for [xs, ys] in &mut self.blocks[..distinct] {
            for (lane, [x, y]) in strangers.by_ref().take(LANES).enumerate() {
                (xs[lane], ys[lane]) = (x, y);
            }
        }
        for place in distinct..self.blocks.len() {
            self.blocks[place] = self.blocks[place - distinct];
        }
    }
}

/// What one thread does in an epoch.
struct Push<'a> {
    positions: &'a mut [[f32; 2]],
    appetites: &'a [Appetite],
    /// Number of the first of these points.
    first: usize,
    blocks: &'a [Block],
    /// Blocks that do not repeat earlier ones.
    distinct: usize,
    forces: Forces,
    rate: f32,
    epoch: u32,
}

impl WithSimd for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut sums = [Block::default(); TOGETHER];
        let mut point = self.first;
        let points = self.positions.chunks_mut(TOGETHER);
        for (positions, appetites) in points.zip(self.appetites.chunks(TOGETHER)) {
            for ((sum, &from), appetite) in sums.iter_mut().zip(&*positions).zip(appetites) {
                let count = appetite.whole + u32::from(appetite.more.is_due(self.epoch));
                let start = stretch(point, self.distinct);
                *sum = push(
                    from,
                    &self.blocks[start..start + count as usize],
                    self.forces,
                );
                point += 1;
            }
            for (position, [x, y]) in positions.iter_mut().zip(&sums) {
                position[0] += self.rate * total(x);
                position[1] += self.rate * total(y);
            }
        }
    }
}

/// Where a point's stretch begins: far from those of the points next to it, and over all points
/// evenly spread, by the golden ratio.
#[inline(always)]
fn stretch(point: usize, distinct: usize) -> usize {
    let spread = (point as u32).wrapping_mul(0x9e37_79b9);
    ((u64::from(spread) * distinct as u64) >> 32) as usize
}

/// The pushes of some strangers, added up lane by lane.
#[inline(always)]
fn push(from: [f32; 2], strangers: &[Block], forces: Forces) -> Block {
    let mut sums = Block::default();
    for [xs, ys] in strangers {
        let [x, y] = forces.push(xs.map(|x| from[0] - x), ys.map(|y| from[1] - y));
        for lane in 0..LANES {
            sums[0][lane] += x[lane];
            sums[1][lane] += y[lane];
        }
    }
    sums
}

/// The sum of all lanes, in one fixed order.
#[inline(always)]
fn total(lanes: &Lanes) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::super::curve::Curve;
    use super::*;

    fn scattered(points: usize) -> Vec<[f32; 2]> {
        let mut draws = SplitMix64::new(5);
        let mut coordinate = || draws.below(1 << 20) as f32 / 4096.0;
        (0..points).map(|_| [coordinate(), coordinate()]).collect()
    }

    #[test]
    fn a_point_moves_by_the_sum_of_its_pushes() {
        let curve = Curve::fit(0.1, 1.0);
        for points in [2, 5, 8, 30, 5000] {
            let before = scattered(points);
            let mut after = before.clone();
            let mut pushes = Pushes::new((0..points).map(|point| 3.0 + (point % 7) as f64 * 5.0));
            let mut met = vec![0; points];
            for epoch in 0..8 {
                after.copy_from_slice(&before);
                let draws = &mut SplitMix64::new(u64::from(epoch));
                pushes.apply(&mut after, Forces::new(&curve), 0.5, epoch, draws);
                for (point, appetite) in pushes.appetites.iter().enumerate() {
                    let count = appetite.whole + u32::from(appetite.more.is_due(epoch));
                    met[point] += count as usize * LANES;
                    let start = stretch(point, points.div_ceil(LANES));
                    let mut expected = before[point].map(f64::from);
                    for [xs, ys] in &pushes.blocks[start..][..count as usize] {
                        for (&x, &y) in xs.iter().zip(ys) {
                            let difference = [before[point][0] - x, before[point][1] - y];
                            let squared =
                                difference.map(|d| f64::from(d).powi(2)).iter().sum::<f64>();
                            let force = 2.0 * curve.b / (1e-3 + squared) * curve.strength(squared);
                            for axis in 0..2 {
                                let step = force * f64::from(difference[axis]);
                                expected[axis] += 0.5 * step.clamp(-4.0, 4.0);
                            }
                        }
                    }
                    for axis in 0..2 {
                        let found = f64::from(after[point][axis]);
                        assert!((found - expected[axis]).abs() < 2e-3, "{points} {point}");
                    }
                }
            }
            // As many strangers as were asked for, but for less than a block.
            for (point, met) in met.into_iter().enumerate() {
                let wanted = 8.0 * (3.0 + (point % 7) as f64 * 5.0);
                assert!(
                    (met as f64 - wanted).abs() <= LANES as f64,
                    "{met} {wanted}"
                );
            }
        }
    }

    #[test]
    fn every_point_is_a_stranger_equally_often() {
        let positions = scattered(4000);
        let mut pushes = Pushes::new((0..4000).map(|_| 24.0));
        pushes.shuffle(&positions, &mut SplitMix64::new(1));
        let mut met = vec![0; 4000 / LANES];
        for point in 0..4000 {
            let start = stretch(point, met.len());
            for place in start..start + 3 {
                let distinct = met.len();
                met[place % distinct] += 1;
            }
        }
        assert!(met.iter().all(|&met| (20..=28).contains(&met)), "{met:?}");
        let mut copied: Vec<[f32; 2]> = pushes.blocks[..500]
            .iter()
            .flat_map(|[xs, ys]| xs.iter().zip(ys).map(|(&x, &y)| [x, y]))
            .collect();
        assert_ne!(copied, positions);
        let mut positions = positions;
        for list in [&mut copied, &mut positions] {
            list.sort_by(|p, q| p[0].total_cmp(&q[0]).then(p[1].total_cmp(&q[1])));
        }
        assert_eq!(copied, positions);
    }
}
