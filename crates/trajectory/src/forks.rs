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
mod fork;
mod kinship;
mod tree;

pub use fork::{Fork, Parameters};
pub use tree::{Family, Origin};

use crate::Error;
use candidates::{Claim, claim};
use kinship::Kin;
use nalgebra::DMatrixView;
use rayon::prelude::*;

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
