//! How far, how fast and how straight a run moved through weight space.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;
use weightspace::distance::distance;

use crate::Error;

/// The geometry of one polygonal trajectory through T points, T − 1 steps and T − 2 turns; of none
/// by default.
///
/// Lengths are in the units of the weights, angles in radians. Index `i` of a series over steps is
/// the step from point `i` to `i + 1`; over turns, the turn at point `i + 1`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Geometry {
    /// Length of every step, T − 1.
    pub step_length: Vec<f64>,
    /// Cosine between successive steps, T − 2; NaN beside a step of length zero.
    pub cosine: Vec<f64>,
    /// Angle between successive steps, 0 to π, T − 2; NaN beside a step of length zero.
    pub turning_angle: Vec<f64>,
    /// Turning angle ÷ mean length of the two steps that meet, radians per unit of length, T − 2;
    /// NaN beside a step of length zero.
    ///
    /// The discrete curvature of a polygon by turning angles (Crane and Wardetzky 2017, "A glimpse
    /// into discrete differential geometry"). The circle through three points (Menger) is no good
    /// here: it calls a path that turns straight back straight, which is what noise does.
    pub curvature: Vec<f64>,
    /// Distance of every point from the first, T.
    pub displacement: Vec<f64>,
    /// Length of the path up to every point, T.
    pub path_length: Vec<f64>,
}

impl Geometry {
    /// The geometry of the columns of `points` in the given order.
    ///
    /// `points` has shape (parameters, checkpoints). Differences, sums and angles are taken in f64.
    /// O(parameters · T).
    ///
    /// # Errors
    ///
    /// An empty order, a column that does not exist, or a coordinate that is not finite.
    pub fn of(points: DMatrixView<'_, f32>, order: &[u32]) -> Result<Self, Error> {
        if order.is_empty() {
            return Err(Error::Empty {
                what: "the order of a trajectory",
            });
        }
        if let Some(&absent) = order
            .iter()
            .find(|&&point| point as usize >= points.ncols())
        {
            return Err(Error::OutOfRange {
                what: "point",
                index: absent as usize,
                length: points.ncols(),
            });
        }
        let path: Vec<&[f32]> = order
            .iter()
            .map(|&point| points.column(point as usize).data.into_slice())
            .collect();

        let displacement: Vec<f64> = path.iter().map(|point| distance(path[0], point)).collect();
        // The sum over finite f32 cannot overflow in f64, so this finds every bad point.
        if let Some(bad) = displacement.iter().position(|d| !d.is_finite()) {
            return Err(Error::NotFinite {
                what: "point",
                index: order[bad] as usize,
            });
        }
        let step_length: Vec<f64> = path
            .windows(2)
            .map(|pair| distance(pair[0], pair[1]))
            .collect();
        let path_length = std::iter::once(0.0)
            .chain(step_length.iter().scan(0.0, |path, step| {
                *path += step;
                Some(*path)
            }))
            .collect();

        let turns = path.len().saturating_sub(2);
        let mut cosine = Vec::with_capacity(turns);
        let mut turning_angle = Vec::with_capacity(turns);
        let mut curvature = Vec::with_capacity(turns);
        for (points, steps) in std::iter::zip(path.windows(3), step_length.windows(2)) {
            let (along, across) = directions(points, steps);
            // Kahan's formula keeps the small angles that an arc cosine would round away.
            let angle = 2.0 * f64::atan2(across.sqrt(), along.sqrt());
            cosine.push((along - across) / (along + across));
            turning_angle.push(angle);
            curvature.push(angle / (0.5 * (steps[0] + steps[1])));
        }
        Ok(Self {
            step_length,
            cosine,
            turning_angle,
            curvature,
            displacement,
            path_length,
        })
    }

    /// Path length ÷ distance between the ends, at least 1 (the arc–chord ratio).
    ///
    /// 1 for a straight run, infinite for one that ends where it began, NaN for one that never
    /// moved.
    pub fn tortuosity(&self) -> f64 {
        match (self.path_length.last(), self.displacement.last()) {
            (Some(path), Some(displacement)) => path / displacement,
            _ => f64::NAN,
        }
    }
}

/// For the unit vectors u, v of two successive steps: ‖u + v‖² and ‖u − v‖².
fn directions(points: &[&[f32]], steps: &[f64]) -> (f64, f64) {
    let (mut along, mut across) = (0.0, 0.0);
    for ((&before, &here), &after) in points[0].iter().zip(points[1]).zip(points[2]) {
        let u = (f64::from(here) - f64::from(before)) / steps[0];
        let v = (f64::from(after) - f64::from(here)) / steps[1];
        along += (u + v) * (u + v);
        across += (u - v) * (u - v);
    }
    (along, across)
}

/// The geometry of many runs, each an order of columns; in parallel over runs.
///
/// # Errors
///
/// As [`Geometry::of`], for the first run at fault.
pub fn of_runs(
    points: DMatrixView<'_, f32>,
    orders: &[impl AsRef<[u32]> + Sync],
) -> Result<Vec<Geometry>, Error> {
    let each: Vec<Result<Geometry, Error>> = orders
        .par_iter()
        .map(|order| Geometry::of(points, order.as_ref()))
        .collect();
    // Collected before it is searched, so that the error does not depend on which thread was first.
    each.into_iter().collect()
}
