//! An exact test by the order of hidden units.
//!
//! # Method
//!
//! The hidden units of a layer are born alike: their initial weights are drawn from one
//! distribution, and training treats all of them by the same rule. If B was trained independently
//! of A, the order of B's units therefore means nothing: with its units shuffled, B would have been
//! as likely. So a statistic of (A, B) is compared with itself under random orders of B's units, and
//! the share of orders that give as much is a p-value that is exact for any data, any depth and any
//! size, and needs no other model (the constrained setting of S. Zhu et al., *Independence Tests for
//! Language Models*, 2025). A model derived from A keeps A's units in their places.
//!
//! The statistic of a layer is Σ cos(aᵢ, bᵢ) over its units, of the weights that unit i has in A and
//! in B, less their mean over the units. It takes the weights that a unit reads the input or
//! *earlier* layers with, its bias and normalisation, and, in the last hidden layer, those that the
//! output reads it with. Shuffling a layer then changes no statistic of an earlier layer, so that
//! the p-values of the layers are independent, and Fisher's method combines them exactly.
//!
//! # Small p-values
//!
//! k random orders give no p-value below 1/(k+1). With cᵢⱼ = cos(aᵢ, bⱼ), for every λ ≥ 0
//! (Chernoff's bound, and a permanent is at most the product of its row sums)
//!
//! ```text
//! P(Σ cᵢπ₍ᵢ₎ ≥ Σ cᵢᵢ) ≤ E exp(λ Σ (cᵢπ₍ᵢ₎ − cᵢᵢ)) ≤ (1/n!) Π Σⱼ exp(λ (cᵢⱼ − cᵢᵢ))
//! ```
//!
//! which holds for any matrix, also less a number for each column, and reaches 1/n!, the least
//! there is, when every unit is most like itself. The p-value of a layer is twice the smaller of
//! the two.
//!
//! # What breaks it
//!
//! Units that are not exchangeable to begin with: sorted by size after training, or started from
//! values that depend on their place. Units in another order than A's hide a relation, and make no
//! false one.

pub mod streamed;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::{combined, log_sum_exp};
use crate::Error;
use crate::compare::{Pair, Paired};
use crate::matching::chain::{Chain, Part};
use crate::matching::exchangeable;
use crate::matching::sweeps::rows_first;
use crate::parts::PARTS;
use crate::random::{ChaCha8Rng, stream};

/// Random orders tried, beside the one that is there.
pub const ORDERS: usize = 9_999;
/// What is equal but for the rounding of f32 counts as equal, against the finding.
const ROUNDING: f64 = 1e-5;
/// Steps of the search for λ.
const SEARCH: usize = 40;

/// One hidden layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// The weight that its units are the outputs of.
    pub layer: String,
    /// Its units.
    pub units: usize,
    /// Mean cosine of a unit of A and the unit of B in its place; near 0 for independent models.
    pub similarity: f64,
    /// Natural logarithm of its p-value.
    pub ln_p: f64,
}

/// How sure it is that two models are not independent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Units {
    /// Every hidden layer of two units or more; empty if none was found, and nothing is tested.
    pub layers: Vec<Layer>,
    /// Natural logarithm of the p-value of all layers together.
    pub ln_p: f64,
}

/// Tests whether A and B are independent.
///
/// Layers are found as [`matching`](crate::matching) finds them; of a transformer the hidden units of
/// feed-forward blocks are tested, not the residual stream, whose order all layers share. That a link is wrong does no harm:
/// if rows and columns may be shuffled each by itself, they may be shuffled together.
///
/// O(n·w + n·[`ORDERS`]) for a layer of n units and w weights, and 8·w + 8·n² bytes. `seed` draws the
/// orders; the same bits for any number of threads.
///
/// # Errors
/// [`Error::NonFiniteTensor`].
pub fn test(paired: &Paired<'_>, seed: u64) -> Result<Units, Error> {
    paired.check_finite()?;
    let chain = exchangeable(&paired.pairs);
    let mut layers = Vec::new();
    for (group, units) in chain.groups.iter().enumerate() {
        if units.size < 2 {
            continue;
        }
        let side = |values| features(&chain, &paired.pairs, group, units.size, values);
        let (a, b) = (side(|pair| pair.a), side(|pair| pair.b));
        let cosines = products(&a, &b, units.size);
        let diagonal = (0..units.size).map(|i| f64::from(cosines[(i, i)]));
        let random = stream(seed, "unit orders", group as u64);
        layers.push(Layer {
            layer: paired.pairs[units.pair].name.to_owned(),
            units: units.size,
            similarity: diagonal.sum::<f64>() / units.size as f64,
            ln_p: log_p(cosines.as_ref(), random),
        });
    }
    let logs: Vec<f64> = layers.iter().map(|layer| layer.ln_p).collect();
    Ok(Units {
        ln_p: combined(&logs),
        layers,
    })
}

