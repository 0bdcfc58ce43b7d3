//! The same decomposition with the large products in f32, where that is found to be good enough.
//!
//! The leading eigenvectors of a Gram matrix in f32 span, but for small angles, what those of the
//! true one span. An error in that space enters singular values squared; errors within it are undone
//! by decomposing the points' coordinates in it (Rayleigh and Ritz). Their rows are all but orthogonal,
//! so that in their Gram matrix f32 rounds every value by a share of itself, small ones too. A few more
//! directions than are wanted keep the last ones from being mixed with what was cut off.
//!
//! Whether the angles are small is not taken for granted: the last pairs, which suffer most, are
//! multiplied by the matrix itself, in f32, whose rounding only makes them look worse. For a pair
//! (λ, v) with residual `r = X·Xᵀ·v − λ·v` the eigenvalue is off by at most `‖r‖²` over its distance
//! from the values that were left out (Parlett 1998, *The Symmetric Eigenvalue Problem*, section 11.7).
//! If that is too much, everything is done in f64.

use faer::linalg::matmul::matmul;
use faer::prelude::Reborrow;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::ops::Range;

use super::decomposition::Svd;
use super::dense::{BLOCK, narrowed, product, widened};
use super::double::{leading_eigenpairs, negate, points_down};
use super::gram::gram;
use super::krylov::{self, Search};
use super::orthonormal::orthonormal;
use super::{normal, tridiagonal};
use crate::parts::PARTS;

/// Parameters from which single precision saves enough to be tried.
const LEAST_PARAMETERS: usize = 512;
/// Directions beyond those that are wanted.
const MORE: usize = 16;
/// Pairs that are checked.
const CHECKED: usize = 8;
/// Most that an eigenvalue may be off, relatively; a singular value is off by half of it.
const TOLERANCE: f64 = 1e-5;

/// The decomposition, or None where it would not pay, or the spectrum is too steep for it. `magnitude`
/// is the largest entry's.
pub(super) fn truncated(
    columns: &[&[f32]],
    magnitude: f32,
    parameters: usize,
    rank: usize,
) -> Option<Svd> {
    let directions = rank + MORE;
    // Squares must stay well within f32's range.
    if parameters < LEAST_PARAMETERS.max(directions)
        || columns.len() < parameters
        || !(1e-12..1e12).contains(&magnitude)
    {
        return None;
    }
    let leading = leading(columns, parameters, directions, rank);
    let space = narrowed(&orthonormal(widened(&leading)));
    let within = projected(columns, &space);
    let rows: Vec<&[f32]> = within.chunks_exact(directions).collect();
    let small = widened(&gram(&rows, directions));
    let (mut squares, turned) = leading_eigenpairs(small, directions).ok()?;
    let left_out = squares[directions - 1];
    squares.truncate(rank);
    let mut turned = narrowed(&turned.subcols(0, rank).to_owned());
    let mut basis = product(space.as_ref(), turned.as_ref(), Par::rayon(PARTS));
    for (direction, turned) in basis.col_iter_mut().zip(turned.col_iter_mut()) {
        if points_down(direction.rb().iter().map(|&x| f64::from(x))) {
            negate(direction);
            negate(turned);
        }
    }
    let mut coordinates = vec![0.0; rank * columns.len()];
    matmul(
        MatMut::from_column_major_slice_mut(&mut coordinates, rank, columns.len()),
        Accum::Replace,
        turned.transpose(),
        MatRef::from_column_major_slice(&within, directions, columns.len()),
        1.0,
        Par::rayon(PARTS),
    );
    let svd = Svd {
        singular_values: squares.iter().map(|square| square.sqrt()).collect(),
        directions: DMatrix::from_iterator(
            parameters,
            rank,
            basis
                .col_iter()
                .flat_map(|direction| direction.iter().copied()),
        ),
        coordinates: DMatrix::from_vec(rank, columns.len(), coordinates),
    };
    let checked = rank.saturating_sub(CHECKED)..rank;
    let is_good = residuals(columns, &svd, checked.clone())
        .into_iter()
        .zip(checked)
        .all(|(residual, i)| residual <= TOLERANCE * squares[i] * (squares[i] - left_out));
    is_good.then_some(svd)
}

