//! What the trainer's own state says, which lies beside a checkpoint: Hugging Face's
//! `trainer_state.json`.

use std::path::Path;

use serde::Deserialize;

use super::claim::{Claim, Claimed, Origin};
use crate::foreign::json::as_json;
use crate::foreign::source::Source;
use crate::limits::Limits;

/// What the file is called.
const TRAINER_STATE: &str = "trainer_state.json";

/// The fields that say where the training is; the rest is a log of any length.
#[derive(Debug, Default, Deserialize)]
struct State {
    #[serde(default)]
    global_step: Option<f64>,
    #[serde(default)]
    epoch: Option<f64>,
}

/// What the trainer's state in this folder says. None if there is none, or it cannot be read: what
/// it says is a claim, and no checkpoint is worse for lacking it.
pub(in crate::foreign) fn claimed_beside(folder: &Path, limits: &Limits) -> Option<Claimed> {
    let source = Source::open(&folder.join(TRAINER_STATE)).ok()?;
    let bytes = source
        .read_description("the trainer's state", 0, source.len(), limits)
        .ok()?;
    let state: State = serde_json::from_slice(&as_json(bytes)).ok()?;
    let number = |value: Option<f64>| {
        let value = value.filter(|value| *value >= 0.0 && value.fract() == 0.0)?;
        let from = Origin::Beside;
        Some(Claim {
            value: value as u64,
            from,
        })
    };
    let claimed = Claimed {
        step: number(state.global_step),
        // Of a part of an epoch the step says more.
        epoch: number(state.epoch),
        ..Claimed::default()
    };
    (claimed.position().is_some()).then_some(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_a_trainer_is_claimed_and_a_part_of_an_epoch_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let claims = |text: &str| {
            std::fs::write(folder.path().join(TRAINER_STATE), text).unwrap();
            let claimed = claimed_beside(folder.path(), &Limits::default());
            claimed.map(|c| (c.step.map(|c| c.value), c.epoch.map(|c| c.value)))
        };
        assert!(claimed_beside(folder.path(), &Limits::default()).is_none());
        let log = r#"{"best_metric": NaN, "epoch": 2.37, "global_step": 500, "max_steps": 900,
                      "log_history": [{"loss": Infinity, "step": 10}]}"#;
        assert_eq!(claims(log), Some((Some(500), None)));
        assert_eq!(claims(r#"{"epoch": 2.0}"#), Some((None, Some(2))));
        for text in [
            "",
            "{",
            "[]",
            r#"{"global_step": -1}"#,
            r#"{"max_steps": 9}"#,
        ] {
            assert_eq!(claims(text), None, "{text}");
        }
    }
}
