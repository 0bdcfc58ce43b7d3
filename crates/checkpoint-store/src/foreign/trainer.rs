//! What the program that trains keeps beside a model: its learning rates, its optimiser, its schedule.
//!
//! Hugging Face's `trainer_state.json`, `optimizer.pt` and `scheduler.pt` in the folder of a checkpoint,
//! and the fields of training checkpoints that hold the same: `optimizer_states` and `lr_schedulers` of
//! Lightning, `optimizer_state_dict` and the like. Only descriptions are read; the optimiser's tensors
//! are as large as the model and are not.

mod history;
mod pickled;

use std::path::Path;

use super::found::Found;
use crate::limits::Limits;

/// Files in which Hugging Face's trainer keeps optimiser and schedule.
const PICKLED: [&str; 3] = ["optimizer.pt", "optimizer.bin", "scheduler.pt"];

/// What a trainer says of the training at one checkpoint. What it does not say is empty or `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainerState {
    /// The learning rate of each group of parameters.
    pub learning_rates: Vec<f64>,
    /// The rate of each group of parameters that its schedule started from.
    pub base_rates: Vec<f64>,
    /// The weight decay of each group of parameters.
    pub weight_decays: Vec<f64>,
    /// Steps that the optimiser has taken since its state began: the largest of any parameter.
    pub optimiser_steps: Option<u64>,
    /// The learning rates that the schedule set last.
    pub scheduled_rates: Vec<f64>,
    /// Steps that the schedule has taken.
    pub schedule_steps: Option<u64>,
    /// Examples in a batch of one device.
    pub batch_size: Option<u64>,
    /// The newest training loss of its log.
    pub loss: Option<f64>,
    /// The newest norm of the gradient of its log.
    pub gradient_norm: Option<f64>,
}

impl TrainerState {
    /// The largest learning rate of any group, as the optimiser or its log or else the schedule has it.
    #[must_use]
    pub fn learning_rate(&self) -> Option<f64> {
        let rates = match self.learning_rates.is_empty() {
            true => &self.scheduled_rates,
            false => &self.learning_rates,
        };
        rates.iter().copied().reduce(f64::max)
    }

    /// The largest weight decay of any group.
    #[must_use]
    pub fn weight_decay(&self) -> Option<f64> {
        self.weight_decays.iter().copied().reduce(f64::max)
    }

    /// Takes over what another file of the same checkpoint says and this one does not.
    fn complete(&mut self, other: Self) {
        let fill = |own: &mut Vec<f64>, others: Vec<f64>| {
            if own.is_empty() {
                *own = others;
            }
        };
        fill(&mut self.learning_rates, other.learning_rates);
        fill(&mut self.base_rates, other.base_rates);
        fill(&mut self.weight_decays, other.weight_decays);
        fill(&mut self.scheduled_rates, other.scheduled_rates);
        self.optimiser_steps = self.optimiser_steps.or(other.optimiser_steps);
        self.schedule_steps = self.schedule_steps.or(other.schedule_steps);
        self.batch_size = self.batch_size.or(other.batch_size);
        self.loss = self.loss.or(other.loss);
        self.gradient_norm = self.gradient_norm.or(other.gradient_norm);
    }
}

impl Found {
    /// What the trainer says of the training at this checkpoint; `None` where it says nothing, or
    /// nothing that can be read: a checkpoint is no worse for that.
    ///
    /// Costs a pass over the descriptions of at most four files.
    #[must_use]
    pub fn trainer_state(&self, limits: &Limits) -> Option<TrainerState> {
        let mut state = TrainerState::default();
        let first = self.files.first()?;
        if let Some(own) = pickled::read(first, limits) {
            state.complete(own);
        }
        if let Some(folder) = first.parent() {
            self.of_folder(folder, &mut state, limits);
        }
        (state != TrainerState::default()).then_some(state)
    }

    /// The files of a folder are those of this checkpoint only where it has a folder of its own, as
    /// the trainer that writes them makes one.
    fn of_folder(&self, folder: &Path, state: &mut TrainerState, limits: &Limits) {
        let Some(log) = history::read(folder, limits) else {
            return;
        };
        for name in PICKLED {
            if let Some(other) = pickled::read(&folder.join(name), limits) {
                state.complete(other);
            }
        }
        state.complete(log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_file_says_is_not_lost_to_another() {
        let mut state = TrainerState {
            learning_rates: vec![0.1, 0.3],
            ..TrainerState::default()
        };
        state.complete(TrainerState {
            learning_rates: vec![9.0],
            weight_decays: vec![0.01, 0.0],
            batch_size: Some(8),
            ..TrainerState::default()
        });
        assert_eq!(state.learning_rate(), Some(0.3));
        assert_eq!(state.weight_decay(), Some(0.01));
        assert_eq!(state.batch_size, Some(8));
        assert_eq!(TrainerState::default().learning_rate(), None);
    }
}
