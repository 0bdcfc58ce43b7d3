//! From features to a decision: how likely which cause is, and from where on that is an alarm.

use super::features::Features;
use super::softmax::{self, Weights};
use crate::Error;
use serde::{Deserialize, Serialize};

/// What a change looks like from the weights.
///
/// A batch k times larger and a learning rate k times smaller drive the same training but for its
/// noise, so that the two are one cause here. A momentum that was reset leaves no trace that
/// lasts until the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing changed.
    Nothing,
    /// Other data: the step is long and turns away from where the run was going.
    Data,
    /// A higher learning rate, or a smaller batch: long steps in the old directions.
    Faster,
    /// A lower learning rate, or a larger batch: short steps.
    Slower,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; softmax::CLASSES] =
        [Self::Nothing, Self::Data, Self::Faster, Self::Slower];

    /// What to tell a person.
    pub fn description(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Data => "other data",
            Self::Faster => "a higher learning rate or a smaller batch",
            Self::Slower => "a lower learning rate or a larger batch",
        }
    }
}

/// Features of a step whose cause is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    /// What was read off the step.
    pub features: Features,
    /// What made it so.
    pub cause: Cause,
}

/// A decision about one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether the evidence for some cause exceeds its threshold.
    pub alarm: bool,
    /// The likeliest cause: of those that exceed their threshold when there is an alarm, of all
    /// otherwise.
    pub cause: Cause,
    /// The largest of ln(odds of a cause against nothing) − its threshold: above 0 is an alarm.
    pub score: f64,
    /// Probability of every cause in the order of [`Cause::ALL`], if all were equally common.
    pub probabilities: [f64; softmax::CLASSES],
    /// The features it was made from.
    pub features: Features,
}

/// How features become a decision, and how many false alarms that costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// For every cause but nothing: the constant, then a weight for each feature.
    weights: Weights,
    /// ln(odds) against nothing from which on each of these causes is an alarm.
    thresholds: [f64; softmax::CLASSES - 1],
    /// False alarms per checkpoint that the thresholds were set for.
    false_alarm_rate: f64,
}

impl Calibration {
    /// One in 200 checkpoints.
    pub const DEFAULT_FALSE_ALARM_RATE: f64 = 1.0 / 200.0;

    /// What the paper's two zoos gave, at [`DEFAULT_FALSE_ALARM_RATE`]: from the models with even
    /// seeds, checkpointed once an epoch, and their continuations on changed data and with changed
    /// hyperparameters. `cargo xtask experiments` fits it anew and reports it beside these numbers.
    ///
    /// The rate holds for runs like those. [`with_thresholds_of`](Self::with_thresholds_of) adapts
    /// it to others.
    ///
    /// [`DEFAULT_FALSE_ALARM_RATE`]: Self::DEFAULT_FALSE_ALARM_RATE
    pub fn zoos() -> Self {
        Self {
            weights: [
                [-5.251, 6.831, -1.979, 9.832],
                [-3.384, 0.890, 6.741, -1.517],
                [-5.365, -7.373, -3.064, 1.580],
            ],
            thresholds: [11.686, 8.799, 3.091],
            false_alarm_rate: Self::DEFAULT_FALSE_ALARM_RATE,
        }
    }

    /// Fits weights to examples of all causes, and sets thresholds by those of nothing.
    ///
    /// Every cause weighs the same, however many examples it has.
    ///
    /// # Errors
    ///
    /// As [`with_thresholds_of`](Self::with_thresholds_of).
    pub fn fit(examples: &[Example], false_alarm_rate: f64) -> Result<Self, Error> {
        let class = |cause| Cause::ALL.iter().position(|&other| other == cause);
        let rows: Vec<_> = examples
            .iter()
            .filter_map(|example| Some((example.features.as_array(), class(example.cause)?)))
            .collect();
        let fitted = Self {
            weights: softmax::fit(&rows),
            thresholds: [0.0; softmax::CLASSES - 1],
            false_alarm_rate,
        };
        let undisturbed: Vec<Features> = examples
            .iter()
            .filter(|example| example.cause == Cause::Nothing)
            .map(|example| example.features)
            .collect();
        fitted.with_thresholds_of(&undisturbed, false_alarm_rate)
    }

