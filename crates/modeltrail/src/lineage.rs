//! Which of many checkpoints one comes from, how sure that is, and how far it has gone since.
//!
//! | submodule | does |
//! |---|---|
//! | `candidates` | what a suspect is compared with |
//! | `suspect` | the suspect, reduced to the tensors of a group and as a point among its checkpoints |
//! | `near` | distances to every checkpoint, the nearest first |
//! | `order_of_units` | the exact test, and aligning hidden units |
//! | `permuted` | whether hidden units are in another order |
//! | `families` | runs that belong together, and how far the nearest stands out among the others |
//! | `rearranged` | what is in common once streams, blocks and units are put back, also of models of other shapes |
//! | `verdict` | from evidence to a verdict |
//! | `place` | where along a run, and how far |
//! | `compared` | all of it for one group |

mod candidates;
mod compared;
mod families;
mod json;
mod near;
mod order_of_units;
mod permuted;
mod place;
mod rearranged;
mod suspect;
mod text;
mod verdict;

pub use candidates::Candidates;
pub(crate) use suspect::path_of;
pub use verdict::Relation;

use crate::checkpoint::Checkpoint;
use crate::collection::Options;
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use candidates::{Completeness, LEAST_SHARE, Rest};
use compared::{Compared, compare};
use rearranged::Arrangement;

/// From which checkpoint a model is derived, and what that rests on.
#[derive(Debug)]
pub struct Lineage {
    suspect: Suspected,
    /// Of every group that has enough in common with the suspect, the surest first.
    compared: Vec<Compared>,
    /// What it has in common with the best of the checkpoints of other shapes, if any could be held against it.
    apart: Option<Arrangement>,
    rest: Rest,
    coverage: Coverage,
    is_all_read: bool,
}

/// What is kept of the suspect.
#[derive(Debug)]
struct Suspected {
    name: String,
    /// Names of its tensors, and how many weights each has.
    tensors: Vec<(String, usize)>,
}

/// Compares the suspect with the candidates, which were read for it. `runs` is the number of runs
/// among them, if it is known; `options` are those that they were read with.
///
/// # Errors
/// When the suspect is not finite, or nothing can be compared with it.
pub fn lineage(
    suspect: &Checkpoint,
    candidates: Candidates,
    runs: Option<usize>,
    options: &Options,
) -> Result<Lineage> {
    let not_finite = suspect.not_finite()?;
    if !not_finite.is_empty() {
        return Err(Error::NotFinite {
            checkpoint: suspect.name().to_owned(),
            tensors: not_finite,
        });
    }
    let (groups, rest) = candidates.into_parts();
    if groups.is_empty() && suspect.is_adapter() {
        return Err(Error::Unsuitable {
            path: suspect.name().into(),
            what: "it is an adapter, and what it changes does not say which model it was made for"
                .to_owned(),
            way_out: "Merge it into its model and ask about that, or compare it with other adapters",
        });
    }
    let completeness = Completeness::of(suspect, &groups, &rest.coverage);
    let mut compared = groups
        .into_iter()
        .map(|group| compare(group, suspect, &completeness, runs, options))
        .collect::<Result<Vec<Compared>>>()?;
    compared.sort_by(|a, b| {
        let (a, b) = (a.rank(), b.rank());
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let is_related = compared.first().is_some_and(Compared::is_related);
    let apart = if is_related {
        None
    } else {
        rearranged::apart(suspect, &rest.others, options)?
    };
    if compared.is_empty() && apart.is_none() {
        return Err(nothing_in_common(suspect, &rest));
    }
    let mut coverage = suspect.coverage();
    coverage.add(&rest.coverage);
    let tensors = suspect.shapes().into_iter();
    Ok(Lineage {
        suspect: Suspected {
            name: suspect.name().to_owned(),
            tensors: tensors
                .map(|(name, shape)| (name.to_owned(), shape.iter().product()))
                .collect(),
        },
        is_all_read: completeness.is_complete(),
        compared,
        apart,
        rest,
        coverage,
    })
}

impl Lineage {
    /// What the suspect is to the checkpoints.
    pub fn relation(&self) -> Relation {
        let best = self.compared.first().map(|best| best.relation);
        match best {
            Some(best) if !matches!(best, Relation::None) => best,
            _ if self.is_related_apart() => Relation::Derived,
            Some(best) => best,
            None if self.is_all_read => Relation::None,
            None => Relation::CannotTell,
        }
    }

    /// Whether the relation is one to a checkpoint of other shapes.
    pub(crate) fn is_related_apart(&self) -> bool {
        let is_known = self.compared.first().is_some_and(Compared::is_related);
        !is_known
            && self
                .apart
                .as_ref()
                .is_some_and(|apart| apart.grounds().is_some())
    }

    /// Whether a relation was found.
    pub fn is_related(&self) -> bool {
        !matches!(self.relation(), Relation::None | Relation::CannotTell)
    }

    /// How much of the suspect and of the candidates was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// Why nothing can be compared: what differs from the one with the most in common.
fn nothing_in_common(suspect: &Checkpoint, rest: &Rest) -> Error {
    let Some(nearest) = rest.others.first() else {
        return Error::NothingRead;
    };
    Error::NothingInCommon {
        suspect: suspect.name().to_owned(),
        nearest: nearest.example.clone(),
        share: nearest.share,
        why: if nearest.is_sketch {
            "and sketches compare only with the same tensors; give the weights".to_owned()
        } else {
            format!("and {:.0} % are needed", 100.0 * LEAST_SHARE)
        },
        differences: nearest.differences.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
