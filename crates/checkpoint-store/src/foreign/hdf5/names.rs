//! What the variables of Keras's layers are, which its files only number.

use std::collections::HashMap;

use crate::foreign::contents::Contents;
use crate::foreign::tensor::{Declared, role};

/// Groups that are no part of a model.
const OTHERS: [&str; 3] = ["optimizer", "optimizer_weights", "_optimizer"];

/// How the groups of layers begin that Keras names after their class, and what their variables are.
const LAYERS: [(&str, &[&str]); 7] = [
    ("dense", &["kernel", "bias"]),
    ("conv", &["kernel", "bias"]),
    ("embedding", &["embeddings"]),
    (
        "batch_normalization",
        &["gamma", "beta", "moving_mean", "moving_variance"],
    ),
    ("layer_normalization", &["gamma", "beta"]),
    ("lstm_cell", &["kernel", "recurrent_kernel", "bias"]),
    ("gru_cell", &["kernel", "recurrent_kernel", "bias"]),
];

/// Whether a dataset of this name is none of the model's.
pub(super) fn is_other(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or(name);
    OTHERS.contains(&first)
}

/// Gives the variables of known layers their names: `layers/dense_1/vars/0` is a kernel.
pub(super) fn as_in_keras(contents: &mut Contents) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for stored in &contents.tensors {
        if let Some((group, _)) = variable(&stored.tensor.name) {
            *counts.entry(group.to_owned()).or_default() += 1;
        }
    }
    for stored in &mut contents.tensors {
        let tensor = &mut stored.tensor;
        let name = match variable(&tensor.name) {
            Some((group, number)) => {
                let count = counts.get(group).copied().unwrap_or(0);
                let known = known(group, number, count);
                known.map(|known| format!("{group}/{known}"))
            }
            // Older files call them `dense/kernel:0`.
            None => tensor.name.strip_suffix(":0").map(str::to_owned),
        };
        if let Some(name) = name {
            tensor.role = role(&name, &tensor.shape, tensor.element, Declared::Nothing);
            tensor.name = name;
        }
    }
}

/// The group and the number of a variable.
fn variable(name: &str) -> Option<(&str, usize)> {
    let (group, number) = name.rsplit_once("/vars/")?;
    Some((group, number.parse().ok()?))
}

/// What the variable of this number is, of so many that the layer has.
fn known(group: &str, number: usize, count: usize) -> Option<&'static str> {
    let layer = group.rsplit('/').next()?;
    let (_, names) = LAYERS.iter().find(|(start, _)| layer.starts_with(start))?;
    // Without a bias there is one less; what else is left out is not told.
    let is_known = count == names.len() || (count == 1 && names.len() == 2 && number == 0);
    names.get(number).copied().filter(|_| is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_known_layers_have_names() {
        assert_eq!(known("layers/dense_1", 0, 2), Some("kernel"));
        assert_eq!(known("layers/dense_1", 0, 1), Some("kernel"));
        assert_eq!(known("layers/conv2d", 1, 2), Some("bias"));
        assert_eq!(
            known("layers/batch_normalization", 3, 4),
            Some("moving_variance")
        );
        // Without a scale, which of the two is left is not told.
        assert_eq!(known("layers/batch_normalization", 0, 3), None);
        assert_eq!(known("encoder", 0, 2), None);
        assert_eq!(variable("a/vars/10"), Some(("a", 10)));
        assert_eq!(variable("a/vars/x"), None);
        assert!(is_other("optimizer/vars/0") && !is_other("layers/optimizer/vars/0"));
    }
}
