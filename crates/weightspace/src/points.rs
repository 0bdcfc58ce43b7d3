//! A matrix of checkpoints as a list of columns, checked once at the door.

use nalgebra::DMatrixView;
use rayon::prelude::*;

use crate::Error;

/// The columns of `points` as slices, after checking that every weight is finite.
///
/// The slices borrow the matrix's own memory, nothing is copied.
///
/// # Errors
/// [`Error::NonFinite`] names the first column with a NaN or infinite weight, and the first such
/// row in it; [`Error::TooManyCheckpoints`] if columns cannot be numbered in 32 bits.
pub fn finite_columns<'a>(points: &'a DMatrixView<'_, f32>) -> Result<Vec<&'a [f32]>, Error> {
    Ok(measured_columns(points)?.0)
}

/// The same, with the largest absolute value.
pub(crate) fn measured_columns<'a>(
    points: &'a DMatrixView<'_, f32>,
) -> Result<(Vec<&'a [f32]>, f32), Error> {
    let found = points.ncols();
    if u32::try_from(found).is_err() {
        return Err(Error::TooManyCheckpoints { found });
    }
    let columns: Vec<&[f32]> = points
        .column_iter()
        .map(|column| column.data.into_slice())
        .collect();
    let magnitude = magnitude(&columns);
    if magnitude.is_finite() {
        return Ok((columns, magnitude));
    }
    let bad = |weights: &[f32]| weights.iter().position(|weight| !weight.is_finite());
    let first = columns
        .par_iter()
        .enumerate()
        .find_map_first(|(column, weights)| Some((column, bad(weights)?)));
    let (column, row) = first.unwrap_or_default();
    Err(Error::NonFinite {
        column,
        row,
        value: columns[column][row],
    })
}

/// The largest absolute value; not finite if one of them is not.
pub(crate) fn magnitude(columns: &[&[f32]]) -> f32 {
    // Without their signs numbers are in the order of their bits, NaN last, and the maximum vectorises.
    let arch = pulp::Arch::new();
    let bits = columns
        .par_iter()
        .map(|column| {
            arch.dispatch(|| column.iter().fold(0, |most, x| x.abs().to_bits().max(most)))
        })
        .reduce(|| 0, u32::max);
    f32::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;

    #[test]
    fn the_first_bad_weight_is_named() {
        let mut points = DMatrix::<f32>::zeros(5, 4);
        points[(4, 3)] = f32::NAN;
        points[(2, 1)] = f32::INFINITY;
        points[(3, 1)] = f32::NAN;
        let error = finite_columns(&points.as_view()).unwrap_err();
        assert_eq!(
            error,
            Error::NonFinite {
                column: 1,
                row: 2,
                value: f32::INFINITY
            }
        );
    }

    #[test]
    fn the_magnitude_is_of_whatever_sign() {
        let magnitude = |numbers: &[f32]| magnitude(&[&[0.0], numbers]);
        assert_eq!(magnitude(&[1e-40, -0.0]), 1e-40);
        assert_eq!(magnitude(&[-3.0, 2.5, f32::MIN_POSITIVE]), 3.0);
        assert_eq!(magnitude(&[]), 0.0);
        assert!(!magnitude(&[1.0, -f32::NAN, 3.0]).is_finite());
    }

    #[test]
    fn columns_of_a_wider_matrix_are_borrowed_where_they_lie() {
        let points = DMatrix::from_fn(3, 6, |i, j| (10 * j + i) as f32);
        let view = points.columns(2, 3);
        let view = view.as_view();
        let columns = finite_columns(&view).unwrap();
        assert_eq!(columns[0], &[20.0, 21.0, 22.0]);
        assert_eq!(columns[2].as_ptr(), &points[(0, 4)] as *const f32);
    }
}
