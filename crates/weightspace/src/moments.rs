//! Mean and standard deviation of each checkpoint's weights.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::points::finite_columns;

/// Mean and standard deviation of the weights of one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Mean weight.
    pub mean: f64,
    /// Standard deviation of the weights themselves, not of a sample: divided by their number.
    pub standard_deviation: f64,
}

/// The moments of every column of `points` (parameters x checkpoints), in f64.
///
/// Two passes over each column: deviations are taken from the mean, so that a mean far from zero
/// costs no digits. Zero for a matrix without rows.
///
/// # Errors
/// [`Error::NonFinite`].
pub fn moments(points: DMatrixView<'_, f32>) -> Result<Vec<Moments>, Error> {
    let columns = finite_columns(&points)?;
    let count = points.nrows().max(1) as f64;
    Ok(columns
        .par_iter()
        .map(|weights| {
            let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
            let squares = weights.iter().map(|&w| (f64::from(w) - mean).powi(2));
            Moments {
                mean,
                standard_deviation: (squares.sum::<f64>() / count).sqrt(),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_textbook_column_has_mean_five_and_deviation_two() {
        let points = DMatrix::from_column_slice(8, 1, &[2.0f32, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        let expected = Moments {
            mean: 5.0,
            standard_deviation: 2.0,
        };
        assert_eq!(moments(points.as_view()).unwrap(), [expected]);
    }

    #[test]
    fn a_distant_mean_does_not_hide_the_deviation() {
        let points = DMatrix::from_fn(1000, 1, |i, _| 16_777_215.0 - (i % 2) as f32);
        let found = moments(points.as_view()).unwrap()[0];
        assert_eq!(found.mean, 16_777_214.5);
        assert_eq!(found.standard_deviation, 0.5);
    }

    #[test]
    fn a_bad_weight_is_refused_by_place() {
        let points = DMatrix::from_column_slice(1, 2, &[1.0, f32::NAN]);
        let error = moments(points.as_view()).unwrap_err();
        assert!(matches!(
            error,
            Error::NonFinite {
                column: 1,
                row: 0,
                ..
            }
        ));
    }

    proptest! {
        #[test]
        fn scaling_and_shifting_weights_scales_and_shifts_their_moments(
            weights in prop::collection::vec(-8i16..8, 1..50), shift in -8i16..8,
        ) {
            let points = DMatrix::from_fn(weights.len(), 2, |i, j| {
                if j == 0 { f32::from(weights[i]) } else { f32::from(4 * weights[i] + shift) }
            });
            let found = moments(points.as_view()).unwrap();
            let mean = 4.0 * found[0].mean + f64::from(shift);
            prop_assert!((found[1].mean - mean).abs() < 1e-12);
            let deviation = 4.0 * found[0].standard_deviation;
            prop_assert!((found[1].standard_deviation - deviation).abs() < 1e-12);
        }
    }
}
