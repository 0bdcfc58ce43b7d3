//! The numerical rank of a change: a low-rank update such as LoRA leaves one that is far below full.
//!
//! Singular values come from a randomised range finder with two power iterations (N. Halko,
//! P.-G. Martinsson and J. Tropp, *Finding Structure with Randomness*, 2011, algorithm 4.4), exact
//! where the smaller side is at most [`SKETCHED`].

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use nalgebra::DMatrix;
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::paired::Pair;
use super::rounding::Format;
use super::slices::Slice;
use crate::parts::PARTS;
use crate::random::stream;
use crate::svd::orthonormal;

/// Singular values computed at most: LoRA's usual ranks end at 64, and some are needed on top for
/// the last ones to be accurate.
pub const SKETCHED: usize = 80;

/// Least smaller side of a matrix whose rank says anything.
pub const LEAST_SIDE: usize = 8;

/// Highest rank, as a share of the smaller side, that is called low.
pub const LOW: f64 = 0.25;

/// Share of the squared change that may lie outside the leading directions beside what rounding
/// explains: an update that was itself computed in bf16 leaves 4·10⁻⁶ at most.
pub const OUTSIDE: f64 = 1e-5;

/// Largest share of the squared change that rounding may explain: below it, the tail of any spectrum
/// that falls off would pass for rounding.
pub const ROUNDING: f64 = 1e-3;

/// The numerical rank of a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LowRank {
    /// Fewest directions that hold all of the change but for rounding.
    pub rank: usize,
    /// The smaller side of the matrix, the highest rank there could be.
    pub full: usize,
    /// Share of the squared change that they hold.
    pub energy: f64,
}

/// What a slice of a matrix says of the rank of its change.
#[derive(Debug)]
pub(super) struct Part {
    rows: usize,
    columns: usize,
    /// Σ (b − a)², and what rounding explains of it.
    total: f64,
    rounding: f64,
    /// σᵢ·vᵢᵀ of the leading directions, one after the other: all that the rows of this slice say of the
    /// singular values of the whole.
    leading: Vec<f64>,
}

/// Beyond so many times what is allowed, a slice shows that the whole has no low rank.
const SLACK: f64 = 10.0;

impl Part {
    /// Of a slice; none if the change has no low rank here.
    pub(super) fn of(slice: &Slice<'_>) -> Option<Self> {
        let columns = slice.row();
        let all = *slice.whole.first()?;
        if all.min(columns) < LEAST_SIDE {
            return None;
        }
        let pair = &slice.pair;
        let rows = pair.a.len() / columns;
        let change = difference(pair);
        let total: f64 = change.iter().map(|d| d * d).sum();
        let rounding = Format::of_storage(pair.b).rounding_power(pair.b);
        if slice.is_whole() {
            // Where it is all there is, its singular values are enough.
            return (total > 0.0 && rounding <= ROUNDING * total).then(|| Self {
                rows,
                columns,
                total,
                rounding,
                leading: singular_values(&change, rows, columns),
            });
        }
        let leading = leading_directions(&change, rows, columns);
        let held: f64 = leading.iter().map(|x| x * x).sum();
        let allowed = 2.0 * rounding + OUTSIDE * total;
        (total - held <= SLACK * allowed).then_some(Self {
            rows,
            columns,
            total,
            rounding,
            leading,
        })
    }

    /// The rank of the whole, of all its slices in their order.
    pub(super) fn whole(parts: &[Self]) -> Option<LowRank> {
        let sum = |of: fn(&Self) -> f64| parts.iter().map(of).sum::<f64>();
        let (total, rounding) = (sum(|part| part.total), sum(|part| part.rounding));
        let columns = parts.first()?.columns;
        let rows: usize = parts.iter().map(|part| part.rows).sum();
        let full = rows.min(columns);
        if total <= 0.0 || rounding > ROUNDING * total {
            return None;
        }
        let values = match parts {
            [part] => part.leading.clone(),
            parts => {
                let stacked: Vec<f64> = parts
                    .iter()
                    .flat_map(|p| p.leading.iter().copied())
                    .collect();
                singular_values(&stacked, stacked.len() / columns, columns)
            }
        };
        // Twice, since rounding is not as independent as the formula takes it to be.
        let unexplained = 2.0 * rounding + OUTSIDE * total;
        let mut rest = total;
        for (count, value) in (1..).zip(values) {
            rest -= value * value;
            if rest <= unexplained {
                let energy = 1.0 - rest.max(0.0) / total;
                let low = count as f64 <= LOW * full as f64;
                return low.then_some(LowRank {
                    rank: count,
                    full,
                    energy,
                });
            }
        }
        None
    }
}

