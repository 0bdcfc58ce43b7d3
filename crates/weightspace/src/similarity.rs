//! How alike two models are by what they do: CKA and SVCCA of their activations.
//!
//! Both compare the activations of one layer of each model on the same examples, and neither sees
//! a rotation or a scaling of the units. They tell nothing about examples that were not given.
//!
//! - **Linear CKA** (S. Kornblith et al., *Similarity of Neural Network Representations
//!   Revisited*, 2019): `‖XᵀY‖² / (‖XᵀX‖·‖YᵀY‖)` in Frobenius norms, of activations X, Y of shape
//!   examples x units with centred units. It is biased upwards where examples are few beside the
//!   units: give more examples than units.
//! - **SVCCA** (M. Raghu et al., *SVCCA: Singular Vector Canonical Correlation Analysis*, 2017):
//!   the mean of the canonical correlations between the leading directions of each, as many as
//!   explain [`EXPLAINED`] of the variance.
//!
//! ```
//! use nalgebra::DMatrix;
//! use weightspace::similarity::{Representation, cka, svcca};
//!
//! let x = DMatrix::from_fn(3, 20, |unit, example| ((7 * unit + 3 * example) % 11) as f32);
//! let turned = DMatrix::from_fn(3, 20, |unit, example| -2.0 * x[(2 - unit, example)] + 1.0);
//! let (x, turned) = (Representation::new(x.as_view())?, Representation::new(turned.as_view())?);
//! assert!((cka(&x, &turned)? - 1.0).abs() < 1e-9);
//! assert!((svcca(&x, &turned)? - 1.0).abs() < 1e-9);
//! # Ok::<(), weightspace::Error>(())
//! ```

use nalgebra::{DMatrix, DMatrixView};

use crate::Error;
use crate::points::finite_columns;

/// Share of the variance that the directions compared by SVCCA explain.
pub const EXPLAINED: f64 = 0.99;

/// Fewest examples that say anything about similarity.
const FEWEST: usize = 4;

/// The activations of one layer, prepared once for any number of comparisons.
#[derive(Debug, Clone, PartialEq)]
pub struct Representation {
    /// Units x examples, every unit centred.
    centred: DMatrix<f64>,
    /// Frobenius norm of the units' products with each other.
    norm: f64,
    /// Orthonormal leading directions, directions x examples.
    directions: DMatrix<f64>,
}

impl Representation {
    /// Of activations of shape (units, examples).
    ///
    /// O(units² · examples + units³) in time.
    ///
    /// # Errors
    /// [`Error::NonFinite`]; [`Error::TooFewExamples`] below four; [`Error::Constant`] when no
    /// unit tells any example from any other.
    pub fn new(activations: DMatrixView<'_, f32>) -> Result<Self, Error> {
        finite_columns(&activations)?;
        let (units, examples) = activations.shape();
        if examples < FEWEST {
            return Err(Error::TooFewExamples {
                needed: FEWEST,
                found: examples,
            });
        }
        let mut centred = activations.map(f64::from);
        let largest = centred.amax();
        for mut unit in centred.row_iter_mut() {
            let mean = unit.sum() / examples as f64;
            unit.add_scalar_mut(-mean);
        }
        // What is left of a constant after rounding is no variance.
        if units == 0 || centred.amax() <= 1e-12 * largest {
            return Err(Error::Constant);
        }
        let products = &centred * centred.transpose();
        Ok(Self {
            norm: products.norm(),
            directions: leading_directions(&centred, products),
            centred,
        })
    }

    fn check(&self, other: &Self) -> Result<(), Error> {
        let (left, right) = (self.centred.ncols(), other.centred.ncols());
        if left == right {
            Ok(())
        } else {
            Err(Error::DifferentExamples { left, right })
        }
    }
}

/// The leading right singular vectors, by the eigenvectors of the units' covariance: those kept
/// have a percent of the variance in all, so squaring costs no digit that matters.
fn leading_directions(centred: &DMatrix<f64>, products: DMatrix<f64>) -> DMatrix<f64> {
    let eigen = products.symmetric_eigen();
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let total: f64 = eigen.eigenvalues.iter().map(|v| v.max(0.0)).sum();
    let mut explained = 0.0;
    let mut kept = 0;
    while kept < order.len() && explained < EXPLAINED * total {
        explained += eigen.eigenvalues[order[kept]];
        kept += 1;
    }
    let mut directions = DMatrix::zeros(kept, centred.ncols());
    for (row, &index) in order[..kept].iter().enumerate() {
        let direction = eigen.eigenvectors.column(index).transpose() * centred;
        directions.set_row(row, &(&direction / direction.norm()));
    }
    directions
}

/// Linear CKA, from 0 (nothing in common) to 1 (equal up to rotation, scale and shift).
///
/// O(units² · examples).
///
/// # Errors
/// [`Error::DifferentExamples`].
pub fn cka(a: &Representation, b: &Representation) -> Result<f64, Error> {
    a.check(b)?;
    let cross = (&a.centred * b.centred.transpose()).norm_squared();
    Ok(cross / (a.norm * b.norm))
}

/// Mean canonical correlation between the leading directions, from 0 to 1; the mean is over the
/// smaller number of directions.
///
/// O(directions² · (examples + directions)).
///
/// # Errors
/// [`Error::DifferentExamples`].
pub fn svcca(a: &Representation, b: &Representation) -> Result<f64, Error> {
    a.check(b)?;
    let correlations = (&a.directions * b.directions.transpose()).singular_values();
    Ok(correlations.iter().map(|c| c.min(1.0)).sum::<f64>() / correlations.len() as f64)
}

#[cfg(test)]
mod tests;
