//! Permuted hidden units: two nets with the same function and weights far apart, brought together.
//!
//! The units of a hidden layer can be renumbered if every tensor that writes or reads them is
//! renumbered alike. Weight matching (S. Ainsworth, J. Hayase and S. Srinivasa, *Git Re-Basin*,
//! 2022, section 3.2) looks for the permutations of B that bring it nearest to A: with all layers
//! but one fixed that is a linear assignment problem, which is solved exactly, layer after layer
//! until none changes. The whole is not solved exactly (it is NP-hard); it is started from no
//! permutation, from the input and from the output, and the best end is taken.
//!
//! # What is inferred
//!
//! Layers follow each other by the names of their modules, and as the tensors of A lie only where that
//! explains more. A matrix [out, in] or a convolution [out, in, h, w] is a layer;
//! vectors of length `out` of its module and behind it (bias, normalisation, running statistics) belong to
//! it; the next layer reads it if its inputs are as many, or, after a convolution, a multiple (a flattened
//! map of each channel). If that explains less than reading matrices as [in, out] does, these are.
//!
//! In a transformer the residual stream is one group over all layers; the hidden units of each
//! feed-forward block, gated or not, are one; and what each projection of attention has beside the stream
//! is one, so that heads, groups of queries and dimensions within a head are put back without knowing how
//! many there are.
//!
//! Anything else ends the chain and is reported in [`Alignment::breaks`]; the chain continues after it,
//! the units on both sides of the break fixed.
//!
//! Shapes do not show skip connections. A net with them is aligned as if it had none: distances go
//! down, but the aligned net need not compute what B does. Read the breaks and the names of the
//! groups before using the aligned weights as a net.
//!
//! ```
//! use weightspace::compare::Tensor;
//! use weightspace::matching::align;
//!
//! let tensors = |first, second| [
//!     Tensor { name: "fc1.weight", shape: &[3, 2], values: first },
//!     Tensor { name: "fc2.weight", shape: &[1, 3], values: second },
//! ];
//! let a = tensors(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[7.0, 8.0, 9.0]);
//! let b = tensors(&[5.0, 6.0, 1.0, 2.0, 3.0, 4.0], &[9.0, 7.0, 8.0]);
//! let alignment = align(&a, &b)?;
//! assert_eq!(alignment.groups[0].permutation, [1, 2, 0]);
//! assert_eq!(alignment.after, 0.0);
//! assert!(alignment.is_permuted());
//! # Ok::<(), weightspace::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::compare::{Pair, Paired, Tensor};
use crate::distance::squared_distance;

mod assignment;
pub(crate) mod chain;
mod modules;
pub(crate) mod sweeps;
pub(crate) mod transformer;

pub use assignment::assignment;
pub use chain::Break;

/// Largest distance after alignment, relative to that before, at which B is called permuted.
/// Unrelated models come nearer too: to 0.63 at least in the tests, which measure it.
pub const COLLAPSED: f64 = 0.5;

/// The units of one hidden layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The weight that they are the outputs of.
    pub layer: String,
    /// For each unit of A the unit of B that belongs in its place.
    pub permutation: Vec<usize>,
}

impl Group {
    /// How many units are not in their place.
    pub fn moved(&self) -> usize {
        let places = self.permutation.iter().enumerate();
        places.filter(|(place, unit)| place != *unit).count()
    }
}

/// B brought into the order of A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Every hidden layer that could be permuted, in order; empty if nothing could be aligned.
    pub groups: Vec<Group>,
    /// What was left as it is, and why.
    pub breaks: Vec<Break>,
    /// ‖B − A‖ over all tensors that both have.
    pub before: f64,
    /// The same after alignment.
    pub after: f64,
    /// Sweeps over all groups until none changed.
    pub sweeps: usize,
    /// Names and values of the tensors that both have, in the order of A, B's units in A's order.
    pub aligned: Vec<(String, Vec<f32>)>,
}

impl Alignment {
    /// Whether there was anything to align.
    pub fn is_aligned(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Whether B is A, or near it, with units permuted: some moved, and the distance collapsed.
    pub fn is_permuted(&self) -> bool {
        self.groups.iter().any(|group| group.moved() > 0) && self.after <= COLLAPSED * self.before
    }
}

/// Permutes the hidden units of B such that it is near A.
///
/// With layers of n units and w weights each: O(n·w + n³) per layer and sweep, some five sweeps for
/// each of three starts; 16·1024·n + 8·n² bytes beside the copies. The same bits for any number of
/// threads.
///
/// # Errors
/// [`Error::NonFiniteTensor`], and those of [`Paired::new`]. That nothing can be aligned is no error:
/// see [`Alignment::breaks`].
pub fn align(a: &[Tensor<'_>], b: &[Tensor<'_>]) -> Result<Alignment, Error> {
    let paired = Paired::new(a, b)?;
    paired.check_finite()?;
    let pairs = &paired.pairs;
    let chain = plan(pairs);
    let problem = sweeps::Problem::new(&chain, pairs);
    let (permutations, sweeps) = problem.solve();
    let mut aligned: Vec<(String, Vec<f32>)> = pairs
        .iter()
        .map(|pair| (pair.name.to_owned(), pair.b.to_vec()))
        .collect();
    for (part, values) in chain.parts.iter().zip(problem.aligned(&permutations)) {
        aligned[part.pair].1 = values;
    }
    let before: f64 = pairs
        .iter()
        .map(|pair| squared_distance(pair.a, pair.b))
        .sum();
    let after: f64 = pairs
        .iter()
        .zip(&aligned)
        .map(|(pair, (_, b))| squared_distance(pair.a, b))
        .sum();
    let groups = chain.groups.iter().zip(permutations);
    let groups = groups.map(|(units, permutation)| Group {
        layer: pairs[units.pair].name.to_owned(),
        permutation,
    });
    let groups = groups.collect();
    let mut breaks = chain.breaks;
    let unshared = paired
        .only_a
        .iter()
        .chain(&paired.only_b)
        .chain(&paired.reshaped);
    breaks.extend(unshared.map(|&tensor| Break {
        tensor: tensor.to_owned(),
        why: "only one has it, or the shapes differ".to_owned(),
    }));
    Ok(Alignment {
        groups,
        breaks,
        before: before.sqrt(),
        after: after.sqrt(),
        sweeps,
        aligned,
    })
}

/// The units that can be renumbered: of a transformer, or of a chain of layers.
fn plan(pairs: &[Pair<'_>]) -> chain::Chain {
    let tensors: Vec<(&str, &[usize])> = pairs.iter().map(|pair| (pair.name, pair.shape)).collect();
    match transformer::Transformer::of(&tensors) {
        Some(found) => found.chain(&tensors),
        None => chain::chain(pairs),
    }
}

/// Units whose order means nothing in a model that was trained independently, each layer by itself: the
/// residual stream of a transformer is skipped, since a shuffle of it would move all layers at once.
pub(crate) fn exchangeable(pairs: &[Pair<'_>]) -> chain::Chain {
    let tensors: Vec<(&str, &[usize])> = pairs.iter().map(|pair| (pair.name, pair.shape)).collect();
    match transformer::Transformer::of(&tensors) {
        Some(found) => found.hidden_chain(&tensors),
        None => chain::chain(pairs),
    }
}

#[cfg(test)]
mod tests;
