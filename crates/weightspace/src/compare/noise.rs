//! Whether the change is noise that somebody added: independent, Gaussian, of one scale.
//!
//! Every test is a number that is about standard normal if the change d = b − a is independent
//! Gaussian noise; none may exceed [`SIGMAS`]. Per tensor of at least [`FEWEST`] values:
//!
//! - mean, skewness and excess kurtosis of d;
//! - correlation of d with a, of |d| with |a|, and of each value of d with the next;
//! - for matrices of at least [`LEAST_SIDE`]: the energy of the row sums and of the column sums, how
//!   unequal rows and columns are, and the largest singular value beside what noise of that size
//!   has (I. Johnstone, *On the Distribution of the Largest Eigenvalue in Principal Components
//!   Analysis*, 2001).
//!
//! And over tensors, the scale of d must be one number, or one number times that of a.

use serde::{Deserialize, Serialize};

use super::low_rank::{LEAST_SIDE, difference, singular_values};
use super::paired::Pair;
use super::slices::{Pairs, Slice, all};

/// How many standard deviations a test may be off: by chance one test in a million and a half is.
pub const SIGMAS: f64 = 5.0;

/// Fewest values of a tensor that is tested: below, skewness and kurtosis are far from normal.
pub const FEWEST: usize = 1024;

/// By how much scales may differ beside chance: noise may be rounded, or come in f16.
const SCALE_SLACK: f64 = 0.02;

/// Standard deviation of the added noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Noise {
    /// The same in every tensor.
    Absolute(f64),
    /// So many times the root mean square of each tensor of A.
    Relative(f64),
}

/// The scale of the noise, if the change of every one of these tensors, which changed, looks like noise.
///
/// None unless a matrix of 1024 values changed; smaller tensors are not looked at, and every slice of a
/// large one is tested by itself. O(80·n) in time for n values of a matrix, 8·n bytes for the largest slice.
///
/// # Errors
/// When values cannot be read.
pub fn noise<P: Pairs>(pairs: &P, changed: &[usize]) -> Result<Option<Noise>, P::Error> {
    let large = |pair: &usize| pairs.elements_of(*pair) >= FEWEST;
    let which: Vec<usize> = changed.iter().copied().filter(large).collect();
    let Some(parts) = all(pairs, &which, Part::of)? else {
        return Ok(None);
    };
    let in_matrices: usize = parts.iter().flatten().map(|part| part.in_matrix).sum();
    if in_matrices < FEWEST {
        return Ok(None);
    }
    // A tensor has one scale, of all its slices.
    let mut scales: Vec<(f64, f64, f64)> = Vec::new();
    for parts in &parts {
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let count = sum(|part| part.count);
        let each = parts.iter().map(|part| (part.deviation, part.count));
        let Some(deviation) = common(each) else {
            return Ok(None);
        };
        let own = (sum(|part| part.squares) / count).sqrt();
        scales.push((deviation, deviation / own, count));
    }
    let absolute = scales.iter().map(|&(absolute, _, count)| (absolute, count));
    let relative = scales.iter().map(|&(_, relative, count)| (relative, count));
    Ok(common(absolute)
        .map(Noise::Absolute)
        .or_else(|| common(relative).map(Noise::Relative)))
}

/// A slice whose change looks like noise.
struct Part {
    /// The standard deviation of the change.
    deviation: f64,
    count: f64,
    /// Σ a².
    squares: f64,
    /// Values, if it is of a matrix with room for structure.
    in_matrix: usize,
}

impl Part {
    fn of(slice: &Slice<'_>) -> Option<Self> {
        let pair = &slice.pair;
        let change = difference(pair);
        let deviation = looks_independent(pair, &change)?;
        let mut in_matrix = 0;
        if let Some((rows, columns)) = pair.matrix()
            && rows.min(columns) >= LEAST_SIDE
        {
            if !looks_unstructured(&change, rows, columns) {
                return None;
            }
            in_matrix = change.len();
        }
        Some(Self {
            deviation,
            count: change.len() as f64,
            squares: pair.a.iter().map(|&a| f64::from(a).powi(2)).sum(),
            in_matrix,
        })
    }
}

/// The common scale of tensors of so many values, if there is one.
fn common(scales: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let all: f64 = scales.clone().map(|(_, count)| count).sum();
    let logarithm = scales
        .clone()
        .map(|(scale, count)| scale.ln() * count)
        .sum::<f64>()
        / all;
    let mut scales = scales;
    scales
        .all(|(scale, count)| {
            (scale.ln() - logarithm).abs() <= SIGMAS / (2.0 * count).sqrt() + SCALE_SLACK
        })
        .then(|| logarithm.exp())
}

