//! Which of many checkpoints one comes from, how sure that is, and how far it has gone since.
//!
//! | submodule | does |
//! |---|---|
//! | [`suspect`] | the suspect, reduced to the tensors of a group and as a point among its checkpoints |
//! | [`near`] | distances to every checkpoint, the nearest first |
//! | [`order_of_units`] | the exact test, and the search for permuted units |
//! | [`place`] | where along a run, and how far |
//! | [`compared`] | all of it for one group, and the verdict |

mod json;
mod text;

pub(crate) mod compared;
pub(crate) mod near;
pub(crate) mod order_of_units;
pub(crate) mod place;
pub(crate) mod suspect;

use crate::collection::shared::{Other, Wanted, collect_shared};
use crate::collection::{Collection, Options, printable};
use crate::gate::sides::{Side, read_as};
use anyhow::{Result, bail};
use compared::{Compared, compare};
use std::path::{Path, PathBuf};

/// Differences that an error names.
const NAMED: usize = 5;

/// Exact p-value from which on independence is given up: at most one suspect in a hundred that has
/// nothing to do with any of the checkpoints is called related.
pub(crate) const SURE: f64 = 0.01;

/// The same for the approximate p-value, whose small values come more often than they should:
/// docs/lineage.md has the counts.
pub(crate) const SURE_OF_DISTANCES: f64 = 0.001;

/// Least share of the suspect's weights that a checkpoint must have too.
pub(crate) const LEAST_SHARE: f64 = 0.5;

/// From which checkpoint a model is derived, and what that rests on.
#[derive(Debug)]
pub struct Lineage {
    suspect: Side,
    /// Of every group that has enough in common with the suspect, the surest first.
    compared: Vec<Compared>,
    others: Vec<Other>,
    /// The rest of what was read; its groups were compared.
    collection: Collection,
}

impl Lineage {
    /// Compares the suspect with everything that `against` stands for. `runs` is the number of runs
    /// among them, if it is known.
    ///
    /// # Errors
    /// When the suspect cannot be read or is not finite, or nothing can be compared with it.
    pub fn find(
        suspect: &Path,
        against: &[PathBuf],
        runs: Option<usize>,
        options: &Options,
    ) -> Result<Self> {
        let mut options = *options;
        let suspect = read_as("suspect", suspect, &options)?;
        refuse_non_finite(&suspect)?;
        if suspect.is_sketch() {
            options.memory = 0;
        }
        let shapes = suspect.shapes();
        let wanted = Wanted {
            shapes: &shapes,
            is_sketch: suspect.is_sketch(),
            least: LEAST_SHARE,
        };
        let (mut collection, others) = collect_shared(against, &options, &wanted);
        let groups = std::mem::take(&mut collection.groups);
        let mut compared = groups
            .into_iter()
            .map(|group| compare(group, &suspect, runs, &options))
            .collect::<Result<Vec<Compared>>>()?;
        compared.sort_by(|a, b| {
            let (a, b) = (a.rank(), b.rank());
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        Ok(Self {
            suspect,
            compared,
            others,
            collection,
        })
    }

    /// What was read beside the groups that were compared.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Why nothing could be compared, if nothing was.
    ///
    /// # Errors
    /// Names what differs from the one with the most in common.
    pub fn check(&self) -> Result<()> {
        if self.compared.is_empty() {
            return Err(nothing_in_common(&self.suspect, &self.others));
        }
        Ok(())
    }

    /// Whether a relation was found.
    pub fn is_related(&self) -> bool {
        self.compared.first().is_some_and(Compared::is_related)
    }
}

impl std::fmt::Display for Lineage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&text::page(self))
    }
}

impl serde::Serialize for Lineage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::document(self).serialize(serializer)
    }
}

fn refuse_non_finite(suspect: &Side) -> Result<()> {
    let bad = suspect.not_finite();
    if bad.is_empty() {
        return Ok(());
    }
    let tensors = bad.iter();
    let tensors: Vec<String> = tensors
        .map(|(name, count)| format!("{count} in {}", printable(name)))
        .collect();
    bail!(
        "{} has weights that are NaN or infinite, and is at no distance from anything: {}",
        suspect.name,
        tensors.join(", ")
    );
}

/// Why nothing can be compared: what differs from the one with the most in common.
fn nothing_in_common(suspect: &Side, others: &[Other]) -> anyhow::Error {
    let Some(nearest) = others.first() else {
        return anyhow::anyhow!("no checkpoint to compare with could be read");
    };
    let shown: Vec<&str> = nearest
        .differences
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect();
    let more = nearest.differences.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    let why = if nearest.is_sketch {
        "and sketches compare only with the same tensors; give the weights".to_owned()
    } else {
        format!("and {:.0} % are needed", 100.0 * LEAST_SHARE)
    };
    anyhow::anyhow!(
        "no checkpoint has the tensors of {}. The nearest, {}, has {:.0} % of its weights, {why}: {}{more}",
        suspect.name,
        nearest.example,
        100.0 * nearest.share,
        shown.join(", ")
    )
}
