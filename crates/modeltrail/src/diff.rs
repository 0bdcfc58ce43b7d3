//! What changed from one checkpoint to another, tensor by tensor, and what kind of change it is.

pub(crate) mod described;
mod json;
mod lines;
mod merged;
mod options;
mod rounding;
mod sketched;
mod states;
mod text;
mod verdict;

pub use glob::Pattern;
pub use options::DiffOptions;

use crate::checkpoint::{Applied, Buffers, Checkpoint};
use crate::coverage::{Coverage, LeftOut, NotCompared};
use crate::error::{Error, Result};
use crate::mapping::{Alike, ComparedBytes, LEAST_SHARE, Said, Unreads, alike};
use rounding::{Rounded, rounded};
use states::{Frozen, broken, states, states_of_buffers};
use verdict::{Verdict, verdict};
use weightspace::compare::itself::{Itself, itself};
use weightspace::compare::{Comparison, Kind, compare};
use weightspace::matching::{Alignment, Break, align};

/// Relative distance from which permuted units are looked for: training moves further only in long
/// or early stretches, and permuted units are as far apart as unrelated models.
const FAR: f64 = 0.3;

/// What changed from A to B.
#[derive(Debug)]
pub enum Diff {
    /// All weights were compared.
    Exact(Box<Exact>),
    /// At least one side is only a sketch.
    Sketched(Box<sketched::Sketched>),
}

/// Everything that is found in the weights.
#[derive(Debug)]
pub struct Exact {
    a: Summary,
    b: Summary,
    comparison: Comparison,
    only_a: Vec<String>,
    only_b: Vec<String>,
    reshaped: Vec<String>,
    /// None where it is none of the kinds that are looked for.
    verdict: Option<Verdict>,
    /// Whether both are the same to the rounding of their types, where that can be asked.
    rounded: Option<Rounded>,
    /// What B is by itself, where the verdict does not say it.
    itself: Itself,
    /// If it was looked for.
    alignment: Option<Alignment>,
    /// Bytes of memory that looking for it would take, if that is more than there may be.
    not_aligned: Option<u64>,
    frozen: Vec<Frozen>,
    buffers: Buffers,
    coverage: Coverage,
    /// How tensors were matched.
    said: Said,
    /// Whether some have other names in B.
    is_renamed: bool,
    /// Share of the weights of the larger one that both have.
    share: f64,
    bytes: ComparedBytes,
    /// If it was asked for.
    merge: Option<merged::Merge>,
    /// Bytes of memory that fitting B by parents would take, if that is more than there may be.
    not_fitted: Option<u64>,
    /// Whether one side is the other with what an adapter adds: B, or else A.
    onto: Option<bool>,
}

/// What is kept of a checkpoint that was compared.
#[derive(Debug)]
struct Summary {
    name: String,
    left_out: LeftOut,
    /// The type that most of its weights are stored in, if it is known.
    stored_as: Option<String>,
    /// If it is an adapter, or holds one.
    adapter: Option<Applied>,
}

impl Summary {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            name: checkpoint.name().to_owned(),
            left_out: checkpoint.left_out(),
            stored_as: checkpoint.stored_as(),
            adapter: checkpoint.applied(),
        }
    }
}

