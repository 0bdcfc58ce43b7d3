//! What changed from one checkpoint to another, tensor by tensor, and what kind of change it is.

mod json;
mod merged;
mod sketched;
mod text;

use crate::collection::{LeftOut, Options, Single};
use crate::gate::buffers::Buffers;
use crate::gate::sides::{Kept, Side};
use anyhow::{Result, ensure};
use glob::Pattern;
use serde::Serialize;
use std::path::{Path, PathBuf};
use weightspace::compare::{Comparison, Kind, Paired, compare, kind};
use weightspace::matching::{Alignment, align};

/// Relative distance from which permuted units are looked for: training moves further only in long
/// or early stretches, and permuted units are as far apart as strangers.
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
    /// None when unsure, or where it cannot be told.
    kind: Option<Kind>,
    /// If it was looked for.
    alignment: Option<Alignment>,
    frozen: Vec<Frozen>,
    buffers: Buffers,
    /// If it was asked for.
    merge: Option<merged::Merge>,
}

/// What is kept of a checkpoint that was compared.
#[derive(Debug)]
struct Summary {
    name: String,
    left_out: LeftOut,
}

impl Summary {
    fn of(single: &Single) -> Self {
        Self {
            name: single.name.clone(),
            left_out: single.left_out,
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

impl Diff {
    /// Compares two checkpoints. Tensors that match one of `frozen` must not have changed; `parents`
    /// are other checkpoints that B may be a merge of, together with A.
    ///
    /// # Errors
    /// When a checkpoint cannot be read, a pattern means no tensor, or a merge is asked for of
    /// sketches.
    pub fn find(
        a: &Path,
        b: &Path,
        frozen: &[Pattern],
        parents: &[PathBuf],
        options: &Options,
    ) -> Result<Self> {
        let a = Side::read(a, options)?;
        let b = Side::read(b, options)?;
        if let (Kept::Weights(a), Kept::Weights(b)) = (&a.kept, &b.kept) {
            let exact = Exact::find(a, b, frozen, parents, options)?;
            return Ok(Self::Exact(Box::new(exact)));
        }
        ensure!(
            parents.is_empty(),
            "a merge cannot be told from sketches: give the weights of A and B"
        );
        let sketched = sketched::find(&a, &b, frozen)?;
        Ok(Self::Sketched(Box::new(sketched)))
    }

    /// Whether there is something that someone should look at.
    pub fn has_findings(&self) -> bool {
        match self {
            Self::Exact(exact) => exact.has_findings(),
            Self::Sketched(sketched) => sketched.has_findings(),
        }
    }
}

impl std::fmt::Display for Diff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&match self {
            Self::Exact(exact) => text::page(exact),
            Self::Sketched(sketched) => sketched::page(sketched),
        })
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
    fn find(
        a: &Single,
        b: &Single,
        frozen: &[Pattern],
        parents: &[PathBuf],
        options: &Options,
    ) -> Result<Self> {
        let (tensors_a, tensors_b) = (a.tensors(), b.tensors());
        let paired = Paired::new(&tensors_a, &tensors_b)?;
        let comparison = compare(&paired);
        let is_sound = comparison.total.non_finite == 0 && comparison.total.elements > 0;
        let kind = if is_sound { kind(&paired)? } else { None };
        let is_far = comparison
            .total
            .relative()
            .is_some_and(|relative| relative >= FAR);
        let alignment = (is_sound && kind.is_none() && is_far)
            .then(|| align(&tensors_a, &tensors_b))
            .transpose()?;
        let buffers = Buffers::between(a, b);
        let mut states = states(&paired, &comparison);
        states.extend(states_of_buffers(&buffers));
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ok(Self {
            frozen: broken(frozen, states)?,
            a: Summary::of(a),
            b: Summary::of(b),
            only_a: owned(&paired.only_a),
            only_b: owned(&paired.only_b),
            reshaped: owned(&paired.reshaped),
            comparison,
            kind,
            alignment,
            buffers,
            merge: (is_sound && !parents.is_empty())
                .then(|| merged::find(a, b, parents, options))
                .transpose()?,
        })
    }

    fn has_findings(&self) -> bool {
        !self.frozen.is_empty()
            || self.comparison.total.non_finite > 0
            || self.comparison.tensors.is_empty()
    }
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

fn states<'a>(paired: &Paired<'a>, comparison: &'a Comparison) -> Vec<State<'a>> {
    let mut states: Vec<State<'_>> = Vec::new();
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
        let names = names.iter();
        states.extend(names.map(|&name| State::weights(name, Some(why.to_owned()))));
    }
    states
}

/// The tensors that a pattern means and that are not the same bits in both.
///
/// # Errors
/// When a pattern means no tensor: it would never be broken.
fn broken(patterns: &[Pattern], states: Vec<State<'_>>) -> Result<Vec<Frozen>> {
    for pattern in patterns {
        ensure!(
            states.iter().any(|state| pattern.matches(state.name)),
            "no tensor has a name like {pattern}: compare without it to see the names"
        );
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
