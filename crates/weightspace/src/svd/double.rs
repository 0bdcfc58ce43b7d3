//! The decomposition in f64 throughout.

use std::ops::{Neg, Range};

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::prelude::Reborrow;
use faer::traits::RealField;
use faer::{Accum, ColMut, Mat, MatMut, MatRef, Par, Spec};
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::decomposition::Svd;
use super::dense::BLOCK;
use super::orthonormal::orthonormal;
use crate::Error;
use crate::parts::PARTS;

/// Everything in f64.
pub(super) fn in_double(columns: &[&[f32]], parameters: usize, rank: usize) -> Result<Svd, Error> {
    let mut basis = if parameters <= columns.len() {
        leading_eigenpairs(gram_of_rows(columns, parameters), rank)?.1
    } else {
        let (_, right) = leading_eigenpairs(gram_of_columns(columns, parameters), rank)?;
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

/// The `rank` largest eigenvalues and their eigenvectors, largest first.
pub(super) fn leading_eigenpairs<T: RealField + Copy>(
    gram: Mat<T>,
    rank: usize,
) -> Result<(Vec<T>, Mat<T>), Error> {
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
    let vectors = vectors.subcols(size - rank, rank).reverse_cols().to_owned();
    let values = (0..rank).map(|i| values[size - 1 - i]).collect();
    Ok((values, vectors))
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

/// Turns every direction so that its largest entry is positive.
fn fix_signs(basis: &mut Mat<f64>) {
    for direction in basis.col_iter_mut() {
        if points_down(direction.rb().iter().copied()) {
            negate(direction);
        }
    }
}

/// Whether the largest entry, the first such, is negative.
pub(super) fn points_down(entries: impl Iterator<Item = f64>) -> bool {
    let mut largest = 0.0f64;
    for entry in entries {
        if entry.abs() > largest.abs() {
            largest = entry;
        }
    }
    largest < 0.0
}

pub(super) fn negate<T: Copy + Neg<Output = T>>(direction: ColMut<'_, T>) {
    direction.iter_mut().for_each(|entry| *entry = -*entry);
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
