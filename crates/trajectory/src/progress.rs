//! How far a run has come since an accepted checkpoint, and whether it still goes anywhere.
//!
//! A distance in weight space says nothing by itself. Here it is given in two units that mean
//! something: the run's own recent steps ("twelve epochs' worth of movement") and the distance of
//! strangers ("a fifth of the way to an unrelated model"). Beside it stands the path that was
//! walked, because a run at a plateau walks without getting anywhere.
//!
//! # Going somewhere, or wandering
//!
//! For k steps of lengths s₁ … s_k whose directions are independent, the expected squared
//! displacement is Σ sᵢ² (Pearson's random walk). [`Progress::persistence`] is the squared
//! displacement over the newest k steps divided by that: 1 for a random walk, k for equal steps
//! straight ahead, below 1 for a run that turns back. [`growth_exponent`] is the slope of log
//! displacement over log lag: ½ for a random walk, 1 for a straight line, 0 for a run that is
//! held in place.

use crate::Error;
use crate::geometry::Geometry;
use nalgebra::DMatrixView;
use serde::Serialize;
use weightspace::distance::distance;
use weightspace::statistics::median;

/// What a distance is measured against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    /// Newest steps that count as recent; at least 1 is taken.
    pub recent: usize,
    /// Distance between checkpoints of unrelated runs of the same architecture and recipe.
    ///
    /// Without it, √(‖a‖² + ‖b‖²) of the accepted checkpoint and the newest is taken, the distance
    /// of independent weights with mean zero; see [`Progress::strangers_are_given`].
    pub strangers: Option<f64>,
}

impl Default for Units {
    fn default() -> Self {
        Self {
            recent: 10,
            strangers: None,
        }
    }
}

/// How far the newest checkpoint of a run is from an accepted one.
///
/// Lengths are in the units of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Straight distance from the accepted checkpoint to the newest.
    pub distance: f64,
    /// Length of the path between them.
    pub path: f64,
    /// Median length of the recent steps; NaN for a run of one checkpoint.
    pub recent_step: f64,
    /// Distance ÷ recent step: epochs' worth of movement. NaN where the recent step is zero or
    /// unknown.
    pub in_steps: f64,
    /// Distance ÷ distance of strangers: 0 for the same model, about 1 for an unrelated one. NaN
    /// where that distance is zero.
    pub of_strangers: f64,
    /// Whether the distance of strangers was given, or estimated from the two norms.
    pub strangers_are_given: bool,
    /// Path since the accepted checkpoint ÷ path of the whole run; NaN for a run that never moved.
    pub share_of_path: f64,
    /// Distance ÷ path: 1 straight, 0 returned; NaN without movement.
    pub straightness: f64,
    /// Squared displacement over the recent steps ÷ the sum of their squares: 1 for a random walk;
    /// NaN without movement.
    pub persistence: f64,
}

impl Progress {
    /// From the checkpoint at `accepted` in the order to the last of the order.
    ///
    /// `points` has shape (parameters, checkpoints). O(parameters · length of the order).
    ///
    /// # Errors
    ///
    /// An empty order, a column that does not exist, a coordinate that is not finite, an accepted
    /// checkpoint beyond the order's end, or a distance of strangers that is not finite.
    pub fn since(
        points: DMatrixView<'_, f32>,
        order: &[u32],
        accepted: usize,
        units: &Units,
    ) -> Result<Self, Error> {
        let geometry = Geometry::of(points, order)?;
        if accepted >= order.len() {
            return Err(Error::OutOfRange {
                what: "the accepted checkpoint",
                index: accepted,
                length: order.len(),
            });
        }
        if units.strangers.is_some_and(|d| !d.is_finite()) {
            return Err(Error::NotFinite {
                what: "the distance of strangers, value",
                index: 0,
            });
        }
        let point = |place: usize| points.column(order[place] as usize).data.into_slice();
        let newest = order.len() - 1;
        let walked = geometry.path_length[newest];
        let path = walked - geometry.path_length[accepted];
        let since = distance(point(accepted), point(newest));

        let recent = units.recent.max(1).min(newest);
        let steps = &geometry.step_length[newest - recent..];
        let recent_step = median(steps.iter().copied());
        let squares: f64 = steps.iter().map(|step| step * step).sum();
        let moved = distance(point(newest - recent), point(newest));
        let norms = || squared_norm(point(accepted)) + squared_norm(point(newest));
        let strangers = units.strangers.unwrap_or_else(|| norms().sqrt());
        Ok(Self {
            distance: since,
            path,
            recent_step,
            in_steps: ratio(since, recent_step),
            of_strangers: ratio(since, strangers),
            strangers_are_given: units.strangers.is_some(),
            share_of_path: ratio(path, walked),
            straightness: ratio(since, path),
            persistence: ratio(moved * moved, squares),
        })
    }
}

/// How displacement grows with the number of steps: the least-squares slope of
/// log (root mean square displacement at lag k) over log k, for k = 1, 2, 4, … up to half of the
/// steps.
///
/// ½ for a random walk, 1 for a straight line, 0 for independent points. NaN for fewer than four
/// steps, and for a run that returns exactly. O(parameters · checkpoints · log checkpoints).
///
/// # Errors
///
/// As [`Geometry::of`].
pub fn growth_exponent(points: DMatrixView<'_, f32>, order: &[u32]) -> Result<f64, Error> {
    Geometry::of(points, order)?;
    let path: Vec<&[f32]> = order
        .iter()
        .map(|&point| points.column(point as usize).data.into_slice())
        .collect();
    let lags = std::iter::successors(Some(1), |lag| Some(2 * lag));
    let logs: Vec<(f64, f64)> = lags
        .take_while(|lag| 2 * lag < path.len())
        .map(|lag| {
            let pairs = path.len() - lag;
            let squares: f64 = (0..pairs)
                .map(|i| distance(path[i], path[i + lag]).powi(2))
                .sum();
            ((lag as f64).ln(), 0.5 * (squares / pairs as f64).ln())
        })
        .collect();
    let n = logs.len() as f64;
    let (mean_x, mean_y) = (
        logs.iter().map(|(x, _)| x).sum::<f64>() / n,
        logs.iter().map(|(_, y)| y).sum::<f64>() / n,
    );
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    Ok(ratio(covariance, variance))
}

/// NaN in place of infinity.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

fn squared_norm(point: &[f32]) -> f64 {
    point.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
