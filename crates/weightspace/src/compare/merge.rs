//! Whether a checkpoint is a weighted combination of others: a merge, an interpolation, an average,
//! task arithmetic.
//!
//! All of these are affine: B = Σ cᵢ·Cᵢ with Σ cᵢ = 1 (A + λ(C − A) is one). Coefficients are the
//! least-squares solution of B − C₀ = Σᵢ cᵢ (Cᵢ − C₀) over all values, in f64; differences are
//! taken first, so that candidates that are fine-tunes of one base do not cancel.

mod curved;

pub use curved::{Slerp, Ties, slerp, ties};

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::rounding::Format;
use super::{Tensor, by_name};
use crate::Error;

/// Largest part of the distance to the nearest candidate that a merge may leave unexplained.
pub const RESIDUAL: f64 = 0.02;

/// Least absolute coefficient of a candidate that takes part.
pub const TAKES_PART: f64 = 0.01;

/// The distance to the nearest candidate must be so many times what rounding explains.
pub const ABOVE_ROUNDING: f64 = 5.0;

/// Candidates whose differences are this much shorter than others are not told apart.
const SINGULAR: f64 = 1e-12;

/// A checkpoint as a combination of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// One coefficient per candidate; they add up to 1.
    pub coefficients: Vec<f64>,
    /// Distance from the combination to the checkpoint.
    pub residual: f64,
    /// Distance from the nearest candidate to the checkpoint.
    pub nearest: f64,
    /// Distance that rounding to the format of the checkpoint explains.
    pub rounding: f64,
    /// Values that took part: those of tensors that all have, with one shape.
    pub elements: usize,
}

impl Fit {
    /// Whether two candidates at least take part, and the combination leaves no more than
    /// [`RESIDUAL`] of the distance to the nearest beside rounding.
    pub fn is_merge(&self) -> bool {
        let taking_part = self.coefficients.iter().filter(|c| c.abs() >= TAKES_PART);
        let explained = (RESIDUAL * self.nearest).powi(2) + 2.0 * self.rounding.powi(2);
        taking_part.count() >= 2
            && self.nearest > ABOVE_ROUNDING * self.rounding
            && self.residual.powi(2) <= explained
    }
}

/// Fits `target` by the candidates.
///
/// O(n·k²) for n values and k candidates, a pass for each pair of them; O(k²) in memory.
///
/// # Errors
/// [`Error::TooFewCheckpoints`] below two candidates; [`Error::TooFewExamples`] if no tensor is in
/// all of them with one shape; [`Error::NonFiniteTensor`], and those of
/// [`Paired::new`](super::Paired::new).
pub fn fit(target: &[Tensor<'_>], candidates: &[&[Tensor<'_>]]) -> Result<Fit, Error> {
    if candidates.len() < 2 {
        return Err(Error::TooFewCheckpoints {
            needed: 2,
            found: candidates.len(),
        });
    }
    by_name(target)?;
    let maps = candidates.iter().map(|candidate| by_name(candidate));
    let maps = maps.collect::<Result<Vec<_>, Error>>()?;
    let count = maps.len();
    // Row 0 is the target, row i candidate i; all less candidate 0.
    let mut gram = DMatrix::<f64>::zeros(count, count);
    let mut distances = vec![0.0; count];
    let (mut rounding, mut elements) = (0.0, 0);
    for tensor in target {
        let others = maps.iter().map(|map| {
            let other = map.get(tensor.name)?;
            (other.shape == tensor.shape).then_some(other.values)
        });
        let Some(others) = others.collect::<Option<Vec<&[f32]>>>() else {
            continue;
        };
        let all = std::iter::once(tensor.values).chain(others.iter().copied());
        let non_finite = all.flatten().filter(|value| !value.is_finite()).count();
        if non_finite > 0 {
            let (name, count) = (tensor.name.to_owned(), non_finite as u64);
            return Err(Error::NonFiniteTensor { name, count });
        }
        elements += tensor.values.len();
        rounding += Format::of_storage(tensor.values).rounding_power(tensor.values);
        for (distance, other) in distances.iter_mut().zip(&others) {
            *distance += crate::distance::squared_distance(tensor.values, other);
        }
        let Some((base, rest)) = others.split_first() else {
            continue;
        };
        let rows: Vec<&[f32]> = std::iter::once(tensor.values)
            .chain(rest.iter().copied())
            .collect();
        for (i, left) in rows.iter().enumerate() {
            for (j, right) in rows.iter().enumerate().take(i + 1) {
                gram[(i, j)] += product_of_differences(left, right, base);
            }
        }
    }
    if elements == 0 {
        return Err(Error::TooFewExamples {
            needed: 1,
            found: 0,
        });
    }
    gram.fill_upper_triangle_with_lower_triangle();
    let own = gram[(0, 0)];
    let right = DVector::from_iterator(count - 1, gram.column(0).iter().skip(1).copied());
    let left = gram.view((1, 1), (count - 1, count - 1)).into_owned();
    let solution = solve(&left, &right);
    let explained = 2.0 * solution.dot(&right) - solution.dot(&(&left * &solution));
    let mut coefficients = vec![1.0 - solution.sum()];
    coefficients.extend(solution.iter());
    Ok(Fit {
        coefficients,
        residual: (own - explained).max(0.0).sqrt(),
        nearest: distances
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
            .sqrt(),
        rounding: f64::sqrt(rounding),
        elements,
    })
}

