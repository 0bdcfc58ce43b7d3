//! What genuine trainers keep beside a model: learning rates, schedules, counts of steps.
#![allow(clippy::unwrap_used)]

use checkpoint_store::foreign::{Limits, TrainerState, discover};
use std::path::Path;

fn state(name: &str) -> TrainerState {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/trainer");
    let found = discover(&[Path::new(fixtures).join(name)], &Limits::default());
    let [found] = &found.checkpoints[..] else {
        panic!("{:?}", found.problems);
    };
    found.trainer_state(&Limits::default()).unwrap()
}

fn is_read(state: &TrainerState) {
    assert_eq!(state.learning_rates, [1e-3, 1e-3]);
    assert_eq!(state.base_rates, [2e-3, 2e-3]);
    assert_eq!(state.scheduled_rates, [1e-3, 1e-3]);
    assert_eq!(state.weight_decays, [0.1, 0.0]);
    assert_eq!(state.optimiser_steps, Some(4));
    assert_eq!(state.schedule_steps, Some(4));
}

#[test]
fn the_folder_of_hugging_face_s_trainer_is_read() {
    let state = state("checkpoint-4");
    is_read(&state);
    assert_eq!(state.batch_size, Some(16));
    assert_eq!((state.loss, state.gradient_norm), (Some(2.25), Some(0.5)));
}

#[test]
fn a_checkpoint_of_lightning_is_read() {
    let state = state("epoch=1-step=4.ckpt");
    is_read(&state);
    assert_eq!(state.batch_size, None);
}
