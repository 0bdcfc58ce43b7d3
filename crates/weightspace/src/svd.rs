//! Truncated, uncentred singular value decomposition.
//!
//! The eigenvectors of the smaller Gram matrix, accumulated in f64, give the directions; the
//! points are then projected on them, and the length of each row of coordinates is its singular
//! value. Squaring the matrix costs the directions of singular values below about 10⁻⁷ of the
//! largest their accuracy, far below what f32 weights can tell from nothing; the singular values
//! themselves do not suffer, since an error in a direction enters them squared.
//!
//! The matrix is read in blocks of columns, so that only a fraction of it is ever held in f64. Large
//! matrices whose spectrum is not too steep are decomposed in f32 and refined (`single`), which is
//! checked; singular values are then good to 10⁻⁵ rather than to rounding.

mod krylov;
mod single;

use std::ops::Range;

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj,
};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::qr::no_pivoting::factor::{
    qr_in_place, qr_in_place_scratch, recommended_block_size,
};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::traits::RealField;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, Spec};
use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use crate::Error;
use crate::points::finite_columns;

/// Columns (or rows) held in f64 at a time.
const BLOCK: usize = 512;

/// Parts into which faer divides its work. Last bits depend on it, so it is not the number of
/// threads, which is free to be anything.
pub(crate) const PARTS: usize = 4;

/// The leading part of `points = directions · coordinates`, largest singular value first.
///
/// `coordinates` is `Σ·Vᵀ`: column `j` places checkpoint `j` along the directions. One
/// decomposition serves every lower rank: its rows are sorted, so the first ones are what is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Svd {
    singular_values: Vec<f64>,
    directions: DMatrix<f32>,
    coordinates: DMatrix<f32>,
}

impl Svd {
    /// Number of components.
    pub fn rank(&self) -> usize {
        self.singular_values.len()
    }

    /// The singular values, largest first.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The left singular vectors, shape (parameters, rank): orthonormal columns, the largest
    /// entry of each (the first such) positive.
    pub fn directions(&self) -> &DMatrix<f32> {
        &self.directions
    }

    /// The points along the directions, shape (rank, checkpoints).
    pub fn coordinates(&self) -> &DMatrix<f32> {
        &self.coordinates
    }

    /// The points along the first `rank` directions, shape (rank, checkpoints).
    ///
    /// # Errors
    /// [`Error::Rank`] if `rank` is 0 or more than was computed.
    pub fn coordinates_at(&self, rank: usize) -> Result<DMatrix<f32>, Error> {
        if rank == 0 || rank > self.rank() {
            return Err(Error::Rank {
                rank,
                parameters: self.rank(),
                checkpoints: self.coordinates.ncols(),
            });
        }
        Ok(self.coordinates.rows(0, rank).into_owned())
    }
}

/// The `rank` leading components of `points` (parameters x checkpoints), without centring.
///
/// Singular values are good to 10⁻⁵, of matrices with fewer than 512 rows or fewer columns than rows
/// to rounding. The same bits for any number of threads.
///
/// With `m` the smaller and `l` the larger side, O(m²·l + m³) in time, O(m²) in memory beside the
/// input and the result.
///
/// # Errors
/// [`Error::Rank`] unless `0 < rank ≤ min(parameters, checkpoints)`; [`Error::NonFinite`];
/// [`Error::NoConvergence`].
pub fn truncated(points: DMatrixView<'_, f32>, rank: usize) -> Result<Svd, Error> {
    let (parameters, checkpoints) = points.shape();
    if rank == 0 || rank > parameters.min(checkpoints) {
        return Err(Error::Rank {
            rank,
            parameters,
            checkpoints,
        });
    }
    let columns = finite_columns(&points)?;
    match single::truncated(&columns, parameters, rank) {
        Some(svd) => Ok(svd),
        None => in_double(&columns, parameters, rank),
    }
}

