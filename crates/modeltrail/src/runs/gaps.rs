//! Where checkpoints of a run seem to be missing: by what is claimed, or by a step that is too long.
//!
//! Claims first. Epochs 1, 2, 3, 5 lack one, steps 500, 1000, 2000 too; saves at 1, 2, 4, 8, 16 do
//! not, and neither does a schedule that grows coarser in the end. Where nothing is claimed, a step
//! much longer than all around it is what a missing checkpoint leaves; how much longer is measured in
//! docs/runs.md.

pub(super) mod find;

pub(crate) use find::{MOSTLY_REGULAR, lacking};

use crate::collection::Unit;
use serde::Serialize;
use weightspace::statistics::median;

/// Steps on each side that a step is held against.
const AROUND: usize = 3;
/// Fewest steps of a run in which a long one is looked for.
const FEWEST_STEPS: usize = 8;
/// Least ratio of a step to those around it.
pub const LEAST_RATIO: f64 = 1.6;
/// So many standard deviations, robustly estimated, must lie between the step and those of its run.
pub const DEVIATIONS: f64 = 4.5;

/// Where checkpoints seem to be missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "gap")]
pub enum Gap {
    /// Claimed positions are regular, and these are missing.
    Claimed {
        /// First position that is missing.
        first: u64,
        /// Last one.
        last: u64,
        /// How far apart positions are.
        every: u64,
        /// How many are missing.
        count: u64,
        /// What positions count.
        unit: Unit,
    },
    /// Nothing is claimed, but a step is longer than those around it.
    LongStep {
        /// Place in the order, from 0, that the step leaves.
        after: usize,
        /// How many times as long as those around it.
        times: f64,
    },
    /// The weights separate it from another run that claims to be the same, and whose claimed
    /// positions end before its own begin.
    Continues {
        /// The other run, from 0, as in the list.
        run: usize,
        /// The last position of that run.
        from: u64,
        /// The first of this one.
        to: u64,
        /// What positions count.
        unit: Unit,
    },
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claimed {
                first,
                last,
                every,
                count,
                unit,
            } => {
                let unit = unit.name();
                match count {
                    1 => write!(f, "{unit} {first} is missing"),
                    2 => write!(f, "{unit}s {first} and {last} are missing"),
                    _ if *every == 1 => {
                        write!(f, "{unit}s {first} to {last} are missing")
                    }
                    _ => write!(f, "{count} {unit}s from {first} to {last} are missing"),
                }
            }
            Self::Continues {
                run,
                from,
                to,
                unit,
            } => write!(
                f,
                "it claims to continue run {} ({} {from} to {to}), after a long step: something \
                 changed, or checkpoints in between are missing",
                run + 1,
                unit.name()
            ),
            Self::LongStep { times, .. } => write!(
                f,
                "a step {times:.1} times as long as those around it: checkpoints may be missing"
            ),
        }
    }
}

/// Steps much longer than those around them: place and ratio. The first and the last step have
/// neighbours on one side only and are never called long: trainings begin with long steps.
///
/// A step is held against the longest of up to three steps on each side; held against their
/// median instead, it is called long in complete runs too (docs/runs.md). The ratio must be
/// [`LEAST_RATIO`], and stand out from the run's other ratios by [`DEVIATIONS`] robust standard
/// deviations.
pub fn long_steps(steps: &[f64]) -> Vec<(usize, f64)> {
    if steps.len() < FEWEST_STEPS {
        return Vec::new();
    }
    let longest = |range: std::ops::Range<usize>| {
        let around = steps.get(range).unwrap_or_default();
        around.iter().copied().fold(0.0, f64::max)
    };
    let ratios: Vec<(usize, f64)> = (1..steps.len() - 1)
        .filter_map(|at| {
            let before = longest(at.saturating_sub(AROUND)..at);
            let after = longest(at + 1..(at + 1 + AROUND).min(steps.len()));
            let ratio = steps.get(at)? / before.max(after);
            (ratio.is_finite() && ratio > 0.0).then_some((at, ratio))
        })
        .collect();
    let logs: Vec<f64> = ratios.iter().map(|(_, ratio)| ratio.ln()).collect();
    let middle = median(logs.iter().copied());
    let apart = logs.iter().map(|log| (log - middle).abs());
    // A normal distribution's standard deviation is so many median deviations.
    let deviation = 1.4826 * median(apart);
    ratios
        .into_iter()
        .filter(|(_, ratio)| *ratio >= LEAST_RATIO && ratio.ln() - middle >= DEVIATIONS * deviation)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_step_stands_out_of_steps_that_shrink_and_the_first_does_not() {
        let mut steps: Vec<f64> = (0..40).map(|step| 3.0 * 0.8_f64.powi(step)).collect();
        steps[0] = 30.0;
        assert!(long_steps(&steps).is_empty());
        steps[9] *= 4.0;
        let found = long_steps(&steps);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 9);
    }

    #[test]
    fn short_runs_and_steps_of_length_zero_have_no_gaps() {
        assert!(long_steps(&[1.0, 5.0, 1.0]).is_empty());
        assert!(long_steps(&[0.0; 30]).is_empty());
        assert!(long_steps(&[f64::NAN; 30]).is_empty());
    }
}