/// Least squares with unit diagonal; the shortest solution where candidates coincide.
fn solve(left: &DMatrix<f64>, right: &DVector<f64>) -> DVector<f64> {
    let scale = left
        .diagonal()
        .map(|d| if d > 0.0 { d.sqrt().recip() } else { 0.0 });
    let scaled = DMatrix::from_fn(left.nrows(), left.ncols(), |i, j| {
        left[(i, j)] * scale[i] * scale[j]
    });
    let eigen = scaled.symmetric_eigen();
    let turned = eigen.eigenvectors.transpose() * right.component_mul(&scale);
    let inverse = eigen
        .eigenvalues
        .map(|v| if v > SINGULAR { v.recip() } else { 0.0 });
    (&eigen.eigenvectors * turned.component_mul(&inverse)).component_mul(&scale)
}

/// Σ (x − z)(y − z), in one fixed order.
fn product_of_differences(x: &[f32], y: &[f32], z: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for ((x, y), z) in x.chunks(8).zip(y.chunks(8)).zip(z.chunks(8)) {
        for (sum, ((x, y), z)) in sums.iter_mut().zip(x.iter().zip(y).zip(z)) {
            let z = f64::from(*z);
            *sum += (f64::from(*x) - z) * (f64::from(*y) - z);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::cases::{self, Model};
    use super::*;

    fn combination(parts: &[(f32, &Model)]) -> Model {
        let mut result = parts[0].1.clone();
        for (name, tensor) in result.tensors.iter_mut().enumerate() {
            for (i, value) in tensor.values.iter_mut().enumerate() {
                *value = parts
                    .iter()
                    .map(|(c, m)| c * m.tensors[name].values[i])
                    .sum();
            }
        }
        result
    }

    #[test]
    fn interpolations_averages_and_task_arithmetic_give_their_coefficients_back() {
        let base = cases::model(1);
        let tunes: Vec<Model> = (0..3).map(|seed| cases::tuned(&base, 0.05, seed)).collect();
        for coefficients in [
            [0.3, 0.7, 0.0, 0.0],
            [0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
            [-0.6, 0.8, 0.8, 0.0],
        ] {
            let models = [&base, &tunes[0], &tunes[1], &tunes[2]];
            let parts: Vec<(f32, &Model)> =
                coefficients.iter().map(|&c| c as f32).zip(models).collect();
            for narrow in [false, true] {
                let mut merged = combination(&parts);
                if narrow {
                    merged = merged.map(|w| Format::Fp16.rounded(w));
                }
                let views: Vec<Vec<Tensor<'_>>> = models.iter().map(|m| m.views()).collect();
                let views: Vec<&[Tensor<'_>]> = views.iter().map(|v| &v[..]).collect();
                let fit = fit(&merged.views(), &views).unwrap();
                assert!(fit.is_merge(), "{fit:?}");
                for (found, made) in fit.coefficients.iter().zip(coefficients) {
                    assert!((found - made).abs() < 1e-3, "{fit:?}");
                }
            }
        }
    }

    #[test]
    fn a_fourth_model_and_a_further_tune_are_no_merges() {
        let mut false_alarms = 0;
        for seed in 0..20 {
            let base = cases::model(seed);
            let [one, two] = [1, 2].map(|s| cases::tuned(&base, 0.05, 10 * seed + s));
            let further = cases::tuned(&one, 0.02, 10 * seed + 3);
            let unrelated = cases::model(1000 + seed);
            let views = [base.views(), one.views(), two.views()];
            let views: Vec<&[Tensor<'_>]> = views.iter().map(|v| &v[..]).collect();
            for other in [&further, &unrelated, &one] {
                false_alarms += usize::from(fit(&other.views(), &views).unwrap().is_merge());
            }
        }
        assert_eq!(false_alarms, 0);
    }

    #[test]
    fn too_little_is_refused() {
        let model = cases::model(1);
        let views = model.views();
        assert!(matches!(
            fit(&views, &[&views]),
            Err(Error::TooFewCheckpoints { .. })
        ));
        assert!(matches!(
            fit(&[], &[&views, &views]),
            Err(Error::TooFewExamples { .. })
        ));
        let same = fit(&views, &[&views, &views]).unwrap();
        assert!(!same.is_merge());
        assert_eq!(same.residual, 0.0);
    }
}