/// The rank of b − a as a matrix, if it is low: at most a quarter of full.
///
/// None for tensors that are no matrix or have a side below 8, for a change that does not stand out
/// from rounding, and for any rank beyond a quarter of full or beyond 80.
/// O(80·n) for n values, a dozen passes; holds 8·n bytes.
pub fn low_rank(pair: &Pair<'_>) -> Option<LowRank> {
    Part::whole(&[Part::of(&Slice::whole(pair))?])
}

pub(super) fn difference(pair: &Pair<'_>) -> Vec<f64> {
    let values = pair.a.iter().zip(pair.b);
    values.map(|(&a, &b)| f64::from(b) - f64::from(a)).collect()
}

/// The leading singular values of a row-major matrix, largest first; up to [`SKETCHED`]. Lower
/// bounds, and tight ones where the values fall off.
pub(super) fn singular_values(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let matrix = MatRef::from_row_major_slice(matrix, rows, columns);
    // The smaller side first: everything below is then tall.
    let matrix = if rows <= columns {
        matrix
    } else {
        matrix.transpose()
    };
    let inner = product(basis(matrix).transpose(), matrix);
    // inner = Rᵀ·Qᵀ has the singular values of the small square R.
    let tall = inner.transpose().to_owned();
    let directions = orthonormal(tall.clone());
    let small = product(directions.transpose(), tall.as_ref());
    let small = DMatrix::from_fn(small.nrows(), small.ncols(), |i, j| small[(i, j)]);
    let mut values: Vec<f64> = small.singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Qᵀ·M for an orthonormal basis Q of the leading left directions of M, row-major: as many rows as
/// [`SKETCHED`] at most, with the singular values and right directions of M.
fn leading_directions(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let matrix = MatRef::from_row_major_slice(matrix, rows, columns);
    let inner = product(basis(matrix).transpose(), matrix);
    let rows = 0..inner.nrows();
    rows.flat_map(|i| (0..columns).map(move |j| (i, j)))
        .map(|place| inner[place])
        .collect()
}

/// An orthonormal basis of the leading left directions; of all where there are few rows.
fn basis(matrix: MatRef<'_, f64>) -> Mat<f64> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    if rows <= SKETCHED {
        return Mat::identity(rows, rows);
    }
    let mut random = stream(0, "low rank", 0);
    let start = Mat::from_fn(columns, SKETCHED.min(columns), |_, _| {
        f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
    });
    let mut basis = orthonormal(product(matrix, start.as_ref()));
    for _ in 0..2 {
        let turned = orthonormal(product(matrix.transpose(), basis.as_ref()));
        basis = orthonormal(product(matrix, turned.as_ref()));
    }
    basis
}

fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Mat<f64> {
    let mut result = Mat::zeros(left.nrows(), right.ncols());
    let par = Par::rayon(PARTS);
    matmul(result.as_mut(), Accum::Replace, left, right, 1.0, par);
    result
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    #[test]
    fn singular_values_are_those_of_a_full_decomposition() {
        for (rows, columns) in [(9, 30), (30, 9), (100, 120)] {
            let noise = cases::normal(rows * columns, 3);
            // A spectrum that falls off.
            let matrix: Vec<f64> = (0..rows * columns)
                .map(|i| f64::from(noise[i]) * 0.7f64.powi((i % columns) as i32))
                .collect();
            let ours = singular_values(&matrix, rows, columns);
            let oracle = DMatrix::from_row_slice(rows, columns, &matrix).singular_values();
            for (ours, oracle) in ours.iter().zip(oracle.iter()).take(40) {
                assert!(
                    (ours - oracle).abs() < 1e-9 * oracle.max(1.0),
                    "{ours} {oracle}"
                );
            }
        }
    }
}
