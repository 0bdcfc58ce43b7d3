//! Our detector, and what it is held against.

use super::series::Signal;
use anyhow::{Result, ensure};
use trajectory::shift::Threshold;

/// A detector with its threshold.
pub(super) enum Rule {
    Ours,
    /// That of version 0.1, with thresholds fitted to these two zoos.
    Fixed,
    /// |ln(step length ÷ usual)|.
    StepLength(f64),
    /// |ln(training loss ÷ usual)|: not from weights, and not always there.
    Loss(f64),
    Always,
}

impl Rule {
    /// All five; the thresholds of step length and loss such that of these undisturbed checkpoints a
    /// share of `rate` is over them.
    pub(super) fn all(rate: f64, undisturbed: &[&Signal]) -> Result<[Self; 5]> {
        let threshold = |score: fn(&Signal) -> f64| -> Result<f64> {
            let mut scores: Vec<f64> = undisturbed.iter().map(|signal| score(signal)).collect();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            let allowed = (rate * scores.len() as f64) as usize;
            ensure!(
                allowed > 0,
                "too few undisturbed checkpoints to set a threshold"
            );
            Ok(scores[allowed - 1])
        };
        Ok([
            Self::Ours,
            Self::Fixed,
            Self::StepLength(threshold(step_length)?),
            Self::Loss(threshold(loss)?),
            Self::Always,
        ])
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Fixed => "version 0.1",
            Self::StepLength(_) => "step length alone",
            Self::Loss(_) => "training loss",
            Self::Always => "always an alarm",
        }
    }

    /// The larger, the more of a change.
    pub(super) fn score(&self, signal: &Signal) -> f64 {
        match self {
            Self::Ours => signal.verdict.score - Threshold::built_in().score(),
            Self::Fixed => signal.fixed.score,
            Self::StepLength(threshold) => step_length(signal) - threshold,
            Self::Loss(threshold) => loss(signal) - threshold,
            Self::Always => 1.0,
        }
    }

    pub(super) fn alarm(&self, signal: &Signal) -> bool {
        match self {
            Self::Ours => signal.verdict.alarm,
            _ => self.score(signal) > 0.0,
        }
    }
}

fn step_length(signal: &Signal) -> f64 {
    signal.fixed.step.abs()
}

fn loss(signal: &Signal) -> f64 {
    signal.loss.abs()
}
