//! Points in few dimensions whose distances are never greater than the true ones.
//!
//! The shadow of a point is its orthogonal projection on some directions and, as one more
//! coordinate, the length of what the projection leaves out. For points `a`, `b` with projections
//! `Pa`, `Pb` and rests `Ra`, `Rb`
//!
//! ```text
//! ‖a − b‖² = ‖Pa − Pb‖² + ‖Ra − Rb‖² ≥ ‖Pa − Pb‖² + (‖Ra‖ − ‖Rb‖)²
//! ```
//!
//! which is the squared distance of the shadows. Checkpoints of different runs are far apart in
//! any few leading directions, so that most pairs never need to be compared in full.
//!
//! # Rounding
//!
//! The directions are orthonormal to f64's rounding, and everything but the result is computed in
//! f64. With `u = 2⁻⁵³`, `d` dimensions and `y` a point less the centre, the square of a rest is
//! off by at most `e = 16(d + 64)·u·‖y‖²`, the rest hence by `e / max(rest, √e)`; rounding the
//! coordinates to f32 moves a shadow by `2⁻²⁴·‖y‖`. Twice the largest sum of both over all points
//! is the slack of every distance.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::svd::{self, orthonormal};

/// Directions of projection. With the length of the rest, shadows have one dimension more.
const DIRECTIONS: usize = 63;
/// Points that the directions are found from.
const SAMPLE: usize = 512;
/// Points whose shadows are computed together.
const BLOCK: usize = 256;

/// The shadows of some points.
pub(crate) struct Shadows {
    /// Shape ([`DIRECTIONS`] + 1, points).
    points: DMatrix<f32>,
    slack: f64,
}

impl Shadows {
    /// Shadows along the leading directions of a sample of the points.
    ///
    /// None where they would save nothing, for few points or of few dimensions, or where numbers
    /// are near the end of f32's range. O(points · dimensions).
    pub(crate) fn of(columns: &[&[f32]]) -> Option<Self> {
        let dimension = columns.first()?.len();
        if dimension < 4 * (DIRECTIONS + 1) || columns.len() < 2 * SAMPLE {
            return None;
        }
        let sample: Vec<&[f32]> = (0..SAMPLE)
            .map(|place| columns[place * columns.len() / SAMPLE])
            .collect();
        let center: Vec<f64> = (0..dimension)
            .map(|row| {
                sample
                    .iter()
                    .map(|point| f64::from(point[row]))
                    .sum::<f64>()
            })
            .map(|sum| sum / SAMPLE as f64)
            .collect();
        let centered = DMatrix::from_fn(dimension, SAMPLE, |row, place| {
            (f64::from(sample[place][row]) - center[row]) as f32
        });
        let leading = svd::truncated(centered.as_view(), DIRECTIONS).ok()?;
        let basis = orthonormal(Mat::from_fn(dimension, DIRECTIONS, |row, direction| {
            f64::from(leading.directions()[(row, direction)])
        }));
        let shadows = Self::along(columns, &center, &basis);
        shadows
            .points
            .iter()
            .all(|x| x.is_finite())
            .then_some(shadows)
    }

    /// Shadows along the orthonormal columns of `basis`.
    fn along(columns: &[&[f32]], center: &[f64], basis: &Mat<f64>) -> Self {
        let (dimension, directions) = basis.shape();
        let height = directions + 1;
        let mut points = DMatrix::zeros(height, columns.len());
        let slack = columns
            .par_chunks(BLOCK)
            .zip(points.as_mut_slice().par_chunks_mut(height * BLOCK))
            .map(|(columns, out)| {
                let mut centered = Vec::with_capacity(dimension * columns.len());
                for column in columns {
                    centered.extend(column.iter().zip(center).map(|(&x, c)| f64::from(x) - c));
                }
                let mut projected = vec![0.0; directions * columns.len()];
                matmul(
                    MatMut::from_column_major_slice_mut(&mut projected, directions, columns.len()),
                    Accum::Replace,
                    basis.transpose(),
                    MatRef::from_column_major_slice(&centered, dimension, columns.len()),
                    1.0,
                    Par::Seq,
                );
                centered
                    .chunks_exact(dimension)
                    .zip(projected.chunks_exact(directions))
                    .zip(out.chunks_exact_mut(height))
                    .map(|((point, projected), out)| cast(point, projected, out))
                    .fold(0.0, f64::max)
            })
            .reduce(|| 0.0, f64::max);
        Self {
            points,
            slack: 2.0 * slack,
        }
    }