/// A way to multiply blocks of vectors by `X·Xᵀ`. Beyond these shares of the parameters another way
/// to the eigenvectors costs less.
struct Way {
    block: usize,
    wanted: f64,
    multiplied: f64,
}

/// By the points.
const POINTS: Way = Way {
    block: normal::WIDTH,
    wanted: 1.0 / 16.0,
    multiplied: 1.0 / 4.0,
};
/// By the matrix itself.
const GRAM: Way = Way {
    block: 48,
    wanted: 1.0 / 3.0,
    multiplied: 5.0 / 8.0,
};

impl Way {
    fn leading(
        &self,
        [size, count, wanted]: [usize; 3],
        image: impl Fn(MatRef<'_, f32>) -> Mat<f32>,
    ) -> Option<Mat<f32>> {
        let share = |share: f64| (share * size as f64) as usize;
        let search = Search {
            size,
            count,
            wanted,
            block: self.block,
            most: share(self.multiplied),
        };
        (count <= share(self.wanted)).then(|| krylov::leading(search, image))?
    }
}

/// `count` eigenvectors of `X·Xᵀ`, of which the first `wanted` need be good, by whatever promises to be
/// fastest: products with the points, products with the matrix itself, or its tridiagonal form.
fn leading(columns: &[&[f32]], parameters: usize, count: usize, wanted: usize) -> Mat<f32> {
    let sizes = [parameters, count, wanted];
    let found = POINTS.leading(sizes, |block| normal::image(columns, block));
    found.unwrap_or_else(|| {
        let gram = gram(columns, parameters);
        let found = GRAM.leading(sizes, |block| {
            product(gram.as_ref(), block, Par::rayon(PARTS))
        });
        found.unwrap_or_else(|| tridiagonal::leading(gram, count).1)
    })
}

/// `spaceᵀ·X`, column after column.
fn projected(columns: &[&[f32]], space: &Mat<f32>) -> Vec<f32> {
    let (parameters, directions) = space.shape();
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

/// The squared lengths of the residuals `X·xᵀ − λ·v` of some pairs, where `x = vᵀ·X` are coordinates. By
/// products in f32: what they round only adds.
fn residuals(columns: &[&[f32]], svd: &Svd, pairs: Range<usize>) -> Vec<f64> {
    let (rank, parameters) = (svd.rank(), svd.directions.nrows());
    let parts: Vec<Mat<f32>> = columns
        .par_chunks(BLOCK)
        .zip(svd.coordinates.as_slice().par_chunks(rank * BLOCK))
        .map(|(columns, coordinates)| {
            let block = columns.concat();
            let block = MatRef::from_column_major_slice(&block, parameters, columns.len());
            let along = MatRef::from_column_major_slice(coordinates, rank, columns.len());
            product(
                block,
                along.subrows(pairs.start, pairs.len()).transpose(),
                Par::Seq,
            )
        })
        .collect();
    let residual = |pair: usize| {
        let square = svd.singular_values[pair].powi(2);
        let entry = |row: usize| {
            let image = parts
                .iter()
                .map(|part| f64::from(part[(row, pair - pairs.start)]));
            image.sum::<f64>() - square * f64::from(svd.directions[(row, pair)])
        };
        (0..parameters).map(|row| entry(row).powi(2)).sum()
    };
    pairs.clone().map(residual).collect()
}

#[cfg(test)]
mod tests {
    use super::super::double::in_double;
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
                let fast = truncated(&columns, 1.0, 600, rank).unwrap();
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
        assert!(truncated(&columns(&steep), 1.0, 600, 200).is_none());
        let tiny = falling(0.99, 3) * 1e-20;
        assert!(truncated(&columns(&tiny), 1e-20, 600, 20).is_none());
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let points = falling(0.99, 4);
        for rank in [15, 100] {
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.unwrap()
                    .install(|| truncated(&columns(&points), 1.0, 600, rank).unwrap())
            });
            assert_eq!(one, three);
        }
    }
}
