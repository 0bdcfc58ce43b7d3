//! Ridge regression: standardised features, and a penalty chosen by cross-validation.
//!
//! A. Hoerl and R. Kennard (*Ridge Regression: Biased Estimation for Nonorthogonal Problems*,
//! 1970). The normal equations of each fold are subtracted from those of all samples, so that every
//! penalty costs one factorisation per fold.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::Error;

/// Penalties that are tried, as shares of the number of samples.
const PENALTIES: [f64; 11] = [
    1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0,
];
const FOLDS: usize = 5;

/// A fitted ridge regression of any number of targets at once.
///
/// ```
/// use nalgebra::DMatrix;
/// use weightspace::statistics::Ridge;
///
/// let features = DMatrix::from_fn(20, 2, |i, j| ((i * (3 + 4 * j)) % 17) as f64);
/// let targets = DMatrix::from_fn(20, 1, |i, _| 1.0 + 2.0 * features[(i, 0)]);
/// let groups: Vec<usize> = (0..20).collect();
/// let fit = Ridge::fit(&features, &targets, &groups)?;
/// assert!((fit.predict(&features) - targets).amax() < 1e-3);
/// # Ok::<(), weightspace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ridge {
    means: DVector<f64>,
    deviations: DVector<f64>,
    intercepts: DVector<f64>,
    /// Features x targets.
    weights: DMatrix<f64>,
}

impl Ridge {
    /// Fits `targets` (samples x targets) to `features` (samples x features). Samples of one group
    /// are in one fold, so that no model is both learnt from and tested on. O(samples · features² +
    /// penalties · folds · features³).
    ///
    /// # Errors
    /// [`Error::TooFewExamples`] without samples; [`Error::Samples`] when there is not a target and
    /// a group for every sample; [`Error::Singular`] when a feature or a target is not finite, or
    /// the features are so large that the penalty drowns in rounding.
    pub fn fit(
        features: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        groups: &[usize],
    ) -> Result<Self, Error> {
        let samples = features.nrows();
        if samples == 0 {
            return Err(Error::TooFewExamples {
                needed: 1,
                found: 0,
            });
        }
        if targets.nrows() != samples || groups.len() != samples {
            return Err(Error::Samples {
                features: samples,
                targets: targets.nrows(),
                groups: groups.len(),
            });
        }
        let column_mean = |m: &DMatrix<f64>| m.row_mean().transpose();
        let (means, intercepts) = (column_mean(features), column_mean(targets));
        let deviations = features.row_variance().transpose().map(|v| {
            // A feature that never changes is left at zero.
            if v > 1e-24 { v.sqrt() } else { 1.0 }
        });
        let x = standardised(features, &means, &deviations);
        let mut y = targets.clone();
        for mut row in y.row_iter_mut() {
            row -= intercepts.transpose();
        }
        let all = Normal::of(&x, &y, (0..samples).collect());
        let held_out: Vec<Normal> = (0..FOLDS)
            .map(|fold| {
                let rows = (0..samples).filter(|&s| groups[s] % FOLDS == fold);
                Normal::of(&x, &y, rows.collect())
            })
            .collect();
        let mut best = (f64::INFINITY, PENALTIES[0]);
        for penalty in PENALTIES {
            let mut error = 0.0;
            for fold in &held_out {
                let kept = samples - fold.samples;
                if kept > 0 {
                    let weights = all.without(fold).solve(penalty * kept as f64)?;
                    error += fold.squared_error(&weights);
                }
            }
            if error < best.0 {
                best = (error, penalty);
            }
        }
        let weights = all.solve(best.1 * samples as f64)?;
        Ok(Self {
            means,
            deviations,
            intercepts,
            weights,
        })
    }

    /// The targets that the regression expects of these samples (samples x features): samples x
    /// targets.
    ///
    /// # Panics
    /// If the features are not as many as those that were fitted.
    pub fn predict(&self, features: &DMatrix<f64>) -> DMatrix<f64> {
        let mut found = standardised(features, &self.means, &self.deviations) * &self.weights;
        for mut row in found.row_iter_mut() {
            row += self.intercepts.transpose();
        }
        found
    }
}

fn standardised(
    features: &DMatrix<f64>,
    means: &DVector<f64>,
    deviations: &DVector<f64>,
) -> DMatrix<f64> {
    DMatrix::from_fn(features.nrows(), features.ncols(), |i, j| {
        (features[(i, j)] - means[j]) / deviations[j]
    })
}

/// The normal equations of some samples.
struct Normal {
    samples: usize,
    gram: DMatrix<f64>,
    product: DMatrix<f64>,
    squares: f64,
}