    /// The shadows as columns of equal length.
    pub(crate) fn columns(&self) -> Vec<&[f32]> {
        self.points
            .as_slice()
            .chunks_exact(self.points.nrows())
            .collect()
    }

    /// The greatest distance of the shadows of points that are no farther apart than `length`.
    pub(crate) fn at_most(&self, length: f64) -> f64 {
        (length + self.slack) * (1.0 + 1e-12)
    }

    /// The least distance of points whose shadows are no nearer than `length`.
    pub(crate) fn at_least(&self, length: f64) -> f64 {
        (length * (1.0 - 1e-12) - self.slack).max(0.0)
    }
}

/// Writes the shadow of a centred point, and returns by how much it may be off.
fn cast(point: &[f64], projected: &[f64], out: &mut [f32]) -> f64 {
    let square = sum_of_squares(point);
    let rest = (square - sum_of_squares(projected)).max(0.0).sqrt();
    for (out, &x) in out.iter_mut().zip(projected.iter().chain([&rest])) {
        *out = x as f32;
    }
    let error = 8.0 * (point.len() + 64) as f64 * f64::EPSILON * square;
    let of_rest = if error > 0.0 {
        error / rest.max(error.sqrt())
    } else {
        0.0
    };
    of_rest + 1.01 * 2f64.powi(-24) * square.sqrt() + f64::from(f32::MIN_POSITIVE)
}

fn sum_of_squares(values: &[f64]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            *sum += x * x;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x * x).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::distance::distance;

    #[test]
    fn few_points_or_dimensions_cast_no_shadows() {
        let few = vec![0.0f32; 3000];
        assert!(Shadows::of(&[]).is_none());
        assert!(Shadows::of(&few.chunks_exact(300).collect::<Vec<_>>()).is_none());
        assert!(Shadows::of(&few.chunks_exact(2).collect::<Vec<_>>()).is_none());
    }

    #[test]
    fn points_in_a_plane_keep_their_distances() {
        let points = DMatrix::from_fn(300, 1100, |row, column| match row {
            7 => (column % 33) as f32,
            150 => (column / 33) as f32,
            _ => 5.0,
        });
        let columns: Vec<&[f32]> = points.as_slice().chunks_exact(300).collect();
        let shadows = Shadows::of(&columns).unwrap();
        let cast = shadows.columns();
        for (i, j) in [(0, 1), (0, 33), (5, 1000), (17, 600)] {
            let (exact, shadow) = (distance(columns[i], columns[j]), distance(cast[i], cast[j]));
            assert!((exact - shadow).abs() < 1e-4, "{exact} {shadow}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_shadow_is_longer_than_its_distance_allows(
            seed in any::<u64>(),
            exponent in -40i32..36,
            offset in prop::sample::select(vec![0.0f32, 1.0, 1000.0]),
            spread in prop::sample::select(vec![1.0f32, 1e-3, 1e-6]),
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut uniform = || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
            let unit = 10f64.powi(exponent) as f32;
            let points = DMatrix::from_fn(260, 1040, |_, j| {
                unit * (offset + (j % 20) as f32 + spread * uniform())
            });
            let columns: Vec<&[f32]> = points.as_slice().chunks_exact(260).collect();
            if let Some(shadows) = Shadows::of(&columns) {
                let cast = shadows.columns();
                for i in 0..40 {
                    for j in 0..i {
                        let exact = distance(columns[i], columns[j]);
                        let shadow = distance(cast[i], cast[j]);
                        prop_assert!(shadow <= shadows.at_most(exact), "{shadow} {exact}");
                        prop_assert!(shadows.at_least(shadow) <= exact, "{shadow} {exact}");
                    }
                }
            }
        }
    }
}
