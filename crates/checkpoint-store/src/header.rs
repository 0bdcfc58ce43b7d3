//! What a file says about the weights it holds.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::limits::{
    MAX_CHECKPOINTS, MAX_DIMENSIONS, MAX_RECIPE_BYTES, MAX_TENSOR_NAME_BYTES, MAX_TENSORS,
};

/// One tensor of a model: its name, and its extent along each dimension.
///
/// A column of weights is the tensors of a [`Header::layout`] one after the other, each in the
/// order in which the training flattens it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorShape {
    /// The name, unique in a layout. Never used as a path.
    pub name: String,
    /// The extents; a scalar has none.
    pub shape: Vec<u64>,
}

impl TensorShape {
    /// A tensor of this name and these extents.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<u64>>) -> Self {
        Self {
            name: name.into(),
            shape: shape.into(),
        }
    }

    /// The number of parameters, or `None` if it exceeds a `u64`.
    fn parameters(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1_u64, |product, &extent| product.checked_mul(extent))
    }
}

impl fmt::Display for TensorShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.shape)
    }
}

/// The label of one column: whose weights they are, when, and how good the model was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The training run, usually its seed.
    pub run: u64,
    /// Epochs trained so far; 0 is the initialisation.
    pub epoch: u32,
    /// Mean training loss over the epoch, if there was one.
    pub train_loss: Option<f32>,
    /// Test loss after the epoch, if measured.
    pub test_loss: Option<f32>,
    /// Share of test samples classified correctly after the epoch, if measured; in 0..=1.
    pub test_accuracy: Option<f32>,
    /// Whether every weight is finite. A model that diverged is stored as it is, and marked here.
    pub finite: bool,
}

impl Checkpoint {
    /// A finite checkpoint of this run and epoch, without metrics.
    #[must_use]
    pub fn new(run: u64, epoch: u32) -> Self {
        Self {
            run,
            epoch,
            train_loss: None,
            test_loss: None,
            test_accuracy: None,
            finite: true,
        }
    }

    /// What orders the columns of a segment: by epoch first, so that an epoch, and everything
    /// from an epoch on, is contiguous; then by run.
    #[must_use]
    pub fn key(&self) -> (u32, u64) {
        (self.epoch, self.run)
    }
}

/// Everything a segment says about its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The recipe, as TOML text. The store compares it, and otherwise does not look into it.
    pub recipe: String,
    /// The tensors that make up one column.
    pub layout: Vec<TensorShape>,
    /// One label per column, strictly ascending by (epoch, run).
    pub checkpoints: Vec<Checkpoint>,
}

impl Header {
    /// Checks the header against the limits and itself; returns the parameters per model.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond a limit; [`Error::Invalid`] for an empty layout or tensor, a
    /// name given twice, or checkpoints that are not strictly ascending by (epoch, run).
    pub(crate) fn validate(&self) -> Result<u64> {
        at_most(
            "the number of checkpoints in a segment",
            self.checkpoints.len(),
            MAX_CHECKPOINTS,
        )?;
        for pair in self.checkpoints.windows(2) {
            if pair[0].key() >= pair[1].key() {
                return Err(Error::invalid(format!(
                    "checkpoints must ascend by (epoch, run), but run {}, epoch {} follows run {}, epoch {}",
                    pair[1].run, pair[1].epoch, pair[0].run, pair[0].epoch
                )));
            }
        }
        validate_description(&self.recipe, &self.layout)
    }
}

