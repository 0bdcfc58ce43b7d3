//! Our detector, and what it is held against.

use super::series::Signal;
use anyhow::{Result, ensure};
use trajectory::shift::Calibration;

/// A detector with its threshold.
pub(super) enum Rule {
    Ours(Calibration),
    /// |ln(step length ÷ usual)|.
    StepLength(f64),
    /// |ln(training loss ÷ usual)|: not from weights, and not always there.
    Loss(f64),
    Always,
}

impl Rule {
    /// All four; thresholds such that of these undisturbed checkpoints a share of `rate` is over
    /// them.
    pub(super) fn all(ours: Calibration, undisturbed: &[&Signal]) -> Result<[Self; 4]> {
        let rate = ours.false_alarm_rate();
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
            Self::Ours(ours),
            Self::StepLength(threshold(step_length)?),
            Self::Loss(threshold(loss)?),
            Self::Always,
        ])
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ours",
            Self::StepLength(_) => "step length alone",
            Self::Loss(_) => "training loss",
            Self::Always => "always an alarm",
        }
    }

    /// The larger, the more of a change.
    pub(super) fn score(&self, signal: &Signal) -> f64 {
        match self {
            Self::Ours(calibration) => calibration.judge(signal.features).score,
            Self::StepLength(threshold) => step_length(signal) - threshold,
            Self::Loss(threshold) => loss(signal) - threshold,
            Self::Always => 1.0,
        }
    }

    pub(super) fn alarm(&self, signal: &Signal) -> bool {
        self.score(signal) > 0.0
    }
}

fn step_length(signal: &Signal) -> f64 {
    signal.features.step.abs()
}

fn loss(signal: &Signal) -> f64 {
    signal.loss.abs()
}
