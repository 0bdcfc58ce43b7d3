//! `modeltrail diff`: two checkpoints tensor by tensor.

mod json;
mod merged;
mod sketched;
mod text;

use super::limits::Reading;
use super::{print_json, print_text};
use crate::cli::{Global, Outcome};
use crate::collection::Single;
use crate::gate::buffers::Buffers;
use crate::gate::sides::{Kept, Side};
use anyhow::{Result, ensure};
use clap::Args;
use glob::Pattern;
use serde::Serialize;
use std::path::PathBuf;
use weightspace::compare::{Comparison, Kind, Paired, compare, kind};
use weightspace::matching::{Alignment, align};

/// Relative distance from which permuted units are looked for: training moves further only in long
/// or early stretches, and permuted units are as far apart as strangers.
const FAR: f64 = 0.3;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail diff base.safetensors tuned.safetensors
  modeltrail diff epoch-1.pt epoch-2.pt --expect-frozen 'backbone.*'
  modeltrail diff one.pt merged.pt --parents two.pt three.pt
  modeltrail diff zoos/mlp-small:10/1 zoos/mlp-small:10/8 --json

Of sketches the distances have an error, and the kind of change is not told. Tensors are matched by
name and shape. Exit status: 0 = fine, 1 = a tensor that should be frozen is not,
weights are not finite, or no tensor is in both; 2 = an error.")]
pub(crate) struct Command {
    /// The checkpoint to compare with: a file, STORE:RUN/EPOCH, or FILE.json[:NAME] for a sketch.
    a: PathBuf,
    /// The checkpoint that is compared.
    b: PathBuf,
    /// Tensors that must not have changed in a single bit, weights or buffers: a glob on their names.
    /// May be repeated.
    #[arg(long, value_name = "GLOB")]
    expect_frozen: Vec<Pattern>,
    /// Other checkpoints that B may be a merge of, together with A.
    #[arg(long, value_name = "PATHS", num_args = 1..)]
    parents: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Everything that is found.
pub(crate) struct Found<'a> {
    a: &'a Single,
    b: &'a Single,
    paired: &'a Paired<'a>,
    comparison: Comparison,
    /// None when unsure, or where it cannot be told.
    kind: Option<Kind>,
    /// If it was looked for.
    alignment: Option<Alignment>,
    frozen: Vec<Frozen>,
    buffers: Buffers,
    /// If it was asked for.
    merge: Option<merged::Merge>,
}

/// A tensor that should be frozen and is not.
#[derive(Serialize)]
struct Frozen {
    tensor: String,
    /// Whether it is no weight.
    is_buffer: bool,
    why: String,
}

impl Found<'_> {
    /// Whether there is something that someone should look at.
    fn has_findings(&self) -> bool {
        !self.frozen.is_empty()
            || self.comparison.total.non_finite > 0
            || self.paired.pairs.is_empty()
    }
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let options = command.reading.options();
    let a = Side::read(&command.a, &options)?;
    let b = Side::read(&command.b, &options)?;
    let (Kept::Weights(a), Kept::Weights(b)) = (&a.kept, &b.kept) else {
        ensure!(
            command.parents.is_empty(),
            "a merge cannot be told from sketches: give the weights of A and B"
        );
        let found = sketched::find(&a, &b, &command.expect_frozen)?;
        if global.json {
            print_json(&found)?;
        } else {
            print_text(&sketched::page(&found))?;
        }
        return Ok(outcome(found.has_findings()));
    };
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
    let found = Found {
        frozen: broken(&command.expect_frozen, states)?,
        a,
        b,
        paired: &paired,
        comparison,
        kind,
        alignment,
        buffers,
        merge: (is_sound && !command.parents.is_empty())
            .then(|| merged::find(a, b, &command.parents, &options))
            .transpose()?,
    };
    if global.json {
        print_json(&json::document(&found))?;
    } else {
        print_text(&text::page(&found))?;
    }
    Ok(outcome(found.has_findings()))
}

fn outcome(has_findings: bool) -> Outcome {
    if has_findings {
        Outcome::Finding
    } else {
        Outcome::Fine
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
            "no tensor has a name like {pattern}: the table without --expect-frozen lists the names"
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
