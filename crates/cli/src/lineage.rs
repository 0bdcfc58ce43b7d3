//! Which of many checkpoints one comes from, how sure that is, and how far it has gone since.
//!
//! | submodule | does |
//! |---|---|
//! | [`suspect`] | the suspect, reduced to the tensors of a group and as a point among its checkpoints |
//! | [`near`] | distances to every checkpoint, the nearest first |
//! | [`order_of_units`] | the exact test, and the search for permuted units |
//! | [`place`] | where along a run, and how far |
//! | [`compared`] | all of it for one group, and the verdict |

pub(crate) mod compared;
pub(crate) mod near;
pub(crate) mod order_of_units;
pub(crate) mod place;
pub(crate) mod suspect;

/// Exact p-value from which on independence is given up: at most one suspect in a hundred that has
/// nothing to do with any of the checkpoints is called related.
pub(crate) const SURE: f64 = 0.01;

/// The same for the approximate p-value, whose small values come more often than they should:
/// docs/lineage.md has the counts.
pub(crate) const SURE_OF_DISTANCES: f64 = 0.001;

/// Least share of the suspect's weights that a checkpoint must have too.
pub(crate) const LEAST_SHARE: f64 = 0.5;
