//! Checkpoints that are not evenly spaced: how much longer a step over a longer interval is.

use super::exact::Exact;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use weightspace::statistics::median;

/// Changes of the interval that are remembered.
const MOST: usize = 40;
/// Fewest that an exponent is read off.
const FEWEST: usize = 5;
/// Intervals whose logarithms differ by less are alike.
const ALIKE: f64 = 0.1;
/// Exponents until there are enough: a step of length proportional to interval^0.7 lies between a
/// straight way and a random walk; an angle does not depend on the interval.
const USUAL: [f64; 3] = [0.7, 0.7, 0.0];
/// The exponents that are possible.
const RANGES: [[f64; 2]; 3] = [[0.3, 1.2], [0.3, 1.2], [-1.0, 1.0]];

/// What the logarithms of a step (length, length outside, tangent) owe to the interval that it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// ln(interval) of the newest step, and its logarithms.
    newest: Option<(Exact, [Exact; 3])>,
    /// From one step to the next: the change of ln(interval), and of the logarithms.
    changes: VecDeque<(Exact, [Exact; 3])>,
}

impl Pace {
    /// The logarithms as they would be had the step taken one unit of training. Nothing changes where
    /// all intervals are 1.
    pub(super) fn even(&self, interval: f64, logarithms: [f64; 3]) -> [f64; 3] {
        let exponents = self.exponents();
        let interval = interval.ln();
        [0, 1, 2].map(|kind| logarithms[kind] - exponents[kind] * interval)
    }

    /// Remembers a step in which nothing happened.
    pub(super) fn learn(&mut self, interval: f64, logarithms: [f64; 3]) {
        let interval = interval.ln();
        if let Some((Exact(before), past)) = self.newest
            && (interval - before).abs() > ALIKE
        {
            if self.changes.len() == MOST {
                self.changes.pop_front();
            }
            let change = [0, 1, 2].map(|kind| Exact(logarithms[kind] - past[kind].0));
            self.changes.push_back((Exact(interval - before), change));
        }
        self.newest = Some((Exact(interval), logarithms.map(Exact)));
    }

    /// The medians of change ÷ change of ln(interval), within what is possible.
    fn exponents(&self) -> [f64; 3] {
        if self.changes.len() < FEWEST {
            return USUAL;
        }
        [0, 1, 2].map(|kind| {
            let ratios = self.changes.iter();
            let ratio = median(ratios.map(|(interval, change)| change[kind].0 / interval.0));
            let [least, most] = RANGES[kind];
            ratio.clamp(least, most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_intervals_change_nothing() {
        let mut pace = Pace::default();
        for step in 0..20 {
            let logarithms = [0.1 * f64::from(step), 1.0, -1.0];
            assert_eq!(pace.even(1.0, logarithms), logarithms);
            pace.learn(1.0, logarithms);
        }
        assert!(pace.changes.is_empty());
    }

    #[test]
    fn the_exponent_of_a_run_is_learnt() {
        let mut pace = Pace::default();
        let logarithms = |interval: f64| [0.5 * interval.ln() - 3.0, 0.6 * interval.ln(), 0.2];
        for step in 0..12 {
            let interval = f64::from(1 + (step * 7) % 3);
            pace.learn(interval, logarithms(interval));
        }
        let [length, outside, turn] = pace.even(9.0, logarithms(9.0));
        assert!((length + 3.0).abs() < 1e-9 && outside.abs() < 1e-9);
        assert!((turn - 0.2).abs() < 1e-9);
    }
}