    /// Keeps the weights, and sets the thresholds so that of these checkpoints of undisturbed runs
    /// the given share raises an alarm: a third of it for each cause.
    ///
    /// # Errors
    ///
    /// Too few checkpoints for the rate (at least 3 ÷ rate are needed), or a rate that is not
    /// above 0 and below 1.
    pub fn with_thresholds_of(
        mut self,
        undisturbed: &[Features],
        false_alarm_rate: f64,
    ) -> Result<Self, Error> {
        let causes = self.thresholds.len() as f64;
        let allowed = (undisturbed.len() as f64 * false_alarm_rate / causes).floor();
        if !(false_alarm_rate > 0.0 && false_alarm_rate < 1.0 && allowed >= 1.0) {
            return Err(Error::FalseAlarmRate {
                rate: false_alarm_rate,
                checkpoints: undisturbed.len(),
            });
        }
        for cause in 0..self.thresholds.len() {
            let mut scores: Vec<f64> = undisturbed
                .iter()
                .map(|features| softmax::log_odds(&self.weights, features.as_array())[cause])
                .collect();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            self.thresholds[cause] = scores[allowed as usize - 1];
        }
        self.false_alarm_rate = false_alarm_rate;
        Ok(self)
    }

    /// False alarms per checkpoint that the thresholds were set for.
    pub fn false_alarm_rate(&self) -> f64 {
        self.false_alarm_rate
    }

    /// Decides about one step.
    pub fn judge(&self, features: Features) -> Verdict {
        let log_odds = softmax::log_odds(&self.weights, features.as_array());
        let probabilities = softmax::probabilities(log_odds);
        let margins: Vec<f64> = std::iter::zip(log_odds, self.thresholds)
            .map(|(odds, threshold)| odds - threshold)
            .collect();
        let score = margins.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let alarm = score > 0.0;
        let (mut cause, mut most) = (Cause::Nothing, if alarm { 0.0 } else { probabilities[0] });
        for ((&candidate, &probability), &margin) in Cause::ALL[1..]
            .iter()
            .zip(&probabilities[1..])
            .zip(&margins)
        {
            if probability > most && (margin > 0.0 || !alarm) {
                (cause, most) = (candidate, probability);
            }
        }
        Verdict {
            alarm,
            cause,
            score,
            probabilities,
            features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal deviates with the moments of each cause in the paper's zoos, roughly.
    fn examples(count: usize, seed: u64) -> Vec<Example> {
        let mut state = seed;
        let mut draw = || {
            let mut sum = 0.0;
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                sum += (state >> 33) as f64 / f64::from(1_u32 << 31);
            }
            sum - 6.0
        };
        let mut examples = Vec::new();
        for (cause, [step, outside, turn]) in std::iter::zip(
            Cause::ALL,
            [
                [0.0; 3],
                [1.5, 2.5, 2.0],
                [1.0, 1.0, 0.0],
                [-1.2, -1.0, 0.2],
            ],
        ) {
            for _ in 0..count {
                let features = Features {
                    step: step + 0.2 * draw(),
                    outside: outside + 0.3 * draw(),
                    turn: turn + 0.3 * draw(),
                };
                examples.push(Example { features, cause });
            }
        }
        examples
    }

    fn alarms(calibration: &Calibration, examples: &[Example], cause: Cause) -> (f64, f64) {
        let of: Vec<Verdict> = examples
            .iter()
            .filter(|example| example.cause == cause)
            .map(|example| calibration.judge(example.features))
            .collect();
        let share = |condition: &dyn Fn(&Verdict) -> bool| {
            of.iter().filter(|verdict| condition(verdict)).count() as f64 / of.len() as f64
        };
        (
            share(&|verdict| verdict.alarm),
            share(&|verdict| verdict.alarm && verdict.cause == cause),
        )
    }

    #[test]
    fn the_declared_rate_holds_on_examples_that_were_not_fitted_and_causes_are_named() {
        let rate = 0.01;
        let fitted = Calibration::fit(&examples(6000, 1), rate).unwrap();
        let fresh = examples(6000, 2);
        let (false_alarms, _) = alarms(&fitted, &fresh, Cause::Nothing);
        // Binomial: 0.01 ± 4 standard errors of 0.0013.
        assert!((false_alarms - rate).abs() < 0.006, "{false_alarms}");
        for cause in [Cause::Data, Cause::Faster, Cause::Slower] {
            let (found, named) = alarms(&fitted, &fresh, cause);
            assert!(found > 0.95 && named > 0.95, "{cause:?} {found} {named}");
        }
    }

    #[test]
    fn a_rate_that_the_examples_cannot_show_is_refused() {
        let few = examples(100, 3);
        let refused = Calibration::fit(&few, 0.005).unwrap_err().to_string();
        assert!(refused.contains("600"), "{refused}");
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(Calibration::fit(&few, rate).is_err());
        }
    }

    #[test]
    fn a_step_like_the_ones_before_is_no_alarm_for_the_built_in_calibration() {
        let nothing = Features {
            step: 0.0,
            outside: 0.0,
            turn: 0.0,
        };
        let verdict = Calibration::zoos().judge(nothing);
        assert_eq!((verdict.alarm, verdict.cause), (false, Cause::Nothing));
    }
}
