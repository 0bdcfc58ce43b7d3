//! What a suspect has in common with a checkpoint once streams, blocks and units are put back: of the same
//! shapes, and of others.

use super::near::{Near, by_run};
use super::suspect::{Suspect, Weights, opened, places, weights_of, whole_of};
use super::verdict::{ALIKE, ARRANGEMENTS, Grounds, is_match, is_sure};
use crate::checkpoint::Checkpoint;
use crate::collection::shared::Other;
use crate::collection::{Group, Options, Single};
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::ops::Range;
use weightspace::relation::rearranged::{Rearranged, Tensors, test};

/// Most checkpoints that a suspect is held against, the nearest of each run first.
const MOST: usize = 32;

/// What was found with one checkpoint.
#[derive(Debug)]
pub(crate) struct Arrangement {
    /// The checkpoint.
    pub(crate) name: String,
    /// Its number among the members of the group; 0 for one of other shapes.
    pub(crate) member: usize,
    pub(crate) held: Rearranged,
    /// Logarithms of the p-values, corrected for the checkpoints and the arrangements that were looked at.
    pub(crate) ln_exact: Option<f64>,
    pub(crate) ln_matched: Option<f64>,
    /// Checkpoints that it was corrected for.
    pub(crate) looked_at: usize,
    /// Checkpoints that it was held against.
    pub(crate) tried: usize,
}

impl Arrangement {
    fn new(name: String, member: usize, mut held: Rearranged) -> Self {
        // A sum of nothing is a negative zero.
        held.similarity += 0.0;
        Self {
            ln_exact: held.ln_exact,
            ln_matched: held.ln_matched,
            name,
            member,
            held,
            looked_at: 1,
            tried: 1,
        }
    }

    /// The approximate p-value, if the units that it is of are alike.
    pub(crate) fn ln_alike(&self) -> Option<f64> {
        self.ln_matched.filter(|_| self.held.similarity >= ALIKE)
    }

    /// What a relation rests on; none where there is none.
    pub(crate) fn grounds(&self) -> Option<(Grounds, f64)> {
        let exact = self.ln_exact.filter(|ln_p| is_sure(*ln_p));
        let exact = exact.map(|ln_p| (Grounds::Rearranged, ln_p));
        let matched = self.ln_alike().filter(|ln_p| is_match(*ln_p));
        exact.or_else(|| matched.map(|ln_p| (Grounds::MatchedUnits, ln_p)))
    }

    fn least(&self) -> f64 {
        let logs = [self.ln_exact, self.ln_alike()];
        logs.into_iter().flatten().fold(0.0, f64::min)
    }
}

/// The best of so many, corrected for having looked at them, and at other arrangements.
fn best(all: Vec<Arrangement>, looked_at: usize) -> Option<Arrangement> {
    let tried = all.len();
    let best = all
        .into_iter()
        .min_by(|a, b| a.least().total_cmp(&b.least()))?;
    let costs = (looked_at.max(tried) as f64).ln() + ARRANGEMENTS.ln();
    let corrected = |ln_p: Option<f64>| ln_p.map(|ln_p| (ln_p + costs).min(0.0));
    Some(Arrangement {
        ln_exact: corrected(best.ln_exact),
        ln_matched: corrected(best.ln_matched),
        looked_at: looked_at.max(tried),
        tried,
        ..best
    })
}

/// The suspect held against the nearest checkpoint of each run; none where nothing could be tested.
pub(crate) fn among(
    group: &Group,
    near: &[Near],
    (suspect, checkpoint): (&Suspect, &Checkpoint),
    is_part: bool,
    options: &Options,
) -> Result<Option<Arrangement>> {
    let mut all = Vec::new();
    for near in by_run(near).into_iter().take(MOST) {
        // What has another shape, and is not among the tensors in common, says most of what was cut.
        let whole = checkpoint.weights().filter(|_| is_part);
        let whole = whole.zip(whole_of(group, near.member, options));
        let name = group
            .members
            .get(near.member)
            .map_or("", |member| member.name.as_str());
        let held = if let Some((ours, theirs)) = &whole {
            test(&Seen::whole(theirs), &Seen::whole(ours), options.seed)?
        } else if let Some(ours) = &suspect.large {
            let Some(theirs) = opened(group, near.member, options) else {
                continue;
            };
            test(
                &Seen::laid(&theirs, &group.layout),
                &Seen::laid(ours, &group.layout),
                options.seed,
            )?
        } else {
            let theirs = weights_of(group, near.member, options);
            let (Some(ours), Some(theirs)) = (&suspect.weights, theirs) else {
                continue;
            };
            test(&Seen::here(&theirs), &Seen::here(ours), options.seed)?
        };
        if !held.layers.is_empty() {
            all.push(Arrangement::new(name.to_owned(), near.member, held));
        }
    }
    Ok(best(all, near.len()))
}

/// The suspect held against checkpoints of other shapes; none where nothing could be tested.
pub(crate) fn apart(
    suspect: &Checkpoint,
    others: &[Other],
    options: &Options,
) -> Result<Option<Arrangement>> {
    let Some(ours) = suspect.weights() else {
        return Ok(None);
    };
    let count = others.iter().map(|other| other.apart.len()).sum();
    let mut all = Vec::new();
    for one in others.iter().flat_map(|other| &other.apart).take(MOST) {
        let theirs = one.open(options)?;
        match test(&Seen::whole(&theirs), &Seen::whole(ours), options.seed) {
            Ok(held) if !held.layers.is_empty() => {
                all.push(Arrangement::new(one.name.clone(), 0, held));
            }
            Ok(_) => {}
            // It is skipped, as one of the same shapes is.
            Err(Error::Weights(weightspace::Error::NonFiniteTensor { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(best(all, count))
}

/// Tensors in memory or where they lie.
struct Seen<'a>(Vec<(&'a str, Cow<'a, [usize]>, Place<'a>)>);

enum Place<'a> {
    Here(&'a [f32]),
    There(&'a Single, usize),
}

impl<'a> Seen<'a> {
    fn here(weights: &'a Weights) -> Self {
        let tensors = weights.tensors().into_iter();
        let tensors =
            tensors.map(|one| (one.name, Cow::Borrowed(one.shape), Place::Here(one.values)));
        Self(tensors.collect())
    }

    /// Everything.
    fn whole(single: &'a Single) -> Self {
        let tensors = single.shapes().enumerate();
        let tensors = tensors.map(|(place, (name, shape))| {
            (name, Cow::Borrowed(shape), Place::There(single, place))
        });
        Self(tensors.collect())
    }

    /// As much as a layout has: of tables that grew the first rows.
    fn laid(single: &'a Single, layout: &'a [TensorShape]) -> Self {
        let known = places(single);
        let tensors = layout.iter().filter_map(|tensor| {
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            let (place, all) = *known.get(tensor.name.as_str())?;
            let is_there = shape.iter().product::<usize>() <= all;
            let name = tensor.name.as_str();
            is_there.then_some((name, Cow::Owned(shape), Place::There(single, place)))
        });
        Self(tensors.collect())
    }
}

impl Tensors for Seen<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn header(&self, tensor: usize) -> (&str, &[usize]) {
        let tensor = self.0.get(tensor);
        tensor.map_or(("", &[]), |(name, shape, _)| (name, shape))
    }

    fn read(&self, tensor: usize, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let (_, _, place) = self
            .0
            .get(tensor)
            .ok_or(Error::NoSuchTensor { index: tensor })?;
        match place {
            Place::Here(values) => Ok(Cow::Borrowed(values.get(range).unwrap_or_default())),
            Place::There(single, place) => single.values(*place, range),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
