//! Goes through the values of a checkpoint, down to the tensors of its model.

use super::effort::Effort;
use super::fields::note;
use super::found::StateDict;
use super::keys::{AVERAGED_KEYS, MODEL_KEYS, PROGRESS_KEYS, SETTINGS_KEYS, is_other, why_beside};
use super::packed;
use super::sharded::{self, Sharded};
use crate::Result;
use crate::foreign::claimed::{Aside, Claimed};
use crate::foreign::pickle::{Value, Values};
use crate::foreign::source::{Source, shown};
use crate::foreign::tensor::{Declared, LeftOut, Unread};
use crate::limits::Limits;

/// Most fields that are tensors of one number which are looked at.
const MOST_COUNTERS: usize = 64;

pub(super) struct Search<'a> {
    pub(super) values: &'a Values,
    pub(super) source: &'a Source,
    pub(super) limits: &'a Limits,
    pub(super) effort: Effort<'a>,
    pub(super) found: StateDict,
}

impl Search<'_> {
    /// Goes down from a training checkpoint to the model in it, taking note of what stands beside it.
    pub(super) fn model(&mut self, root: Value) -> Result<Value> {
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
    pub(super) fn collect(&mut self, value: Value, name: &mut String, depth: usize) -> Result<()> {
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
            if let Some(parts) = packed::parts(self.values, value) {
                // As torchao calls them in safetensors files.
                let (above, last) = name.rsplit_once('.').unwrap_or(("", name));
                for (part, tensor) in parts {
                    let name = join(above, &format!("_{last}_{part}"));
                    self.push(name, tensor, Declared::Nothing)?;
                }
                return Ok(());
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
