//! The detector of version 0.1, for comparison: thresholds that were fitted to the paper's two zoos.

use std::collections::VecDeque;
use trajectory::shift::Motion;
use weightspace::statistics::median;

/// Steps whose medians say what is usual.
const RECENT: usize = 5;
/// Steps that must lie behind the one that is judged first.
const WARM_UP: usize = 10;
/// ln(odds) of other data, a higher and a lower learning rate: the constant, then the weights of the
/// three features.
const WEIGHTS: [[f64; 4]; 3] = [
    [-5.251, 6.831, -1.979, 9.832],
    [-3.384, 0.890, 6.741, -1.517],
    [-5.365, -7.373, -3.064, 1.580],
];
/// Odds from which on each is an alarm.
const THRESHOLDS: [f64; 3] = [11.686, 8.799, 3.091];

/// What 0.1 reads off a step.
#[derive(Clone, Copy)]
pub(crate) struct Fixed {
    /// ln(step length ÷ its median over the last five steps).
    pub(crate) step: f64,
    /// The largest of ln(odds) − threshold: above 0 is an alarm.
    pub(crate) score: f64,
}

/// The steps of a run.
#[derive(Clone, Default)]
pub(crate) struct FixedThresholds {
    usual: VecDeque<[f64; 3]>,
    steps: usize,
}

impl FixedThresholds {
    pub(crate) fn push(&mut self, motion: &Motion) -> Option<Fixed> {
        let now = motion.logarithms();
        let features = [0, 1, 2].map(|kind| {
            let usual = median(self.usual.iter().map(|usual| usual[kind]));
            now[kind] - usual
        });
        let is_judged = self.steps >= WARM_UP;
        if self.usual.len() == RECENT {
            self.usual.pop_front();
        }
        self.usual.push_back(now);
        self.steps += 1;
        let odds = WEIGHTS.map(|[constant, weights @ ..]| {
            let products = std::iter::zip(weights, features).map(|(weight, x)| weight * x);
            constant + products.sum::<f64>()
        });
        let margins = std::iter::zip(odds, THRESHOLDS).map(|(odds, threshold)| odds - threshold);
        is_judged.then(|| Fixed {
            step: features[0],
            score: margins.fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_like_the_ones_before_is_no_alarm_and_one_elsewhere_is() {
        let motion = |step_length, outside_share| Motion {
            step_length,
            cosine: 0.5,
            second_cosine: 0.5,
            outside_share,
            back_cosine: 0.0,
            back_share: 0.0,
        };
        let mut detector = FixedThresholds::default();
        for _ in 0..WARM_UP {
            assert!(detector.push(&motion(1.0, 0.5)).is_none());
        }
        assert!(detector.push(&motion(1.0, 0.5)).unwrap().score < 0.0);
        assert!(detector.push(&motion(5.0, 0.98)).unwrap().score > 0.0);
    }
}
