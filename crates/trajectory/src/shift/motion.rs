//! How the newest step lies to the ones before it.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Steps whose span the newest one is compared with.
pub const SPAN: usize = 10;

/// Added to the diagonal of a Gram matrix, as a share of its mean: below this a direction is
/// rounding.
const RIDGE: f64 = 1e-10;
/// Shares are kept this far from 0 and 1, where their tangent ends.
const SMALLEST: f64 = 1e-6;

/// The newest step, against the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Motion {
    /// Length of the step, in the units of the weights.
    pub step_length: f64,
    /// Cosine of the angle to the step before, −1 to 1; NaN for the first step.
    pub cosine: f64,
    /// Cosine of the angle to the step before that one, −1 to 1; NaN for the first two steps.
    pub second_cosine: f64,
    /// Share of the step that lies outside the span of the last [`SPAN`] steps, 0 to 1: the sine
    /// of the angle between the step and that span. 1 for the first step.
    pub outside_share: f64,
    /// The largest cosine of the angle between the step and the way back from the checkpoint before
    /// to any of the [`SPAN`] before that, −1 to 1: near 1 for a step that returns to one of them.
    /// NaN for the first step.
    pub back_cosine: f64,
    /// How much of the way to that checkpoint the step went: 1 arrives there, a half arrives at the
    /// mean of the two. NaN for the first step.
    pub back_share: f64,
}

impl Motion {
    /// ln of the step length, of its part outside the span of the last steps, and of the tangent of
    /// the angle to that span.
    pub fn logarithms(&self) -> [f64; 3] {
        let outside = self.outside_share.clamp(SMALLEST, 1.0);
        let inside = (1.0 - outside * outside).sqrt().max(SMALLEST);
        [
            self.step_length.ln(),
            (outside * self.step_length).ln(),
            (outside / inside).ln(),
        ]
    }
}

/// Inner products of one model's, or one layer's, recent steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Bits", into = "Bits")]
pub(super) struct Track {
    /// Row i: products of step i with the steps up to itself that were held then, the oldest
    /// first.
    products: VecDeque<Vec<f64>>,
}

/// A [`Track`] as whole numbers: texts of fractions need not come back as the same bits.
#[derive(Serialize, Deserialize)]
struct Bits {
    products: Vec<Vec<u64>>,
}

impl From<Track> for Bits {
    fn from(track: Track) -> Self {
        let row = |row: Vec<f64>| row.into_iter().map(f64::to_bits).collect();
        Self {
            products: track.products.into_iter().map(row).collect(),
        }
    }
}

impl From<Bits> for Track {
    fn from(bits: Bits) -> Self {
        let row = |row: Vec<u64>| row.into_iter().map(f64::from_bits).collect();
        Self {
            products: bits.products.into_iter().map(row).collect(),
        }
    }
}

impl Track {
    /// Whether it can have come of so many steps that are held.
    pub(super) fn is_sound(&self, held: usize) -> bool {
        self.products.len() == held && held <= SPAN
    }

    /// Takes the products of the newest step with the last steps (at most [`SPAN`], oldest first)
    /// and with itself. `None` when the step has no length.
    pub(super) fn push(&mut self, products: &[f64]) -> Option<Motion> {
        let (&square, past) = products.split_last()?;
        let motion = (square > 0.0).then(|| self.motion(square, past));
        if self.products.len() == SPAN {
            self.products.pop_front();
        }
        self.products.push_back(products.to_vec());
        motion
    }

    fn motion(&self, square: f64, past: &[f64]) -> Motion {
        let step_length = square.sqrt();
        let gram = self.gram(past.len());
        let outside = outside_square(&gram, square, past);
        let cosine = |back: usize| {
            let index = past.len().checked_sub(back)?;
            let before = gram.get((index, index))?;
            Some(past.get(index)? / (step_length * before.sqrt()))
        };
        let (back_cosine, back_share) = way_back(&gram, square, past);
        Motion {
            step_length,
            cosine: cosine(1).unwrap_or(f64::NAN),
            second_cosine: cosine(2).unwrap_or(f64::NAN),
            outside_share: (outside / square).sqrt().clamp(SMALLEST, 1.0),
            back_cosine,
            back_share,
        }
    }

    /// Inner products of the last `count` steps, the oldest first.
    fn gram(&self, count: usize) -> DMatrix<f64> {
        let first = self.products.len().saturating_sub(count);
        let mut gram = DMatrix::zeros(count, count);
        for (i, row) in self.products.iter().skip(first).enumerate() {
            // The row ends with the step's product with itself, and before that with the one
            // before it, and so on.
            for (j, &product) in (0..=i).rev().zip(row.iter().rev()) {
                gram[(i, j)] = product;
                gram[(j, i)] = product;
            }
        }
        gram
    }
}

