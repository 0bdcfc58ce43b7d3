//! How far, how fast and how straight a run moved through weight space.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;

use crate::Error;

/// The geometry of one polygonal trajectory through T points, T − 1 steps and T − 2 turns.
///
/// Lengths are in the units of the weights, angles in radians. Index `i` of a series over steps is
/// the step from point `i` to `i + 1`; over turns, the turn at point `i + 1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
        let Some(&first) = order.first() else {
            return Err(Error::Empty {
                what: "the order of a trajectory",
            });
        };
        for &column in order {
            let index = column as usize;
            if index >= points.ncols() {
                return Err(Error::OutOfRange {
                    what: "point",
                    index,
                    length: points.ncols(),
                });
            }
            if !points.column(index).iter().all(|x| x.is_finite()) {
                return Err(Error::NotFinite {
                    what: "point",
                    index,
                });
            }
        }
        let difference = |from: u32, to: u32| {
            std::iter::zip(
                points.column(from as usize).into_iter(),
                points.column(to as usize).into_iter(),
            )
            .map(|(&from, &to)| f64::from(to) - f64::from(from))
        };
        let length = |from, to| difference(from, to).map(|x| x * x).sum::<f64>().sqrt();

        let displacement = order.iter().map(|&column| length(first, column)).collect();
        let step_length: Vec<f64> = order
            .windows(2)
            .map(|pair| length(pair[0], pair[1]))
            .collect();
        let path_length = std::iter::once(0.0)
            .chain(step_length.iter().scan(0.0, |path, step| {
                *path += step;
                Some(*path)
            }))
            .collect();

        let turns = order.len().saturating_sub(2);
        let mut geometry = Self {
            cosine: Vec::with_capacity(turns),
            turning_angle: Vec::with_capacity(turns),
            curvature: Vec::with_capacity(turns),
            step_length,
            displacement,
            path_length,
        };
        for (turn, points) in order.windows(3).enumerate() {
            let steps = std::iter::zip(
                difference(points[0], points[1]),
                difference(points[1], points[2]),
            );
            geometry.push_turn(turn, steps);
        }
        Ok(geometry)
    }

    fn push_turn(&mut self, turn: usize, steps: impl Iterator<Item = (f64, f64)>) {
        let (into, out) = (self.step_length[turn], self.step_length[turn + 1]);
        let (mut dot, mut sum, mut difference) = (0.0, 0.0, 0.0);
        for (x, y) in steps {
            let (x, y) = (x / into, y / out);
            dot += x * y;
            sum += (x + y) * (x + y);
            difference += (x - y) * (x - y);
        }
        // Kahan's formula keeps small angles that the arc cosine would round away.
        let angle = 2.0 * f64::atan2(difference.sqrt(), sum.sqrt());
        self.cosine.push(dot.clamp(-1.0, 1.0));
        self.turning_angle.push(angle);
        self.curvature.push(angle / (0.5 * (into + out)));
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
