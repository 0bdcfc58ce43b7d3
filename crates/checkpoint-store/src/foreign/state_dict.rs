//! Finding the weights of the model among the values of a training checkpoint.

mod effort;
mod parallel;
mod sharded;

use super::claimed::{Aside, Claimed};
use super::metadata::Metadata;
use super::pickle::{Numbers, Value, Values};
use super::source::{Source, foreign, quoted, shown};
use super::tensor::{AVERAGED_COPY, Declared, LeftOut, Unread};
use crate::limits::Limits;
use crate::{Error, Fault, Result};
use effort::Effort;
pub(super) use sharded::Sharded;

/// Under which keys training programs keep the model, the usual ones first; averaged copies
/// count only where there is nothing else.
const MODEL_KEYS: [&str; 16] = [
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "model_state",
    "net",
    "network",
    "net_state_dict",
    "weights",
    "params",
    "parameters",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema",
];

/// Of these, those of averaged copies.
const AVERAGED_KEYS: [&str; 5] = [
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema",
];

/// Dictionaries beside the model that say where the training is: of mmengine, fairseq and others.
const PROGRESS_KEYS: [&str; 5] = [
    "meta",
    "trainer_state",
    "training_state",
    "train_state",
    "progress",
];

/// Words in keys under which they keep what is not the model.
const OTHER_WORDS: [&str; 8] = [
    "opt",
    "scheduler",
    "schedulers",
    "scaler",
    "rng",
    "callbacks",
    "loops",
    "gradients",
];

/// Keys under which they keep settings, which may name the run.
const SETTINGS_KEYS: [&str; 4] = ["hyper_parameters", "args", "config", "hparams"];

/// Most fields that are tensors of one number which are looked at.
const MOST_COUNTERS: usize = 64;

/// The tensors of a model.
#[derive(Debug, Default)]
pub(super) struct StateDict {
    /// Name, number among the tensors of the pickle, and what kind it was saved as.
    pub(super) tensors: Vec<(String, u32, Declared)>,
    /// Tensors of kinds that are not read: sparse, nested, subclasses.
    pub(super) unread: Vec<Unread>,
    pub(super) left_out: Vec<LeftOut>,
    /// Parts of tensors of which other processes hold the rest.
    pub(super) parts: Vec<Sharded>,
    /// What fields beside the model say.
    pub(super) claimed: Claimed,
    /// What the settings of the training say.
    pub(super) settings: Claimed,
    /// Texts and numbers beside the model.
    pub(super) metadata: Metadata,
    /// Fields beside the model that are tensors of one number: their keys, and the numbers of the
    /// tensors.
    pub(super) counters: Vec<(String, u32)>,
}

/// Finds the tensors of the model under this value. `stem` names a tensor that was saved alone.
///
/// # Errors
/// [`Fault::Unsupported`](crate::Fault::Unsupported) naming the classes in the file, if there is
/// no model; [`Fault::TooLarge`](crate::Fault::TooLarge) for what the limits do not allow.
pub(super) fn find(
    values: &Values,
    root: Value,
    source: &Source,
    stem: &str,
    limits: &Limits,
) -> Result<StateDict> {
    let mut search = Search {
        values,
        source,
        limits,
        effort: Effort::new(source, limits),
        found: StateDict::default(),
    };
    let model = search.model(root)?;
    // What torch.optim saves has this form, and tensors of the sizes of the weights.
    if values.get(root, "param_groups").is_some() && values.get(root, "state").is_some() {
        let left_out = [LeftOut {
            name: "state".to_owned(),
            why: "is the state of an optimiser".to_owned(),
        }];
        return Err(without_model(values, source, &left_out));
    }
    search.collect(model, &mut String::new(), 0)?;
    let mut found = search.found;
    if found.tensors.is_empty() && found.unread.is_empty() && found.parts.is_empty() {
        return Err(without_model(values, source, &found.left_out));
    }
    if found.parts.is_empty()
        && let Some((field, count)) = parallel::of(values, root)
    {
        return Err(parallel::part(source, field, count));
    }
    for (name, _, _) in &mut found.tensors {
        if name.is_empty() {
            stem.clone_into(name);
        }
    }
    Ok(found)
}

