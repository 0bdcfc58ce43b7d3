//! Families: which of the checkpoints are related at all.

use super::answer::Count;
use serde::Serialize;
use std::ops::Range;

/// Checkpoints of a group that are related to each other and to none of the others.
#[derive(Debug)]
pub struct Family {
    pub(crate) runs: Range<usize>,
    pub(crate) checkpoints: usize,
    pub(crate) count: Count,
    pub(crate) branches: usize,
    pub(crate) joined: usize,
    pub(crate) weakest: Option<Apart>,
    pub(crate) nearest: Option<Apart>,
    pub(crate) ln_p: Option<f64>,
}

/// Two checkpoints, and how far apart they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Apart {
    /// Their names.
    pub between: [String; 2],
    /// Their distance ÷ the root of the sum of their squared norms, over matrices only: 0 for the
    /// same weights, about 1 for models that were trained independently.
    pub relative_distance: f64,
}

impl Family {
    /// Its runs, as indices into those of the group.
    pub fn runs(&self) -> Range<usize> {
        self.runs.clone()
    }

    /// How many distinct checkpoints it has.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints
    }

    /// How the number of its runs was found.
    pub fn count(&self) -> &Count {
        &self.count
    }

    /// How many of its runs were split off others because their tree branches.
    pub fn branches(&self) -> usize {
        self.branches
    }

    /// How many parts that the weights separate were joined to others, since one continues the
    /// other.
    pub fn joined(&self) -> usize {
        self.joined
    }

    /// The weakest link of the chain that connects its checkpoints; none for a single one.
    pub fn weakest(&self) -> Option<&Apart> {
        self.weakest.as_ref()
    }

    /// One of its checkpoints and that of another family which is about the nearest; none where
    /// there is one family.
    pub fn nearest(&self) -> Option<&Apart> {
        self.nearest.as_ref()
    }

    /// Natural logarithm of the p-value of its weakest link, if both were trained independently:
    /// exact, by the order of hidden units. None for a single checkpoint, for sketches, and where no
    /// hidden layer was found.
    pub fn ln_p(&self) -> Option<f64> {
        self.ln_p
    }
}
