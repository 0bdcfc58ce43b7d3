//! What a change looks like from the weights.

use super::history::{Ratios, Scores};
use super::motion::Motion;
use serde::{Deserialize, Serialize};

/// What probably made a step unlike the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing changed.
    Nothing,
    /// Other data, or other labels: the step is long and turns away from where the run was going, and
    /// some tensors change more than others.
    Data,
    /// A higher learning rate: long steps in the old directions, of all tensors alike.
    RateUp,
    /// A lower learning rate: steps a good deal shorter.
    RateDown,
    /// A larger batch, or a learning rate that is a little lower: steps somewhat shorter.
    Batch,
    /// Tensors that moved at every step and now keep their bits.
    Frozen,
    /// The step leads back to an earlier checkpoint.
    WentBack,
    /// The step leads part of the way back to an earlier checkpoint, as an average of the two lies.
    Merged,
    /// The weights were rounded to fewer bits than before.
    Rounded,
    /// A single bad step, after which the run went on as before: known two checkpoints later.
    Spike,
    /// Another weight decay. Only the trainer's files say so: weights hardly show it.
    Decay,
    /// The optimiser began anew. Only the trainer's files say so: in the weights it looks like other
    /// data, or like nothing.
    OptimiserLost,
}

impl Cause {
    /// All causes, nothing first.
    pub const ALL: [Self; 12] = [
        Self::Nothing,
        Self::Data,
        Self::RateUp,
        Self::RateDown,
        Self::Batch,
        Self::Frozen,
        Self::WentBack,
        Self::Merged,
        Self::Rounded,
        Self::Spike,
        Self::Decay,
        Self::OptimiserLost,
    ];

    /// What to tell a person.
    pub fn description(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Data => "other data",
            Self::RateUp => "a higher learning rate",
            Self::RateDown => "a lower learning rate",
            Self::Batch => "a larger batch",
            Self::Frozen => "frozen tensors",
            Self::WentBack => "went back to an earlier checkpoint",
            Self::Merged => "averaged with an earlier checkpoint",
            Self::Rounded => "weights rounded",
            Self::Spike => "a single bad step",
            Self::Decay => "another weight decay",
            Self::OptimiserLost => "the optimiser's state was lost",
        }
    }

    /// The cause of a step whose numbers are not those that were forecast.
    pub(super) fn of_step(scores: &Scores, ratios: &Ratios) -> Self {
        if ratios.step < 1.0 && scores.outside < 0.0 {
            return match ratios.step < LOWER_RATE {
                true => Self::RateDown,
                false => Self::Batch,
            };
        }
        if ratios.step < HIGHER_RATE || ratios.turn > TURNED {
            return Self::Data;
        }
        Self::RateUp
    }

    /// Where a step leads back to: a step of a run that wanders about a point goes back by half of its
    /// length all the time, so that `usual`, the largest of the newest, is held against it.
    pub(super) fn of_way_back(motion: &Motion, usual: f64) -> Option<Self> {
        let leads_back = motion.back_cosine > BACK.max(usual + CLEARLY_MORE);
        leads_back.then_some(match motion.back_share > ARRIVES {
            true => Self::WentBack,
            false => Self::Merged,
        })
    }
}

/// What a long step turns out to be by the two that follow it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aftermath {
    /// ln(step length ÷ its forecast) of the long step, and of the second after it, by the same forecast.
    pub(super) excess: [f64; 2],
    /// Sum of the cosines between the long step and the two after it.
    pub(super) cosines: f64,
}

impl Aftermath {
    /// What it was rather than `cause`; none where that still holds. A higher learning rate lasts. After
    /// a bad step the run comes back; with other data it goes on the new way.
    pub(super) fn revised(&self, cause: Cause) -> Option<Cause> {
        let [then, now] = self.excess;
        if now > LASTS * then {
            return None;
        }
        if self.cosines < COMES_BACK {
            return Some(Cause::Spike);
        }
        (cause == Cause::RateUp).then_some(Cause::Data)
    }
}

/// A change lasts if so much of it is left after two steps.
const LASTS: f64 = 0.5;
/// A run that comes back has cosines to the long step whose sum is below this.
const COMES_BACK: f64 = -0.15;
/// Steps shorter than this share of the forecast are those of a lower learning rate.
const LOWER_RATE: f64 = 0.55;
/// Steps of a higher learning rate are at least so much longer than the forecast.
const HIGHER_RATE: f64 = 1.8;
/// And they turn away from the old directions less than this: the tangent ÷ its forecast.
const TURNED: f64 = 1.35;
/// The least cosine between a step back and the way back.
const BACK: f64 = 0.5;
/// How much more than the newest steps' that has to be.
const CLEARLY_MORE: f64 = 0.3;
/// Share of the way back from which on the step arrives.
const ARRIVES: f64 = 0.65;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(step: f64, turn: f64) -> Cause {
        let scores = Scores {
            step: 4.0 * step.ln(),
            outside: 4.0 * step.ln(),
            turn: turn.ln(),
            spread: None,
        };
        let ratios = Ratios {
            step,
            outside: step,
            turn,
        };
        Cause::of_step(&scores, &ratios)
    }

    #[test]
    fn causes_are_told_by_length_and_turn() {
        assert_eq!(of(2.7, 1.0), Cause::RateUp);
        assert_eq!(of(4.0, 2.0), Cause::Data);
        assert_eq!(of(1.4, 1.1), Cause::Data);
        assert_eq!(of(0.38, 1.1), Cause::RateDown);
        assert_eq!(of(0.75, 0.8), Cause::Batch);
    }

    #[test]
    fn what_a_long_step_was_is_known_two_steps_later() {
        let of = |now, cosines, cause| {
            let excess = [1.0, now];
            Aftermath { excess, cosines }.revised(cause)
        };
        assert_eq!(of(0.9, -0.3, Cause::RateUp), None);
        assert_eq!(of(0.1, -0.3, Cause::RateUp), Some(Cause::Spike));
        assert_eq!(of(0.1, -0.3, Cause::Data), Some(Cause::Spike));
        assert_eq!(of(0.1, 0.5, Cause::RateUp), Some(Cause::Data));
        assert_eq!(of(0.1, 0.5, Cause::Data), None);
    }

    #[test]
    fn a_way_back_is_held_against_what_is_usual() {
        let motion = |cosine: f64, share: f64| Motion {
            step_length: 1.0,
            cosine: 0.0,
            second_cosine: 0.0,
            outside_share: 0.5,
            back_cosine: cosine,
            back_share: share,
        };
        let of = |cosine, share, usual| Cause::of_way_back(&motion(cosine, share), usual);
        assert_eq!(of(0.93, 0.86, 0.1), Some(Cause::WentBack));
        assert_eq!(of(0.72, 0.4, 0.1), Some(Cause::Merged));
        assert_eq!(of(0.72, 0.4, 0.6), None);
        assert_eq!(of(f64::NAN, f64::NAN, -1.0), None);
    }
}
