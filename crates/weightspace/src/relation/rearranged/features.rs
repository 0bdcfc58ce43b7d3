//! The weights of single units, and how alike they are.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use super::Tensors;
use crate::Error;
use crate::matching::transformer::Face;
use crate::parts::PARTS;
use crate::random::ChaCha8Rng;
use crate::relation::units::log_p;

/// Values that are read at a time.
const AT_ONCE: usize = 1 << 22;
/// From so many pairs on, only the half that fits best is tested: the rest may be units that one of the two
/// does not have.
const MANY: usize = 64;
/// Most pairs of units that are tested.
pub(super) const MOST: usize = 512;
/// A cosine from which on two units are taken to be one.
pub(super) const ALIKE: f64 = 0.5;

/// Units, one after the other, each with as many weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Features {
    pub(super) width: usize,
    pub(super) values: Vec<f32>,
}

impl Features {
    pub(super) fn count(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    fn matrix(&self) -> MatRef<'_, f32> {
        MatRef::from_row_major_slice(&self.values, self.count(), self.width)
    }

    /// The units of these numbers.
    pub(super) fn rows(&self, units: &[usize]) -> Self {
        let rows = units.iter().flat_map(|&unit| {
            let start = unit * self.width;
            self.values
                .get(start..start + self.width)
                .unwrap_or_default()
        });
        Self {
            width: self.width,
            values: rows.copied().collect(),
        }
    }

    /// Of each unit the weights of these numbers, times a sign.
    pub(super) fn columns(&self, columns: &[(usize, f32)]) -> Self {
        let rows = self.values.chunks_exact(self.width.max(1));
        let values = rows.flat_map(|row| {
            columns
                .iter()
                .map(move |&(column, sign)| sign * row[column])
        });
        Self {
            width: columns.len(),
            values: values.collect(),
        }
    }

    /// The weights of each unit times a matrix of as many rows.
    pub(super) fn times(&self, map: MatRef<'_, f32>) -> Self {
        let product = multiplied(self.matrix(), map);
        let count = self.count();
        let values = (0..count).flat_map(|i| (0..map.ncols()).map(move |j| (i, j)));
        Self {
            width: map.ncols(),
            values: values.map(|at| product[at]).collect(),
        }
    }

    /// The weights of each unit followed by others of the same unit.
    pub(super) fn beside(self, other: &Self) -> Self {
        if self.values.is_empty() {
            return other.clone();
        }
        let rows = self.values.chunks_exact(self.width.max(1));
        let others = other.values.chunks_exact(other.width.max(1));
        let values = rows
            .zip(others)
            .flat_map(|(row, more)| row.iter().chain(more));
        Self {
            width: self.width + other.width,
            values: values.copied().collect(),
        }
    }

    /// The transpose of the units' matrix times it and these columns.
    pub(super) fn gram_times(&self, columns: MatRef<'_, f32>, into: &mut Mat<f32>) {
        let own = self.matrix();
        let inner = multiplied(own, columns);
        let par = Par::rayon(PARTS);
        matmul(
            into.as_mut(),
            Accum::Add,
            own.transpose(),
            inner.as_ref(),
            1.0,
            par,
        );
    }

    /// Less their mean over the units, and of length 1; zero for a unit that is as the mean.
    fn standardised(&self) -> Self {
        let rows = self.values.chunks_exact(self.width.max(1));
        let mut mean = vec![0.0f64; self.width];
        for row in rows.clone() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, &w)| *m += f64::from(w));
        }
        let count = self.count().max(1) as f64;
        let mut values = Vec::with_capacity(self.values.len());
        for row in rows {
            let centred = || {
                row.iter()
                    .zip(&mean)
                    .map(|(&w, m)| f64::from(w) - m / count)
            };
            let norm = centred().map(|c| c * c).sum::<f64>().sqrt();
            let whole = row
                .iter()
                .map(|&w| f64::from(w).powi(2))
                .sum::<f64>()
                .sqrt();
            let scale = if norm > 1e-6 * whole {
                norm.recip()
            } else {
                0.0
            };
            values.extend(centred().map(|c| (c * scale) as f32));
        }
        Self {
            width: self.width,
            values,
        }
    }

    /// All cosines: row i for unit i of the first, column j for unit j of the second.
    pub(super) fn cosines(&self, other: &Self) -> Mat<f32> {
        let (a, b) = (self.standardised(), other.standardised());
        multiplied(a.matrix(), b.matrix().transpose())
    }
}

