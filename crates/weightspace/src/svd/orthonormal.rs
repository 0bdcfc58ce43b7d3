//! Orthonormal columns with a given span.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj,
};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::qr::no_pivoting::factor::{
    qr_in_place, qr_in_place_scratch, recommended_block_size,
};
use faer::linalg::solvers::Llt;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Conj, Mat, Par, Side, Spec};

use crate::parts::PARTS;

/// Share of a column's square outside the span of those before it, from which on its direction is
/// good to 10⁻¹⁰.
const INDEPENDENT: f64 = 1e-6;
/// Share from which on it is good to rounding.
const UPRIGHT: f64 = 0.5;
/// Repetitions; two are enough but for columns at the limit of what is independent.
const ROUNDS: usize = 3;

/// Orthonormal columns whose first `k` span the first `k` of `matrix`, for every `k`; completed
/// by arbitrary directions where the columns of `matrix` are dependent.
///
/// By Cholesky decomposition of the columns' Gram matrix (Yamamoto, Nakatsukasa, Yanagisawa and
/// Fukaya 2015, "Roundoff error analysis of the CholeskyQR2 algorithm"), which is several times as fast
/// as reflections and good enough as long as columns are not all but dependent.
pub(crate) fn orthonormal(matrix: Mat<f64>) -> Mat<f64> {
    let mut basis = matrix;
    for _ in 0..ROUNDS {
        let gram = gram(&basis);
        let Ok(cholesky) = Llt::new(gram.as_ref(), Side::Lower) else {
            break;
        };
        let factor = cholesky.L();
        let share = |i: usize| factor[(i, i)].powi(2) / gram[(i, i)];
        let least = (0..gram.ncols()).map(share).fold(1.0, f64::min);
        if least < INDEPENDENT {
            break;
        }
        solve_lower_triangular_in_place(factor, basis.transpose_mut(), Par::rayon(PARTS));
        if least >= UPRIGHT {
            return basis;
        }
    }
    by_reflections(basis)
}

/// `matrixᵀ·matrix`, lower triangle.
fn gram(matrix: &Mat<f64>) -> Mat<f64> {
    let mut gram = Mat::zeros(matrix.ncols(), matrix.ncols());
    triangular::matmul(
        gram.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        matrix.transpose(),
        BlockStructure::Rectangular,
        matrix.as_ref(),
        BlockStructure::Rectangular,
        1.0,
        Par::rayon(PARTS),
    );
    gram
}

/// The same for any columns, by Householder's reflections.
fn by_reflections(matrix: Mat<f64>) -> Mat<f64> {
    let mut factors = matrix;
    let (rows, columns) = factors.shape();
    let block = recommended_block_size::<f64>(rows, columns);
    let par = Par::rayon(PARTS);
    let mut coefficients = Mat::zeros(block, columns);
    let mut memory = MemBuffer::new(StackReq::any_of(&[
        qr_in_place_scratch::<f64>(rows, columns, block, par, Spec::default()),
        apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(rows, block, columns),
    ]));
    let stack = MemStack::new(&mut memory);
    qr_in_place(
        factors.as_mut(),
        coefficients.as_mut(),
        par,
        stack,
        Spec::default(),
    );
    let mut basis = Mat::identity(rows, columns);
    apply_block_householder_sequence_on_the_left_in_place_with_conj(
        factors.as_ref(),
        coefficients.as_ref(),
        Conj::No,
        basis.as_mut(),
        par,
        stack,
    );
    basis
}

#[cfg(test)]
mod tests {
    use super::super::noise;
    use super::*;

    fn random(rows: usize, columns: usize) -> Mat<f64> {
        let noise = noise(rows, columns, 7);
        Mat::from_fn(rows, columns, |i, j| f64::from(noise[(i, j)]))
    }

    fn defect(basis: &Mat<f64>) -> f64 {
        (basis.transpose() * basis - Mat::<f64>::identity(basis.ncols(), basis.ncols())).norm_max()
    }

    /// How far a column of `matrix` sticks out of the span of as many columns of the basis.
    fn outside(matrix: &Mat<f64>, basis: &Mat<f64>) -> f64 {
        let out = |k: usize| {
            let (column, span) = (matrix.col(k), basis.subcols(0, k + 1));
            (column - span * (span.transpose() * column)).norm_l2() / column.norm_l2()
        };
        (0..matrix.ncols()).map(out).fold(0.0, f64::max)
    }

    #[test]
    fn the_first_columns_span_the_first_columns() {
        let leaning = |lean: f64| {
            let mut matrix = random(90, 20);
            for column in 1..20 {
                let first = matrix.col(0).to_owned();
                let leaned = first + matrix.col(column) * faer::Scale(lean);
                matrix.col_mut(column).copy_from(leaned);
            }
            matrix
        };
        // From columns that stand well apart to columns that are one but for rounding.
        for lean in [1e3, 1.0, 1e-2, 1e-6, 1e-9] {
            let matrix = leaning(lean);
            let basis = orthonormal(matrix.clone());
            assert!(defect(&basis) < 1e-13, "{lean}: {}", defect(&basis));
            assert!(outside(&matrix, &basis) < 1e-9, "{lean}");
        }
    }

    #[test]
    fn what_dependent_columns_leave_open_is_completed() {
        let mut repeated = random(30, 6);
        let first = repeated.col(0).to_owned();
        repeated.col_mut(3).copy_from(first);
        for matrix in [repeated, Mat::zeros(12, 4), Mat::identity(8, 8)] {
            let basis = orthonormal(matrix);
            assert!(defect(&basis) < 1e-13);
        }
    }
}
