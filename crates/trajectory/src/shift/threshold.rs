//! From which score on a step is an event.

use crate::Error;
use serde::{Deserialize, Serialize};

/// The score above which a step is an event, and how often that happens where nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    score: f64,
    false_alarm_rate: f64,
}

impl Threshold {
    /// One in 200 checkpoints.
    pub const DEFAULT_FALSE_ALARM_RATE: f64 = 1.0 / 200.0;

    /// The score that one in 200 checkpoints of undisturbed runs exceeds: those with even seeds of the
    /// paper's zoos and of the gallery of trainings, each kind with the same weight. Scores are in units
    /// of each run's own scatter, so that one number serves all of them; `cargo xtask gallery` shows
    /// the rate for every kind, on the odd seeds.
    pub fn built_in() -> Self {
        Self {
            score: 3.0,
            false_alarm_rate: Self::DEFAULT_FALSE_ALARM_RATE,
        }
    }

    /// The score that this share of the scores of one's own undisturbed checkpoints exceeds.
    ///
    /// # Errors
    ///
    /// Too few checkpoints for the rate (at least 1 ÷ rate are needed), or a rate that is not
    /// above 0 and below 1.
    pub fn of_undisturbed(scores: &[f64], false_alarm_rate: f64) -> Result<Self, Error> {
        let allowed = (scores.len() as f64 * false_alarm_rate).floor();
        if !(false_alarm_rate > 0.0 && false_alarm_rate < 1.0 && allowed >= 1.0) {
            return Err(Error::FalseAlarmRate {
                rate: false_alarm_rate,
                checkpoints: scores.len(),
            });
        }
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        Ok(Self {
            score: sorted.get(allowed as usize).copied().unwrap_or(0.0),
            false_alarm_rate,
        })
    }

    /// The score itself.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// False alarms per checkpoint that it was set for.
    pub fn false_alarm_rate(&self) -> f64 {
        self.false_alarm_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_was_asked_for_is_above() {
        let scores: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 1000)).collect();
        let threshold = Threshold::of_undisturbed(&scores, 0.01).unwrap();
        let above = scores.iter().filter(|score| **score > threshold.score());
        assert_eq!(above.count(), 10);
    }

    #[test]
    fn a_rate_that_the_scores_cannot_show_is_refused() {
        let few = [1.0; 100];
        let refused = Threshold::of_undisturbed(&few, 0.005).unwrap_err();
        assert!(refused.to_string().contains("200"), "{refused}");
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(Threshold::of_undisturbed(&few, rate).is_err());
        }
    }
}
