//! What two models have in common whose weights were rearranged: renumbered, turned, cut, widened.
//!
//! # What is undone, and what that does to a p-value
//!
//! *The residual stream* of a transformer may be renumbered, have signs flipped, be turned by an orthogonal
//! map, or lose dimensions, through all layers at once. How is found from what has the stream on one side
//! and something fixed on the other: embeddings of the same tokens, filters of patches, heads
//! (`stream`). Blocks may be missing, or numbered otherwise: which block of A is which of B is found
//! from the Gram matrices of what their hidden units read, which do not depend on the order of the units
//! (`blocks`). Neither looks at the order of hidden units. So this order is as exchangeable as before if B
//! was trained independently, and the test of [`units`](super::units) is **exact** after both.
//!
//! *Hidden units* may be renumbered, scaled, cut or added to. Then units of B are matched with units of A
//! by one part of their weights (what a gate or an up-projection reads, or half of the inputs), and the
//! order of the rest (what they are multiplied with, and write) is tested. That p-value is exact for models
//! in which the two parts of a unit have nothing to do with each other, and is **approximate** for trained
//! ones: two trainings on the same data may find the same features by themselves. It comes with the mean
//! cosine of the matched units in the part that did not match them.
//!
//! Both look at cosines with and without their signs, and are doubled for it.

mod blocks;
mod features;
mod layers;
mod stream;

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

use crate::Error;
use crate::compare::{Pair, Tensor};
use crate::matching::transformer::Transformer;

pub use stream::Stream;

/// Tensors of one model, wherever they lie.
pub trait Tensors: Sync {
    /// Why values could not be had.
    type Error: From<Error> + Send;

    /// How many there are.
    fn count(&self) -> usize;

    /// The name of one, and its shape, output units first.
    fn header(&self, tensor: usize) -> (&str, &[usize]);

    /// Its values in this range, row-major.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, tensor: usize, range: Range<usize>) -> Result<Cow<'_, [f32]>, Self::Error>;
}

impl Tensors for Vec<Tensor<'_>> {
    type Error = Error;

    fn count(&self) -> usize {
        self.len()
    }

    fn header(&self, tensor: usize) -> (&str, &[usize]) {
        self.get(tensor)
            .map_or(("", &[]), |one| (one.name, one.shape))
    }

    fn read(&self, tensor: usize, range: Range<usize>) -> Result<Cow<'_, [f32]>, Error> {
        let values = self.get(tensor).and_then(|one| one.values.get(range));
        Ok(Cow::Borrowed(values.unwrap_or_default()))
    }
}

/// What one layer of B has in common with one of A.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Common {
    /// A tensor of the layer of B.
    pub layer: String,
    /// A tensor of the layer of A that it was held against.
    pub of: String,
    /// Its hidden units, and those of A's.
    pub units: [usize; 2],
    /// How its units were told which is which.
    pub by: By,
    /// Units of B that are units of A in both parts of their weights: a cosine of 0.5 or more. Of so many
    /// that were looked at.
    pub found: [usize; 2],
    /// Mean cosine of units that stand for each other, in weights that did not decide which do.
    pub similarity: f64,
    /// Natural logarithm of its p-value.
    pub ln_p: f64,
}

/// How units of one model are told to be units of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By their places.
    Order,
    /// By a part of their weights.
    Weights,
}

/// What two models have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rearranged {
    /// What became of the residual stream; none where there is none.
    pub stream: Option<Stream>,
    /// Each layer of B with hidden units that could be held against one of A, in order.
    pub layers: Vec<Common>,
    /// Natural logarithm of the exact p-value, by the order of units after what does not depend on it was
    /// undone; none where nothing could be tested.
    pub ln_exact: Option<f64>,
    /// Natural logarithm of the approximate p-value, after units were matched.
    pub ln_matched: Option<f64>,
    /// Mean of the similarities of matched units, over layers.
    pub similarity: f64,
}

impl Rearranged {
    /// Of layers, each held against one by the order of its units, and by its weights if that was tried.
    fn of(stream: Option<Stream>, tested: Vec<(Common, Option<Common>)>) -> Self {
        let ln = |logs: Vec<f64>| (!logs.is_empty()).then(|| super::combined(&logs));
        let exact = tested.iter().map(|(order, _)| order.ln_p).collect();
        let matched: Vec<&Common> = tested.iter().filter_map(|(_, one)| one.as_ref()).collect();
        let mean = matched.iter().map(|one| one.similarity).sum::<f64>();
        Self {
            stream,
            ln_exact: ln(exact),
            ln_matched: ln(matched.iter().map(|one| one.ln_p).collect()),
            similarity: mean / matched.len().max(1) as f64,
            layers: tested
                .into_iter()
                .map(|(order, matched)| match matched {
                    Some(matched) if order.ln_p > SURE_OF_ORDER => matched,
                    _ => order,
                })
                .collect(),
        }
    }
}

/// Logarithm of the p-value of a layer from which on its units are taken to stand in their order.
const SURE_OF_ORDER: f64 = -7.0;

/// Holds B against A. `seed` draws the orders; the same bits for any number of threads.
///
/// Tensors are read one at a time; of a layer of many units some are tested (`blocks`).
///
/// # Errors
/// When values cannot be read; [`Error::NonFiniteTensor`].
pub fn test<E: From<Error> + Send>(
    a: &dyn Tensors<Error = E>,
    b: &dyn Tensors<Error = E>,
    seed: u64,
) -> Result<Rearranged, E> {
    let headers = [headers(a), headers(b)];
    let [of_a, of_b] = [&headers[0], &headers[1]].map(|own| Transformer::of(own));
    match (of_a, of_b) {
        (Some(of_a), Some(of_b)) => blocks::test((a, &of_a), (b, &of_b), seed),
        (None, None) => layers::test((a, &headers[0]), (b, &headers[1]), seed),
        _ => Ok(Rearranged::of(None, Vec::new())),
    }
}

fn headers<E: From<Error> + Send>(model: &dyn Tensors<Error = E>) -> Vec<(&str, &[usize])> {
    (0..model.count())
        .map(|tensor| model.header(tensor))
        .collect()
}

/// Tensors of one model as pairs without values, which is what layers are found by.
fn without_values<'a>(headers: &[(&'a str, &'a [usize])]) -> Vec<Pair<'a>> {
    let pairs = headers.iter();
    pairs
        .map(|&(name, shape)| Pair {
            name,
            shape,
            a: &[],
            b: &[],
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