struct Search<'a> {
    values: &'a Values,
    source: &'a Source,
    limits: &'a Limits,
    effort: Effort<'a>,
    found: StateDict,
}

impl Search<'_> {
    /// Goes down from a training checkpoint to the model in it, taking note of what stands beside it.
    fn model(&mut self, root: Value) -> Result<Value> {
        let mut model = root;
        for depth in 0..self.limits.deepest_nesting {
            self.visit_entries(model, depth)?;
            self.note_claims(model);
            if self.module_part(model, "_modules").is_some() {
                return Ok(model);
            }
            let mut inner = None;
            for key in MODEL_KEYS {
                if let Some(value) = self.values.get(model, key)
                    && !matches!(value, Value::Tensor(_))
                    && self.has_tensors(value, 0)?
                {
                    inner = Some((key, value));
                    break;
                }
            }
            let Some((chosen, value)) = inner else {
                return Ok(model);
            };
            let beside = self.values.mapping(model).unwrap_or_default();
            for &(key, value) in beside {
                if let Value::Text(key) = key
                    && self.values.text(key) != chosen
                    && !Claimed::is_field(self.values.text(key))
                    && self.has_tensors(value, 0)?
                {
                    let key = self.values.text(key);
                    self.leave_out(key.to_owned(), why_beside(key))?;
                }
            }
            if AVERAGED_KEYS.contains(&chosen) {
                self.found.claimed.stands_aside(Aside::Ema);
            }
            model = value;
        }
        Err(self.effort.too_deep())
    }

    /// Takes over what a training checkpoint says of its run and step.
    fn note_claims(&mut self, value: Value) {
        let values = self.values;
        let (claimed, metadata) = (&mut self.found.claimed, &mut self.found.metadata);
        note(values, value, claimed, (metadata, ""));
        for key in PROGRESS_KEYS {
            if let Some(progress) = values.get(value, key) {
                note(values, progress, claimed, (metadata, key));
            }
        }
        for key in SETTINGS_KEYS {
            if let Some(settings) = values.get(value, key) {
                note(values, settings, &mut self.found.settings, (metadata, key));
            }
        }
        for &(key, value) in values.mapping(value).unwrap_or_default() {
            if let (Value::Text(key), Value::Tensor(tensor)) = (key, value)
                && self.found.counters.len() < MOST_COUNTERS
                && values.text(key).len() <= 32
            {
                let key = values.text(key).to_owned();
                self.found.counters.push((key, tensor));
            }
        }
    }

    /// Whether there are tensors somewhere under this value.
    fn has_tensors(&mut self, value: Value, depth: usize) -> Result<bool> {
        self.effort.visit(depth)?;
        if matches!(value, Value::Tensor(_)) || self.values.is_wrapper(value) {
            return Ok(true);
        }
        for &(_, value) in self.values.mapping(value).unwrap_or_default() {
            if self.has_tensors(value, depth + 1)? {
                return Ok(true);
            }
        }
        for &value in self.values.sequence(value).unwrap_or_default() {
            if self.has_tensors(value, depth + 1)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Collects the tensors under a value, with dotted names.
    fn collect(&mut self, value: Value, name: &mut String, depth: usize) -> Result<()> {
        self.effort.visit(depth)?;
        if let Value::Tensor(tensor) = value {
            return self.push(name.clone(), tensor, Declared::Nothing);
        }
        self.visit_entries(value, depth)?;
        if self.module_part(value, "_modules").is_some() {
            return self.collect_module(value, name, depth);
        }
        if let Some(entries) = self.values.mapping(value) {
            for &(key, value) in entries {
                let Value::Text(key) = key else { continue };
                let key = self.values.text(key);
                self.effort.spell(key);
                if is_other(key) && !matches!(value, Value::Tensor(_)) {
                    if self.has_tensors(value, depth + 1)? {
                        self.leave_out(join(name, key), "is no part of the model")?;
                    }
                    continue;
                }
                let len = append(name, key);
                self.collect(value, name, depth + 1)?;
                name.truncate(len);
            }
        }
        for (index, &value) in (0_u64..).zip(self.values.sequence(value).unwrap_or_default()) {
            let len = append(name, &index.to_string());
            self.collect(value, name, depth + 1)?;
            name.truncate(len);
        }
        if self.values.is_wrapper(value) {
            if let Some(parts) = sharded::parts(self.values, value, name) {
                return self.push_parts(parts);
            }
            // A tensor of a class of its own.
            let class = self.values.class(value).unwrap_or_default();
            return self.unread(name, &class);
        }
        if let (Value::Object(_), true) = (value, depth > 0)
            && self.values.mapping(value).is_none()
            && let Some(class) = self.values.class(value)
            && class.starts_with("torch.")
        {
            // A tensor that is sparse or nested.
            self.unread(name, &class)?;
        }
        Ok(())
    }

    fn push_parts(&mut self, parts: Vec<Sharded>) -> Result<()> {
        for part in parts {
            let count = self.found.tensors.len() + self.found.parts.len();
            if count >= self.limits.most_tensors {
                let most = self.limits.most_tensors as u64;
                return Err(self
                    .source
                    .too_large("the number of tensors", most + 1, most));
            }
            self.effort.keep(&part.name)?;
            self.found.parts.push(part);
        }
        Ok(())
    }

    /// Collects the tensors of a module that was saved as an object.
    fn collect_module(&mut self, module: Value, name: &mut String, depth: usize) -> Result<()> {
        for (part, declared) in [
            ("_parameters", Declared::Parameter),
            ("_buffers", Declared::Buffer),
        ] {
            let Some(part) = self.module_part(module, part) else {
                continue;
            };
            for &(key, value) in self.values.mapping(part).unwrap_or_default() {
                self.effort.visit(depth)?;
                if let (Value::Text(key), Value::Tensor(tensor)) = (key, value) {
                    self.push(join(name, self.values.text(key)), tensor, declared)?;
                }
            }
        }
        let modules = self.module_part(module, "_modules");
        if let Some(modules) = modules {
            self.visit_entries(modules, depth)?;
        }
        let modules = modules.and_then(|modules| self.values.mapping(modules));
        for &(key, value) in modules.unwrap_or_default() {
            let Value::Text(key) = key else { continue };
            let key = self.values.text(key);
            self.effort.spell(key);
            let len = append(name, key);
            self.collect(value, name, depth + 1)?;
            name.truncate(len);
        }
        Ok(())
    }

    /// A part of a module's fields, if the value is a module.
    fn module_part(&self, value: Value, part: &str) -> Option<Value> {
        matches!(value, Value::Object(_)).then(|| self.values.get(value, part))?
    }

    fn push(&mut self, name: String, tensor: u32, declared: Declared) -> Result<()> {
        if self.found.tensors.len() >= self.limits.most_tensors {
            return Err(self.source.too_large(
                "the number of tensors",
                self.found.tensors.len() as u64 + 1,
                self.limits.most_tensors as u64,
            ));
        }
        self.effort.keep(&name)?;
        self.found.tensors.push((name, tensor, declared));
        Ok(())
    }

    fn unread(&mut self, name: &str, class: &str) -> Result<()> {
        let count = self.found.tensors.len() + self.found.unread.len();
        if count >= self.limits.most_tensors {
            return Err(self.source.too_large(
                "the number of tensors",
                count as u64 + 1,
                self.limits.most_tensors as u64,
            ));
        }
        self.effort.keep(name)?;
        self.found.unread.push(Unread {
            name: name.to_owned(),
            dtype: shown(class),
            shape: None,
            elements: None,
            bytes: None,
            reason: "this kind of tensor is not supported".to_owned(),
        });
        Ok(())
    }

    fn leave_out(&mut self, name: String, why: &str) -> Result<()> {
        // As many as tensors at most, whatever the file holds.
        if self.found.left_out.len() < self.limits.most_tensors {
            self.effort.keep(&name)?;
            let why = why.to_owned();
            self.found.left_out.push(LeftOut { name, why });
        }
        Ok(())
    }

    /// Counts a look at every entry of a dictionary, also of those that are passed over.
    fn visit_entries(&mut self, value: Value, depth: usize) -> Result<()> {
        let entries = self.values.mapping(value).map_or(0, <[_]>::len);
        self.effort.visit_entries(entries, depth)
    }
}

/// Takes over what the fields of a dictionary say: as claims, and as metadata under this key.
pub(super) fn note(
    values: &Values,
    mapping: Value,
    claimed: &mut Claimed,
    (metadata, under): (&mut Metadata, &str),
) {
    for &(key, value) in values.mapping(mapping).unwrap_or_default() {
        let Value::Text(key) = key else { continue };
        let key = values.text(key);
        let text = match value {
            Value::Int(number) => {
                if let Ok(number) = u64::try_from(number) {
                    claimed.add_number(key, number);
                }
                number.to_string()
            }
            // Some count epochs in parts; whole ones are claims.
            Value::Float(number) => {
                claimed.add_float(key, number);
                number.to_string()
            }
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => {
                let text = values.text(text);
                claimed.add_text(key, text);
                metadata.add_under(under, key, text);
                continue;
            }
            _ => continue,
        };
        metadata.add_under(under, key, &text);
    }
}

/// Why what stands under this key beside the model is not read.
fn why_beside(key: &str) -> &'static str {
    if AVERAGED_KEYS.contains(&key) {
        AVERAGED_COPY
    } else if is_other(key) {
        "is no part of the model"
    } else {
        "stands beside the model"
    }
}

