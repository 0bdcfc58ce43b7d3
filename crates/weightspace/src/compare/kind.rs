//! What kind of change it is.

use serde::{Deserialize, Serialize};

use super::affine::{Affine, affine};
use super::grid::{Grid, grid};
use super::lines::{Lines, lines};
use super::low_rank::low_rank;
use super::noise::{Noise, noise};
use super::paired::{Pair, Paired};
use super::rounding::Format;
use crate::Error;

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
/// should be.
///
/// Tensors that did not change do not count. Tried in the order of the variants of [`Kind`]; cost
/// and memory are those of [`low_rank`] and [`grid`].
///
/// # Errors
/// [`Error::NonFiniteTensor`]; [`Error::TooFewExamples`] if no tensor is in both.
pub fn kind(paired: &Paired<'_>) -> Result<Option<Kind>, Error> {
    paired.check_finite()?;
    if paired.elements() == 0 {
        return Err(Error::TooFewExamples {
            needed: 1,
            found: 0,
        });
    }
    let pairs = paired.pairs.iter();
    let changed: Vec<&Pair<'_>> = pairs.filter(|pair| !pair.is_same()).collect();
    if changed.is_empty() {
        return Ok(Some(Kind::Identical));
    }
    Ok(pruned(paired)
        .or_else(|| scaled(paired))
        .or_else(|| of_affine(&changed))
        .or_else(|| of_lines(&changed))
        .or_else(|| quantised(&changed))
        .or_else(|| of_low_rank(&changed))
        .or_else(|| sparse(&changed))
        .or_else(|| noise(paired).map(|noise| Kind::Noise { noise })))
}

fn pruned(paired: &Paired<'_>) -> Option<Kind> {
    let mut zeros = 0;
    for pair in &paired.pairs {
        for (&a, &b) in pair.a.iter().zip(pair.b) {
            if a != b && b != 0.0 {
                return None;
            }
            zeros += usize::from(a != b);
        }
    }
    let share = zeros as f64 / paired.elements() as f64;
    (share >= PRUNED).then_some(Kind::Pruned { zeros, share })
}

fn scaled(paired: &Paired<'_>) -> Option<Kind> {
    let (mut products, mut a_squares, mut b_squares, mut rounding) = (0.0, 0.0, 0.0, 0.0);
    for pair in &paired.pairs {
        for (&a, &b) in pair.a.iter().zip(pair.b) {
            let (a, b) = (f64::from(a), f64::from(b));
            products += a * b;
            a_squares += a * a;
            b_squares += b * b;
        }
        rounding += Format::of_storage(pair.b).rounding_power(pair.b);
    }
    if a_squares <= 0.0 || b_squares <= 0.0 {
        return None;
    }
    let factor = products / a_squares;
    // From the values, since the closed form of the residual cancels.
    let values = paired
        .pairs
        .iter()
        .flat_map(|pair| pair.a.iter().zip(pair.b));
    let residual: f64 = values
        .map(|(&a, &b)| (f64::from(b) - factor * f64::from(a)).powi(2))
        .sum();
    let allowed = 2.0 * rounding + SCALED * SCALED * b_squares;
    let moved = (factor - 1.0).powi(2) * a_squares;
    (residual <= allowed && moved > 100.0 * allowed).then_some(Kind::Scaled { factor })
}

fn quantised(changed: &[&Pair<'_>]) -> Option<Kind> {
    let mut found: Vec<(Grid, usize)> = Vec::new();
    let (mut tensors, mut small) = (0, 0);
    let all: usize = changed.iter().map(|pair| pair.a.len()).sum();
    for pair in changed {
        let count = pair.a.len();
        match grid(pair) {
            Some(grid) => {
                tensors += 1;
                match found.iter_mut().find(|(known, _)| *known == grid) {
                    Some((_, values)) => *values += count,
                    None => found.push((grid, count)),
                }
            }
            None => small += count,
        }
        if small as f64 > TOO_SMALL * all as f64 {
            return None;
        }
    }
    let (grid, _) = found.into_iter().max_by_key(|(_, values)| *values)?;
    Some(Kind::Quantised { grid, tensors })
}

fn of_affine(changed: &[&Pair<'_>]) -> Option<Kind> {
    let tensors = changed.iter().map(|pair| {
        let done = affine(pair)?;
        Some((pair.name.to_owned(), done))
    });
    let tensors = tensors.collect::<Option<Vec<_>>>()?;
    Some(Kind::Affine { tensors })
}

fn of_lines(changed: &[&Pair<'_>]) -> Option<Kind> {
    let tensors = changed.iter().map(|pair| lines(pair));
    let tensors = tensors.collect::<Option<Vec<_>>>()?;
    Some(Kind::Lines { tensors })
}

fn sparse(changed: &[&Pair<'_>]) -> Option<Kind> {
    let (mut values, mut all) = (0, 0);
    for pair in changed {
        let both = pair.a.iter().zip(pair.b);
        values += both.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        all += pair.a.len();
    }
    let share = values as f64 / all.max(1) as f64;
    (share <= SPARSE && all >= FEWEST_OF_SPARSE).then_some(Kind::Sparse {
        changed: values,
        share,
        tensors: changed.len(),
    })
}

fn of_low_rank(changed: &[&Pair<'_>]) -> Option<Kind> {
    let (mut rank, mut energy) = (0, 1.0f64);
    for pair in changed {
        let found = low_rank(pair)?;
        rank = rank.max(found.rank);
        energy = energy.min(found.energy);
    }
    let tensors = changed.len();
    (tensors > 0).then_some(Kind::LowRank {
        rank,
        tensors,
        energy,
    })
}

#[cfg(test)]
mod tests;
