//! The same decomposition with the large products in f32, where that is found to be good enough.
//!
//! The leading eigenvectors of a Gram matrix in f32 span, but for small angles, what those of the
//! true one span. An error in that space enters singular values squared; errors within it are undone
//! by decomposing the points' coordinates in it, in f64 (Rayleigh and Ritz). A few more directions
//! than are wanted keep the last ones from being mixed with what was cut off.
//!
//! Whether the angles are small is not taken for granted: the last pairs, which suffer most, are
//! multiplied by the matrix itself, in f32, whose rounding only makes them look worse. For a pair (λ, v) with residual `r = X·Xᵀ·v − λ·v` the
//! eigenvalue is off by `‖r‖²` over its distance from the values that were left out, at most
//! (Parlett 1998, *The Symmetric Eigenvalue Problem*, section 11.7). If that is too much, everything
//! is done in f64.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::traits::RealField;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::ops::Range;

use super::{
    BLOCK, PARTS, Svd, fix_signs, gram_of_rows, krylov, leading_eigenpairs, orthonormal,
    tridiagonal,
};

/// Parameters from which single precision saves enough to be tried.
const LEAST_PARAMETERS: usize = 512;
/// Directions beyond those that are wanted.
const MORE: usize = 16;
/// Of how many directions one must be wanted for them to be found one block after another.
const FEW: usize = 16;
/// Columns of one product of the Gram matrix; each rounds what was summed before.
const WIDE: usize = 2048;
/// Pairs that are checked.
const CHECKED: usize = 8;
/// Most that an eigenvalue may be off, relatively; a singular value is off by half of it.
const TOLERANCE: f64 = 1e-5;

/// The decomposition, or None where it would not pay, or the spectrum is too steep for it.
pub(super) fn truncated(columns: &[&[f32]], parameters: usize, rank: usize) -> Option<Svd> {
    let directions = rank + MORE;
    let magnitude = columns
        .par_iter()
        .map(|column| column.iter().fold(0.0f32, |most, x| most.max(x.abs())))
        .reduce(|| 0.0, f32::max);
    // Squares must stay well within f32's range.
    if parameters < LEAST_PARAMETERS.max(directions)
        || columns.len() < parameters
        || !(1e-12..1e12).contains(&magnitude)
    {
        return None;
    }
    let gram = gram(columns, parameters);
    let space = if directions * FEW <= parameters {
        krylov::leading(&whole(gram), directions, rank)?
    } else {
        let leading = if directions * 2 <= parameters {
            tridiagonal::leading(gram, directions)
        } else {
            leading_eigenpairs(gram, directions).ok()?.1
        };
        orthonormal(Mat::from_fn(parameters, directions, |i, j| {
            f64::from(leading[(i, j)])
        }))
    };
    let within = projected(columns, &space);
    let rows: Vec<&[f32]> = within.chunks_exact(directions).collect();
    let small = gram_of_rows(&rows, directions);
    let (mut squares, turned) = leading_eigenpairs(small, directions).ok()?;
    let left_out = squares[directions - 1];
    squares.truncate(rank);
    let turned = turned.subcols(0, rank);
    let mut basis = product(space.as_ref(), turned, Par::rayon(PARTS));
    fix_signs(&mut basis);
    // The same turn, with the signs that were chosen.
    let turned = product(space.transpose(), basis.as_ref(), Par::rayon(PARTS));
    let checked = rank.saturating_sub(CHECKED)..rank;
    let off = residuals(columns, &basis, &squares, checked.clone());
    let is_good = off
        .into_iter()
        .zip(checked)
        .all(|(residual, i)| residual <= TOLERANCE * squares[i] * (squares[i] - left_out));
    if !is_good {
        return None;
    }
    let turned = Mat::from_fn(directions, rank, |i, j| turned[(i, j)] as f32);
    let mut coordinates = DMatrix::zeros(rank, columns.len());
    matmul(
        MatMut::from_column_major_slice_mut(coordinates.as_mut_slice(), rank, columns.len()),
        Accum::Replace,
        turned.transpose(),
        MatRef::from_column_major_slice(&within, directions, columns.len()),
        1.0,
        Par::rayon(PARTS),
    );
    Some(Svd {
        singular_values: squares.into_iter().map(f64::sqrt).collect(),
        directions: DMatrix::from_fn(parameters, rank, |i, j| basis[(i, j)] as f32),
        coordinates,
    })
}

/// `X·Xᵀ`, lower triangle.
fn gram(columns: &[&[f32]], parameters: usize) -> Mat<f32> {
    let mut gram = Mat::zeros(parameters, parameters);
    for columns in columns.chunks(WIDE) {
        let block = columns.concat();
        let block = MatRef::from_column_major_slice(&block, parameters, columns.len());
        triangular::matmul(
            gram.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Add,
            block,
            BlockStructure::Rectangular,
            block.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::rayon(PARTS),
        );
    }
    gram
}