/// Whether a key is one of what is not the model: `optimizer_states`, `lr_schedulers`, `opt_g`.
pub(super) fn is_other(key: &str) -> bool {
    // The names of a state dict have dots; those of the parts of a training have none.
    let mut words = key.split(|character: char| !character.is_ascii_alphanumeric());
    !key.contains('.')
        && words.any(|word| {
            let word = word.to_ascii_lowercase();
            word.starts_with("optim") || OTHER_WORDS.contains(&word.as_str())
        })
}

/// Whether training programs keep the model under this key.
pub(super) fn is_model_key(key: &str) -> bool {
    MODEL_KEYS.contains(&key)
}

/// Appends a part to a dotted name, and returns the length to go back to.
fn append(name: &mut String, part: &str) -> usize {
    let len = name.len();
    if len > 0 {
        name.push('.');
    }
    name.push_str(part);
    len
}

fn join(name: &str, part: &str) -> String {
    let mut joined = name.to_owned();
    append(&mut joined, part);
    joined
}

/// The error for a file without a model, naming what it holds instead.
fn without_model(values: &Values, source: &Source, left_out: &[LeftOut]) -> Error {
    let mut classes: Vec<String> = Vec::new();
    for class in values.classes() {
        if classes.len() < 3 && !classes.contains(&class) {
            classes.push(class);
        }
    }
    let classes: Vec<String> = classes.iter().map(|class| quoted(class)).collect();
    let what = match (left_out.first(), classes.is_empty()) {
        (Some(first), _) => format!(
            "there is no model in it, only what a training keeps beside one ({})",
            quoted(&first.name)
        ),
        (None, false) => format!(
            "there is no model in it that can be read without running code; it holds objects of {}",
            classes.join(", ")
        ),
        (None, true) => "there is no model in it".to_owned(),
    };
    // An object that may be a model is not the same as a file that has no room for one.
    let is_float = |numbers: &Numbers| match numbers {
        Numbers::Read(element) => element.is_float(),
        Numbers::Unread { .. } => true,
    };
    let has_floats = values
        .tensors
        .iter()
        .any(|tensor| is_float(&tensor.numbers));
    let fault = if left_out.is_empty() && has_floats {
        Fault::Unsupported
    } else {
        Fault::NoModel
    };
    foreign(
        source.path(),
        fault,
        what,
        "Save the weights alone: torch.save(model.state_dict(), …)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_what_is_not_the_model_are_told_by_whole_words() {
        for key in [
            "optimizer",
            "optimizerG",
            "opt_d",
            "lr_schedulers",
            "grad_scaler",
            "rng",
        ] {
            assert!(is_other(key), "{key}");
        }
        for key in [
            "upgrader",
            "adopt",
            "merging",
            "model.optim.weight",
            "upscaler",
        ] {
            assert!(!is_other(key), "{key}");
        }
    }
}
