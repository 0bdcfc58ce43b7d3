//! The tail of a weight matrix's spectrum: its power-law exponent α.
//!
//! C. H. Martin and M. W. Mahoney (*Implicit Self-Regularization in Deep Neural Networks*, 2018;
//! *Traditional and Heavy-Tailed Self Regularization in Neural Network Models*, 2019) fit a power
//! law `p(λ) ∝ λ^−α` to the eigenvalues of WᵀW of a trained layer, and find a smaller α in layers
//! that are trained better. The fit is that of A. Clauset, C. R. Shalizi and M. E. J. Newman
//! (*Power-Law Distributions in Empirical Data*, 2009): for every start x of the tail,
//! α = 1 + n / Σ ln(λᵢ/x) maximises the likelihood of the n values from x on; the x is taken whose
//! fit has the least Kolmogorov-Smirnov distance.
//!
//! # Limits
//!
//! The standard error of α is (α−1)/√n, before the choice of x adds to it. Layers of a few
//! thousand units have tails of hundreds of eigenvalues. A matrix of 10 x 10 has ten eigenvalues in
//! all: its α is known to a third at best, and no test could tell its tail from one that is not a
//! power law. Look at [`PowerLaw::tail`] and [`PowerLaw::standard_error`] before comparing.
//!
//! ```
//! use weightspace::spectrum::power_law;
//!
//! // The quantiles of a power law of exponent 3 from 2 on.
//! let values: Vec<f64> = (0..500).map(|i| 2.0 * (1.0 - (i as f64 + 0.5) / 500.0).powf(-0.5)).collect();
//! let fit = power_law(&values, 50)?;
//! assert!((fit.alpha - 3.0).abs() < 0.05);
//! # Ok::<(), weightspace::Error>(())
//! ```

use nalgebra::DMatrixView;

use crate::Error;
use crate::points::finite_columns;

/// A power law fitted to the upper tail of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// The exponent α.
    pub alpha: f64,
    /// Where the tail begins.
    pub start: f64,
    /// Number of values in the tail, the start included.
    pub tail: usize,
    /// Greatest difference between the fitted and the empirical distribution function.
    pub distance: f64,
}

impl PowerLaw {
    /// Standard error of α for a start that was known beforehand: (α−1)/√n.
    pub fn standard_error(&self) -> f64 {
        (self.alpha - 1.0) / (self.tail as f64).sqrt()
    }
}

/// Eigenvalues of WᵀW/rows, ascending, the smaller dimension's number of them.
///
/// `matrix` is W in either orientation: the values that both products share are returned. The
/// division does not change α.
///
/// # Errors
/// [`Error::NonFinite`].
pub fn eigenvalues(matrix: DMatrixView<'_, f32>) -> Result<Vec<f64>, Error> {
    finite_columns(&matrix)?;
    if matrix.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<f64> = matrix
        .map(f64::from)
        .singular_values()
        .iter()
        .map(|s| s * s / matrix.nrows().max(matrix.ncols()) as f64)
        .collect();
    values.sort_by(f64::total_cmp);
    Ok(values)
}

/// Fits a power law to the upper tail of `values`, of at least `shortest` values.
///
/// Values that are not positive cannot be in the tail. O(n²).
///
/// # Errors
/// [`Error::TooFewExamples`] when fewer than `shortest` (at least 2) positive values are given;
/// [`Error::Constant`] when no tail has two different values.
pub fn power_law(values: &[f64], shortest: usize) -> Result<PowerLaw, Error> {
    let needed = shortest.max(2);
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
    sorted.retain(|v| v.is_finite());
    sorted.sort_by(f64::total_cmp);
    let found = sorted.len();
    if found < needed {
        return Err(Error::TooFewExamples { needed, found });
    }
    let starts = (0..=found - needed).filter(|&i| i == 0 || sorted[i] > sorted[i - 1]);
    starts
        .filter_map(|start| fit(&sorted[start..]))
        // The first of equals, and so the longest tail.
        .reduce(|best, next| {
            if next.distance < best.distance {
                next
            } else {
                best
            }
        })
        .ok_or(Error::Constant)
}

