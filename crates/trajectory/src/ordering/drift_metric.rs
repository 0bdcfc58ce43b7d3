//! A metric in which time shows: every coordinate weighed by its drift against its jitter.
//!
//! At a noise plateau most of the distance between two checkpoints is jitter that forgets itself
//! within an epoch, and is the same for near and far epochs. Along an order that is roughly right
//! the two can be told apart, coordinate by coordinate: jitter is what changes from one checkpoint
//! to the next, drift what changes over many. If a coordinate's differences are normal with mean
//! square v₁ between neighbours and v_L between points L apart, then the log-likelihood ratio of
//! "neighbours" against "far apart" falls by δ²/2 · (1/v₁ − 1/v_L) with a difference of δ. That
//! factor is the weight: 0 for pure jitter, 1/v₁ for pure drift.

use nalgebra::DMatrixView;

/// Share of a coordinate's squared differences that its mean squares are taken over, the lowest:
/// the long steps at the start of training must not speak for the plateau.
const KEPT: f64 = 0.8;
/// Fewest points from which drift and jitter can be told apart.
pub(super) const FEWEST: usize = 10;

/// The square roots of the weights of all coordinates, given the points in a rough order; none for
/// fewer than [`FEWEST`] points. O(m · parameters).
pub(super) fn scales(points: DMatrixView<'_, f32>, order: &[u32]) -> Option<Vec<f32>> {
    if order.len() < FEWEST {
        return None;
    }
    let far = far(order.len());
    let columns: Vec<&[f32]> = order
        .iter()
        .map(|&leaf| points.column(leaf as usize).data.into_slice())
        .collect();
    let mut squares = Vec::with_capacity(order.len());
    let mut series = Vec::with_capacity(order.len());
    let scales: Vec<f32> = (0..points.nrows())
        .map(|row| {
            series.clear();
            series.extend(columns.iter().map(|column| f64::from(column[row])));
            let largest = series.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            // Differences below the rounding of f32 are not differences.
            let rounding = (largest * f64::from(f32::EPSILON)).powi(2);
            let near = mean_square(&series, 1, &mut squares) + rounding;
            let far = mean_square(&series, far, &mut squares) + rounding;
            let scale = (1.0 / near - 1.0 / far).max(0.0).sqrt() as f32;
            // A coordinate that never moves has 1/0 − 1/0, one of denormal numbers overflows.
            if scale.is_finite() { scale } else { 0.0 }
        })
        .collect();
    scales.iter().any(|&scale| scale > 0.0).then_some(scales)
}

/// Number of places that count as far apart on a path of m points.
fn far(m: usize) -> usize {
    (m / 4).clamp(3, 12)
}

/// Median squared distance of points far apart on a path ÷ that of neighbours; infinite on paths
/// too short to tell. 1 where the points come and go without memory. O(m).
pub(super) fn spread(distance: impl Fn(u32, u32) -> f64, path: &[u32]) -> f64 {
    let median = |lag: usize| {
        let mut distances: Vec<f64> = path
            .iter()
            .zip(path.iter().skip(lag))
            .map(|(&x, &y)| distance(x, y))
            .collect();
        distances.sort_unstable_by(f64::total_cmp);
        distances.get(distances.len() / 2).copied()
    };
    match (median(1), median(far(path.len()))) {
        (Some(near), Some(far)) if near > 0.0 => (far / near).powi(2),
        _ => f64::INFINITY,
    }
}

/// Mean of the lowest squared differences of a series at a lag.
fn mean_square(series: &[f64], lag: usize, squares: &mut Vec<f64>) -> f64 {
    squares.clear();
    squares.extend(std::iter::zip(series, &series[lag..]).map(|(x, y)| (x - y) * (x - y)));
    let kept = ((squares.len() as f64 * KEPT).ceil() as usize).max(1);
    if kept < squares.len() {
        squares.select_nth_unstable_by(kept, f64::total_cmp);
    }
    squares[..kept].iter().sum::<f64>() / kept as f64
}