/// Everything in f64.
fn in_double(columns: &[&[f32]], parameters: usize, rank: usize) -> Result<Svd, Error> {
    let mut basis = if parameters <= columns.len() {
        leading_eigenvectors(gram_of_rows(columns, parameters), rank)?
    } else {
        let right = leading_eigenvectors(gram_of_columns(columns, parameters), rank)?;
        orthonormal(product(columns, parameters, &right))
    };
    fix_signs(&mut basis);
    let (coordinates, squares) = project(columns, &basis);
    // Rounding may swap the order of values that are all but equal.
    let mut order: Vec<usize> = (0..rank).collect();
    order.sort_by(|&i, &j| squares[j].total_cmp(&squares[i]));
    Ok(Svd {
        singular_values: order.iter().map(|&i| squares[i].sqrt()).collect(),
        directions: DMatrix::from_fn(parameters, rank, |i, j| basis[(i, order[j])] as f32),
        coordinates: coordinates.select_rows(&order),
    })
}

/// Rows `rows` of some columns in f64, column-major.
fn widened(columns: &[&[f32]], rows: Range<usize>) -> Vec<f64> {
    let mut wide = vec![0.0; columns.len() * rows.len()];
    wide.chunks_exact_mut(rows.len())
        .zip(columns)
        .for_each(|(wide, column)| {
            for (wide, &x) in wide.iter_mut().zip(&column[rows.clone()]) {
                *wide = f64::from(x);
            }
        });
    wide
}

/// `X·Xᵀ`, lower triangle.
fn gram_of_rows(columns: &[&[f32]], parameters: usize) -> Mat<f64> {
    let mut gram = Mat::zeros(parameters, parameters);
    for columns in columns.chunks(BLOCK) {
        let wide = widened(columns, 0..parameters);
        let block = MatRef::from_column_major_slice(&wide, parameters, columns.len());
        add_lower(&mut gram, block, block.transpose());
    }
    gram
}

/// `Xᵀ·X`, lower triangle.
fn gram_of_columns(columns: &[&[f32]], parameters: usize) -> Mat<f64> {
    let mut gram = Mat::zeros(columns.len(), columns.len());
    for start in (0..parameters).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(parameters);
        let wide = widened(columns, rows.clone());
        let block = MatRef::from_column_major_slice(&wide, rows.len(), columns.len());
        add_lower(&mut gram, block.transpose(), block);
    }
    gram
}

fn add_lower(gram: &mut Mat<f64>, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    triangular::matmul(
        gram.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Add,
        left,
        BlockStructure::Rectangular,
        right,
        BlockStructure::Rectangular,
        1.0,
        Par::rayon(PARTS),
    );
}

