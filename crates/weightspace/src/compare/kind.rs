//! What kind of change it is.

use serde::{Deserialize, Serialize};

use super::affine::{self, Affine};
use super::change::Comparison;
use super::grid::{Grid, grid};
use super::lines::{self, Lines};
use super::low_rank;
use super::noise::{Noise, noise};
use super::rounding::Format;
use super::slices::{Pairs, all};
use crate::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Least share of values that pruning sets to zero.
pub const PRUNED: f64 = 0.01;

/// Largest residual, relative to ‖b‖, of a scaled copy beside rounding.
pub const SCALED: f64 = 1e-6;

/// Share of the changed values whose tensors may be too small to tell whether they are on a grid.
pub const TOO_SMALL: f64 = 0.01;

/// Largest share of the values of changed tensors that a sparse change has.
pub const SPARSE: f64 = 0.5;
/// Fewest values of changed tensors that a sparse change is told from.
const FEWEST_OF_SPARSE: usize = 1000;

/// A kind of change from A to B that needs no third checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// All bits are the same.
    Identical,
    /// Every value that changed became zero.
    Pruned {
        /// So many.
        zeros: usize,
        /// Their share of all values.
        share: f64,
    },
    /// B = factor · A, with one factor for all tensors.
    Scaled {
        /// The factor.
        factor: f64,
    },
    /// Every tensor that changed was multiplied by a number of its own, or had one added.
    Affine {
        /// The tensors, and what was done to each.
        tensors: Vec<(String, Affine)>,
    },
    /// All that changed lies in few rows or columns.
    Lines {
        /// Of each tensor that changed.
        tensors: Vec<Lines>,
    },
    /// Every tensor that changed was put on a grid.
    Quantised {
        /// The grid of most of the values.
        grid: Grid,
        /// Tensors that are on some grid.
        tensors: usize,
    },
    /// Every tensor that changed is a matrix and got an update of low rank.
    LowRank {
        /// The highest rank.
        rank: usize,
        /// Tensors that changed.
        tensors: usize,
        /// The least share of a tensor's squared change that its directions hold.
        energy: f64,
    },
    /// In the tensors that changed most values are the same bits, and the others lie all over them:
    /// their change has no low rank.
    Sparse {
        /// Values that changed.
        changed: usize,
        /// Their share of the values of tensors that changed.
        share: f64,
        /// Tensors that changed.
        tensors: usize,
    },
    /// Independent Gaussian noise was added.
    Noise {
        /// Its scale.
        noise: Noise,
    },
}

/// The kind of change, the most specific that fits; none when unsure, which training always
/// should be. `comparison` is that of the same pairs.
///
/// Tensors that did not change do not count. Tried in the order of the variants of [`Kind`], each until
/// a slice shows that it is another: the values of most changes are read little more than once. Cost
/// and memory are those of [`low_rank`](super::low_rank::low_rank) and [`grid`] of a slice.
///
/// # Errors
/// When values cannot be read; [`Error::NonFiniteTensor`]; [`Error::TooFewExamples`] if no tensor is in
/// both.
pub fn kind<P: Pairs>(pairs: &P, comparison: &Comparison) -> Result<Option<Kind>, P::Error> {
    let bad = comparison.tensors.iter().find(|t| t.change.non_finite > 0);
    if let Some(bad) = bad {
        let (name, count) = (bad.name.clone(), bad.change.non_finite as u64);
        return Err(Error::NonFiniteTensor { name, count }.into());
    }
    if comparison.total.elements == 0 {
        let (needed, found) = (1, 0);
        return Err(Error::TooFewExamples { needed, found }.into());
    }
    let tensors = comparison.tensors.iter().enumerate();
    let changed = tensors.filter(|(_, tensor)| !tensor.change.identical());
    let changed: Vec<usize> = changed.map(|(index, _)| index).collect();
    if changed.is_empty() {
        return Ok(Some(Kind::Identical));
    }
    let look = Look {
        pairs,
        comparison,
        changed: &changed,
    };
    if let Some(kind) = look.pruned()? {
        return Ok(Some(kind));
    }
    if let Some(kind) = look.scaled()? {
        return Ok(Some(kind));
    }
    if let Some(kind) = look.affine()? {
        return Ok(Some(kind));
    }
    if let Some(tensors) = lines::of_changed(pairs, &changed)? {
        return Ok(Some(Kind::Lines { tensors }));
    }
    if let Some(kind) = look.quantised()? {
        return Ok(Some(kind));
    }
    if let Some(kind) = look.low_rank()? {
        return Ok(Some(kind));
    }
    if let Some(kind) = look.sparse() {
        return Ok(Some(kind));
    }
    Ok(noise(pairs, &changed)?.map(|noise| Kind::Noise { noise }))
}

/// Largest part of ‖b‖² that no rounding leaves of a scaled copy, generously.
const NOT_SCALED: f64 = 1e-4;
/// A slice may be off by so many times what rounding leaves on average.
const SLICE_SLACK: f64 = 4.0;

/// Two checkpoints, and which tensors changed.
struct Look<'a, P> {
    pairs: &'a P,
    comparison: &'a Comparison,
    changed: &'a [usize],
}