fn multiplied(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> Mat<f32> {
    let mut result = Mat::zeros(a.nrows(), b.ncols());
    matmul(
        result.as_mut(),
        Accum::Replace,
        a,
        b,
        1.0,
        Par::rayon(PARTS),
    );
    result
}

/// What units have in a tensor: of each as many weights as the stream has dimensions.
pub(super) fn gather<E: From<Error> + Send>(
    model: &dyn Tensors<Error = E>,
    face: &Face,
    units: &[usize],
) -> Result<Features, E> {
    let width = if face.by_rows {
        face.columns
    } else {
        face.rows
    };
    let mut values = vec![0.0f32; units.len() * width];
    if face.by_rows {
        let most = (AT_ONCE / width.max(1)).max(1);
        let mut place = 0;
        while place < units.len() {
            // A run of rows that follow each other is read at once.
            let first = units[place];
            let run = units[place..].iter().zip(first..).take(most);
            let run = run.take_while(|(unit, next)| *unit == next).count();
            let start = (face.first + first) * width;
            let read = model.read(face.tensor, start..start + run * width)?;
            values[place * width..][..read.len()].copy_from_slice(&read);
            place += run;
        }
    } else {
        let most = (AT_ONCE / face.columns.max(1)).max(1);
        for start in (0..face.rows).step_by(most) {
            let end = (start + most).min(face.rows);
            let read = model.read(face.tensor, start * face.columns..end * face.columns)?;
            for (row, weights) in read.chunks_exact(face.columns).enumerate() {
                for (place, &unit) in units.iter().enumerate() {
                    values[place * width + start + row] = weights[face.first + unit];
                }
            }
        }
    }
    finite(model, face.tensor, &values)?;
    Ok(Features { width, values })
}

/// # Errors
/// [`Error::NonFiniteTensor`].
pub(super) fn finite<E: From<Error> + Send>(
    model: &dyn Tensors<Error = E>,
    tensor: usize,
    values: &[f32],
) -> Result<(), E> {
    let count = values.iter().filter(|value| !value.is_finite()).count() as u64;
    if count > 0 {
        let name = model.header(tensor).0.to_owned();
        return Err(Error::NonFiniteTensor { name, count }.into());
    }
    Ok(())
}

/// The mean cosine of units in the same places, how many are alike, and the logarithm of the p-value of
/// their order: by cosines with and without their signs, doubled.
pub(super) fn order(cosines: &Mat<f32>, random: impl Fn() -> ChaCha8Rng) -> (f64, usize, f64) {
    let size = cosines.nrows().min(cosines.ncols());
    let own = |i: usize| f64::from(cosines[(i, i)]).abs();
    let sizes = Mat::from_fn(size, size, |i, j| cosines[(i, j)].abs());
    let signed = log_p(cosines.as_ref().get(..size, ..size), random());
    let unsigned = log_p(sizes.as_ref(), random());
    let similarity = (0..size).map(own).sum::<f64>() / size.max(1) as f64;
    let alike = (0..size).filter(|&i| own(i) >= ALIKE).count();
    (
        similarity,
        alike,
        (signed.min(unsigned) + 2f64.ln()).min(0.0),
    )
}

/// Units of A and of B that stand for each other by these cosines (rows for A), the surest first, each once.
pub(super) fn matched(cosines: &Mat<f32>) -> Vec<(usize, usize, f32)> {
    let mut best: Vec<(usize, usize, f32)> = (0..cosines.ncols())
        .filter_map(|j| {
            let rows = (0..cosines.nrows()).map(|i| (i, cosines[(i, j)]));
            let best = rows.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
            best.map(|(i, cosine)| (i, j, cosine))
        })
        .collect();
    best.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then(a.1.cmp(&b.1)));
    let mut taken = vec![false; cosines.nrows()];
    best.retain(|&(i, _, _)| !std::mem::replace(&mut taken[i], true));
    best
}

/// Of many pairs the half that fits best, and no more than are tested.
pub(super) fn surest(pairs: &[(usize, usize, f32)]) -> &[(usize, usize, f32)] {
    let kept = if pairs.len() > MANY {
        pairs.len().div_ceil(2)
    } else {
        pairs.len()
    };
    pairs.get(..kept.min(MOST)).unwrap_or_default()
}