/// The weights of every unit, one unit after the other, less their mean and of length 1; zero for a
/// unit that is as the mean.
fn features<'a>(
    chain: &Chain,
    pairs: &[Pair<'a>],
    group: usize,
    size: usize,
    values: fn(&Pair<'a>) -> &'a [f32],
) -> Vec<f32> {
    let is_earlier = |other: Option<usize>| other.is_none_or(|other| other < group);
    let mut units = vec![Vec::new(); size];
    for part in &chain.parts {
        let rows = part.output == Some(group) && is_earlier(part.input);
        let blocks = part.input == Some(group) && is_earlier(part.output);
        if !rows && !blocks {
            continue;
        }
        let values = rows_first(part, values(&pairs[part.pair]));
        let width = part.blocks * part.length;
        for (row, weights) in values.chunks_exact(width).enumerate() {
            if rows {
                units[row].extend_from_slice(weights);
            } else {
                spread(&mut units, weights, part);
            }
        }
    }
    standardised(&units)
}

/// Gives every unit its block of a row.
fn spread(units: &mut [Vec<f32>], row: &[f32], part: &Part) {
    for (unit, block) in units.iter_mut().zip(row.chunks_exact(part.length)) {
        unit.extend_from_slice(block);
    }
}

fn standardised(units: &[Vec<f32>]) -> Vec<f32> {
    let width = units.first().map_or(0, Vec::len);
    let mut mean = vec![0.0f64; width];
    for unit in units {
        mean.iter_mut()
            .zip(unit)
            .for_each(|(m, &w)| *m += f64::from(w));
    }
    let count = units.len().max(1) as f64;
    let mut result = Vec::with_capacity(width * units.len());
    for unit in units {
        let centred = || {
            let pairs = unit.iter().zip(&mean);
            pairs.map(|(&w, m)| f64::from(w) - m / count)
        };
        let norm = centred().map(|c| c * c).sum::<f64>().sqrt();
        let whole = unit.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
        // What is left of equal units is rounding.
        let scale = if norm > 1e-6 * whole.sqrt() {
            norm.recip()
        } else {
            0.0
        };
        result.extend(centred().map(|c| (c * scale) as f32));
    }
    result
}

/// All cosines: row i for unit i of A, column j for unit j of B.
fn products(a: &[f32], b: &[f32], size: usize) -> Mat<f32> {
    let width = a.len() / size.max(1);
    let matrix = |values| MatRef::from_row_major_slice(values, size, width);
    let (left, right) = (matrix(a), matrix(b));
    let mut result = Mat::zeros(size, size);
    let par = Par::rayon(PARTS);
    matmul(
        result.as_mut(),
        Accum::Replace,
        left,
        right.transpose(),
        1.0,
        par,
    );
    result
}

/// Logarithm of the p-value of Σ cᵢᵢ among all orders of the columns.
pub(super) fn log_p(cosines: MatRef<'_, f32>, random: ChaCha8Rng) -> f64 {
    let bound = bound(cosines);
    let least = -((ORDERS + 1) as f64).ln();
    // Orders cannot give less than this; so they are not needed.
    let tried = if bound < least {
        0.0
    } else {
        sampled(cosines, random)
    };
    (bound.min(tried) + 2f64.ln()).min(0.0)
}

/// The logarithm of the share of random orders, and the one that is there, that give as much.
fn sampled(cosines: MatRef<'_, f32>, mut random: ChaCha8Rng) -> f64 {
    let size = cosines.nrows();
    let sum = |order: &[usize]| -> f64 {
        let places = order.iter().enumerate();
        places.map(|(i, &j)| f64::from(cosines[(i, j)])).sum()
    };
    let mut order: Vec<usize> = (0..size).collect();
    let found = sum(&order) - ROUNDING * size as f64;
    let mut as_much = 1usize;
    for _ in 0..ORDERS {
        for place in (1..size).rev() {
            let bits = u128::from(random.next_u64());
            // The bias is below 2⁻⁵⁰.
            let other = (bits * (place as u128 + 1)) >> 64;
            order.swap(place, other as usize);
        }
        as_much += usize::from(sum(&order) >= found);
    }
    (as_much as f64 / (ORDERS + 1) as f64).ln()
}

/// The logarithm of the bound at the best λ. What is minimised is convex in λ.
fn bound(cosines: MatRef<'_, f32>) -> f64 {
    let size = cosines.nrows();
    let columns: Vec<f64> = (0..size)
        .map(|j| (0..size).map(|i| f64::from(cosines[(i, j)])).sum::<f64>() / size as f64)
        .collect();
    let at = |lambda: f64| -> f64 {
        let mut row = vec![0.0; size];
        let mut sum = -ln_factorial(size);
        for i in 0..size {
            let own = f64::from(cosines[(i, i)]) - columns[i];
            for (j, value) in row.iter_mut().enumerate() {
                *value = lambda * (f64::from(cosines[(i, j)]) - columns[j] - own);
            }
            sum += log_sum_exp(&row);
        }
        sum
    };
    // Golden section on ln λ, in which it has one valley as well.
    let shrink = 0.5 * (5f64.sqrt() - 1.0);
    let (mut low, mut high) = (0.0, 1e4f64.ln());
    let mut best = f64::INFINITY;
    for _ in 0..SEARCH {
        let (left, right) = (high - shrink * (high - low), low + shrink * (high - low));
        let (at_left, at_right) = (at(f64::exp(left)), at(f64::exp(right)));
        best = best.min(at_left).min(at_right);
        if at_left < at_right {
            high = right;
        } else {
            low = left;
        }
        if high - low < 0.05 {
            break;
        }
    }
    // Cosines are off by the rounding of f32, which λ multiplies; the least there is stands.
    best.max(-ln_factorial(size))
}

fn ln_factorial(n: usize) -> f64 {
    (2..=n).map(|k| (k as f64).ln()).sum()
}

#[cfg(test)]
mod tests;
