//! What kind of change it is.

use serde::{Deserialize, Serialize};

use super::grid::{Grid, grid};
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
    /// Independent gaussian noise was added.
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
    let same = |pair: &Pair<'_>| {
        pair.a
            .iter()
            .zip(pair.b)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    };
    let changed: Vec<&Pair<'_>> = paired.pairs.iter().filter(|pair| !same(pair)).collect();
    if changed.is_empty() {
        return Ok(Some(Kind::Identical));
    }
    Ok(pruned(paired)
        .or_else(|| scaled(paired))
        .or_else(|| quantised(&changed))
        .or_else(|| of_low_rank(&changed))
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
