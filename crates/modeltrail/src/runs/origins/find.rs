//! Names the forks that the weights show.

use super::{Fork, Origin};
use crate::error::Result;
use crate::runs::answer::Run;
use crate::runs::family::Family;
use nalgebra::DMatrixView;
use trajectory::forks::{self, Parameters, family};
use trajectory::ordering::{Directed, Direction};

/// Finds where runs came from, by their orders as the weights have them.
pub(crate) fn find(
    points: DMatrixView<'_, f32>,
    orders: &[Directed],
    runs: &[Run],
    families: &[Family],
) -> Result<Vec<Origin>> {
    let leaves: Vec<&[u32]> = orders.iter().map(|order| order.leaves.as_slice()).collect();
    let family = family(points, &leaves, &Parameters::default())?;
    let is_one_family = |one: usize, other: usize| {
        let both = |family: &&Family| family.runs.contains(&one) && family.runs.contains(&other);
        families.iter().any(|family| both(&family))
    };
    let origins = family.origins().iter().enumerate();
    let named = origins.map(|(run, origin)| match origin {
        forks::Origin::Fork(fork) if is_one_family(run, fork.parent) => {
            fork_of(run, fork, runs).map_or(Origin::Root, Origin::Fork)
        }
        forks::Origin::Siblings(others) => Origin::Siblings(others.clone()),
        forks::Origin::Fork(_) | forks::Origin::Root => Origin::Root,
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
