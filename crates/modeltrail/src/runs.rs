//! Runs, orders and forks in a group of checkpoints, and where they contradict what is claimed.
//!
//! The weights answer first, from points in a random order; only then are claims compared with the
//! answer, in [`claims`].

mod answer;
mod beside;
pub mod claims;
mod distinct;
mod dot;
mod find;
pub mod gaps;
pub(crate) mod json;
pub mod origins;
pub mod scores;
pub(crate) mod text;

pub use answer::{CollectionRuns, Count, Described, Place, Run, Runs};
pub use beside::{Beside, Nearest};
pub(crate) use distinct::copies_last;
pub(crate) use find::{STAGES, find};

use crate::collection::{Collection, Group};
use crate::coverage::{Coverage, Unread};
use crate::error::Result;
use crate::progress::{Progress, Silent};
use std::collections::HashSet;
use weightspace::space::Space;

/// Fewest checkpoints in an order whose edges are given a confidence: it was fitted to no fewer.
pub const FEWEST_FOR_EDGES: usize = 5;

/// What is known of the runs, and how to look for them.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// The number of runs, if it is known.
    pub runs: Option<usize>,
    /// The space to look in. Only in all weights are orders whitened and forks looked for.
    pub space: Space,
    /// Breaks ties.
    pub seed: u64,
}

impl Default for RunOptions {
    /// An unknown number of runs, in all weights.
    fn default() -> Self {
        Self {
            runs: None,
            space: Space::Full,
            seed: 0,
        }
    }
}

impl Group {
    /// Finds the runs of this group and orders each.
    ///
    /// Bit-identical checkpoints count once. Weights of several runs are ordered in the metric that
    /// is whitened by their steps; one run alone would only confirm itself in it, and sketches have
    /// no tensors, so these are ordered by plain distances. Costs a minimum spanning tree, and O(m² ·
    /// parameters) for a run of m checkpoints.
    ///
    /// The coverage of this answer counts what was read; which tensors of a file could not be read is
    /// known to the [`Collection`], and so to the answers of [`Collection::runs`].
    ///
    /// # Errors
    /// When more runs are asked for than there are distinct checkpoints.
    pub fn runs(&self, options: &RunOptions) -> Result<Runs> {
        find(self, options, &Silent)
    }
}

impl Collection {
    /// Finds the runs of every group: see [`Group::runs`].
    ///
    /// # Errors
    /// As [`Group::runs`].
    pub fn runs(&self, options: &RunOptions, progress: &dyn Progress) -> Result<CollectionRuns> {
        progress.add(self.groups.len() as u64 * STAGES);
        let groups = self.groups.iter().map(|group| {
            let mut runs = find(group, options, progress)?;
            runs.coverage = coverage(std::slice::from_ref(group), &self.unread);
            Ok(runs)
        });
        Ok(CollectionRuns {
            groups: groups.collect::<Result<_>>()?,
            problems: self.problems.clone(),
            not_finite: self.not_finite.clone(),
            left_out: self.left_out,
            passed_over: self.passed_over,
            others: self.others.iter().map(|other| other.count).sum(),
            coverage: self.coverage(),
        })
    }
}

/// What was read of groups, and what of their checkpoints was not.
pub(crate) fn coverage(groups: &[Group], unread: &[Unread]) -> Coverage {
    let members: HashSet<&str> = groups
        .iter()
        .flat_map(|group| &group.members)
        .map(|member| member.name.as_str())
        .collect();
    let unread = unread.iter();
    let unread: Vec<Unread> = unread
        .filter(|tensor| members.contains(tensor.checkpoint.as_str()))
        .cloned()
        .collect();
    let weights = groups.iter().map(Group::weights_read);
    let not_compared = groups.iter().flat_map(|group| &group.not_compared);
    Coverage {
        not_compared: not_compared.cloned().collect(),
        ..Coverage::of_one(weights.sum(), unread)
    }
}