/// The matrix whose lower triangle is given.
fn whole(mut lower: Mat<f32>) -> Mat<f32> {
    for column in 1..lower.ncols() {
        for row in 0..column {
            lower[(row, column)] = lower[(column, row)];
        }
    }
    lower
}

/// `spaceᵀ·X`, column after column.
fn projected(columns: &[&[f32]], space: &Mat<f64>) -> Vec<f32> {
    let (parameters, directions) = space.shape();
    let space = Mat::from_fn(parameters, directions, |i, j| space[(i, j)] as f32);
    let mut projected = vec![0.0; directions * columns.len()];
    columns
        .par_chunks(BLOCK)
        .zip(projected.par_chunks_mut(directions * BLOCK))
        .for_each(|(columns, out)| {
            let block = columns.concat();
            matmul(
                MatMut::from_column_major_slice_mut(out, directions, columns.len()),
                Accum::Replace,
                space.transpose(),
                MatRef::from_column_major_slice(&block, parameters, columns.len()),
                1.0,
                Par::Seq,
            );
        });
    projected
}

/// The squared lengths of the residuals of some pairs, by products in f32: what they round only adds.
fn residuals(
    columns: &[&[f32]],
    basis: &Mat<f64>,
    squares: &[f64],
    pairs: Range<usize>,
) -> Vec<f64> {
    let parameters = basis.nrows();
    let vectors = Mat::from_fn(parameters, pairs.len(), |i, j| {
        basis[(i, pairs.start + j)] as f32
    });
    let parts: Vec<Mat<f32>> = columns
        .par_chunks(BLOCK)
        .map(|columns| {
            let block = columns.concat();
            let block = MatRef::from_column_major_slice(&block, parameters, columns.len());
            let along = product(block.transpose(), vectors.as_ref(), Par::Seq);
            product(block, along.as_ref(), Par::Seq)
        })
        .collect();
    let residual = |pair: usize| {
        let entry = |row: usize| {
            let image: f64 = parts.iter().map(|part| f64::from(part[(row, pair)])).sum();
            image - squares[pairs.start + pair] * f64::from(vectors[(row, pair)])
        };
        (0..parameters).map(|row| entry(row).powi(2)).sum()
    };
    (0..pairs.len()).map(residual).collect()
}

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

#[cfg(test)]
mod tests {
    use super::super::in_double;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Points whose variance falls by `fall` from one direction to the next, in mixed axes.
    fn falling(fall: f64, seed: u64) -> DMatrix<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut noise = move || f64::from(random.next_u32()) / 2f64.powi(32) - 0.5;
        let scaled = DMatrix::from_fn(600, 1300, |row, _| noise() * fall.powi(row as i32));
        // Two reflections mix the axes.
        let mut mixed = scaled;
        for shift in [1.0, 2.5] {
            let axis = nalgebra::DVector::from_fn(600, |row, _| (row as f64 + shift).sin());
            let axis = axis.normalize();
            let along = axis.tr_mul(&mixed);
            mixed -= 2.0 * &axis * along;
        }
        mixed.map(|x| x as f32)
    }

    fn columns(points: &DMatrix<f32>) -> Vec<&[f32]> {
        points.as_slice().chunks_exact(points.nrows()).collect()
    }

    #[test]
    fn singular_values_agree_with_those_in_double_for_few_and_for_many_directions() {
        for fall in [0.99, 0.999] {
            let points = falling(fall, 1);
            let columns = columns(&points);
            for rank in [1, 15, 100, 300] {
                let fast = truncated(&columns, 600, rank).unwrap();
                let exact = in_double(&columns, 600, rank).unwrap();
                for (x, y) in fast.singular_values.iter().zip(&exact.singular_values) {
                    assert!((x / y - 1.0).abs() < 5e-6, "{fall} {rank}: {x} {y}");
                }
                let basis = fast.directions.map(f64::from);
                let defect = basis.transpose() * &basis - DMatrix::identity(rank, rank);
                assert!(defect.amax() < 1e-6);
                let along = basis.transpose() * points.map(f64::from);
                let off = (along - fast.coordinates.map(f64::from)).amax();
                assert!(off < 1e-5 * exact.singular_values[0], "{off}");
            }
        }
    }

    #[test]
    fn a_steep_spectrum_and_numbers_out_of_range_are_left_to_double() {
        let steep = falling(0.9, 2);
        assert!(truncated(&columns(&steep), 600, 200).is_none());
        let tiny = falling(0.99, 3) * 1e-20;
        assert!(truncated(&columns(&tiny), 600, 20).is_none());
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let points = falling(0.99, 4);
        for rank in [15, 100] {
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.unwrap()
                    .install(|| truncated(&columns(&points), 600, rank).unwrap())
            });
            assert_eq!(one, three);
        }
    }
}
