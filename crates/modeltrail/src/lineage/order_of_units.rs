//! The exact test by the order of hidden units, and putting them in the order of a checkpoint.

use super::suspect::{Suspect, Weights, weights_of};
use crate::collection::{Group, Options};
use crate::error::Result;
use weightspace::compare::Paired;
use weightspace::matching::align;
use weightspace::relation::units::{self, Units};

/// Tests a member against the suspect; none where one of them is only a sketch, or no hidden layer
/// can be made out.
pub(crate) fn test(
    group: &Group,
    member: usize,
    suspect: &Suspect,
    options: &Options,
) -> Result<Option<Units>> {
    let Some((ours, theirs)) = both(group, member, suspect, options) else {
        return Ok(None);
    };
    let (a, b) = (theirs.tensors(), ours.tensors());
    let found = units::test(&Paired::new(&a, &b)?, options.seed)?;
    Ok((!found.layers.is_empty()).then_some(found))
}

/// The suspect with its hidden units in the order of a member.
#[derive(Debug)]
pub(crate) struct Aligned {
    /// The member.
    pub(crate) member: usize,
    /// Hidden units that are not in their place, and all of them.
    pub(crate) moved: usize,
    pub(crate) units: usize,
    /// Distance to the member as the suspect is stored, and with its units put back.
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// Whether the distance collapsed.
    pub(crate) is_permuted: bool,
    /// Tensors whose units were left as they are.
    pub(crate) breaks: usize,
    /// With its units put back.
    pub(crate) weights: Weights,
}

/// Aligns the suspect with a member; none where one is only a sketch, or nothing can be aligned.
pub(crate) fn aligned(
    group: &Group,
    member: usize,
    suspect: &Suspect,
    options: &Options,
) -> Result<Option<Aligned>> {
    let Some((ours, theirs)) = both(group, member, suspect, options) else {
        return Ok(None);
    };
    let found = align(&theirs.tensors(), &ours.tensors())?;
    Ok(found.is_aligned().then(|| Aligned {
        member,
        moved: found.groups.iter().map(|group| group.moved()).sum(),
        units: found
            .groups
            .iter()
            .map(|group| group.permutation.len())
            .sum(),
        before: found.before,
        after: found.after,
        is_permuted: found.is_permuted(),
        breaks: found.breaks.len(),
        weights: ours.replaced(&found.aligned),
    }))
}

fn both(
    group: &Group,
    member: usize,
    suspect: &Suspect,
    options: &Options,
) -> Option<(Weights, Weights)> {
    Some((
        suspect.weights.clone()?,
        weights_of(group, member, options)?,
    ))
}