/// The fit to an ascending tail; none where all values are equal.
fn fit(tail: &[f64]) -> Option<PowerLaw> {
    let (count, start) = (tail.len() as f64, tail[0]);
    let logarithms: f64 = tail.iter().map(|v| (v / start).ln()).sum();
    if logarithms <= 0.0 {
        return None;
    }
    let alpha = 1.0 + count / logarithms;
    let distance = tail.iter().enumerate().fold(0.0_f64, |worst, (i, v)| {
        let expected = 1.0 - (v / start).powf(1.0 - alpha);
        worst
            .max((expected - i as f64 / count).abs())
            .max(((i + 1) as f64 / count - expected).abs())
    });
    Some(PowerLaw {
        alpha,
        start,
        tail: tail.len(),
        distance,
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;

    fn quantiles(alpha: f64, start: f64, count: usize) -> Vec<f64> {
        let at = |i: usize| 1.0 - (i as f64 + 0.5) / count as f64;
        (0..count)
            .map(|i| start * at(i).powf(-1.0 / (alpha - 1.0)))
            .collect()
    }

    #[test]
    fn the_estimate_is_the_one_worked_out_by_hand() {
        // α = 1 + 4 / (0 + ln 2 + ln 4 + ln 8) = 1 + 4 / (6 ln 2).
        let fit = power_law(&[4.0, 1.0, 8.0, 2.0], 4).unwrap();
        let alpha = 1.0 + 4.0 / (6.0 * 2.0_f64.ln());
        assert!((fit.alpha - alpha).abs() < 1e-12);
        assert_eq!((fit.tail, fit.start), (4, 1.0));
        assert!((fit.standard_error() - (alpha - 1.0) / 2.0).abs() < 1e-12);
        // F = 1 − x^−0.9618: 0, .4866, .7364, .8647; steps of a quarter: worst at the first.
        let worst = 0.25_f64.max(0.4866 - 0.25).max(0.7364 - 0.5);
        assert!((fit.distance - worst).abs() < 1e-3);
    }

    #[test]
    fn a_small_layer_has_the_exponent_of_a_computation_in_numpy() {
        let w = DMatrix::from_fn(9, 16, |i, j| {
            ((i * j * 7 + 3 * i + j * j * 5) % 23) as f32 - 11.0
        });
        let fit = power_law(&eigenvalues(w.as_view()).unwrap(), 5).unwrap();
        assert!((fit.alpha - 2.003_784_194_04).abs() < 1e-9);
        assert!((fit.distance - 0.227_242_822_112).abs() < 1e-9);
        assert_eq!(fit.tail, 8);
    }

    #[test]
    fn exponents_and_starts_of_true_power_laws_come_back() {
        for alpha in [1.8, 2.5, 4.0] {
            // Below the start lies something else.
            let mut values = quantiles(alpha, 3.0, 400);
            values.extend((0..200).map(|i| 0.5 + 2.5 * f64::from(i) / 200.0));
            let fit = power_law(&values, 20).unwrap();
            assert!((fit.alpha / alpha - 1.0).abs() < 0.05, "{alpha}: {fit:?}");
            assert!((2.5..4.5).contains(&fit.start), "{alpha}: {fit:?}");
        }
    }

    #[test]
    fn scale_and_order_do_not_matter() {
        let values = quantiles(2.2, 1.0, 30);
        let fit = power_law(&values, 5).unwrap();
        let scaled: Vec<f64> = values.iter().rev().map(|v| 64.0 * v).collect();
        let other = power_law(&scaled, 5).unwrap();
        assert!((fit.alpha - other.alpha).abs() < 1e-9);
        assert_eq!(fit.tail, other.tail);
    }

    #[test]
    fn the_spectrum_of_both_orientations_is_one_and_turns_do_not_change_it() {
        let w = DMatrix::from_fn(10, 4, |i, j| ((i * 7 + j * 5) % 13) as f32 - 6.0);
        let values = eigenvalues(w.as_view()).unwrap();
        let transposed = eigenvalues(w.transpose().as_view()).unwrap();
        assert_eq!(values.len(), 4);
        let trace = w.map(f64::from).norm_squared() / 10.0;
        assert!((values.iter().sum::<f64>() / trace - 1.0).abs() < 1e-12);
        for (a, b) in values.iter().zip(&transposed) {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn values_without_a_tail_are_refused() {
        assert!(matches!(
            power_law(&[], 5),
            Err(Error::TooFewExamples { .. })
        ));
        assert!(matches!(
            power_law(&[1.0, -2.0, 0.0, f64::NAN, f64::INFINITY], 2),
            Err(Error::TooFewExamples { found: 1, .. })
        ));
        assert_eq!(power_law(&[2.0; 9], 3), Err(Error::Constant));
        let empty = DMatrix::<f32>::zeros(0, 3);
        assert_eq!(eigenvalues(empty.as_view()), Ok(vec![]));
        let bad = DMatrix::from_element(2, 2, f32::NAN);
        assert!(matches!(
            eigenvalues(bad.as_view()),
            Err(Error::NonFinite { .. })
        ));
    }
}
