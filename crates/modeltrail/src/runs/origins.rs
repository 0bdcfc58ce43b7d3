//! Where runs came from: forks between those that the weights separate.

use super::Run;
use crate::error::Result;
use nalgebra::DMatrixView;
use trajectory::forks::{self, Parameters, family};
use trajectory::ordering::{Directed, Direction};

/// Where a run came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// It is related to no other.
    Root,
    /// It left another run.
    Fork(Fork),
    /// It has a start in common with these runs that is not among the checkpoints.
    Siblings(Vec<usize>),
}

/// Where a run left another.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The run it left, from 0.
    pub parent: usize,
    /// Name of the parent's last checkpoint before the fork.
    pub after: String,
    /// Names of the first and the last checkpoint that `after` may be.
    pub between: (String, String),
    /// The group's member that `after` is.
    pub(crate) after_member: usize,
    /// Whether parent and fork are known, and which end of both runs is the first.
    pub is_certain: bool,
    /// Of the place of the fork, given the parent.
    pub confidence: f64,
}

/// Finds where runs came from, by their orders as the weights have them.
pub(super) fn find(
    points: DMatrixView<'_, f32>,
    orders: &[&Directed],
    runs: &[Run],
) -> Result<Vec<Origin>> {
    let leaves: Vec<&[u32]> = orders.iter().map(|order| order.leaves.as_slice()).collect();
    let family = family(points, &leaves, &Parameters::default())?;
    let origins = family.origins().iter().enumerate();
    let named = origins.map(|(run, origin)| match origin {
        forks::Origin::Fork(fork) => fork_of(run, fork, runs).map_or(Origin::Root, Origin::Fork),
        forks::Origin::Siblings(others) => Origin::Siblings(others.clone()),
        forks::Origin::Root => Origin::Root,
    });
    Ok(named.collect())
}

fn fork_of(run: usize, fork: &forks::Fork, runs: &[Run]) -> Option<Fork> {
    let parent = runs.get(fork.parent)?;
    let name = |place: usize| Some(parent.places.get(place)?.about.name.clone());
    let is_directed = |run: &Run| run.direction == Direction::Forward;
    Some(Fork {
        parent: fork.parent,
        after: name(fork.after)?,
        between: (name(fork.interval.0)?, name(fork.interval.1)?),
        after_member: parent.places.get(fork.after)?.member,
        is_certain: fork.is_certain() && is_directed(parent) && is_directed(runs.get(run)?),
        confidence: fork.confidence,
    })
}
