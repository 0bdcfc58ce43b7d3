//! Where the optimiser starts from.
//!
//! A connected graph is laid out by its eigenvectors. Between components there
//! is no edge that could say how they lie to each other: their centroids are
//! laid out by classical scaling, and each component fills a disc around its
//! centroid that reaches half-way to the next.

use nalgebra::{DMatrix, DMatrixView, DVector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::fuzzy_set::{Components, FuzzySet};
use super::lanczos::leading_eigenpairs;
use super::spectral;

/// Side of the square that the start fills.
const SIDE: f64 = 10.0;
/// Displacement that keeps equal starts from staying equal.
const JITTER: f64 = 1e-4;
/// Residual, relative to the greatest eigenvalue, of the centroids' layout.
const TOLERANCE: f64 = 1e-4;

/// The start of every point.
pub(super) fn positions(
    set: &FuzzySet,
    components: &Components,
    points: DMatrixView<'_, f32>,
    random: &mut ChaCha8Rng,
) -> Vec<[f32; 2]> {
    let mut place = vec![0; set.len()];
    for members in &components.members {
        for (position, &point) in members.iter().enumerate() {
            place[point as usize] = position as u32;
        }
    }

    let mut positions = vec![[0.0; 2]; set.len()];
    let centers = centers(components, points, random);
    for (members, disc) in components.members.iter().zip(discs(&centers)) {
        let layout = spectral::layout(set, members, &place, random);
        let extent = layout.iter().map(length).fold(0.0, f64::max);
        let scale = if extent > 0.0 {
            disc.radius / extent
        } else {
            0.0
        };
        for (&point, offset) in members.iter().zip(&layout) {
            positions[point as usize] = [0, 1].map(|axis| disc.center[axis] + scale * offset[axis]);
        }
    }

    fill_square(&mut positions);
    positions
        .iter()
        .map(|position| position.map(|x| (x + JITTER * signed_unit(random)) as f32))
        .collect()
}

struct Disc {
    center: [f64; 2],
    radius: f64,
}

/// Discs around the centres that do not overlap.
fn discs(centers: &[[f64; 2]]) -> impl Iterator<Item = Disc> {
    centers.iter().enumerate().map(|(own, &center)| {
        let nearest = centers
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != own)
            .map(|(_, other)| length(&[center[0] - other[0], center[1] - other[1]]))
            .fold(f64::INFINITY, f64::min);
        let radius = if nearest.is_finite() {
            0.5 * nearest
        } else {
            1.0
        };
        Disc { center, radius }
    })
}

/// Classical scaling of the components' centroids: the two leading eigenvectors
/// of their centred Gram matrix, which is what their distances determine, times
/// the roots of the eigenvalues.
fn centers(
    components: &Components,
    points: DMatrixView<'_, f32>,
    random: &mut ChaCha8Rng,
) -> Vec<[f64; 2]> {
    let count = components.members.len();
    if count == 1 {
        return vec![[0.0; 2]];
    }
    let mut centroids = DMatrix::<f64>::zeros(points.nrows(), count);
    for (component, members) in components.members.iter().enumerate() {
        let mut centroid = centroids.column_mut(component);
        for &point in members {
            for (sum, &weight) in centroid
                .iter_mut()
                .zip(points.column(point as usize).iter())
            {
                *sum += f64::from(weight);
            }
        }
        centroid /= members.len() as f64;
    }
    let mean = centroids.column_mean();
    for mut centroid in centroids.column_iter_mut() {
        centroid -= &mean;
    }

    let gram = |vector: &DVector<f64>| centroids.tr_mul(&(&centroids * vector));
    let constant = DVector::from_element(count, (count as f64).sqrt().recip());
    let tolerance = TOLERANCE * centroids.norm_squared() / count as f64;
    let axes = leading_eigenpairs(gram, &constant, 2, tolerance, random);
    (0..count)
        .map(|component| {
            [0, 1].map(
                |axis| match (axes.vectors.get(axis), axes.values.get(axis)) {
                    (Some(vector), Some(value)) => value.max(0.0).sqrt() * vector[component],
                    _ => 0.0,
                },
            )
        })
        .collect()
}

/// Moves and stretches each axis onto [0, SIDE]; an axis without extent stays in
/// the middle.
fn fill_square(positions: &mut [[f64; 2]]) {
    for axis in 0..2 {
        let along = || positions.iter().map(|position| position[axis]);
        let least = along().fold(f64::INFINITY, f64::min);
        let extent = along().fold(f64::NEG_INFINITY, f64::max) - least;
        for position in positions.iter_mut() {
            position[axis] = if extent > 0.0 {
                SIDE * (position[axis] - least) / extent
            } else {
                0.5 * SIDE
            };
        }
    }
}

fn length(vector: &[f64; 2]) -> f64 {
    vector[0].hypot(vector[1])
}

/// A random number in [−1, 1).
fn signed_unit(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
}
