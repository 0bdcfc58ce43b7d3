//! Two checkpoints of which at least one is only a sketch.
//!
//! Norms and counts are exact, and so is whether a tensor changed at all; distances have an error,
//! and the kind of change is not known.

pub(super) mod text;

use super::lines::SCHEMA;
use super::options::DiffOptions;
use super::states::{Frozen, State, broken, states_of_unread};
use crate::checkpoint::Checkpoint;
use crate::coverage::{Coverage, LeftOut, Unread};
use crate::error::Result;
use crate::mapping::{Said, sketches};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use weightspace::sketch::{
    Parameters, Sketch, TensorSketch, distance, relative_error, tensor_distances,
};

/// What is known of the change from A to B: the JSON document of sketches.
#[derive(Debug, Serialize)]
pub struct Sketched {
    schema: &'static str,
    from_sketches: bool,
    a: Named,
    b: Named,
    total: Row,
    tensors: Vec<Row>,
    only_a: Vec<String>,
    only_b: Vec<String>,
    reshaped: Vec<String>,
    /// `identical`, `cannot_tell` if tensors could not be read, or none: sketches do not say which
    /// kind of change it is.
    verdict: Option<&'static str>,
    not_frozen: Vec<Frozen>,
    not_finite: Vec<NotFinite>,
    pub(super) coverage: Coverage,
    /// How tensors of other names were matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Said>,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    left_out: LeftOut,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    shape: Vec<usize>,
    elements: u64,
    /// None where the sketches have no part for each tensor.
    distance: Option<f64>,
    /// Relative standard error of the distance, at most.
    error: f64,
    norm_a: f64,
    norm_b: f64,
    relative_distance: Option<f64>,
    norm_change: Option<f64>,
    frozen: bool,
}

#[derive(Debug, Clone, Serialize)]
struct NotFinite {
    checkpoint: &'static str,
    tensor: String,
    values: u64,
}

impl Row {
    fn new(name: &str, distance: Option<f64>, norms: (f64, f64), error: f64, frozen: bool) -> Self {
        let over = |part: f64| (norms.0 > 0.0).then(|| part / norms.0);
        Self {
            name: name.to_owned(),
            shape: Vec::new(),
            elements: 0,
            distance,
            error: if frozen { 0.0 } else { error },
            norm_a: norms.0,
            norm_b: norms.1,
            relative_distance: distance.and_then(over),
            norm_change: over(norms.1 - norms.0),
            frozen,
        }
    }
}

impl Sketched {
    /// Whether there is something that someone should look at.
    pub(super) fn has_findings(&self) -> bool {
        !self.not_frozen.is_empty() || !self.not_finite.is_empty() || self.tensors.is_empty()
    }
}

/// Compares what two sketches have in common.
///
/// # Errors
/// When they were not made alike, or a pattern means no tensor.
pub(super) fn find(a: &Checkpoint, b: &Checkpoint, options: &DiffOptions<'_>) -> Result<Sketched> {
    let mut coverage = a.coverage();
    coverage.add(&b.coverage());
    let (whole_a, whole_b, said) = sketches(a, b, &options.map)?;
    let (ours, theirs) = (by_name(&whole_a), by_name(&whole_b));
    let mut only_a = Vec::new();
    let mut reshaped = Vec::new();
    let mut common: Vec<&str> = Vec::new();
    for tensor in &whole_a.tensors {
        match theirs.get(tensor.name.as_str()) {
            None => only_a.push(tensor.name.as_str()),
            Some(other) if other.shape != tensor.shape => reshaped.push(tensor.name.clone()),
            Some(_) => common.push(&tensor.name),
        }
    }
    let new = whole_b.tensors.iter().map(|tensor| &tensor.name);
    let new = new.map(String::as_str);
    let only_b: Vec<&str> = new.filter(|name| !ours.contains_key(name)).collect();
    let only_b = without_unread(&only_b, &coverage.unread);
    let only_a = without_unread(&only_a, &coverage.unread);
    let not_finite = [not_finite(a, "a")?, not_finite(b, "b")?].concat();
    let (part_a, part_b) = (reduced(&whole_a, &common), reduced(&whole_b, &common));
    let tensors = if not_finite.is_empty() && !common.is_empty() {
        rows(&part_a, &part_b)?
    } else {
        Vec::new()
    };
    let is_whole = common.len() == whole_a.tensors.len() && common.len() == whole_b.tensors.len();
    let total = total(&tensors, is_whole.then_some((&*whole_a, &*whole_b)))?;
    let mut states: Vec<State<'_>> = tensors
        .iter()
        .map(|row| {
            let why = (!row.frozen).then(|| "its fingerprint changed".to_owned());
            State::weights(&row.name, why)
        })
        .chain(states_of_unread(&coverage.unread))
        .collect();
    let unpaired = [
        (&only_a, "only A has it"),
        (&only_b, "only B has it"),
        (&reshaped, "its shape changed"),
    ];
    for (names, why) in unpaired {
        states.extend(
            names
                .iter()
                .map(|name| State::weights(name, Some(why.to_owned()))),
        );
    }
    for bad in &not_finite {
        let why = format!("{} values are NaN or infinite", bad.values);
        states.push(State::weights(&bad.tensor, Some(why)));
    }
    let not_frozen = broken(options.frozen, states)?;
    let is_identical = is_whole && total.frozen && not_finite.is_empty();
    let named = |checkpoint: &Checkpoint| Named {
        name: checkpoint.name().to_owned(),
        left_out: checkpoint.left_out(),
    };
    Ok(Sketched {
        schema: SCHEMA,
        from_sketches: true,
        a: named(a),
        b: named(b),
        total,
        tensors,
        only_a,
        only_b,
        reshaped,
        verdict: match (coverage.is_complete(), is_identical) {
            (false, _) => Some("cannot_tell"),
            (true, true) => Some("identical"),
            (true, false) => None,
        },
        not_frozen,
        not_finite,
        coverage,
        mapping: said,
    })
}

