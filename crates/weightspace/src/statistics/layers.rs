//! Simple statistics of the weights of every layer: mean, variance and five quantiles.
//!
//! T. Unterthiner et al. (*Predicting Neural Network Accuracy from Weights*, 2020) predict the
//! test accuracy of a model from these seven numbers for each of its weight tensors.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use super::quantiles::quantile_of_sorted;
use crate::Error;
use crate::points::finite_columns;

/// Names of the statistics of one tensor, in the order of the rows.
pub const NAMES: [&str; 7] = [
    "mean", "variance", "least", "25 %", "50 %", "75 %", "greatest",
];

/// The statistics of every column of `points` (parameters x checkpoints): seven rows for each
/// tensor, of [`NAMES`]. `tensors` are the numbers of parameters, in their order.
///
/// The variance is that of the weights themselves, divided by their number. Quantiles interpolate
/// linearly between order statistics (Hyndman and Fan's type 7, NumPy's default). O(parameters ·
/// log(parameters)) per checkpoint.
///
/// # Errors
/// [`Error::NonFinite`]; [`Error::Tensors`] when the tensors do not add up to the parameters, or
/// one is empty.
pub fn statistics(points: DMatrixView<'_, f32>, tensors: &[usize]) -> Result<DMatrix<f64>, Error> {
    let columns = finite_columns(&points)?;
    if tensors.iter().sum::<usize>() != points.nrows() || tensors.contains(&0) {
        return Err(Error::Tensors {
            sum: tensors.iter().sum(),
            parameters: points.nrows(),
        });
    }
    let rows = NAMES.len() * tensors.len();
    let of_column = |weights: &&[f32]| {
        let mut rest = *weights;
        let mut found = Vec::with_capacity(rows);
        for &size in tensors {
            let (tensor, others) = rest.split_at(size);
            rest = others;
            found.extend(of_tensor(tensor));
        }
        found
    };
    let values: Vec<Vec<f64>> = columns.par_iter().map(of_column).collect();
    Ok(DMatrix::from_fn(rows, columns.len(), |row, column| {
        values[column][row]
    }))
}

fn of_tensor(weights: &[f32]) -> [f64; 7] {
    let mut sorted: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / count;
    sorted.sort_by(f64::total_cmp);
    let [least, lower, median, upper, greatest] =
        [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile_of_sorted(&sorted, share));
    [mean, variance, least, lower, median, upper, greatest]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_numpys() {
        // numpy.mean, var and quantile of [1, 2, 4, 8], then of [3].
        let points = DMatrix::from_column_slice(5, 1, &[8.0, 1.0, 4.0, 2.0, 3.0]);
        let found = statistics(points.as_view(), &[4, 1]).unwrap();
        let expected = [3.75, 7.1875, 1.0, 1.75, 3.0, 5.0, 8.0];
        assert_eq!(found.as_slice()[..7], expected);
        assert_eq!(found.as_slice()[7..], [3.0, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn the_order_of_weights_within_a_tensor_does_not_matter() {
        let points = DMatrix::from_fn(12, 3, |i, j| ((i * 5 + j) % 7) as f32);
        let mut turned = points.clone();
        for mut column in turned.column_iter_mut() {
            column.as_mut_slice()[..8].reverse();
        }
        let found = statistics(points.as_view(), &[8, 4]).unwrap();
        assert_eq!(statistics(turned.as_view(), &[8, 4]).unwrap(), found);
        assert_eq!(found.shape(), (14, 3));
    }

    #[test]
    fn tensors_that_are_not_the_matrixs_are_refused() {
        let points = DMatrix::<f32>::zeros(12, 3);
        for tensors in [&[][..], &[5, 5], &[12, 0], &[13]] {
            let error = statistics(points.as_view(), tensors).unwrap_err();
            assert!(matches!(error, Error::Tensors { .. }));
        }
        let none = DMatrix::<f32>::zeros(12, 0);
        assert_eq!(statistics(none.as_view(), &[12]).unwrap().shape(), (7, 0));
    }
}
