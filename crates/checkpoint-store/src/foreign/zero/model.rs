//! What a file of the model says: which weights its processes hold, in which order and shapes.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::foreign::archive::Archive;
use crate::foreign::claimed::Claimed;
use crate::foreign::pickle::{Value, Values};
use crate::foreign::source::{Source, quoted};
use crate::foreign::state_dict::{self, StateDict};
use crate::foreign::stored::Stored;
use crate::foreign::tensor::Declared;
use crate::foreign::torch;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};

/// Parameters, with shapes, in the order in which they lie.
pub(super) type Shapes = Vec<(String, Vec<u64>)>;

/// What a file of the model says.
#[derive(Default)]
pub(super) struct Model {
    /// By group of the optimiser.
    pub(super) parameters: Vec<Shapes>,
    pub(super) frozen: Shapes,
    /// What this process has of the frozen parameters, by name.
    pub(super) fragments: HashMap<String, Stored>,
    pub(super) buffers: Vec<Stored>,
    /// Names that stand for a parameter of another name.
    pub(super) shared: Vec<(String, String)>,
    pub(super) claimed: Claimed,
}

impl Model {
    pub(super) fn read(
        source: &Source,
        archive: &Archive,
        file: usize,
        limits: &Limits,
    ) -> Result<Self> {
        let mut model = Self::default();
        let mut is_buffer = Vec::new();
        let mut find = |values: &Values, root: Value| {
            let wrong = |what: &str| source.damaged(format!("it {what}"));
            let field = |name| values.get(root, name);
            // By group; one group, in older versions.
            let groups = field("param_shapes").and_then(|groups| match values.mapping(groups) {
                Some(_) => Some(vec![groups]),
                None => values.sequence(groups).map(<[Value]>::to_vec),
            });
            let groups = groups.ok_or_else(|| {
                source.unsupported(
                    "it does not say which weights its processes hold (`param_shapes`)",
                    "It was written without ZeRO, or by a DeepSpeed before 0.4: name `mp_rank_00_model_states.pt`",
                )
            })?;
            for group in groups {
                model.parameters.push(shapes(source, values, group)?);
            }
            if let Some(frozen) = field("frozen_param_shapes")
                && frozen != Value::Nothing
            {
                model.frozen = shapes(source, values, frozen)?;
            }
            let mut found = StateDict::default();
            state_dict::note(values, root, &mut found.claimed, (&mut found.metadata, ""));
            if let Some(Value::Int(steps)) = field("global_steps")
                && let Ok(steps) = u64::try_from(steps)
            {
                found.claimed.add_number("global_step", steps);
            }
            for &(name, other) in field("shared_params")
                .and_then(|shared| values.mapping(shared))
                .unwrap_or_default()
            {
                let (Value::Text(name), Value::Text(other)) = (name, other) else {
                    return Err(wrong("shares a parameter that has no name"));
                };
                model
                    .shared
                    .push((values.text(name).to_owned(), values.text(other).to_owned()));
            }
            let buffers = field("buffer_names").and_then(|names| values.sequence(names));
            let buffers: HashSet<&str> = buffers
                .unwrap_or_default()
                .iter()
                .filter_map(|name| match name {
                    Value::Text(name) => Some(values.text(*name)),
                    _ => None,
                })
                .collect();
            let module = field("module").and_then(|module| values.mapping(module));
            let fragments = field("frozen_param_fragments");
            let fragments = fragments.and_then(|fragments| values.mapping(fragments));
            for (entries, buffer) in [(module, true), (fragments, false)] {
                for &(name, value) in entries.unwrap_or_default() {
                    let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
                        continue;
                    };
                    let name = values.text(name);
                    if buffer && !buffers.contains(name) {
                        continue;
                    }
                    if found.tensors.len() >= limits.most_tensors {
                        let most = limits.most_tensors as u64;
                        return Err(source.too_large("the number of tensors", most + 1, most));
                    }
                    let declared = match buffer {
                        true => Declared::Buffer,
                        false => Declared::Nothing,
                    };
                    // A frozen one may be called as a buffer is.
                    let kind = if buffer { "b " } else { "f " };
                    found
                        .tensors
                        .push((format!("{kind}{name}"), tensor, declared));
                    is_buffer.push(buffer);
                }
            }
            Ok(found)
        };
        let mut contents = torch::open_with(source, archive, limits, &mut find)?;
        contents.lies_in(file, 0);
        if let Some(raw) = contents.unread.first() {
            return Err(source.unsupported(
                format!(
                    "the tensor {} has a type that is not read",
                    quoted(&raw.unread.name)
                ),
                "Join it with `zero_to_fp32.py`, which lies beside it",
            ));
        }
        model.claimed = contents.claimed;
        for mut stored in contents.tensors {
            let name = stored.tensor.name.split_off(2);
            let kind = std::mem::replace(&mut stored.tensor.name, name);
            match kind.as_str() {
                "b " => model.buffers.push(stored),
                _ => {
                    let name = stored.tensor.name.clone();
                    model.fragments.insert(name, stored);
                }
            }
        }
        Ok(model)
    }
}

/// Names with shapes, in order.
fn shapes(source: &Source, values: &Values, entries: Value) -> Result<Shapes> {
    let wrong = || source.damaged("it has a parameter without a shape");
    let entries = values.mapping(entries).ok_or_else(wrong)?;
    entries
        .iter()
        .map(|&(name, shape)| {
            let Value::Text(name) = name else {
                return Err(wrong());
            };
            let shape = values.counts(shape).ok_or_else(wrong)?;
            if shape.len() > MAX_FOREIGN_DIMENSIONS {
                return Err(wrong());
            }
            Ok((values.text(name).to_owned(), shape))
        })
        .collect()
}