/// Compares two checkpoints.
///
/// ```
/// use modeltrail::diff::DiffOptions;
/// use modeltrail::collection::Options;
/// use modeltrail::{Checkpoint, Tensors};
/// use std::sync::Arc;
///
/// # fn main() -> modeltrail::Result<()> {
/// let (mut a, mut b) = (Tensors::new(), Tensors::new());
/// a.add("weight", &[2, 2], [1.0, 2.0, 3.0, 4.0])?;
/// b.add("weight", &[2, 2], [1.0, 0.0, 3.0, 4.0])?;
/// let a = Checkpoint::from_source("a", Arc::new(a), &Options::default())?;
/// let b = Checkpoint::from_source("b", Arc::new(b), &Options::default())?;
/// let diff = modeltrail::diff(&a, &b, &DiffOptions::default())?;
/// assert!(diff.to_string().contains("pruned: 1 weights (25.0 %) became zero"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When a pattern matches no tensor, or a merge is asked for of sketches.
pub fn diff(a: &Checkpoint, b: &Checkpoint, options: &DiffOptions<'_>) -> Result<Diff> {
    if a.is_sketch() || b.is_sketch() {
        if !options.parents.is_empty() {
            return Err(Error::SketchOnly);
        }
        let sketched = sketched::find(a, b, options)?;
        return Ok(Diff::Sketched(Box::new(sketched)));
    }
    // Of an adapter and a model, the model is compared with what the adapter makes of it.
    if let Some(merged) = b.onto(a)? {
        let mut exact = Exact::find(a, &merged, options)?;
        exact.is_onto(&merged, true);
        return Ok(Diff::Exact(Box::new(exact)));
    }
    if let Some(merged) = a.onto(b)? {
        let mut exact = Exact::find(&merged, b, options)?;
        exact.is_onto(&merged, false);
        return Ok(Diff::Exact(Box::new(exact)));
    }
    let exact = Exact::find(a, b, options)?;
    Ok(Diff::Exact(Box::new(exact)))
}

impl Diff {
    /// Whether there is something that someone should look at.
    pub fn has_findings(&self) -> bool {
        match self {
            Self::Exact(exact) => exact.has_findings(),
            Self::Sketched(sketched) => sketched.has_findings(),
        }
    }

    /// Whether the kind of change is not known, since something could not be read.
    pub fn is_undecided(&self) -> bool {
        match self {
            Self::Exact(exact) => exact.is_undecided(),
            Self::Sketched(sketched) => !sketched.coverage.is_complete(),
        }
    }

    /// How much of both checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        match self {
            Self::Exact(exact) => &exact.coverage,
            Self::Sketched(sketched) => &sketched.coverage,
        }
    }
}

impl Exact {
    fn find(a: &Checkpoint, b: &Checkpoint, options: &DiffOptions<'_>) -> Result<Self> {
        let alike = alike(a, b, &options.map)?;
        let unread = Unreads::of(a, b);
        let (only_a, only_b) = (alike.only_a(&unread), alike.only_b(&unread));
        let mut coverage = a.coverage();
        coverage.add(&b.coverage());
        let is_known = |tensor: &&NotCompared| !unread.has(&tensor.tensor, None);
        let not_compared = alike.not_compared.iter().filter(is_known);
        coverage.not_compared.extend(not_compared.cloned());
        let bytes = ComparedBytes::between(a, b, Some(&alike.mapping));
        let comparison = alike.within_memory(|| compare(&alike))?;
        let is_sound = comparison.total.non_finite == 0 && comparison.total.elements > 0;
        let verdict = if is_sound {
            alike.within_memory(|| verdict(&alike, &comparison, &bytes))?
        } else {
            None
        };
        let rounded = if is_sound && !comparison.total.identical() {
            alike.within_memory(|| rounded((a, b), &alike, &comparison))?
        } else {
            None
        };
        let is_plain = matches!(
            verdict,
            Some(Verdict::Kind(
                Kind::Identical | Kind::Quantised { .. } | Kind::Pruned { .. }
            ))
        );
        let itself = if is_sound && !is_plain {
            alike.within_memory(|| itself(&alike, &comparison))?
        } else {
            Itself::default()
        };
        let is_far = comparison
            .total
            .relative()
            .is_some_and(|relative| relative >= FAR);
        let (mut alignment, mut not_aligned) = (None, None);
        if is_sound && verdict.is_none() && is_far {
            // Units are looked for in all layers at once.
            let (needed, most) = alike.bytes();
            if needed <= most {
                let whole = alike.whole()?;
                let found = align(&whole.a(), &whole.b())?;
                alignment = Some(with_breaks(found, &alike, &only_a, &only_b));
            } else {
                not_aligned = Some(needed);
            }
        }
        let (mut merge, mut not_fitted) = (None, None);
        if is_sound && !options.parents.is_empty() {
            // All of them are held, and those of a pair are two.
            let (both, most) = alike.bytes();
            let needed = (both / 2).saturating_mul(2 + options.parents.len() as u64);
            if needed <= most {
                merge = Some(merged::find((a, b), &alike, options)?);
            } else {
                not_fitted = Some(needed);
            }
        }
        let buffers = Buffers::between(a, b, Some(&alike.mapping));
        let frozen = {
            let apart = [
                (only_a.as_slice(), "only A has it"),
                (only_b.as_slice(), "only B has it"),
                (alike.reshaped(), "its shape changed"),
            ];
            let mut states = states(&comparison, &apart, &bytes, &coverage.unread);
            states.extend(states_of_buffers(&buffers));
            broken(options.frozen, states)?
        };
        Ok(Self {
            frozen,
            a: Summary::of(a),
            b: Summary::of(b),
            reshaped: alike.reshaped().to_vec(),
            only_a,
            only_b,
            verdict,
            rounded,
            itself,
            alignment,
            not_aligned,
            buffers,
            coverage,
            is_renamed: alike.mapping.is_renamed(),
            share: alike.mapping.share(),
            said: alike.said.clone(),
            bytes,
            merge,
            not_fitted,
            onto: None,
            comparison,
        })
    }

