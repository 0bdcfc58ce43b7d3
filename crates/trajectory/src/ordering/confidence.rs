//! How likely each edge of an order joins two checkpoints that came right after one another.
//!
//! An edge is as sure as the best order without it is bad. Its *margin* is the least growth of the
//! banded cost among all reversals of a piece that break the edge, in units of the edge's own
//! length; a map fitted to trained zoos turns margins into probabilities.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use std::ops::Range;
use weightspace::distance::distance;

use super::lagged_path::{LaggedPath, harmonic};
use super::long::{LARGEST_WHOLE, WINDOW};
use super::method::LAGS;
use super::pairwise::Pairwise;
use crate::Error;
use crate::chance;
use crate::checks::{finite, leaves_exist};

/// What an edge of an order says about itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeEvidence {
    /// Least growth of the banded cost without the edge ÷ length of the edge.
    pub margin: f64,
    /// Median squared distance far apart along the order ÷ that of neighbours: how much the run
    /// remembers at all. 1 where points come and go; infinite where there are too few to tell.
    pub spread: f64,
    /// Number of points in the order.
    pub points: usize,
    /// Number of coordinates of a point.
    pub dimensions: usize,
}

/// Score of an edge: `AT_ZERO` + `OF_MARGIN` · ln(margin) + `OF_POINTS` · ln(points) +
/// `OF_SPREAD` · ln(spread) + `OF_DIMENSIONS` · ln(dimensions).
///
/// Logistic regression over the edges of the even seeds of the zoos of `cargo xtask experiments`,
/// with all, 30 % and 10 % of the checkpoints, in full space (whitened) and in 5 to 500 dimensions;
/// without the zoos of one shared initialisation, whose clusters are no runs.
const AT_ZERO: f64 = 1.135;
const OF_MARGIN: f64 = 1.633;
const OF_POINTS: f64 = -0.592;
const OF_SPREAD: f64 = 2.059;
const OF_DIMENSIONS: f64 = 0.971;
/// More dimensions than these say no more.
const DIMENSIONS: usize = 3000;
/// Margins beyond these say no more.
const MARGINS: (f64, f64) = (0.01, 2.0);
/// Logarithms of the spread beyond these say no more.
const SPREADS: (f64, f64) = (-0.2, 1.5);
/// Probability of an edge by its score, linear in between: isotonic regression over bins of the
/// same edges.
const PROBABILITIES: [(f64, f64); 13] = [
    (-3.12, 0.2457),
    (-1.38, 0.3197),
    (-0.24, 0.3754),
    (0.86, 0.5764),
    (1.78, 0.765),
    (2.44, 0.8965),
    (3.07, 0.9598),
    (3.64, 0.9861),
    (4.07, 0.9948),
    (4.42, 0.9988),
    (4.72, 0.9994),
    (5.21, 0.9995),
    (5.89, 0.9998),
];

impl EdgeEvidence {
    /// The probability that the two checkpoints came right after one another.
    pub fn probability(self) -> f64 {
        let margin = self.margin.clamp(MARGINS.0, MARGINS.1).ln();
        let points = (self.points as f64).ln();
        let spread = self.spread.ln().clamp(SPREADS.0, SPREADS.1);
        let dimensions = (self.dimensions.clamp(1, DIMENSIONS) as f64).ln();
        let score = AT_ZERO
            + OF_MARGIN * margin
            + OF_POINTS * points
            + OF_SPREAD * spread
            + OF_DIMENSIONS * dimensions;
        interpolated(&PROBABILITIES, score)
    }
}

/// Linear between rising knots, constant beyond them.
fn interpolated(knots: &[(f64, f64)], x: f64) -> f64 {
    let above = knots.partition_point(|&(knot, _)| knot <= x);
    match (
        above.checked_sub(1).and_then(|below| knots.get(below)),
        knots.get(above),
    ) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (x - x0) / (x1 - x0) * (y1 - y0),
        (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => f64::NAN,
    }
}

/// For every order, the probability of each of its m − 1 edges that its two checkpoints came right
/// after one another, of those that there are.
///
/// Orders may come from any method, in either direction, and should be given the points among which
/// they were found. `seed` only numbers points that coincide. The probabilities were fitted to trained zoos, whole, thinned and reduced,
/// and hold on average over such zoos. O(m² · (parameters + K²)) an order; of
/// more than [`LARGEST_WHOLE`] points, m · 600 in the place of m².
///
/// # Errors
///
/// An order names a leaf that does not exist, or a weight is not finite.
pub fn edge_confidence(
    points: DMatrixView<'_, f32>,
    orders: &[impl AsRef<[u32]> + Sync],
    seed: u64,
) -> Result<Vec<Vec<f64>>, Error> {
    let evidence = edge_evidence(points, orders, seed)?;
    Ok(evidence
        .into_iter()
        .map(|edges| edges.into_iter().map(EdgeEvidence::probability).collect())
        .collect())
}

