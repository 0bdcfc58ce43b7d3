//! Which run was forked from which, and where.
//!
//! Input: several runs, each an order of columns, the oldest checkpoint first. The first checkpoint
//! of a branch lies one stretch of training after a checkpoint of its parent, so it is far nearer
//! to its parent than strangers are to each other, and nearest to the parent's checkpoints around
//! the fork. A parent has checkpoints from before the fork; two runs that are nearest at both of
//! their first checkpoints are siblings, whose fork was not recorded.
//!
//! # The fork point
//!
//! Let b be the first checkpoint that the branch does not share with anyone and u the direction of
//! its next step. The miss of a parent's checkpoint p is
//!
//! ```text
//! m(p) = Σᵢ √|rᵢ|,   r = e − ρ (e·u) u,   e = p − b,   ρ = 0.3
//! ```
//!
//! The square roots let the many coordinates that the branch has hardly moved outvote the few that
//! it moved far, and part of the movement along u is forgiven because new data move a branch along
//! u, not its parent. The nearest checkpoint is the one with the smallest miss. Its
//! lead over another is a sum over coordinates, so its spread is estimated from the sums over 32
//! contiguous blocks of them; checkpoints whose miss exceeds the smallest by no more than
//! `slack` spreads remain possible. If several runs remain, they are rivals for parenthood; and so
//! is a run that misses by less than the parent by more than `slack` spreads, whatever its age.
//!
//! A branch that goes on as its parent did is nearest to the checkpoint *after* the fork: where b
//! is nearer to a parent's checkpoint than 0.8 of its own next step, the fork is placed one
//! checkpoint earlier. Both stay in one tube then, so the interval begins three checkpoints before the
//! nearest, and the answer is never certain; elsewhere it begins one before.
//!
//! Checkpoints that a branch holds in common with its parent, bit for bit, settle the question: the
//! fork is after the last of them.
//!
//! # Cost
//!
//! One distance per run and checkpoint of another run, O(parameters · runs · checkpoints), in
//! parallel over runs; misses only where runs are related.

mod candidates;
mod kinship;
mod tree;

pub use tree::{Family, Origin};

use crate::Error;
use candidates::{Claim, claim};
use kinship::Kin;
use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;

/// Confidence of a fork that is called certain.
const CERTAIN: f64 = 0.9;

/// What counts as related and as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Distance between checkpoints of runs that have nothing in common.
    ///
    /// Without it, √(‖a‖² + ‖b‖²) is taken for each pair: the distance of independent weights with
    /// mean zero, as most initialisations draw them. Give it for networks with weights that start
    /// from one value, such as the gains of a normalisation.
    pub strangers: Option<f64>,
    /// Runs nearer than this share of the distance of strangers are related.
    pub related: f64,
    /// How many spreads a checkpoint's miss may exceed the smallest by and remain possible.
    pub slack: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            strangers: None,
            related: 0.65,
            slack: 2.0,
        }
    }
}

/// Where a run left another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fork {
    /// The run it left, an index into the runs that were given.
    pub parent: usize,
    /// The parent's last checkpoint before the fork, an index into the parent's order.
    pub after: usize,
    /// First and last checkpoint that `after` may be.
    pub interval: (usize, usize),
    /// Other runs that may as well be the parent; if there are any, the data do not say which.
    pub rivals: Vec<usize>,
    /// Leading checkpoints that are copies of the parent's.
    pub copied: usize,
    /// Whether both runs begin with these copies, so that either could be called the parent; the
    /// one that was given first is.
    pub interchangeable: bool,
    /// Weight of the parent's checkpoints within one of `after` among all that are possible, each
    /// weighed by exp(−½ (excess miss ÷ its spread)²).
    pub confidence: f64,
    /// Distance from the branch's first own checkpoint to the nearest of the parent's; zero where
    /// there is none of its own.
    pub distance: f64,
}

impl Fork {
    /// Whether there is one possible parent and the fork is known to within one checkpoint, at a
    /// confidence of 0.9 or more.
    ///
    /// The confidence sums over all that cannot be excluded, so a long parent has to be excluded
    /// more clearly, point by point, than a short one.
    ///
    /// Everything else is an honest "cannot tell", however good the estimate.
    pub fn is_certain(&self) -> bool {
        let (first, last) = self.interval;
        let is_narrow = first + 1 >= self.after && last <= self.after + 1;
        self.rivals.is_empty() && is_narrow && self.confidence >= CERTAIN
    }
}

/// The family tree of the runs, each an order of columns of `points` (parameters, checkpoints).
///
/// # Errors
///
/// No runs, a run without checkpoints, a column that does not exist, or a coordinate that is not
/// finite.
pub fn family(
    points: DMatrixView<'_, f32>,
    runs: &[impl AsRef<[u32]> + Sync],
    parameters: &Parameters,
) -> Result<Family, Error> {
    let runs = checked(&points, runs)?;
    let kin: Vec<Kin<'_>> = runs.par_iter().map(|run| Kin::new(run)).collect();
    let claims: Vec<Claim> = (0..runs.len())
        .into_par_iter()
        .map(|run| claim(&runs, &kin, run, parameters))
        .collect();
    Ok(Family::of(&claims))
}

/// The checkpoints of every run as slices.
fn checked<'a>(
    points: &'a DMatrixView<'_, f32>,
    runs: &[impl AsRef<[u32]>],
) -> Result<Vec<Vec<&'a [f32]>>, Error> {
    if runs.is_empty() {
        return Err(Error::Empty {
            what: "the list of runs",
        });
    }
    let column = |&index: &u32| {
        if index as usize >= points.ncols() {
            return Err(Error::OutOfRange {
                what: "point",
                index: index as usize,
                length: points.ncols(),
            });
        }
        let column = points.column(index as usize).data.into_slice();
        if column.iter().all(|x| x.is_finite()) {
            Ok(column)
        } else {
            Err(Error::NotFinite {
                what: "point",
                index: index as usize,
            })
        }
    };
    let run = |run: &[u32]| match run {
        [] => Err(Error::Empty { what: "a run" }),
        _ => run.iter().map(column).collect(),
    };
    runs.iter().map(|columns| run(columns.as_ref())).collect()
}