/// ‖step − its projection onto the span of the past steps‖², by the normal equations.
fn outside_square(gram: &DMatrix<f64>, square: f64, past: &[f64]) -> f64 {
    let count = past.len();
    if count == 0 {
        return square;
    }
    let ridge = RIDGE * gram.trace() / count as f64;
    let regular = gram + DMatrix::from_diagonal_element(count, count, ridge);
    let past = DVector::from_column_slice(past);
    match regular.cholesky() {
        Some(cholesky) => (square - past.dot(&cholesky.solve(&past))).max(0.0),
        None => square,
    }
}

/// Of the ways back over the last 1, 2, … steps: the largest cosine between the step and one of them,
/// and how much of that way the step went.
fn way_back(gram: &DMatrix<f64>, square: f64, past: &[f64]) -> (f64, f64) {
    let (mut best, mut share) = (f64::NAN, f64::NAN);
    // The way back is minus the sum of the steps that it undoes.
    let (mut along, mut length_square) = (0.0, 0.0);
    for newest in (0..past.len()).rev() {
        along -= past[newest];
        let crossed: f64 = (newest + 1..past.len()).map(|j| gram[(newest, j)]).sum();
        length_square += gram[(newest, newest)] + 2.0 * crossed;
        if length_square > 0.0 {
            let cosine = along / (length_square * square).sqrt();
            if best.is_nan() || cosine > best {
                (best, share) = (cosine, along / length_square);
            }
        }
    }
    (best, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(steps: &[Vec<f64>]) -> Vec<Option<Motion>> {
        let mut track = Track::default();
        (0..steps.len())
            .map(|newest| {
                let past = &steps[newest.saturating_sub(SPAN)..=newest];
                let products: Vec<f64> = past
                    .iter()
                    .map(|step| {
                        std::iter::zip(step, &steps[newest])
                            .map(|(a, b)| a * b)
                            .sum()
                    })
                    .collect();
                track.push(&products)
            })
            .collect()
    }

    fn drawn(count: usize, dimension: usize) -> Vec<Vec<f64>> {
        let mut state = 1_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1 << 30) - 1.0
        };
        (0..count)
            .map(|_| (0..dimension).map(|_| draw()).collect())
            .collect()
    }

    #[test]
    fn the_share_outside_is_that_of_gram_and_schmidt() {
        let steps = drawn(25, 30);
        for (newest, motion) in track(&steps).into_iter().enumerate().skip(1) {
            let mut basis: Vec<DVector<f64>> = Vec::new();
            let orthogonal = |step: &[f64], basis: &[DVector<f64>]| {
                let mut rest = DVector::from_column_slice(step);
                for axis in basis {
                    rest -= axis * axis.dot(&rest);
                }
                rest
            };
            for past in &steps[newest.saturating_sub(SPAN)..newest] {
                let rest = orthogonal(past, &basis);
                basis.push(rest.normalize());
            }
            let expected = orthogonal(&steps[newest], &basis).norm()
                / DVector::from_column_slice(&steps[newest]).norm();
            let found = motion.unwrap().outside_share;
            assert!(
                (found - expected).abs() < 1e-8,
                "{newest}: {found} {expected}"
            );
        }
    }

    #[test]
    fn a_step_within_the_span_leaves_nothing_outside() {
        let mut steps = drawn(6, 20);
        let within = std::iter::zip(&steps[1], &steps[4]).map(|(a, b)| a - 2.0 * b);
        steps.push(within.collect());
        let last = track(&steps).pop().unwrap().unwrap();
        assert!(last.outside_share < 1e-4, "{}", last.outside_share);
    }

    #[test]
    fn a_step_back_is_known_by_where_it_ends() {
        let steps = drawn(14, 20);
        let back = |over: usize, share: f64| {
            let undone = &steps[steps.len() - over..];
            let way = (0..20).map(|i| -share * undone.iter().map(|step| step[i]).sum::<f64>());
            let mut steps = steps.clone();
            steps.push(way.collect());
            track(&steps).pop().unwrap().unwrap()
        };
        for (over, share) in [(1, 1.0), (4, 1.0), (10, 1.0), (4, 0.5)] {
            let found = back(over, share);
            assert!((found.back_cosine - 1.0).abs() < 1e-9, "{over} {found:?}");
            assert!((found.back_share - share).abs() < 1e-9, "{over} {found:?}");
        }
        let usual = track(&steps).pop().unwrap().unwrap();
        assert!(usual.back_cosine < 0.8, "{usual:?}");
    }

    #[test]
    fn only_lengths_depend_on_the_scale_of_the_weights() {
        let steps = drawn(15, 12);
        let scaled: Vec<Vec<f64>> = steps
            .iter()
            .map(|step| step.iter().map(|x| 1000.0 * x).collect())
            .collect();
        for (a, b) in std::iter::zip(track(&steps), track(&scaled)) {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!((1000.0 * a.step_length / b.step_length - 1.0).abs() < 1e-9);
            assert!((a.outside_share - b.outside_share).abs() < 1e-6);
            let turn = |motion: &Motion| motion.logarithms()[2];
            assert!((turn(&a) - turn(&b)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_step_without_length_says_nothing() {
        let mut steps = drawn(12, 5);
        steps[11] = vec![0.0; 5];
        assert_eq!(track(&steps)[11], None);
    }
}