/// What [`edge_confidence`] rests on.
///
/// # Errors
///
/// As [`edge_confidence`].
pub fn edge_evidence(
    points: DMatrixView<'_, f32>,
    orders: &[impl AsRef<[u32]> + Sync],
    seed: u64,
) -> Result<Vec<Vec<EdgeEvidence>>, Error> {
    finite(points)?;
    leaves_exist(points, orders)?;
    let ranks = chance::ties(points.ncols(), seed);
    Ok(orders
        .par_iter()
        .map(|order| evidence(points, order.as_ref(), &ranks))
        .collect())
}

fn evidence(points: DMatrixView<'_, f32>, order: &[u32], ranks: &[u32]) -> Vec<EdgeEvidence> {
    let (count, dimensions) = (order.len(), points.nrows());
    let last = count.saturating_sub(1);
    if count <= LARGEST_WHOLE {
        let along = along(points, order, ranks);
        let spread = spread(count, |x, y| along.row(x as u32)[y]);
        return edges(&along, 0..last, (count, dimensions, spread));
    }
    let column = |place: usize| points.column(order[place] as usize).data.into_slice();
    let spread = spread(count, |x, y| distance(column(x), column(y)));
    // Pieces of at most half a window from the edge on: the others are too many to be looked at, and
    // few of them are the least.
    let firsts: Vec<usize> = (0..last).step_by(WINDOW / 2).collect();
    let windows: Vec<Vec<EdgeEvidence>> = firsts
        .into_par_iter()
        .map(|first| {
            let end = (first + WINDOW / 2).min(last);
            let from = first.saturating_sub(WINDOW / 2);
            let window = &order[from..(end + WINDOW / 2).min(count)];
            let of_window = first - from..end - from;
            let along = along(points, window, ranks);
            edges(&along, of_window, (count, dimensions, spread))
        })
        .collect();
    windows.concat()
}

/// The distances along an order, so that what is read together lies together: thousands of points
/// fit no cache.
fn along(points: DMatrixView<'_, f32>, order: &[u32], ranks: &[u32]) -> Pairwise {
    let pairwise = Pairwise::of(points, order, ranks);
    let path = pairwise.numbered(order);
    pairwise.along(&path)
}

/// These edges of an order, or of a window of one; the order has so many points, of so many
/// dimensions, and this spread.
fn edges(
    along: &Pairwise,
    edges: Range<usize>,
    (points, dimensions, spread): (usize, usize, f64),
) -> Vec<EdgeEvidence> {
    let path: Vec<u32> = (0..along.len() as u32).collect();
    let weights = harmonic(LAGS);
    let paths = LaggedPath {
        pairwise: along,
        weights: &weights,
    };
    let last = path.len().saturating_sub(1);
    edges
        .into_par_iter()
        .map(|place| {
            let before = (0..place).map(|first| paths.reversal(&path, first, place));
            let behind = (place + 2..=last).map(|end| paths.reversal(&path, place + 1, end));
            let growth = before.chain(behind).fold(f64::INFINITY, f64::min);
            let length = along.row(path[place])[path[place + 1] as usize];
            EdgeEvidence {
                // Two points have but one order, and coinciding ones have none.
                margin: if length > 0.0 { growth / length } else { 0.0 },
                spread,
                points,
                dimensions,
            }
        })
        .collect()
}

/// Median squared distance of points far apart on a path ÷ that of neighbours, by the distances of
/// its places; infinite on paths too short to tell. 1 where the points come and go without memory.
/// Of O(m) distances.
fn spread(count: usize, distance: impl Fn(usize, usize) -> f64) -> f64 {
    let median = |lag: usize| {
        let places = 0..count.saturating_sub(lag);
        let mut distances: Vec<f64> = places.map(|place| distance(place, place + lag)).collect();
        distances.sort_unstable_by(f64::total_cmp);
        distances.get(distances.len() / 2).copied()
    };
    match (median(1), median((count / 4).clamp(3, 12))) {
        (Some(near), Some(far)) if near > 0.0 => (far / near).powi(2),
        _ => f64::INFINITY,
    }
}
