//! What a foreign tensor is called, and what it is for.

use std::collections::HashSet;

use super::element::Element;
use super::shape::count;

/// One tensor of a foreign checkpoint, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTensor {
    /// Its name in the model, without what wrappers add: the `module.` of data-parallel training,
    /// `_orig_mod.` of compiled modules, `_fsdp_wrapped_module.` of sharded ones.
    pub name: String,
    /// Its dimensions, the slowest first; none for a scalar.
    pub shape: Vec<u64>,
    /// Its number type in the file.
    pub element: Element,
    /// What it is for.
    pub role: Role,
}

impl ForeignTensor {
    /// The number of its elements.
    #[must_use]
    pub fn elements(&self) -> u64 {
        // Checked when it was listed.
        count(&self.shape).unwrap_or(u64::MAX)
    }
}

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A learned weight, as far as its name and type tell.
    Weight,
    /// Floating-point numbers that are not learned by gradient: running means and variances,
    /// position tables, causal masks, averaged copies of the weights.
    Buffer,
    /// Integers and booleans that are no weights: counters, indices, masks.
    NotFloat,
}

/// A tensor of the model that cannot be read as numbers, and so may hold any share of its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its name in the model, without what wrappers add.
    pub name: String,
    /// Its number type as the file names it: `F4`, `complex64`, `<f16`.
    pub dtype: String,
    /// Its dimensions, if the file tells.
    pub shape: Option<Vec<u64>>,
    /// The number of its elements, if the file tells.
    pub elements: Option<u64>,
    /// The bytes that it takes, if it is known where they lie: those can be streamed as they are.
    pub bytes: Option<u64>,
    /// Why it is not read, in a few words: `its number type is not supported`.
    pub reason: String,
}

/// Something in a file that is no tensor of its model: the state of an optimiser, pickled objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name in the file.
    pub name: String,
    /// Why it is left out, in a few words.
    pub why: String,
}

impl LeftOut {
    /// Whether it is an averaged copy of the model in the same file.
    #[must_use]
    pub fn is_averaged_copy(&self) -> bool {
        self.why == AVERAGED_COPY
    }
}

/// What is said of an averaged copy of the model beside it.
pub(super) const AVERAGED_COPY: &str = "an averaged copy of the weights (EMA) beside the model";

/// What kind of tensor the file itself says it is; the name decides where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Parameter,
    Buffer,
    Nothing,
}

/// Last parts of the names of buffers, as PyTorch, Keras, Hugging Face, Burn and Flax call them.
const BUFFERS: [&str; 18] = [
    "running_mean",
    "running_var",
    "moving_mean",
    "moving_variance",
    "num_batches_tracked",
    "position_ids",
    "token_type_ids",
    "inv_freq",
    "original_inv_freq",
    "cos_cached",
    "sin_cached",
    "masked_bias",
    "causal_mask",
    "attn_mask",
    "relative_position_index",
    "relative_coords_table",
    // Of activations, beside packed weights.
    "input_scale",
    "input_global_scale",
];

/// Parts of names under which no weight lies: Flax's statistics, averaged copies.
const BUFFER_GROUPS: [&str; 4] = ["batch_stats", "model_ema", "ema_model", "ema"];

/// What a tensor of this name, shape and type is for.
pub(super) fn role(name: &str, shape: &[u64], element: Element, declared: Declared) -> Role {
    if !element.is_float() {
        return Role::NotFloat;
    }
    match declared {
        Declared::Parameter => return Role::Weight,
        Declared::Buffer => return Role::Buffer,
        Declared::Nothing => {}
    }
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    let in_group = || {
        name.split(['.', '/'])
            .any(|part| BUFFER_GROUPS.contains(&part))
    };
    // GPT-2 and its kin keep their causal masks as `attn.bias`, one row per position.
    let is_mask = last == "bias" && matches!(shape, [1, 1, rows, columns] if rows == columns);
    if BUFFERS.contains(&last) || is_mask || in_group() {
        Role::Buffer
    } else {
        Role::Weight
    }
}

/// Parts of names that wrappers insert anywhere.
const WRAPPERS: [&str; 3] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// Takes from the names of a model what wrappers added, unless two would become one.
///
/// `module.` goes only when every name begins with it, since a model may have a part of that name.
pub(super) fn strip_wrappers(mut all: Vec<&mut String>) {
    let mut names: Vec<String> = all
        .iter()
        .map(|name| {
            if WRAPPERS.iter().any(|wrapper| name.contains(wrapper)) {
                let parts: Vec<&str> = name
                    .split('.')
                    .filter(|part| !WRAPPERS.contains(part))
                    .collect();
                parts.join(".")
            } else {
                (**name).clone()
            }
        })
        .collect();
    while !names.is_empty()
        && names
            .iter()
            .all(|name| name.len() > "module.".len() && name.starts_with("module."))
    {
        for name in &mut names {
            name.drain(.."module.".len());
        }
    }
    let distinct: HashSet<&String> = names.iter().collect();
    if distinct.len() == names.len() {
        for (old, new) in all.iter_mut().zip(names) {
            **old = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_told_from_weights_by_their_names_and_shapes() {
        let role = |name, shape: &[u64]| role(name, shape, Element::F32, Declared::Nothing);
        assert_eq!(role("layer.weight", &[2, 2]), Role::Weight);
        assert_eq!(role("bn.running_mean", &[2]), Role::Buffer);
        assert_eq!(role("bn/moving_variance", &[2]), Role::Buffer);
        assert_eq!(role("h.0.attn.bias", &[1, 1, 8, 8]), Role::Buffer);
        assert_eq!(role("h.0.attn.bias", &[8]), Role::Weight);
        assert_eq!(role("batch_stats/bn/mean", &[8]), Role::Buffer);
        assert_eq!(role("schema.weight", &[8]), Role::Weight);
    }

    #[test]
    fn what_the_file_declares_wins_over_the_name_but_not_over_the_type() {
        let role = |element, declared| role("running_mean", &[2], element, declared);
        assert_eq!(role(Element::F32, Declared::Parameter), Role::Weight);
        assert_eq!(role(Element::I64, Declared::Parameter), Role::NotFloat);
    }

    fn stripped(names: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        strip_wrappers(names.iter_mut().collect());
        names
    }

    #[test]
    fn wrappers_go_from_the_names() {
        assert_eq!(
            stripped(&[
                "module._orig_mod.a.weight",
                "module._orig_mod.b._orig_mod.weight"
            ]),
            ["a.weight", "b.weight"]
        );
    }

    #[test]
    fn a_part_called_module_stays_beside_others_and_names_never_collide() {
        assert_eq!(
            stripped(&["module.weight", "head.weight"]),
            ["module.weight", "head.weight"]
        );
        assert_eq!(
            stripped(&["a._orig_mod.weight", "a.weight"]),
            ["a._orig_mod.weight", "a.weight"]
        );
    }
}
