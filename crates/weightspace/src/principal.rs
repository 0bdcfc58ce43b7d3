//! Principal components: the directions in which checkpoints differ most.
//!
//! K. Pearson (*On Lines and Planes of Closest Fit to Systems of Points in Space*, 1901): the
//! truncated SVD ([`svd`](mod@crate::svd)) of the points relative to their mean. A true projection:
//! what lies apart in it lies apart. Mind that the first component of any random walk resembles half
//! a period of a cosine.

use nalgebra::{DMatrix, DMatrixView};

use crate::Error;
use crate::svd::truncated;

/// The leading principal components of some points.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    /// The points along the components, shape (components, checkpoints); each row has mean zero.
    pub coordinates: DMatrix<f32>,
    /// Share of the variance that each component holds, 0 to 1, largest first.
    pub shares: Vec<f64>,
}

/// The `count` leading principal components of the columns of `points` (parameters x checkpoints).
///
/// The mean is taken in f64. Costs what [`truncated`] does, and a copy of the points.
///
/// # Errors
/// [`Error::Constant`] when all points are equal; as [`truncated`].
///
/// ```
/// use nalgebra::DMatrix;
/// use weightspace::principal::principal_components;
///
/// // Along one line, whatever its place.
/// let points = DMatrix::from_fn(3, 4, |i, j| 7.0 + (i + 1) as f32 * j as f32);
/// let found = principal_components(points.as_view(), 2)?;
/// assert!((found.shares[0] - 1.0).abs() < 1e-9);
/// # Ok::<(), weightspace::Error>(())
/// ```
pub fn principal_components(
    points: DMatrixView<'_, f32>,
    count: usize,
) -> Result<PrincipalComponents, Error> {
    let mut centred = points.into_owned();
    for mut row in centred.row_iter_mut() {
        let mean = row.iter().copied().map(f64::from).sum::<f64>() / row.len() as f64;
        for value in row.iter_mut() {
            *value = (f64::from(*value) - mean) as f32;
        }
    }
    let svd = truncated(centred.as_view(), count)?;
    let total: f64 = centred.iter().map(|&x| f64::from(x).powi(2)).sum();
    if total == 0.0 {
        return Err(Error::Constant);
    }
    Ok(PrincipalComponents {
        coordinates: svd.coordinates().clone(),
        shares: svd
            .singular_values()
            .iter()
            .map(|value| value.powi(2) / total)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_covariance_and_a_shift_changes_nothing() {
        // Two axes of variance 4 and 1, turned by 3-4-5.
        let along = [2.0f32, -2.0, 0.0, 0.0];
        let across = [0.0f32, 0.0, 1.0, -1.0];
        let points = DMatrix::from_fn(2, 4, |i, j| {
            let (a, b) = (along[j], across[j]);
            100.0 + [0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b][i]
        });
        let found = principal_components(points.as_view(), 2).unwrap();
        assert!((found.shares[0] - 0.8).abs() < 1e-5, "{:?}", found.shares);
        assert!((found.shares[1] - 0.2).abs() < 1e-5, "{:?}", found.shares);
        for j in 0..4 {
            assert!((found.coordinates[(0, j)].abs() - along[j].abs()).abs() < 1e-4);
            assert!((found.coordinates[(1, j)].abs() - across[j].abs()).abs() < 1e-4);
        }
    }

    #[test]
    fn equal_points_have_no_components() {
        let points = DMatrix::from_element(3, 5, 1.5);
        let error = principal_components(points.as_view(), 1).unwrap_err();
        assert_eq!(error, Error::Constant);
    }

    #[test]
    fn more_components_than_points_are_refused() {
        let points = DMatrix::from_fn(3, 2, |i, j| (i * j) as f32);
        let error = principal_components(points.as_view(), 3).unwrap_err();
        assert!(matches!(error, Error::Rank { .. }));
    }
}
