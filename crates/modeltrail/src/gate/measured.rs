//! How far all weights and each tensor moved.

use crate::error::Result;
use crate::mapping::Alike;
use weightspace::compare::change::{Change, Sums};
use weightspace::compare::lines::{LineSums, MostMoved};
use weightspace::compare::slices::each;
use weightspace::compare::{Comparison, Pairs};
use weightspace::sketch::{Parameters, Sketch, distance, relative_error, tensor_distances};

/// What moved from A to B, both finite and of the same architecture.
#[derive(Debug)]
pub struct Measured {
    /// All weights.
    pub total: Moved,
    /// Every tensor, in the order of A.
    pub tensors: Vec<Moved>,
    /// Of each matrix the row or column that moved most; none if they are not known, in sketches.
    pub lines: Option<Vec<(String, MostMoved)>>,
    /// Whether all weights are the same bits.
    pub is_identical: bool,
    /// Whether all of them are finite, in both.
    pub is_finite: bool,
}

/// What moved, of one tensor or of all.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The tensor; empty for all.
    pub name: String,
    /// ‖b − a‖.
    pub distance: f64,
    /// ‖a‖.
    pub norm_a: f64,
    /// ‖b‖.
    pub norm_b: f64,
    /// Relative standard error of the distance, at most; 0 if it is exact.
    pub error: f64,
}

impl Moved {
    /// Distance ÷ whole: 0 without movement, infinite where something moved and the whole is 0.
    pub fn over(&self, whole: f64) -> f64 {
        if self.distance == 0.0 {
            0.0
        } else if whole > 0.0 {
            self.distance / whole
        } else {
            f64::INFINITY
        }
    }

    /// ‖b − a‖ / ‖a‖.
    pub fn relative(&self) -> f64 {
        self.over(self.norm_a)
    }
}

/// Measures weights, in one pass over both.
///
/// # Errors
/// When they cannot be read.
pub(super) fn of_pairs(pairs: &Alike<'_>) -> Result<Measured> {
    let every: Vec<usize> = (0..pairs.count()).collect();
    let found = pairs.within_memory(|| {
        each(pairs, &every, |slice| {
            (Sums::of(&slice.pair), LineSums::of(slice))
        })
    })?;
    let (sums, lines): (Vec<Vec<Sums>>, Vec<Vec<Option<LineSums>>>) = found
        .into_iter()
        .map(|slices| slices.into_iter().unzip())
        .unzip();
    let lines = lines.into_iter().enumerate().filter_map(|(index, slices)| {
        let whole = slices.into_iter().reduce(|a, b| Some(a?.and(b?)));
        let most = whole.flatten()?.most_moved()?;
        Some((pairs.header(index).0.to_owned(), most))
    });
    let lines = lines.collect();
    let comparison = Comparison::of(pairs, sums);
    let moved = |name: &str, change: &Change| Moved {
        name: name.to_owned(),
        distance: change.distance,
        norm_a: change.norm_a,
        norm_b: change.norm_b,
        error: 0.0,
    };
    let tensors = comparison.tensors.iter();
    Ok(Measured {
        lines: Some(lines),
        total: moved("", &comparison.total),
        is_identical: comparison.total.identical(),
        is_finite: comparison.total.non_finite == 0,
        tensors: tensors.map(|t| moved(&t.name, &t.change)).collect(),
    })
}

/// Measures sketches.
///
/// # Errors
/// When values are not finite or the tensors differ; both are to be checked before.
pub(super) fn of_sketches(a: &Sketch, b: &Sketch) -> Result<Measured> {
    let apart = tensor_distances(a, b)?;
    let is_identical = apart.iter().all(|tensor| tensor.identical);
    let norm = |of: fn(&weightspace::sketch::TensorDistance) -> f64| {
        apart
            .iter()
            .fold(0.0, |sum: f64, tensor| sum.hypot(of(tensor)))
    };
    let error = |error| if is_identical { 0.0 } else { error };
    let total = Moved {
        name: String::new(),
        distance: if is_identical { 0.0 } else { distance(a, b)? },
        norm_a: norm(|tensor| tensor.norm_a),
        norm_b: norm(|tensor| tensor.norm_b),
        error: error(relative_error(a.parameters.dimensions)),
    };
    let each = error_of_tensors(a.parameters);
    let tensors = apart.iter().map(|tensor| Moved {
        name: tensor.name.clone(),
        // Without a part for each tensor nothing is known of it.
        distance: tensor.distance.unwrap_or(f64::INFINITY),
        norm_a: tensor.norm_a,
        norm_b: tensor.norm_b,
        error: if tensor.identical { 0.0 } else { each },
    });
    Ok(Measured {
        lines: None,
        total,
        tensors: tensors.collect(),
        is_identical,
        is_finite: true,
    })
}

/// Half of √(2/m + 2/d): the bound of `docs/sketch.md`.
fn error_of_tensors(parameters: Parameters) -> f64 {
    let [all, each] = [parameters.dimensions, parameters.tensor_dimensions].map(relative_error);
    all.hypot(each)
}
