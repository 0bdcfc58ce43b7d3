//! What changed from one checkpoint to another, tensor by tensor, and what kind of change it is.

mod json;
mod merged;
mod sketched;
mod text;

pub use glob::Pattern;

use crate::checkpoint::{Applied, Buffers, Checkpoint, is_same_beyond_f32};
use crate::collection::LeftOut;
use crate::coverage::{Coverage, Unread};
use crate::error::{Error, Result};
use crate::text::Shown;
use serde::Serialize;
use weightspace::compare::{Comparison, Kind, Paired, compare, kind};
use weightspace::matching::{Alignment, align};

/// Relative distance from which permuted units are looked for: training moves further only in long
/// or early stretches, and permuted units are as far apart as unrelated models.
const FAR: f64 = 0.3;

/// What is asked beyond what changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiffOptions<'a> {
    /// Tensors that match one of these must not have changed.
    pub frozen: &'a [Pattern],
    /// Other checkpoints that B may be a merge of, together with A.
    pub parents: &'a [Checkpoint],
}

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
    /// If it was looked for.
    alignment: Option<Alignment>,
    frozen: Vec<Frozen>,
    buffers: Buffers,
    coverage: Coverage,
    /// If it was asked for.
    merge: Option<merged::Merge>,
    /// Whether one side is the other with what an adapter adds: B, or else A.
    onto: Option<bool>,
}

/// What kind of change it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Verdict {
    /// It is of this kind.
    Kind(Kind),
    /// Tensors could not be read, and nothing is said of the rest alone.
    CannotTell(CannotTell),
}

/// As it stands in JSON, where every verdict has a `kind`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum CannotTell {
    CannotTell,
}

/// What is kept of a checkpoint that was compared.
#[derive(Debug)]
struct Summary {
    name: String,
    left_out: LeftOut,
    /// If it is an adapter, or holds one.
    adapter: Option<Applied>,
}

impl Summary {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            name: checkpoint.name().to_owned(),
            left_out: checkpoint.left_out(),
            adapter: checkpoint.applied(),
        }
    }
}

/// A tensor that should be frozen and is not.
#[derive(Debug, Serialize)]
struct Frozen {
    tensor: String,
    /// Whether it is no weight.
    is_buffer: bool,
    why: String,
}

/// Compares two checkpoints.
///
/// ```
/// use modeltrail::diff::DiffOptions;
/// use modeltrail::{Checkpoint, Tensors};
///
/// # fn main() -> modeltrail::Result<()> {
/// let (mut a, mut b) = (Tensors::new(), Tensors::new());
/// a.add("weight", &[2, 2], [1.0, 2.0, 3.0, 4.0])?;
/// b.add("weight", &[2, 2], [1.0, 0.0, 3.0, 4.0])?;
/// let a = Checkpoint::from_source("a", &a)?;
/// let b = Checkpoint::from_source("b", &b)?;
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
        let sketched = sketched::find(a, b, options.frozen)?;
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
            Self::Exact(exact) => matches!(exact.verdict, Some(Verdict::CannotTell(_))),
            Self::Sketched(sketched) => !sketched.coverage.is_complete(),
        }
    }

    /// The answer for people: all tensors, or of many those that changed most.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        match self {
            Self::Exact(exact) => text::page(exact, shown),
            Self::Sketched(sketched) => sketched::page(sketched, shown),
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

impl std::fmt::Display for Diff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

impl Serialize for Diff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(exact) => json::document(exact).serialize(serializer),
            Self::Sketched(sketched) => sketched.serialize(serializer),
        }
    }
}

