//! Families of models as trees: who is whose parent, and how each was made.
//!
//! | submodule | does |
//! |---|---|
//! | `found` | from distances to a tree: relatives, merges, neighbours, directions |
//! | [`made`] | how one of two neighbours was made of the other |
//! | `dot`, `picture`, `text` | the tree for Graphviz, as a picture, for people |

mod dot;
mod found;
pub mod made;
mod picture;
mod text;

pub use made::{How, Made};

use crate::collection::{Collection, NotFinite, Options, collect_watched};
use crate::coverage::Coverage;
use crate::error::{Error, Problem, Result};
use crate::progress::Progress;
use serde::Serialize;
use std::path::PathBuf;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.tree/1";

/// Families of models.
#[derive(Debug, Serialize)]
pub struct Tree {
    schema: &'static str,
    families: Vec<Family>,
    problems: Vec<Problem>,
    not_finite: Vec<NotFinite>,
    coverage: Coverage,
    #[serde(skip)]
    notes: Vec<String>,
}

/// Models that are related, or one that is related to none.
#[derive(Debug, Clone, Serialize)]
pub struct Family {
    /// Its models; edges name them by their places.
    pub models: Vec<Model>,
    /// Who is whose parent: one edge for each model but the first of the family, and one for each parent of
    /// a merge.
    pub edges: Vec<Edge>,
    /// Whether distances are those of sketches.
    pub from_sketches: bool,
}

/// A model, or several files of the same bits.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// What to call it.
    pub name: String,
    /// The file or store.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// Others with the same bits.
    pub copies: Vec<String>,
}

/// One model and one of its parents, or two neighbours of which it is not known which was first.
#[derive(Debug, Clone, Serialize)]
pub struct Edge {
    /// The parent, or the likelier one.
    pub from: usize,
    /// The child.
    pub to: usize,
    /// Whether the direction is sure enough to be said.
    pub is_directed: bool,
    /// How sure it is, 0.5 to 1.
    pub confidence: f64,
    /// Of a merge, how much of it this parent is.
    pub share: Option<f64>,
    /// ‖to − from‖.
    pub distance: f64,
    /// The same, relative to the distance of unrelated models: √(‖from‖² + ‖to‖²).
    pub relative: f64,
    /// How the child was made.
    pub made: Made,
}

/// Finds who is whose parent among everything that the paths stand for.
///
/// Weights are kept where they fit half of the memory, and are sketched otherwise. How a model was made of
/// its neighbour is looked up in the weights of both, for [`made::MOST`] edges at most.
///
/// # Errors
/// When nothing could be read.
pub fn tree(paths: &[PathBuf], options: &Options, progress: &dyn Progress) -> Result<Tree> {
    progress.working_on("reading");
    let collection = collect_watched(paths, options, progress);
    if collection.groups.is_empty() {
        return Err(match collection.problems.first() {
            Some(problem) => Error::Unsuitable {
                path: problem.path.clone(),
                what: format!("no checkpoint could be read: {}", problem.message),
                way_out: "Give at least one that can be read",
            },
            None => Error::NothingRead,
        });
    }
    Tree::of(collection, options, progress)
}

impl Tree {
    /// Of checkpoints that were read.
    ///
    /// # Errors
    /// When weights that are asked for again cannot be read.
    pub fn of(collection: Collection, options: &Options, progress: &dyn Progress) -> Result<Self> {
        let coverage = collection.coverage();
        let mut families = Vec::new();
        for group in &collection.groups {
            families.extend(found::families(group, options, progress)?);
        }
        // The largest first; of single ones as they were read.
        families.sort_by_key(|family| std::cmp::Reverse(family.models.len()));
        Ok(Self {
            schema: SCHEMA,
            families,
            problems: collection.problems,
            not_finite: collection.not_finite,
            coverage,
            notes: collection.notes,
        })
    }

    /// The families, the largest first.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// What could not be read; the rest was.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What was done to read them, where they are not simply files of weights.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether everything was read.
    pub fn is_fine(&self) -> bool {
        self.problems.is_empty() && self.not_finite.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
