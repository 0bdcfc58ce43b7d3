//! Products and conversions of dense matrices.

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{Accum, Mat, MatRef, Par, unzip, zip};

/// Columns (or rows) held in f64 at a time.
pub(super) const BLOCK: usize = 512;

pub(super) fn product<T: RealField>(left: MatRef<'_, T>, right: MatRef<'_, T>, par: Par) -> Mat<T> {
    let mut product = Mat::zeros(left.nrows(), right.ncols());
    matmul(
        product.as_mut(),
        Accum::Replace,
        left,
        right,
        T::one_impl(),
        par,
    );
    product
}

pub(super) fn widened(matrix: &Mat<f32>) -> Mat<f64> {
    let mut wide = Mat::zeros(matrix.nrows(), matrix.ncols());
    zip!(&mut wide, matrix).for_each(|unzip!(wide, x)| *wide = f64::from(*x));
    wide
}

pub(super) fn narrowed(matrix: &Mat<f64>) -> Mat<f32> {
    let mut narrow = Mat::zeros(matrix.nrows(), matrix.ncols());
    zip!(&mut narrow, matrix).for_each(|unzip!(narrow, x)| *narrow = *x as f32);
    narrow
}