/// The eigenvectors of the `rank` largest eigenvalues, largest first.
fn leading_eigenvectors<T: RealField>(gram: Mat<T>, rank: usize) -> Result<Mat<T>, Error> {
    let size = gram.nrows();
    let par = Par::rayon(PARTS);
    let scratch =
        self_adjoint_evd_scratch::<T>(size, ComputeEigenvectors::Yes, par, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let mut values = Diag::zeros(size);
    let mut vectors = Mat::zeros(size, size);
    self_adjoint_evd(
        gram.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        par,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .map_err(|_| Error::NoConvergence { size })?;
    // faer sorts eigenvalues upwards.
    Ok(vectors.subcols(size - rank, rank).reverse_cols().to_owned())
}

/// `X·right` for the matrix `X` of the columns.
fn product(columns: &[&[f32]], parameters: usize, right: &Mat<f64>) -> Mat<f64> {
    let mut result = Mat::zeros(parameters, right.ncols());
    for (number, columns) in columns.chunks(BLOCK).enumerate() {
        let wide = widened(columns, 0..parameters);
        matmul(
            result.as_mut(),
            Accum::Add,
            MatRef::from_column_major_slice(&wide, parameters, columns.len()),
            right.subrows(number * BLOCK, columns.len()),
            1.0,
            Par::rayon(PARTS),
        );
    }
    result
}

/// Orthonormal columns whose first `k` span the first `k` of `matrix`, for every `k`; completed
/// by arbitrary directions where the columns of `matrix` are dependent.
pub(crate) fn orthonormal(matrix: Mat<f64>) -> Mat<f64> {
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

/// Turns every direction so that its largest entry is positive.
fn fix_signs(basis: &mut Mat<f64>) {
    for mut direction in basis.col_iter_mut() {
        let mut largest = 0.0f64;
        for &entry in direction.rb().iter() {
            if entry.abs() > largest.abs() {
                largest = entry;
            }
        }
        if largest < 0.0 {
            direction
                .rb_mut()
                .iter_mut()
                .for_each(|entry| *entry = -*entry);
        }
    }
}

/// `basisᵀ·X` in f32 and, in f64 before rounding, the sum of squares of each of its rows.
fn project(columns: &[&[f32]], basis: &Mat<f64>) -> (DMatrix<f32>, Vec<f64>) {
    let (parameters, rank) = basis.shape();
    let mut coordinates = DMatrix::zeros(rank, columns.len());
    let squares: Vec<Vec<f64>> = columns
        .par_chunks(BLOCK)
        .zip(coordinates.as_mut_slice().par_chunks_mut(rank * BLOCK))
        .map(|(columns, out)| {
            let wide = widened(columns, 0..parameters);
            let mut block = vec![0.0; out.len()];
            matmul(
                MatMut::from_column_major_slice_mut(&mut block, rank, columns.len()),
                Accum::Replace,
                basis.transpose(),
                MatRef::from_column_major_slice(&wide, parameters, columns.len()),
                1.0,
                Par::Seq,
            );
            let mut squares = vec![0.0; rank];
            for (block, out) in block.chunks_exact(rank).zip(out.chunks_exact_mut(rank)) {
                for ((square, &x), out) in squares.iter_mut().zip(block).zip(out) {
                    *square += x * x;
                    *out = x as f32;
                }
            }
            squares
        })
        .collect();
    let mut sums = vec![0.0; rank];
    for squares in squares {
        for (sum, square) in sums.iter_mut().zip(squares) {
            *sum += square;
        }
    }
    (coordinates, sums)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn noise(rows: usize, columns: usize, seed: u64) -> DMatrix<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        DMatrix::from_fn(rows, columns, |_, _| {
            rng.next_u32() as f32 / u32::MAX as f32 - 0.3
        })
    }

    /// nalgebra's SVD in f64: the oracle.
    fn oracle(points: &DMatrix<f32>) -> nalgebra::SVD<f64, nalgebra::Dyn, nalgebra::Dyn> {
        points.map(f64::from).svd(true, true)
    }

    /// Largest deviation of `directions` from orthonormality.
    fn defect(directions: &DMatrix<f32>) -> f64 {
        let wide = directions.map(f64::from);
        let rank = wide.ncols();
        (wide.transpose() * wide - DMatrix::identity(rank, rank)).amax()
    }

    fn agrees_with_the_oracle(points: &DMatrix<f32>, rank: usize) {
        let ours = truncated(points.as_view(), rank).unwrap();
        let oracle = oracle(points);
        let (u, v_t) = (oracle.u.unwrap(), oracle.v_t.unwrap());
        let largest = oracle.singular_values[0];
        assert!(defect(ours.directions()) < 1e-6);
        for k in 0..rank {
            let value = oracle.singular_values[k];
            assert!((ours.singular_values()[k] - value).abs() <= 1e-9 * value + 1e-13 * largest);
            let sign = if u.column(k)[u.column(k).iamax()] < 0.0 {
                -1.0
            } else {
                1.0
            };
            // Directions are defined only as well as their values are apart.
            let gap = (0..oracle.singular_values.len())
                .filter(|&other| other != k)
                .map(|other| (oracle.singular_values[other] - value).abs())
                .fold(f64::INFINITY, f64::min);
            if gap > 1e-4 * largest && value > 1e-4 * largest {
                let direction = ours.directions().column(k).map(f64::from);
                assert!((direction - u.column(k) * sign).amax() < 1e-6);
                let row = ours.coordinates().row(k).map(f64::from);
                assert!((row - v_t.row(k) * (value * sign)).amax() < 1e-6 * largest);
            }
        }
    }

    #[test]
    fn wide_tall_and_square_matrices_agree_with_the_oracle() {
        agrees_with_the_oracle(&noise(40, 1100, 1), 40);
        agrees_with_the_oracle(&noise(1100, 40, 2), 40);
        agrees_with_the_oracle(&noise(37, 37, 3), 11);
    }

    #[test]
    fn one_point_is_its_own_direction() {
        let points = DMatrix::from_column_slice(2, 1, &[-3.0f32, -4.0]);
        let svd = truncated(points.as_view(), 1).unwrap();
        assert!((svd.singular_values()[0] - 5.0).abs() < 1e-12);
        assert_eq!(svd.directions().as_slice(), [0.6, 0.8]);
        assert_eq!(svd.coordinates().as_slice(), [-5.0]);
    }

    #[test]
    fn a_known_spectrum_over_six_decades_is_recovered() {
        // Orthogonal rows of a Hadamard matrix, scaled: the singular values are known exactly.
        let (rows, columns) = (7usize, 64usize);
        let points = DMatrix::from_fn(rows, columns, |i, j| {
            let sign = if (i & j).count_ones() % 2 == 0 {
                1.0
            } else {
                -1.0
            };
            sign * 10f32.powi(-(i as i32))
        });
        let svd = truncated(points.as_view(), rows).unwrap();
        for (k, value) in svd.singular_values().iter().enumerate() {
            let expected = 8.0 * f64::from(10f32.powi(-(k as i32)));
            assert!((value / expected - 1.0).abs() < 1e-5, "{k} {value}");
        }
    }

    #[test]
    fn dependent_points_still_get_orthonormal_directions() {
        for points in [
            DMatrix::from_fn(50, 6, |i, j| (i * (j / 2 + 1)) as f32),
            DMatrix::from_fn(6, 50, |i, j| (j * (i / 2 + 1)) as f32),
            DMatrix::zeros(5, 9),
            DMatrix::zeros(9, 5),
        ] {
            let rank = points.nrows().min(points.ncols());
            let svd = truncated(points.as_view(), rank).unwrap();
            assert!(defect(svd.directions()) < 1e-6);
            let rebuilt = svd.directions() * svd.coordinates();
            assert!((rebuilt - &points).amax() <= 1e-5 * points.amax());
            assert!(svd.singular_values()[1] <= 1e-9 * svd.singular_values()[0]);
        }
    }

    #[test]
    fn a_lower_rank_is_the_beginning_of_a_higher_one() {
        let points = noise(30, 200, 4);
        let svd = truncated(points.as_view(), 20).unwrap();
        let five = truncated(points.as_view(), 5).unwrap();
        assert!((svd.coordinates_at(5).unwrap() - five.coordinates()).amax() < 1e-5);
        assert_eq!(svd.coordinates_at(20).unwrap(), *svd.coordinates());
        assert!(matches!(svd.coordinates_at(21), Err(Error::Rank { .. })));
        assert!(matches!(svd.coordinates_at(0), Err(Error::Rank { .. })));
    }

    #[test]
    fn the_number_of_threads_does_not_show() {
        // Large enough for faer to divide every step among threads.
        for (rows, columns) in [(260, 600), (600, 260)] {
            let points = noise(rows, columns, 5);
            let svds: Vec<Svd> = [1, 2, 3]
                .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
                .into_iter()
                .map(|pool| {
                    pool.unwrap()
                        .install(|| truncated(points.as_view(), 50))
                        .unwrap()
                })
                .collect();
            assert_eq!(svds[0], svds[1]);
            assert_eq!(svds[0], svds[2]);
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_reason() {
        let mut points = noise(4, 6, 6);
        for rank in [0, 5] {
            let error = truncated(points.as_view(), rank).unwrap_err();
            assert!(matches!(
                error,
                Error::Rank {
                    parameters: 4,
                    checkpoints: 6,
                    ..
                }
            ));
        }
        points[(3, 5)] = f32::NEG_INFINITY;
        let error = truncated(points.as_view(), 2).unwrap_err();
        assert!(matches!(
            error,
            Error::NonFinite {
                column: 5,
                row: 3,
                ..
            }
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_small_matrix_agrees_with_the_oracle(
            seed in any::<u64>(), rows in 1usize..30, columns in 1usize..30,
        ) {
            let points = noise(rows, columns, seed);
            agrees_with_the_oracle(&points, 1 + seed as usize % rows.min(columns));
        }

        #[test]
        fn renumbering_the_points_renumbers_the_coordinates(seed in any::<u64>()) {
            let points = noise(10, 60, seed);
            let order: Vec<usize> = (0..60).map(|i| (i + 1) * 17 % 61 - 1).collect();
            let svd = truncated(points.as_view(), 3).unwrap();
            let again = truncated(points.select_columns(&order).as_view(), 3).unwrap();
            // The last gap may be small; the first component's never is for positive means.
            let expected = svd.coordinates().select_columns(&order);
            prop_assert!((again.coordinates().row(0) - expected.row(0)).amax() < 1e-5);
            for (x, y) in svd.singular_values().iter().zip(again.singular_values()) {
                prop_assert!((x - y).abs() <= 1e-12 * x);
            }
        }
    }
}
