//! What the trainer's own files say happened between two checkpoints: facts, where weights only hint.

use checkpoint_store::foreign::TrainerState;
use serde::{Deserialize, Serialize};
use trajectory::shift::Cause;

/// A rate that changes by less from one checkpoint to the next follows its schedule, for all that is
/// asked here.
const CLEARLY: f64 = 1.5;
/// Numbers that differ by less are the same, written by different programs.
const ALIKE: f64 = 1e-6;

/// What the trainer says at one checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    rate: Option<f64>,
    base_rate: Option<f64>,
    scheduled_rate: Option<f64>,
    decay: Option<f64>,
    optimiser_steps: Option<u64>,
    batch: Option<u64>,
}

/// Something that the trainer's files say happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What it was.
    pub cause: Cause,
    /// Whether the training's own schedule brought it about; `None` where no file says what that was.
    pub planned: Option<bool>,
    /// What was and what is, in words.
    pub what: String,
}

impl From<TrainerState> for Facts {
    fn from(state: TrainerState) -> Self {
        let largest = |rates: &[f64]| rates.iter().copied().reduce(f64::max);
        Self {
            rate: state.learning_rate(),
            base_rate: largest(&state.base_rates),
            scheduled_rate: largest(&state.scheduled_rates),
            decay: state.weight_decay(),
            optimiser_steps: state.optimiser_steps,
            batch: state.batch_size,
        }
    }
}

impl Facts {
    /// What happened since the checkpoint before, the gravest first.
    pub(super) fn since(&self, before: &Self) -> Vec<Fact> {
        let earlier = before;
        let mut facts = Vec::new();
        let mut say = |cause, planned, what| {
            facts.push(Fact {
                cause,
                planned,
                what,
            });
        };
        if let (Some(before), Some(now)) = (before.optimiser_steps, self.optimiser_steps)
            && now < before
        {
            let what = format!("the optimiser had taken {before} steps and has now taken {now}");
            say(Cause::OptimiserLost, Some(false), what);
        }
        if let Some((before, now)) = changed(before.rate, self.rate, CLEARLY.ln()) {
            let cause = match now > before {
                true => Cause::RateUp,
                false => Cause::RateDown,
            };
            let what = format!("learning rate {before:.3e} → {now:.3e}");
            say(cause, self.is_scheduled_since(earlier), what);
        } else if let Some((before, now)) = changed(before.base_rate, self.base_rate, ALIKE) {
            let cause = match now > before {
                true => Cause::RateUp,
                false => Cause::RateDown,
            };
            let what = format!("the schedule's base learning rate {before:.3e} → {now:.3e}");
            say(cause, Some(false), what);
        }
        if let Some((before, now)) = changed(before.decay, self.decay, ALIKE) {
            let what = format!("weight decay {before} → {now}");
            say(Cause::Decay, Some(false), what);
        }
        if let (Some(before), Some(now)) = (before.batch, self.batch)
            && now != before
        {
            let what = format!("batch size {before} → {now}");
            say(Cause::Batch, Some(false), what);
        }
        facts
    }

    /// Whether the rate is its schedule's: the schedule gave the rate that the optimiser has, and starts
    /// from where it did before. `None` where a log of rates is all that there is.
    fn is_scheduled_since(&self, before: &Self) -> Option<bool> {
        if changed(before.base_rate, self.base_rate, ALIKE).is_some() {
            return Some(false);
        }
        let (scheduled, rate) = self.scheduled_rate.zip(self.rate)?;
        Some((scheduled - rate).abs() <= ALIKE * rate)
    }
}

/// Both numbers, if they are there and their logarithms differ by more than this.
fn changed(before: Option<f64>, now: Option<f64>, least: f64) -> Option<(f64, f64)> {
    let (before, now) = before.zip(now)?;
    let is_other = match before > 0.0 && now > 0.0 {
        true => (now / before).ln().abs() > least,
        // Warm-ups begin at 0, and schedules end there.
        false => false,
    };
    is_other.then_some((before, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(rate: f64, scheduled: f64, base: f64) -> Facts {
        Facts {
            rate: Some(rate),
            scheduled_rate: Some(scheduled),
            base_rate: Some(base),
            decay: Some(0.1),
            optimiser_steps: Some(100),
            batch: Some(8),
        }
    }

    #[test]
    fn a_rate_is_planned_where_the_schedule_gave_it_from_the_same_base() {
        let before = facts(1e-3, 1e-3, 1e-3);
        let of = |now: &Facts| {
            let facts = now.since(&before);
            facts
                .into_iter()
                .map(|fact| (fact.cause, fact.planned))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(&facts(1e-4, 1e-4, 1e-3)),
            [(Cause::RateDown, Some(true))]
        );
        assert_eq!(of(&facts(3e-3, 1e-3, 1e-3)), [(Cause::RateUp, Some(false))]);
        assert_eq!(of(&facts(3e-3, 3e-3, 3e-3)), [(Cause::RateUp, Some(false))]);
        assert_eq!(of(&facts(9e-4, 9e-4, 1e-3)), []);
        let logged = Facts {
            rate: Some(3e-3),
            ..Facts::default()
        };
        assert_eq!(of(&logged), [(Cause::RateUp, None)]);
    }

    #[test]
    fn what_changed_is_said_with_both_numbers() {
        let before = facts(1e-3, 1e-3, 1e-3);
        let now = Facts {
            decay: Some(1.0),
            optimiser_steps: Some(18),
            batch: Some(32),
            ..before.clone()
        };
        let said: Vec<String> = now
            .since(&before)
            .into_iter()
            .map(|fact| fact.what)
            .collect();
        assert_eq!(
            said,
            [
                "the optimiser had taken 100 steps and has now taken 18",
                "weight decay 0.1 → 1",
                "batch size 8 → 32"
            ]
        );
        assert_eq!(Facts::default().since(&before), []);
    }
}
