//! How the newest step compares with the recent ones.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use weightspace::statistics::median;

/// Steps whose span the newest one is compared with.
pub const SPAN: usize = 10;
/// Steps whose medians say what is usual.
pub const RECENT: usize = 5;
/// Steps that must lie behind the one that is judged first.
pub const WARM_UP: usize = 10;

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
    /// Share of the step that lies outside the span of the last [`SPAN`] steps, 0 to 1: the sine
    /// of the angle between the step and that span. 1 for the first step.
    pub outside_share: f64,
    /// What the detector judges; `None` until [`WARM_UP`] steps lie behind.
    pub features: Option<Features>,
}

/// What changes in a run when something changes in its training; all 0 when nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// ln(step length ÷ its median over the last [`RECENT`] steps).
    pub step: f64,
    /// ln(length outside the span ÷ its median over the last [`RECENT`] steps).
    pub outside: f64,
    /// ln(tan(angle to the span) ÷ its median over the last [`RECENT`] steps).
    pub turn: f64,
}

impl Features {
    pub(super) fn as_array(self) -> [f64; 3] {
        [self.step, self.outside, self.turn]
    }
}

/// Inner products and lengths of one model's, or one layer's, recent steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Bits", into = "Bits")]
pub(super) struct Track {
    /// Row i: products of step i with the steps up to itself that were held then, the oldest
    /// first.
    products: VecDeque<Vec<f64>>,
    /// ln of step length, of the length outside, and of the tangent, newest last.
    usual: VecDeque<[f64; 3]>,
    steps: usize,
}

/// A [`Track`] as whole numbers: texts of fractions need not come back as the same bits.
#[derive(Serialize, Deserialize)]
struct Bits {
    products: Vec<Vec<u64>>,
    usual: Vec<[u64; 3]>,
    steps: usize,
}

impl From<Track> for Bits {
    fn from(track: Track) -> Self {
        let row = |row: Vec<f64>| row.into_iter().map(f64::to_bits).collect();
        Self {
            products: track.products.into_iter().map(row).collect(),
            usual: track.usual.iter().map(|u| u.map(f64::to_bits)).collect(),
            steps: track.steps,
        }
    }
}

impl From<Bits> for Track {
    fn from(bits: Bits) -> Self {
        let row = |row: Vec<u64>| row.into_iter().map(f64::from_bits).collect();
        Self {
            products: bits.products.into_iter().map(row).collect(),
            usual: bits.usual.iter().map(|u| u.map(f64::from_bits)).collect(),
            steps: bits.steps,
        }
    }
}

impl Track {
    /// Whether it can have come of so many steps that are held.
    pub(super) fn is_sound(&self, held: usize) -> bool {
        self.products.len() == held
            && held <= SPAN
            && self.steps >= self.usual.len()
            && self.usual.len() == self.steps.min(RECENT)
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

    fn motion(&mut self, square: f64, past: &[f64]) -> Motion {
        let step_length = square.sqrt();
        let outside_share = (self.outside_square(square, past) / square)
            .sqrt()
            .clamp(SMALLEST, 1.0);
        let cosine = match (past.last(), self.products.back().and_then(|row| row.last())) {
            (Some(product), Some(&before)) => product / (step_length * before.sqrt()),
            _ => f64::NAN,
        };
        let inside_share = (1.0 - outside_share * outside_share).sqrt().max(SMALLEST);
        let now = [
            step_length.ln(),
            (outside_share * step_length).ln(),
            (outside_share / inside_share).ln(),
        ];
        let features = (self.steps >= WARM_UP).then(|| {
            let [step, outside, turn] = [0, 1, 2]
                .map(|kind| now[kind] - median(self.usual.iter().map(|usual| usual[kind])));
            Features {
                step,
                outside,
                turn,
            }
        });
        if self.usual.len() == RECENT {
            self.usual.pop_front();
        }
        self.usual.push_back(now);
        self.steps += 1;
        Motion {
            step_length,
            cosine,
            outside_share,
            features,
        }
    }

    /// ‖step − its projection onto the span of the past steps‖², by the normal equations.
    fn outside_square(&self, square: f64, past: &[f64]) -> f64 {
        let count = past.len();
        if count == 0 {
            return square;
        }
        let first = self.products.len() - count;
        let mut gram = DMatrix::zeros(count, count);
        for (i, row) in self.products.iter().skip(first).enumerate() {
            // The row ends with the step's product with itself, and before that with the one
            // before it, and so on.
            for (j, &product) in (0..=i).rev().zip(row.iter().rev()) {
                gram[(i, j)] = product;
                gram[(j, i)] = product;
            }
        }
        let ridge = RIDGE * gram.trace() / count as f64;
        for i in 0..count {
            gram[(i, i)] += ridge;
        }
        let past = DVector::from_column_slice(past);
        match gram.cholesky() {
            Some(cholesky) => (square - past.dot(&cholesky.solve(&past))).max(0.0),
            None => square,
        }
    }
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
    fn features_do_not_depend_on_the_scale_of_the_weights() {
        let steps = drawn(15, 12);
        let scaled: Vec<Vec<f64>> = steps
            .iter()
            .map(|step| step.iter().map(|x| 1000.0 * x).collect())
            .collect();
        for (a, b) in std::iter::zip(track(&steps), track(&scaled)) {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_eq!(a.features.is_some(), b.features.is_some());
            if let (Some(a), Some(b)) = (a.features, b.features) {
                for (x, y) in std::iter::zip(a.as_array(), b.as_array()) {
                    assert!((x - y).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn nothing_is_judged_before_the_warm_up_is_over() {
        let motions = track(&drawn(WARM_UP + 1, 40));
        let judged = |motion: &Option<Motion>| motion.unwrap().features.is_some();
        assert_eq!(motions.iter().position(judged), Some(WARM_UP));
    }

    #[test]
    fn a_step_without_length_says_nothing() {
        let mut steps = drawn(12, 5);
        steps[11] = vec![0.0; 5];
        assert_eq!(track(&steps)[11], None);
    }
}
