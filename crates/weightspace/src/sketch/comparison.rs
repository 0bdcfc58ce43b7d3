//! Distances between sketches.

use std::collections::HashMap;

use nalgebra::DMatrix;

use super::kept::{Sketch, TensorSketch, VERSION};
use crate::Error;

/// The distance of two checkpoints, from their sketches.
///
/// Within a relative standard error of [`relative_error`](super::relative_error).
///
/// # Errors
/// [`Error::SketchesDiffer`] unless both were made alike and have the same tensors, in any order;
/// [`Error::NonFiniteTensor`].
pub fn distance(a: &Sketch, b: &Sketch) -> Result<f64, Error> {
    check(&[a, b])?;
    Ok(crate::distance::distance(&a.values, &b.values))
}

/// Sketches as points: one column per sketch, shape (dimensions, sketches).
///
/// Distances between columns are distances of checkpoints within
/// [`relative_error`](super::relative_error), and inner products within √(2/dimensions) of the
/// product of the norms, so whatever works on weights works on these.
///
/// # Errors
/// As [`distance`]; [`Error::TooFewCheckpoints`] if there is no sketch.
pub fn matrix(sketches: &[&Sketch]) -> Result<DMatrix<f32>, Error> {
    check(sketches)?;
    let dimensions = sketches.first().map_or(0, |first| first.values.len());
    let values = sketches
        .iter()
        .flat_map(|sketch| sketch.values.iter().copied());
    Ok(DMatrix::from_iterator(dimensions, sketches.len(), values))
}

/// How far one tensor moved.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorDistance {
    /// Its name.
    pub name: String,
    /// Estimate of ‖b − a‖, to [`relative_error`](super::relative_error) of the tensor's own
    /// dimensions; exactly 0 if identical; none if the sketches have no part for each tensor.
    pub distance: Option<f64>,
    /// ‖a‖, exact.
    pub norm_a: f64,
    /// ‖b‖, exact.
    pub norm_b: f64,
    /// Whether all values are the same bits.
    pub identical: bool,
}

/// Every tensor's distance, in the order of `a`.
///
/// # Errors
/// As [`distance`].
pub fn tensor_distances(a: &Sketch, b: &Sketch) -> Result<Vec<TensorDistance>, Error> {
    check(&[a, b])?;
    let others = by_name(b);
    let pairs = a.tensors.iter().filter_map(|tensor| {
        let other = others.get(tensor.name.as_str())?;
        Some((tensor, *other))
    });
    Ok(pairs
        .map(|(tensor, other)| {
            let identical = tensor.fingerprint == other.fingerprint;
            let distance = match (tensor.values.is_empty(), identical) {
                (_, true) => Some(0.0),
                (true, false) => None,
                _ => Some(crate::distance::distance(&tensor.values, &other.values)),
            };
            TensorDistance {
                name: tensor.name.clone(),
                distance,
                norm_a: tensor.norm,
                norm_b: other.norm,
                identical,
            }
        })
        .collect())
}

fn by_name(sketch: &Sketch) -> HashMap<&str, &TensorSketch> {
    let tensors = sketch.tensors.iter();
    tensors
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect()
}

/// Whether all are whole, finite and comparable with the first.
fn check(sketches: &[&Sketch]) -> Result<(), Error> {
    let [first, rest @ ..] = sketches else {
        return Err(Error::TooFewCheckpoints {
            needed: 1,
            found: 0,
        });
    };
    let names = by_name(first);
    for (right, sketch) in (1..).zip(rest) {
        if let Some(what) = difference(first, &names, sketch) {
            let left = 0;
            return Err(Error::SketchesDiffer { left, right, what });
        }
    }
    for (place, sketch) in sketches.iter().enumerate() {
        sketch.parameters.check()?;
        if let Some(what) = defect(sketch) {
            let (left, right) = (0, place);
            return Err(Error::SketchesDiffer { left, right, what });
        }
        if let Some(tensor) = sketch.tensors.iter().find(|tensor| tensor.non_finite > 0) {
            return Err(Error::NonFiniteTensor {
                name: tensor.name.clone(),
                count: tensor.non_finite,
            });
        }
    }
    Ok(())
}

/// In what two sketches differ that must not.
fn difference(
    first: &Sketch,
    names: &HashMap<&str, &TensorSketch>,
    other: &Sketch,
) -> Option<String> {
    if first.version != other.version || other.version != VERSION {
        let (a, b) = (first.version, other.version);
        return Some(format!(
            "their versions are {a} and {b}, this one reads {VERSION}"
        ));
    }
    if first.parameters != other.parameters {
        let (a, b) = (first.parameters, other.parameters);
        return Some(format!("one was made with {a:?}, the other with {b:?}"));
    }
    let unlike = other.tensors.iter().find_map(|tensor| {
        let name = &tensor.name;
        match names.get(name.as_str()) {
            None => Some(format!("only one has a tensor {name:?}")),
            Some(own) if own.shape != tensor.shape => Some(format!(
                "tensor {name:?} has shapes {:?} and {:?}",
                own.shape, tensor.shape
            )),
            Some(_) => None,
        }
    });
    if unlike.is_some() {
        return unlike;
    }
    let theirs = by_name(other);
    let missing = first
        .tensors
        .iter()
        .find(|t| !theirs.contains_key(t.name.as_str()));
    missing.map(|tensor| format!("only one has a tensor {:?}", tensor.name))
}

/// What is wrong with a sketch that no [`Sketcher`](super::Sketcher) can have made.
fn defect(sketch: &Sketch) -> Option<String> {
    let parameters = sketch.parameters;
    if sketch.version != VERSION {
        return Some(format!(
            "its version is {}, this one reads {VERSION}",
            sketch.version
        ));
    }
    if sketch.values.len() != parameters.dimensions {
        return Some(format!("it has {} values", sketch.values.len()));
    }
    if by_name(sketch).len() != sketch.tensors.len() {
        return Some("two of its tensors have the same name".to_owned());
    }
    let short = sketch
        .tensors
        .iter()
        .find(|t| t.values.len() != parameters.tensor_dimensions);
    if let Some(tensor) = short {
        return Some(format!(
            "tensor {:?} has {} values",
            tensor.name,
            tensor.values.len()
        ));
    }
    let mut values = sketch
        .tensors
        .iter()
        .flat_map(|t| &t.values)
        .chain(&sketch.values);
    values
        .any(|value| !value.is_finite())
        .then(|| "weights are so large that a sum of them is infinite".to_owned())
}
