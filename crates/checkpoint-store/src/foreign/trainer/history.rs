//! Hugging Face's `trainer_state.json`: where the training is, and its log.

use std::path::Path;

use serde::Deserialize;

use super::TrainerState;
use crate::foreign::json::as_json;
use crate::foreign::source::Source;
use crate::limits::Limits;

/// What the file is called.
const TRAINER_STATE: &str = "trainer_state.json";

#[derive(Debug, Default, Deserialize)]
struct State {
    #[serde(default)]
    train_batch_size: Option<f64>,
    #[serde(default)]
    log_history: Vec<Line>,
}

/// A line of the log: it holds what was measured then.
#[derive(Debug, Default, Deserialize)]
struct Line {
    #[serde(default)]
    learning_rate: Option<f64>,
    #[serde(default)]
    loss: Option<f64>,
    #[serde(default)]
    grad_norm: Option<f64>,
}

/// What the trainer's log in this folder says.
pub(super) fn read(folder: &Path, limits: &Limits) -> Option<TrainerState> {
    let source = Source::open(&folder.join(TRAINER_STATE)).ok()?;
    let what = "the trainer's state";
    let bytes = source
        .read_description(what, 0, source.len(), limits)
        .ok()?;
    let state: State = serde_json::from_slice(&as_json(bytes)).ok()?;
    let newest = |read: fn(&Line) -> Option<f64>| state.log_history.iter().rev().find_map(read);
    let batch = state.train_batch_size.filter(|size| *size >= 1.0);
    Some(TrainerState {
        learning_rates: newest(|line| line.learning_rate).into_iter().collect(),
        batch_size: batch.map(|size| size as u64),
        loss: newest(|line| line.loss),
        gradient_norm: newest(|line| line.grad_norm),
        ..TrainerState::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_line_that_has_a_number_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(folder.path().join(TRAINER_STATE), text).unwrap();
            super::read(folder.path(), &Limits::default())
        };
        assert_eq!(super::read(folder.path(), &Limits::default()), None);
        let state = read(
            r#"{"train_batch_size": 16, "log_history": [
                {"loss": 2.5, "learning_rate": 1e-3, "grad_norm": 0.5, "step": 10},
                {"loss": 2.0, "learning_rate": 5e-4, "grad_norm": NaN, "step": 20},
                {"eval_loss": 2.25, "step": 20}]}"#,
        );
        let state = state.unwrap();
        assert_eq!(state.learning_rates, [5e-4]);
        assert_eq!((state.loss, state.gradient_norm), (Some(2.0), Some(0.5)));
        assert_eq!(state.batch_size, Some(16));
        assert_eq!(read("{"), None);
        assert_eq!(read(r#"{"log_history": 7}"#), None);
    }
}
