//! The state of an optimiser and of its schedule, as PyTorch pickles them.

use std::path::Path;

use super::TrainerState;
use crate::foreign::pickle::{Value, Values};
use crate::foreign::sniff::Sniffed;
use crate::foreign::source::Source;
use crate::foreign::state_dict::StateDict;
use crate::foreign::torch;
use crate::limits::Limits;

/// How deep below the top of a file it is searched, in mappings and lists.
const DEEPEST: usize = 3;
/// Most values that are looked at in the search.
const MOST_VALUES: usize = 10_000;
/// Most groups of parameters that are looked at.
const MOST_GROUPS: usize = 1_000;
/// Most parameters whose counts of steps are looked at: they are nearly always the same.
const MOST_COUNTS: usize = 64;
/// What the counts are called on their way through the reader of tensors of one number.
const STEPS: &str = "step";

/// What a file says, if it is one of PyTorch's archives and says anything.
pub(super) fn read(path: &Path, limits: &Limits) -> Option<TrainerState> {
    let source = Source::open(path).ok()?;
    let Sniffed::Torch(archive) = Sniffed::of(&source, limits).ok()? else {
        return None;
    };
    let mut search = Search {
        state: TrainerState::default(),
        counts: Vec::new(),
        left: MOST_VALUES,
    };
    let mut find = |values: &Values, root: Value| {
        search.visit(values, root, 0);
        Ok(StateDict {
            counters: std::mem::take(&mut search.counts),
            ..StateDict::default()
        })
    };
    let contents = torch::open_with(&source, &archive, limits, &mut find).ok()?;
    let counted = contents.metadata.entries.iter();
    let counted = counted.filter_map(|(_, text)| text.parse().ok());
    search.state.optimiser_steps = search.state.optimiser_steps.max(counted.max());
    (search.state != TrainerState::default()).then_some(search.state)
}

struct Search {
    state: TrainerState,
    /// Counts of steps that are tensors: a name and the number of the tensor.
    counts: Vec<(String, u32)>,
    /// Values that may still be looked at.
    left: usize,
}

impl Search {
    fn visit(&mut self, values: &Values, value: Value, depth: usize) {
        if self.left == 0 || depth > DEEPEST {
            return;
        }
        self.left -= 1;
        if let Some(groups) = values.get(value, "param_groups") {
            return self.optimiser(values, value, groups);
        }
        if let Some(rates) = values.get(value, "_last_lr") {
            return self.schedule(values, value, rates);
        }
        for &(_, inner) in values.mapping(value).unwrap_or_default() {
            if !matches!(inner, Value::Tensor(_)) {
                self.visit(values, inner, depth + 1);
            }
        }
        for &inner in values.sequence(value).unwrap_or_default() {
            self.visit(values, inner, depth + 1);
        }
    }

    /// The first optimiser stays: where there are several, that of the model comes first.
    fn optimiser(&mut self, values: &Values, optimiser: Value, groups: Value) {
        if !self.state.learning_rates.is_empty() {
            return;
        }
        for &group in values
            .sequence(groups)
            .unwrap_or_default()
            .iter()
            .take(MOST_GROUPS)
        {
            self.state
                .learning_rates
                .extend(number_at(values, group, "lr"));
            let base = number_at(values, group, "initial_lr");
            self.state.base_rates.extend(base);
            let decay = number_at(values, group, "weight_decay");
            self.state.weight_decays.extend(decay);
        }
        let Some(state) = values.get(optimiser, "state") else {
            return;
        };
        let parameters = values.mapping(state).unwrap_or_default();
        if parameters.is_empty() {
            self.state.optimiser_steps = Some(0);
        }
        for &(_, parameter) in parameters.iter().take(MOST_COUNTS) {
            match values.get(parameter, STEPS) {
                Some(Value::Tensor(tensor)) => self.counts.push((STEPS.to_owned(), tensor)),
                Some(value) => {
                    let steps = number(value).filter(|steps| *steps >= 0.0);
                    let steps = steps.map(|steps| steps as u64);
                    self.state.optimiser_steps = self.state.optimiser_steps.max(steps);
                }
                None => {}
            }
        }
    }

    fn schedule(&mut self, values: &Values, schedule: Value, rates: Value) {
        if !self.state.scheduled_rates.is_empty() {
            return;
        }
        let rates = values.sequence(rates).unwrap_or_default();
        let rates = rates.iter().take(MOST_GROUPS);
        self.state.scheduled_rates = rates.filter_map(|&rate| number(rate)).collect();
        let steps = number_at(values, schedule, "last_epoch").filter(|steps| *steps >= 0.0);
        self.state.schedule_steps = steps.map(|steps| steps as u64);
    }
}

fn number_at(values: &Values, mapping: Value, key: &str) -> Option<f64> {
    number(values.get(mapping, key)?)
}

fn number(value: Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number).filter(|number| number.is_finite()),
        _ => None,
    }
}