impl Normal {
    fn of(x: &DMatrix<f64>, y: &DMatrix<f64>, rows: Vec<usize>) -> Self {
        let (x, y) = (x.select_rows(&rows), y.select_rows(&rows));
        Self {
            samples: rows.len(),
            gram: x.tr_mul(&x),
            product: x.tr_mul(&y),
            squares: y.norm_squared(),
        }
    }

    fn without(&self, other: &Self) -> Self {
        Self {
            samples: self.samples - other.samples,
            gram: &self.gram - &other.gram,
            product: &self.product - &other.product,
            squares: self.squares - other.squares,
        }
    }

    fn solve(&self, penalty: f64) -> Result<DMatrix<f64>, Error> {
        let mut gram = self.gram.clone();
        for i in 0..gram.nrows() {
            gram[(i, i)] += penalty;
        }
        let factor: Cholesky<f64, Dyn> = gram.cholesky().ok_or(Error::Singular)?;
        Ok(factor.solve(&self.product))
    }

    /// Of predictions by these weights.
    fn squared_error(&self, weights: &DMatrix<f64>) -> f64 {
        self.squares - 2.0 * weights.dot(&self.product) + weights.dot(&(&self.gram * weights))
    }
}

/// The features (samples x features), then their squares and products, all of them standardised
/// first: with these a quadratic law is linear.
pub fn with_products(features: &DMatrix<f64>) -> DMatrix<f64> {
    let count = features.ncols();
    // Centred first, so that a square is not its feature once more.
    let means = features.row_mean();
    let deviations = features.row_variance().map(|v| v.max(1e-24).sqrt());
    let at = |i: usize, j: usize| (features[(i, j)] - means[j]) / deviations[j];
    let mut pairs: Vec<(usize, Option<usize>)> = (0..count).map(|j| (j, None)).collect();
    for j in 0..count {
        pairs.extend((j..count).map(|k| (j, Some(k))));
    }
    DMatrix::from_fn(features.nrows(), pairs.len(), |i, pair| {
        let (j, k) = pairs[pair];
        at(i, j) * k.map_or(1.0, |k| at(i, k))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(samples: usize) -> DMatrix<f64> {
        DMatrix::from_fn(samples, 4, |i, j| match j {
            3 => 7.0,
            j => ((i * (3 + 4 * j) + j) % 17) as f64,
        })
    }

    #[test]
    fn a_linear_law_is_found_in_samples_that_were_not_seen() {
        let x = features(60);
        let y = DMatrix::from_fn(60, 2, |i, t| 1.0 + 2.0 * x[(i, 0)] - (t as f64) * x[(i, 2)]);
        let groups: Vec<usize> = (0..40).collect();
        let fit = Ridge::fit(&x.rows(0, 40).into(), &y.rows(0, 40).into(), &groups).unwrap();
        let found = fit.predict(&x.rows(40, 20).into());
        assert!((found - y.rows(40, 20)).amax() < 1e-3);
    }

    #[test]
    fn products_make_a_quadratic_law_linear() {
        let x = with_products(&features(60));
        assert_eq!(x.ncols(), 4 + 10);
        let y = DMatrix::from_fn(60, 1, |i, _| x[(i, 0)] * x[(i, 1)]);
        let fit = Ridge::fit(&x, &y, &(0..60).collect::<Vec<_>>()).unwrap();
        assert!((fit.predict(&x) - y).amax() < 1e-2);
    }

    #[test]
    fn noise_is_answered_with_the_mean() {
        let x = features(50);
        let y = DMatrix::from_fn(50, 1, |i, _| if i % 2 == 0 { 3.0 } else { 5.0 });
        let x = DMatrix::from_fn(50, 4, |i, j| x[(i / 2 * 2, j)]);
        let groups: Vec<usize> = (0..50).map(|i| i / 2).collect();
        let found = Ridge::fit(&x, &y, &groups).unwrap().predict(&x);
        assert!(found.iter().all(|v| (v - 4.0).abs() < 1e-6));
    }

    #[test]
    fn samples_that_are_missing_are_an_error() {
        let none = DMatrix::zeros(0, 2);
        let error = Ridge::fit(&none, &none, &[]).unwrap_err();
        assert!(matches!(error, Error::TooFewExamples { .. }));
        let error = Ridge::fit(&features(3), &DMatrix::zeros(2, 1), &[0, 1, 2]).unwrap_err();
        assert!(matches!(error, Error::Samples { targets: 2, .. }));
        let unknown = DMatrix::from_element(3, 1, f64::NAN);
        let error = Ridge::fit(&unknown, &unknown, &[0, 1, 2]).unwrap_err();
        assert_eq!(error, Error::Singular);
    }
}
