//! Runs, orders and forks in a group of checkpoints, and where they contradict what is claimed.
//!
//! The weights answer first, from points in a random order; only then are claims compared with the
//! answer, in [`claims`].

mod answer;
mod beside;
pub mod claims;
mod distinct;
mod dot;
mod event;
mod events;
mod families;
mod family;
mod find;
pub mod gaps;
mod joined;
pub(crate) mod json;
mod options;
pub mod origins;
pub(crate) mod overview;
mod parts;
pub mod scores;
pub(crate) mod text;

pub use crate::page::PageFile;
pub use answer::{CollectionRuns, Count, Described, Place, Run, Runs};
pub use beside::{Beside, Nearest};
pub use event::RunEvent;
pub(crate) use families::matrices;
pub use family::{Apart, Family};
pub(crate) use find::{STAGES, find};
pub use options::{FEWEST_FOR_EDGES, RunOptions};

use crate::audit;
use crate::collection::{Collection, Group, coverage};
use crate::error::Result;
use crate::progress::{Progress, Silent};

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
            runs.findings = audit::of_group(group, &runs);
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