impl Exact {
    fn find(a: &Checkpoint, b: &Checkpoint, options: &DiffOptions<'_>) -> Result<Self> {
        let (Some(tensors_a), Some(tensors_b)) = (a.tensors(), b.tensors()) else {
            return Err(Error::SketchOnly);
        };
        let mut coverage = a.coverage();
        coverage.add(&b.coverage());
        let paired = Paired::new(&tensors_a, &tensors_b)?;
        let comparison = compare(&paired);
        let is_sound = comparison.total.non_finite == 0 && comparison.total.elements > 0;
        let verdict = if is_sound {
            let is_same = is_same_beyond_f32(a, b) == Some(true);
            verdict(&paired, &comparison, coverage.is_complete(), is_same)?
        } else {
            None
        };
        let is_far = comparison
            .total
            .relative()
            .is_some_and(|relative| relative >= FAR);
        let alignment = (is_sound && verdict.is_none() && is_far)
            .then(|| align(&tensors_a, &tensors_b))
            .transpose()?;
        let buffers = Buffers::between(a, b);
        let frozen = {
            let mut states = states(&paired, &comparison, &coverage.unread);
            states.extend(states_of_buffers(&buffers));
            broken(options.frozen, states)?
        };
        Ok(Self {
            frozen,
            a: Summary::of(a),
            b: Summary::of(b),
            only_a: without_unread(&paired.only_a, &coverage.unread),
            only_b: without_unread(&paired.only_b, &coverage.unread),
            reshaped: without_unread(&paired.reshaped, &[]),
            verdict,
            comparison,
            alignment,
            buffers,
            coverage,
            merge: (is_sound && !options.parents.is_empty())
                .then(|| merged::find(a, b, options.parents))
                .transpose()?,
            onto: None,
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
        !self.frozen.is_empty()
            || self.comparison.total.non_finite > 0
            || self.comparison.tensors.is_empty()
    }
}

/// What kind of change it is; none if it is none of those that are looked for. `is_same` says that
/// also the bytes of what could not be read are known to be the same, and all digits beyond f32.
fn verdict(
    paired: &Paired<'_>,
    comparison: &Comparison,
    is_complete: bool,
    is_same: bool,
) -> Result<Option<Verdict>> {
    let unpaired = paired.only_a.len() + paired.only_b.len() + paired.reshaped.len();
    if comparison.total.identical() && !(is_complete && is_same) {
        return Ok(Some(if is_same && unpaired == 0 {
            Verdict::Kind(Kind::Identical)
        } else {
            Verdict::CannotTell(CannotTell::CannotTell)
        }));
    }
    if !is_complete {
        return Ok(Some(Verdict::CannotTell(CannotTell::CannotTell)));
    }
    Ok(kind(paired)?.map(Verdict::Kind))
}

/// Whether two names are the same but for what stands before one of them.
fn is_same_end(a: &str, b: &str) -> bool {
    let is_end = |long: &str, short: &str| {
        let rest = long.strip_suffix(short);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_end(a, b) || is_end(b, a)
}

/// Names of tensors, but those that one checkpoint has and could not be read.
fn without_unread(names: &[&str], unread: &[Unread]) -> Vec<String> {
    let is_unread = |name: &str| unread.iter().any(|tensor| tensor.tensor == name);
    let names = names.iter().filter(|name| !is_unread(name));
    names.map(|&name| name.to_owned()).collect()
}

/// A tensor, and why it is not the same bits in both.
struct State<'a> {
    name: &'a str,
    is_buffer: bool,
    why: Option<String>,
}

impl<'a> State<'a> {
    fn weights(name: &'a str, why: Option<String>) -> Self {
        Self {
            name,
            is_buffer: false,
            why,
        }
    }
}

fn states_of_buffers(buffers: &Buffers) -> impl Iterator<Item = State<'_>> {
    buffers.names.iter().map(|name| State {
        name,
        is_buffer: true,
        why: buffers
            .changed
            .iter()
            .find(|one| one.buffer == *name)
            .map(|one| one.why.clone()),
    })
}

fn states<'a>(
    paired: &Paired<'a>,
    comparison: &'a Comparison,
    unread: &'a [Unread],
) -> Vec<State<'a>> {
    let mut states: Vec<State<'_>> = states_of_unread(unread).collect();
    for tensor in &comparison.tensors {
        let changed = tensor.change.changed;
        let why = format!("{changed} of {} values changed", tensor.change.elements);
        states.push(State::weights(&tensor.name, (changed > 0).then_some(why)));
    }
    let unpaired = [
        (&paired.only_a, "only A has it"),
        (&paired.only_b, "only B has it"),
        (&paired.reshaped, "its shape changed"),
    ];
    for (names, why) in unpaired {
        let is_read = |name: &str| unread.iter().all(|tensor| tensor.tensor != name);
        let names = names.iter().filter(|name| is_read(name));
        states.extend(names.map(|&name| State::weights(name, Some(why.to_owned()))));
    }
    states
}

/// Of a tensor that could not be read nobody knows whether it changed.
fn states_of_unread(unread: &[Unread]) -> impl Iterator<Item = State<'_>> {
    unread.iter().map(|tensor| {
        let why = format!("it could not be read: {}, {}", tensor.dtype, tensor.reason);
        State::weights(&tensor.tensor, Some(why))
    })
}

/// The tensors that a pattern means and that are not the same bits in both.
///
/// # Errors
/// When a pattern means no tensor: it would never be broken.
fn broken(patterns: &[Pattern], states: Vec<State<'_>>) -> Result<Vec<Frozen>> {
    for pattern in patterns {
        if !states.iter().any(|state| pattern.matches(state.name)) {
            return Err(Error::NoTensorMatches {
                pattern: pattern.to_string(),
            });
        }
    }
    let meant = states
        .into_iter()
        .filter(|state| patterns.iter().any(|pattern| pattern.matches(state.name)));
    Ok(meant
        .filter_map(|state| {
            Some(Frozen {
                tensor: state.name.to_owned(),
                is_buffer: state.is_buffer,
                why: state.why?,
            })
        })
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
