//! The exact test by the order of hidden units, and putting them in the order of a checkpoint.

use super::suspect::{Suspect, Weights, opened, places, weights_of};
use crate::collection::{Group, Options, Single};
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use std::ops::Range;
use weightspace::compare::{Paired, Pairs};
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
    let found = if let Some(ours) = &suspect.large {
        let Some(theirs) = opened(group, member, options) else {
            return Ok(None);
        };
        let pairs = Beside::new(&theirs, ours, &group.layout);
        units::streamed::test(&pairs, options.seed)?
    } else {
        let Some((ours, theirs)) = both(group, member, suspect, options) else {
            return Ok(None);
        };
        let (a, b) = (theirs.tensors(), ours.tensors());
        units::test(&Paired::new(&a, &b)?, options.seed)?
    };
    Ok((!found.layers.is_empty()).then_some(found))
}

/// The tensors of a layout in two checkpoints that are read where they lie.
struct Beside<'a> {
    a: &'a Single,
    b: &'a Single,
    /// Names, shapes, and the places in both.
    tensors: Vec<(&'a str, Vec<usize>, [usize; 2])>,
}

impl<'a> Beside<'a> {
    fn new(a: &'a Single, b: &'a Single, layout: &'a [TensorShape]) -> Self {
        let (in_a, in_b) = (places(a), places(b));
        let tensors = layout.iter().filter_map(|tensor| {
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            let count: usize = shape.iter().product();
            let name = tensor.name.as_str();
            let ((a, all_a), (b, all_b)) = (*in_a.get(name)?, *in_b.get(name)?);
            (count <= all_a.min(all_b)).then_some((name, shape, [a, b]))
        });
        Self {
            tensors: tensors.collect(),
            a,
            b,
        }
    }
}

impl Pairs for Beside<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        self.tensors.len()
    }

    fn header(&self, pair: usize) -> (&str, &[usize]) {
        let tensor = self.tensors.get(pair);
        tensor.map_or(("", &[]), |(name, shape, _)| (name, shape))
    }

    fn read(
        &self,
        pair: usize,
        range: Range<usize>,
        look: &mut dyn FnMut(&[f32], &[f32]),
    ) -> Result<()> {
        let tensor = self.tensors.get(pair);
        let (_, _, [a, b]) = tensor.ok_or(Error::NoSuchTensor { index: pair })?;
        let a = self.a.values(*a, range.clone())?;
        look(&a, &self.b.values(*b, range)?);
        Ok(())
    }
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