fn not_finite(checkpoint: &Checkpoint, which: &'static str) -> Result<Vec<NotFinite>> {
    let bad = checkpoint.not_finite()?.into_iter();
    let bad = bad.map(|(tensor, values)| NotFinite {
        checkpoint: which,
        tensor,
        values,
    });
    Ok(bad.collect())
}

/// Names of tensors, but those that one checkpoint has and could not be read.
fn without_unread(names: &[&str], unread: &[Unread]) -> Vec<String> {
    let is_unread = |name: &str| unread.iter().any(|tensor| tensor.tensor == name);
    let names = names.iter().filter(|name| !is_unread(name));
    names.map(|&name| name.to_owned()).collect()
}

fn by_name(sketch: &Sketch) -> BTreeMap<&str, &TensorSketch> {
    let tensors = sketch.tensors.iter();
    tensors
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect()
}

/// With the parts of these tensors alone; only these mean anything then.
fn reduced<'a>(sketch: &'a Sketch, names: &[&str]) -> Cow<'a, Sketch> {
    if names.len() == sketch.tensors.len() {
        return Cow::Borrowed(sketch);
    }
    let mut reduced = sketch.clone();
    reduced
        .tensors
        .retain(|tensor| names.contains(&tensor.name.as_str()));
    Cow::Owned(reduced)
}

fn rows(a: &Sketch, b: &Sketch) -> Result<Vec<Row>> {
    let known = by_name(a);
    let error = errors(a.parameters).1;
    let apart = tensor_distances(a, b)?;
    let rows = apart.into_iter().map(|tensor| {
        let norms = (tensor.norm_a, tensor.norm_b);
        let mut row = Row::new(
            &tensor.name,
            tensor.distance,
            norms,
            error,
            tensor.identical,
        );
        if let Some(own) = known.get(tensor.name.as_str()) {
            row.shape.clone_from(&own.shape);
            row.elements = own.elements;
        }
        row
    });
    Ok(rows.collect())
}

/// All tensors in common: from the sketches of everything, if that is what they have in common.
fn total(rows: &[Row], whole: Option<(&Sketch, &Sketch)>) -> Result<Row> {
    let frozen = rows.iter().all(|row| row.frozen);
    let (all, each) = errors(Parameters::default());
    let norm = |of: fn(&Row) -> f64| rows.iter().fold(0.0, |sum: f64, row| sum.hypot(of(row)));
    let norms = (norm(|row| row.norm_a), norm(|row| row.norm_b));
    let (apart, error) = match whole {
        Some((a, b)) if !frozen => (Some(distance(a, b)?), all),
        _ => {
            let parts = rows.iter().map(|row| row.distance);
            let parts = parts.collect::<Option<Vec<f64>>>();
            let sum = parts.map(|parts| parts.into_iter().fold(0.0, f64::hypot));
            (sum, each)
        }
    };
    let mut row = Row::new("", apart, norms, error, frozen);
    row.elements = rows.iter().map(|row| row.elements).sum();
    Ok(row)
}

/// Relative standard errors, at most, of the distance of all and of one tensor: the bounds of
/// `docs/sketch.md`.
fn errors(parameters: Parameters) -> (f64, f64) {
    let [all, part] = [parameters.dimensions, parameters.tensor_dimensions].map(relative_error);
    (all, all.hypot(part))
}
