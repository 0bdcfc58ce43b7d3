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

/// Probability that a positive scores above a negative, ties counting half (the area under the ROC
/// curve, by Mann and Whitney's statistic).
pub(super) fn area_under_roc(positives: &[f64], negatives: &[f64]) -> f64 {
    let mut negatives = negatives.to_vec();
    negatives.sort_unstable_by(f64::total_cmp);
    let below = |score: f64| {
        let less = negatives.partition_point(|&negative| negative < score);
        let not_more = negatives.partition_point(|&negative| negative <= score);
        0.5 * (less + not_more) as f64
    };
    positives.iter().map(|&score| below(score)).sum::<f64>()
        / (positives.len() * negatives.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::area_under_roc;

    #[test]
    fn the_area_counts_pairs_and_halves_ties() {
        assert_eq!(area_under_roc(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(area_under_roc(&[1.0, 1.0], &[1.0]), 0.5);
        assert_eq!(area_under_roc(&[0.0, 2.0], &[1.0]), 0.5);
    }
}