impl<P: Pairs> Look<'_, P> {
    fn pruned(&self) -> Result<Option<Kind>, P::Error> {
        let zeros = all(self.pairs, self.changed, |slice| {
            let mut zeros = 0;
            for (&a, &b) in slice.pair.a.iter().zip(slice.pair.b) {
                if a != b && b != 0.0 {
                    return None;
                }
                zeros += usize::from(a != b);
            }
            Some(zeros)
        })?;
        Ok(zeros.and_then(|zeros| {
            let zeros: usize = zeros.iter().flatten().sum();
            let share = zeros as f64 / self.comparison.total.elements as f64;
            (share >= PRUNED).then_some(Kind::Pruned { zeros, share })
        }))
    }

    /// Tensors that did not change count as well: the factor is one of all.
    fn scaled(&self) -> Result<Option<Kind>, P::Error> {
        let total = &self.comparison.total;
        let [a, b, apart] = [total.norm_a, total.norm_b, total.distance].map(|norm| norm * norm);
        if a <= 0.0 || b <= 0.0 {
            return Ok(None);
        }
        // Good to the last digits, unless the two are nearly orthogonal.
        let products = 0.5 * (a + b - apart);
        let factor = products / a;
        if b - products * factor > NOT_SCALED * b {
            return Ok(None);
        }
        let every: Vec<usize> = (0..self.pairs.count()).collect();
        let found = all(self.pairs, &every, |slice| {
            let pair = &slice.pair;
            // From the values, since the closed form of the residual cancels.
            let (mut residual, mut squares) = (0.0, 0.0);
            for (&a, &b) in pair.a.iter().zip(pair.b) {
                let (a, b) = (f64::from(a), f64::from(b));
                residual += (b - factor * a).powi(2);
                squares += b * b;
            }
            let rounding = Format::of_storage(pair.b).rounding_power(pair.b);
            let allowed = 2.0 * rounding + SCALED * SCALED * squares;
            (residual <= SLICE_SLACK * allowed).then_some((residual, allowed))
        })?;
        Ok(found.and_then(|found| {
            let slices = found.iter().flatten();
            let (residual, allowed) = slices.fold((0.0, 0.0), |(r, a), (residual, allowed)| {
                (r + residual, a + allowed)
            });
            let moved = (factor - 1.0).powi(2) * a;
            (residual <= allowed && moved > 100.0 * allowed).then_some(Kind::Scaled { factor })
        }))
    }

    fn affine(&self) -> Result<Option<Kind>, P::Error> {
        let found = all(self.pairs, self.changed, |slice| {
            let sums = affine::Sums::of(&slice.pair)?;
            // A whole tensor may end the search.
            (!slice.is_whole() || sums.affine().is_some()).then_some(sums)
        })?;
        let tensors = found.and_then(|found| {
            let each = found.into_iter().zip(self.changed);
            each.map(|(slices, &index)| {
                let done = slices.into_iter().reduce(affine::Sums::and)?.affine()?;
                Some((self.pairs.header(index).0.to_owned(), done))
            })
            .collect::<Option<Vec<_>>>()
        });
        Ok(tensors.map(|tensors| Kind::Affine { tensors }))
    }

    fn quantised(&self) -> Result<Option<Kind>, P::Error> {
        let changed = self.changed.iter();
        let everything: usize = changed.map(|&pair| self.pairs.elements_of(pair)).sum();
        let small = AtomicUsize::new(0);
        let found = all(self.pairs, self.changed, |slice| {
            let grid = grid(&slice.pair);
            if grid.is_none() {
                let count = slice.pair.a.len();
                let off = small.fetch_add(count, Ordering::Relaxed) + count;
                if off as f64 > TOO_SMALL * everything as f64 {
                    return None;
                }
            }
            Some(grid)
        })?;
        let Some(found) = found else { return Ok(None) };
        let (mut grids, mut tensors): (Vec<(Grid, usize)>, usize) = (Vec::new(), 0);
        for (slices, &index) in found.into_iter().zip(self.changed) {
            let together = slices.into_iter().reduce(|a, b| a?.with(b?));
            let Some(grid) = together.flatten() else {
                continue;
            };
            tensors += 1;
            let count = self.pairs.elements_of(index);
            match grids.iter_mut().find(|(known, _)| *known == grid) {
                Some((_, values)) => *values += count,
                None => grids.push((grid, count)),
            }
        }
        let most = grids.into_iter().max_by_key(|(_, values)| *values);
        Ok(most.map(|(grid, _)| Kind::Quantised { grid, tensors }))
    }

    fn low_rank(&self) -> Result<Option<Kind>, P::Error> {
        let found = all(self.pairs, self.changed, |slice| {
            let part = low_rank::Part::of(slice)?;
            let is_high = || low_rank::Part::whole(std::slice::from_ref(&part)).is_none();
            (!slice.is_whole() || !is_high()).then_some(part)
        })?;
        let Some(found) = found else { return Ok(None) };
        let (mut rank, mut energy) = (0, 1.0f64);
        for parts in &found {
            let Some(found) = low_rank::Part::whole(parts) else {
                return Ok(None);
            };
            rank = rank.max(found.rank);
            energy = energy.min(found.energy);
        }
        let tensors = found.len();
        Ok(Some(Kind::LowRank {
            rank,
            tensors,
            energy,
        }))
    }

    fn sparse(&self) -> Option<Kind> {
        let tensors = self.changed.iter();
        let tensors = tensors.filter_map(|&index| self.comparison.tensors.get(index));
        let (mut changed, mut all) = (0, 0);
        for tensor in tensors {
            changed += tensor.change.changed;
            all += tensor.change.elements;
        }
        let share = changed as f64 / all.max(1) as f64;
        (share <= SPARSE && all >= FEWEST_OF_SPARSE).then_some(Kind::Sparse {
            changed,
            share,
            tensors: self.changed.len(),
        })
    }
}

#[cfg(test)]
mod tests;
