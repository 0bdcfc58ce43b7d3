//! How one of two neighbours was made of the other.

use crate::checkpoint::Checkpoint;
use crate::collection::{Group, Options};
use crate::diff::described::on;
use crate::error::Result;
use crate::mapping::{Alike, alike};
use serde::Serialize;
use weightspace::compare::{Kind, compare, kind};

/// Edges whose weights are looked at: it takes two reads each.
pub const MOST: usize = 256;
/// Logarithm of the odds that a change that cannot be undone went the way it is found: what was rounded or
/// became zero is not there any more.
const CERTAIN: f64 = 12.0;

/// How a model was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Trained on: a fine-tune, or a continued training. Weights do not say which.
    Trained,
    /// By an update of low rank in every matrix that changed, as LoRA makes.
    LowRank,
    /// Put on a grid: rounded or quantised.
    Quantised,
    /// Weights became zero.
    Pruned,
    /// Multiplied by numbers, or had numbers added.
    Scaled,
    /// Few values changed, or few rows or columns.
    Edited,
    /// Gaussian noise was added.
    Noise,
    /// A combination of its parents.
    Merged,
    /// Its weights were not looked at.
    NotLooked,
}

/// How a model was made, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// How.
    pub how: How,
    /// In words.
    pub detail: String,
}

impl Made {
    pub(super) fn merged() -> Self {
        Self {
            how: How::Merged,
            detail: "merged".to_owned(),
        }
    }

    pub(super) fn not_looked() -> Self {
        Self {
            how: How::NotLooked,
            detail: "related".to_owned(),
        }
    }

    fn of(kind: Option<&Kind>) -> Self {
        let (how, detail) = match kind {
            None | Some(Kind::Identical) => (How::Trained, "fine-tuned or continued".to_owned()),
            Some(Kind::Pruned { share, .. }) => (
                How::Pruned,
                format!("pruned, {:.0} % became zero", 100.0 * share),
            ),
            Some(Kind::Scaled { factor }) => (How::Scaled, format!("scaled by {factor:.3}")),
            Some(Kind::Affine { .. }) => (How::Scaled, "tensors scaled or shifted".to_owned()),
            Some(Kind::Lines { .. }) => (How::Edited, "few rows or columns changed".to_owned()),
            Some(Kind::Quantised { grid, .. }) => {
                (How::Quantised, format!("quantised: {}", on(grid)))
            }
            Some(Kind::LowRank { rank, .. }) => {
                (How::LowRank, format!("LoRA, of rank {rank} or less"))
            }
            Some(Kind::Sparse { share, .. }) => (
                How::Edited,
                format!("{:.1} % of the values changed", 100.0 * share),
            ),
            Some(Kind::Noise { .. }) => (How::Noise, "noise added".to_owned()),
        };
        Self { how, detail }
    }

    /// Whether it can only have gone this way.
    fn is_one_way(&self) -> bool {
        matches!(self.how, How::Quantised | How::Pruned)
    }
}

/// Two neighbours: how the second was made of the first, or the first of the second, and the logarithm of
/// the odds that the first is the older. None where the weights of one of them are gone.
pub(super) fn between(
    group: &Group,
    a: usize,
    b: usize,
    options: &Options,
) -> Result<Option<(Made, f64)>> {
    // The other half is that of the points.
    let half = options.clone().memory(options.memory / 2);
    let open = |member: usize| {
        let path = group.members.get(member).and_then(crate::lineage::path_of);
        path.and_then(|path| Checkpoint::open(path, &half).ok())
    };
    let (Some(first), Some(second)) = (open(a), open(b)) else {
        return Ok(None);
    };
    if first.is_sketch() || second.is_sketch() {
        return Ok(None);
    }
    let ways = [
        alike(&first, &second, &options.map)?,
        alike(&second, &first, &options.map)?,
    ];
    ways[0].within_memory(|| {
        let forward = Made::of(change(&ways[0])?.as_ref());
        if forward.is_one_way() {
            return Ok(Some((forward, CERTAIN)));
        }
        // Seen from a pruned model its source is one of which many values changed.
        let backward = Made::of(change(&ways[1])?.as_ref());
        if backward.is_one_way() {
            return Ok(Some((backward, -CERTAIN)));
        }
        if forward.how == How::Trained && backward.how != How::Trained {
            return Ok(Some((backward, 0.0)));
        }
        Ok(Some((forward, 0.0)))
    })
}

/// The kind of change, if it is a special one.
fn change(alike: &Alike<'_>) -> Result<Option<Kind>> {
    let comparison = compare(alike)?;
    if comparison.total.non_finite > 0 || comparison.total.elements == 0 {
        return Ok(None);
    }
    kind(alike, &comparison)
}