/// The standard deviation of the change, if its values look independent and Gaussian.
fn looks_independent(pair: &Pair<'_>, change: &[f64]) -> Option<f64> {
    let count = change.len() as f64;
    let mean = change.iter().sum::<f64>() / count;
    let moment = |power| change.iter().map(|d| (d - mean).powi(power)).sum::<f64>() / count;
    let variance = moment(2);
    let deviation = variance.sqrt();
    if variance <= 0.0 {
        return None;
    }
    let skewness = moment(3) / deviation.powi(3);
    let excess = moment(4) / variance.powi(2) - 3.0;
    let of_a = || pair.a.iter().map(|&a| f64::from(a));
    let sizes = change.iter().map(|d| d.abs());
    let next = change.iter().skip(1).copied();
    let tests = [
        mean / deviation * count.sqrt(),
        skewness * (count / 6.0).sqrt(),
        excess * (count / 24.0).sqrt(),
        correlation(of_a(), change.iter().copied()) * count.sqrt(),
        correlation(of_a().map(f64::abs), sizes) * count.sqrt(),
        correlation(change.iter().copied(), next) * count.sqrt(),
    ];
    tests.iter().all(|z| z.abs() <= SIGMAS).then_some(deviation)
}

/// Pearson's correlation; 0 where one side is constant. The longer side is cut.
fn correlation(x: impl Iterator<Item = f64> + Clone, y: impl Iterator<Item = f64> + Clone) -> f64 {
    let pairs = x.zip(y);
    let count = pairs.clone().count() as f64;
    let (sum_x, sum_y) = pairs
        .clone()
        .fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (xx, yy, xy) = pairs.fold((0.0, 0.0, 0.0), |(xx, yy, xy), (x, y)| {
        let (x, y) = (x - mean_x, y - mean_y);
        (xx + x * x, yy + y * y, xy + x * y)
    });
    let product = f64::sqrt(xx * yy);
    if product > 0.0 { xy / product } else { 0.0 }
}

fn looks_unstructured(change: &[f64], rows: usize, columns: usize) -> bool {
    let variance = change.iter().map(|d| d * d).sum::<f64>() / change.len() as f64;
    let (mut row_sums, mut row_squares) = (vec![0.0; rows], vec![0.0; rows]);
    let (mut column_sums, mut column_squares) = (vec![0.0; columns], vec![0.0; columns]);
    for (i, row) in change.chunks(columns).enumerate() {
        for (j, d) in row.iter().enumerate() {
            row_sums[i] += d;
            row_squares[i] += d * d;
            column_sums[j] += d;
            column_squares[j] += d * d;
        }
    }
    energy(&row_sums, variance * columns as f64).abs() <= SIGMAS
        && energy(&column_sums, variance * rows as f64).abs() <= SIGMAS
        && unequal(&row_squares, variance, columns as f64) <= SIGMAS
        && unequal(&column_squares, variance, rows as f64) <= SIGMAS
        && largest(change, rows, columns, variance) <= SIGMAS
}

/// Sum of squares of independent normal numbers as a normal deviate (Wilson and Hilferty 1931).
fn energy(values: &[f64], variance: f64) -> f64 {
    let freedom = values.len() as f64;
    let ratio = values.iter().map(|v| v * v).sum::<f64>() / variance / freedom;
    let spread = 2.0 / (9.0 * freedom);
    (ratio.cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// How much more unequal groups of `size` values are than chi-squared numbers.
fn unequal(squares: &[f64], variance: f64, size: f64) -> f64 {
    let groups = squares.len() as f64;
    let deviates = squares
        .iter()
        .map(|s| (s / variance - size) / (2.0 * size).sqrt());
    let sum: f64 = deviates.map(|z| z * z).sum();
    // The fourth moment of a standardised chi-squared number is 3 + 12/size.
    (sum - groups) / (groups * (2.0 + 12.0 / size)).sqrt()
}

/// How far the largest squared singular value lies above that of noise.
fn largest(change: &[f64], rows: usize, columns: usize, variance: f64) -> f64 {
    let (n, p) = (rows as f64 - 1.0, columns as f64);
    let sum = n.sqrt() + p.sqrt();
    let spread = sum * (n.sqrt().recip() + p.sqrt().recip()).cbrt();
    let values = singular_values(change, rows, columns);
    let square = values.first().map_or(0.0, |s| s * s) / variance;
    (square - sum * sum) / spread
}
