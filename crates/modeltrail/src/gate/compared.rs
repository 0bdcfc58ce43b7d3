//! Both checkpoints brought to the same tensors, and what only one of them has.

use super::measured::{Measured, of_pairs, of_sketches};
use crate::checkpoint::Checkpoint;
use crate::coverage::NotCompared;
use crate::error::{Error, Result};
use crate::mapping::{Alike, LEAST_SHARE, Map, Mapping, Said, Unreads, alike, sketches};
use crate::printable::printable;
use std::borrow::Cow;
use std::collections::BTreeMap;
use weightspace::sketch::Sketch;

/// Both checkpoints, as far as they can be compared.
pub(super) enum Compared<'a> {
    /// All weights of both.
    Weights {
        both: Box<Alike<'a>>,
        differences: Vec<String>,
    },
    /// At least one is only a sketch.
    Sketches {
        both: Box<(Cow<'a, Sketch>, Cow<'a, Sketch>)>,
        said: Option<Said>,
    },
}

impl<'a> Compared<'a> {
    /// Brings them to the same tensors.
    ///
    /// # Errors
    /// When less than half of the weights of the larger one are in both; when one is only a sketch,
    /// and they do not have the same tensors.
    pub(super) fn of(
        accredited: &'a Checkpoint,
        candidate: &'a Checkpoint,
        map: &Map,
    ) -> Result<Self> {
        let unread = Unreads::of(accredited, candidate);
        let refused = |differences| Error::DifferentTensors {
            checkpoint: candidate.name().to_owned(),
            reference: accredited.name().to_owned(),
            differences,
        };
        if accredited.is_sketch() || candidate.is_sketch() {
            let (a, b, said) = sketches(accredited, candidate, map)?;
            let differences = of_names(&shapes(&a), &shapes(&b), &unread);
            if !differences.is_empty() {
                return Err(refused(differences));
            }
            return Ok(Self::Sketches {
                both: Box::new((a, b)),
                said,
            });
        }
        let both = alike(accredited, candidate, map)?;
        let differences = differences(accredited, candidate, &both, &unread);
        let is_little = both.mapping.share() < LEAST_SHARE;
        if is_little && !differences.is_empty() && !both.mapping.is_ambiguous() {
            return Err(refused(differences));
        }
        Ok(Self::Weights {
            both: Box::new(both),
            differences,
        })
    }

    /// What moved.
    ///
    /// # Errors
    /// When values are not finite.
    pub(super) fn measure(&self) -> Result<Measured> {
        match self {
            Self::Weights { both, .. } => of_pairs(both),
            Self::Sketches { both, .. } => of_sketches(&both.0, &both.1),
        }
    }

    pub(super) fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Weights { both, .. } => Some(&both.mapping),
            Self::Sketches { .. } => None,
        }
    }

    /// Whether all weights of both are compared.
    pub(super) fn is_whole(&self) -> bool {
        self.mapping().is_none_or(Mapping::is_whole)
    }

    pub(super) fn not_compared(&self) -> Vec<NotCompared> {
        match self {
            Self::Weights { both, .. } => both.not_compared.clone(),
            Self::Sketches { .. } => Vec::new(),
        }
    }

    /// Tensors that only one has, or in another shape, each in a few words.
    pub(super) fn differences(&self) -> Vec<String> {
        match self {
            Self::Weights { differences, .. } => differences.clone(),
            Self::Sketches { .. } => Vec::new(),
        }
    }

    pub(super) fn into_said(self) -> Said {
        match self {
            Self::Weights { both, .. } => both.said,
            Self::Sketches { said, .. } => said.unwrap_or_default(),
        }
    }
}

/// Tensors that only one has, or in another shape or with other rows.
fn differences(
    accredited: &Checkpoint,
    candidate: &Checkpoint,
    both: &Alike<'_>,
    unread: &Unreads<'_>,
) -> Vec<String> {
    let (own, others) = (accredited.shapes(), candidate.shapes());
    let mut all = Vec::new();
    let missing = both.only_a(unread);
    all.extend(
        missing
            .iter()
            .map(|name| format!("{} is missing", printable(name))),
    );
    all.extend(both.reshaped().iter().filter_map(|name| {
        let (own, other) = (own.get(name.as_str())?, others.get(name.as_str())?);
        Some(format!("{} is {other:?} and not {own:?}", printable(name)))
    }));
    let new = both.only_b(unread);
    all.extend(new.iter().map(|name| format!("{} is new", printable(name))));
    let exchanged = both.said.in_another_order();
    all.extend(exchanged.map(|tensor| format!("{}, in another order of layers", tensor.called())));
    all.extend(both.said.tensors.iter().filter_map(|tensor| {
        let [own, other] = tensor.rows?;
        let name = printable(&tensor.a);
        Some(format!("{name} has {other} rows and not {own}"))
    }));
    all
}

type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

fn shapes(sketch: &Sketch) -> Shapes<'_> {
    let tensors = sketch.tensors.iter();
    tensors
        .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
        .collect()
}

/// In what two sketches differ. A tensor that could not be read in one is no difference: nothing is
/// known of it.
fn of_names(own: &Shapes<'_>, others: &Shapes<'_>, unread: &Unreads<'_>) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, shape) in own {
        match others.get(name) {
            None if unread.has(name, None) => {}
            None => differences.push(format!("{} is missing", printable(name))),
            Some(other) if other != shape => differences.push(format!(
                "{} is {other:?} and not {shape:?}",
                printable(name)
            )),
            Some(_) => {}
        }
    }
    let more = others.keys();
    let more = more.filter(|name| !own.contains_key(*name) && !unread.has(name, None));
    differences.extend(more.map(|name| format!("{} is new", printable(name))));
    differences
}