    /// Notes that one side is the other with what an adapter adds to it. What kind of change that is
    /// does not have to be found in the weights.
    fn is_onto(&mut self, merged: &Checkpoint, is_b: bool) {
        self.onto = Some(is_b);
        let Some(adapter) = merged.adapter() else {
            return;
        };
        let changed = self.comparison.tensors.iter();
        let changed = changed.filter(|tensor| !tensor.change.identical());
        let is_matrix = |shape: &[usize]| shape.len() > 1;
        let is_all = self.only_a.is_empty() && self.only_b.is_empty() && self.reshaped.is_empty();
        let is_added = |name: &str| adapter.added.values().any(|to| is_same_end(to, name));
        let are_added = changed
            .clone()
            .all(|tensor| is_added(&tensor.name) && is_matrix(&tensor.shape));
        let is_sound = self.comparison.total.non_finite == 0 && self.coverage.is_complete();
        if is_sound && is_all && are_added && changed.clone().count() > 0 {
            self.verdict = Some(Verdict::Kind(Kind::LowRank {
                rank: usize::try_from(adapter.rank).unwrap_or(usize::MAX),
                tensors: changed.count(),
                energy: 1.0,
            }));
            self.alignment = None;
        }
    }

    fn has_findings(&self) -> bool {
        let is_nothing = self.comparison.tensors.is_empty() && self.said.ambiguous.is_empty();
        !self.frozen.is_empty()
            || self.comparison.total.non_finite > 0
            || is_nothing
            || !self.said.reordered.is_empty()
            || self.is_other_architecture()
    }

    /// Whether so little is in both that nothing can be said of the whole.
    fn is_other_architecture(&self) -> bool {
        self.share < LEAST_SHARE && self.said.ambiguous.is_empty() && self.coverage.is_complete()
    }

    fn is_undecided(&self) -> bool {
        let is_unsure = self.comparison.tensors.is_empty() && !self.said.ambiguous.is_empty();
        is_unsure || self.verdict.as_ref().is_some_and(Verdict::is_undecided)
    }
}

/// With the tensors that could not be aligned since only one has them.
fn with_breaks(
    mut alignment: Alignment,
    alike: &Alike<'_>,
    only_a: &[String],
    only_b: &[String],
) -> Alignment {
    let apart = only_a.iter().chain(only_b).chain(alike.reshaped());
    alignment.breaks.extend(apart.map(|tensor| Break {
        tensor: tensor.clone(),
        why: "only one has it, or the shapes differ".to_owned(),
    }));
    alignment
}

/// Whether two names are the same but for what stands before one of them.
fn is_same_end(a: &str, b: &str) -> bool {
    let is_end = |long: &str, short: &str| {
        let rest = long.strip_suffix(short);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_end(a, b) || is_end(b, a)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