/// Checks a recipe and a layout; returns the parameters per model.
pub(crate) fn validate_description(recipe: &str, layout: &[TensorShape]) -> Result<u64> {
    at_most(
        "the recipe's length in bytes",
        recipe.len(),
        MAX_RECIPE_BYTES as u64,
    )?;
    at_most("the number of tensors", layout.len(), MAX_TENSORS as u64)?;
    let mut names = HashSet::with_capacity(layout.len());
    let mut parameters = 0_u64;
    for tensor in layout {
        at_most(
            "a tensor name's length in bytes",
            tensor.name.len(),
            MAX_TENSOR_NAME_BYTES as u64,
        )?;
        at_most(
            "the number of dimensions of a tensor",
            tensor.shape.len(),
            MAX_DIMENSIONS as u64,
        )?;
        if !names.insert(tensor.name.as_str()) {
            return Err(Error::invalid(format!(
                "two tensors are named `{}`",
                tensor.name
            )));
        }
        parameters = tensor
            .parameters()
            .and_then(|n| parameters.checked_add(n))
            .ok_or_else(|| {
                Error::invalid(format!("tensor {tensor} has more than 2^64 parameters"))
            })?;
    }
    if parameters == 0 {
        return Err(Error::invalid("the layout has no parameters"));
    }
    Ok(parameters)
}

fn at_most(what: &'static str, found: usize, limit: u64) -> Result<()> {
    let found = found as u64;
    if found > limit {
        return Err(Error::TooLarge { what, found, limit });
    }
    Ok(())
}

/// A layout in words, short enough for a message.
pub(crate) fn describe_layout(layout: &[TensorShape]) -> String {
    const SHOWN: usize = 8;
    let mut words: Vec<String> = layout.iter().take(SHOWN).map(ToString::to_string).collect();
    if layout.len() > SHOWN {
        words.push(format!("and {} more", layout.len() - SHOWN));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(layout: Vec<TensorShape>, checkpoints: Vec<Checkpoint>) -> Header {
        Header {
            recipe: String::new(),
            layout,
            checkpoints,
        }
    }

    #[test]
    fn parameters_are_the_sum_of_the_tensors() {
        let layout = vec![
            TensorShape::new("hidden", [196, 10]),
            TensorShape::new("scale", []),
            TensorShape::new("unused", [0, 7]),
        ];
        assert_eq!(header(layout, vec![]).validate().unwrap(), 1961);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let one = || vec![TensorShape::new("w", [2])];
        let cases = [
            header(vec![], vec![]),
            header(vec![TensorShape::new("w", [0])], vec![]),
            header(vec![TensorShape::new("w", [1 << 63, 4])], vec![]),
            header(
                vec![
                    TensorShape::new("a", [1 << 63]),
                    TensorShape::new("b", [1 << 63]),
                ],
                vec![],
            ),
            header([one(), one()].concat(), vec![]),
            header(one(), vec![Checkpoint::new(1, 1), Checkpoint::new(1, 1)]),
            header(one(), vec![Checkpoint::new(0, 2), Checkpoint::new(1, 1)]),
        ];
        for case in cases {
            assert!(
                matches!(case.validate(), Err(Error::Invalid { .. })),
                "{case:?}"
            );
        }
    }

    #[test]
    fn every_limit_holds_at_its_value_and_not_beyond() {
        let with_name = |n: usize| header(vec![TensorShape::new("n".repeat(n), [1])], vec![]);
        let with_dimensions = |n: usize| header(vec![TensorShape::new("w", vec![1; n])], vec![]);
        let with_recipe = |n: usize| Header {
            recipe: "r".repeat(n),
            ..with_name(1)
        };
        let with_tensors = |n: usize| {
            let layout = (0..n).map(|i| TensorShape::new(i.to_string(), [1]));
            header(layout.collect(), vec![])
        };
        let check = |make: &dyn Fn(usize) -> Header, limit: usize| {
            assert!(make(limit).validate().is_ok());
            assert!(matches!(
                make(limit + 1).validate(),
                Err(Error::TooLarge { .. })
            ));
        };
        check(&with_name, MAX_TENSOR_NAME_BYTES);
        check(&with_dimensions, MAX_DIMENSIONS);
        check(&with_recipe, MAX_RECIPE_BYTES);
        check(&with_tensors, MAX_TENSORS);
    }
}
