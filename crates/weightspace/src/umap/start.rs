//! Where the optimiser starts from.
//!
//! A connected graph is laid out by its eigenvectors. Between components there
//! is no edge that could say how they lie to each other: their centroids are
//! laid out by classical scaling, and each component fills a disc around its
//! centroid that reaches half-way to the next.

use nalgebra::{DMatrix, DMatrixView, DVector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::fuzzy_set::FuzzySet;
use super::lanczos::leading_eigenvectors;
use super::spectral;

/// Side of the square that the start fills.
const SIDE: f64 = 10.0;
/// Displacement that keeps equal starts from staying equal.
const JITTER: f64 = 1e-4;
/// Residual of the centroids' layout, relative to the mean eigenvalue.
const TOLERANCE: f64 = 1e-3;

/// The start of every point. `components` are the connected components of `set`.
pub(super) fn positions(
    set: &FuzzySet,
    components: &[Vec<u32>],
    points: DMatrixView<'_, f32>,
    random: &mut ChaCha8Rng,
) -> Vec<[f32; 2]> {
    let mut place = vec![0; set.len()];
    for members in components {
        for (position, &point) in (0..).zip(members) {
            place[point as usize] = position;
        }
    }

    let mut positions = vec![[0.0; 2]; set.len()];
    let centers = centers(components, points, random);
    for (own, (members, center)) in components.iter().zip(&centers).enumerate() {
        let layout = spectral::layout(set, members, &place, random);
        let extent = layout.iter().map(length).fold(0.0, f64::max);
        let scale = if extent > 0.0 {
            radius(own, &centers) / extent
        } else {
            0.0
        };
        for (&point, offset) in members.iter().zip(&layout) {
            positions[point as usize] = [0, 1].map(|axis| center[axis] + scale * offset[axis]);
        }
    }

    fill_square(&mut positions);
    positions
        .iter()
        .map(|position| position.map(|x| (x + JITTER * signed_unit(random)) as f32))
        .collect()
}

/// Half-way from one centre to the nearest other.
fn radius(own: usize, centers: &[[f64; 2]]) -> f64 {
    let [x, y] = centers[own];
    let nearest = centers
        .iter()
        .enumerate()
        .filter(|&(other, _)| other != own)
        .map(|(_, other)| length(&[x - other[0], y - other[1]]))
        .fold(f64::INFINITY, f64::min);
    if nearest.is_finite() {
        0.5 * nearest
    } else {
        1.0
    }
}

/// Where to put each component.
///
/// Classical scaling of the centroids: the two leading eigenvectors of their
/// centred Gram matrix, which is what their distances determine. Of each
/// coordinate only the order is kept, evenly spaced, so that neither centroids
/// that coincide nor one that is far from all others make components overlap.
fn centers(
    components: &[Vec<u32>],
    points: DMatrixView<'_, f32>,
    random: &mut ChaCha8Rng,
) -> Vec<[f64; 2]> {
    let count = components.len();
    let mut centers = vec![[0.0; 2]; count];
    if count == 1 {
        return centers;
    }
    let centroids = centroids(components, points);
    let gram = |vector: &DVector<f64>| centroids.tr_mul(&(&centroids * vector));
    let constant = DVector::from_element(count, (count as f64).sqrt().recip());
    let tolerance = TOLERANCE * centroids.norm_squared() / count as f64;
    let axes = leading_eigenvectors(gram, constant, 2, tolerance, random);
    for (axis, vector) in axes.iter().enumerate() {
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&i, &j| vector[i].total_cmp(&vector[j]));
        for (rank, component) in order.into_iter().enumerate() {
            centers[component][axis] = rank as f64;
        }
    }
    centers
}

/// The mean of each component's points, less the mean of those means; shape
/// (dimensions, components).
fn centroids(components: &[Vec<u32>], points: DMatrixView<'_, f32>) -> DMatrix<f64> {
    let mut centroids = DMatrix::<f64>::zeros(points.nrows(), components.len());
    for (mut centroid, members) in centroids.column_iter_mut().zip(components) {
        for &point in members {
            for (sum, &weight) in centroid.iter_mut().zip(&points.column(point as usize)) {
                *sum += f64::from(weight);
            }
        }
        centroid /= members.len() as f64;
    }
    let mean = centroids.column_mean();
    for mut centroid in centroids.column_iter_mut() {
        centroid -= &mean;
    }
    centroids
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::nearest;
    use rand_chacha::rand_core::SeedableRng;

    /// Starts of five-point components around the given centres.
    fn started(centers: &[[f32; 2]]) -> Vec<Vec<[f32; 2]>> {
        let points = DMatrix::from_fn(2, 5 * centers.len(), |row, column| {
            let angle = (column % 5) as f32;
            centers[column / 5][row] + 1e-3 * if row == 0 { angle.cos() } else { angle.sin() }
        });
        let set = FuzzySet::union(&nearest(points.as_view(), 4).unwrap());
        let components = set.components();
        assert_eq!(components.len(), centers.len());
        let mut random = ChaCha8Rng::seed_from_u64(1);
        positions(&set, &components, points.as_view(), &mut random)
            .chunks(5)
            .map(<[_]>::to_vec)
            .collect()
    }

    fn center(component: &[[f32; 2]]) -> [f32; 2] {
        [0, 1].map(|axis| component.iter().map(|p| p[axis]).sum::<f32>() / 5.0)
    }

    fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn components_start_apart_even_where_one_is_an_outlier() {
        let mut centers: Vec<[f32; 2]> = (0..150)
            .map(|i| {
                [
                    (i as f32 * 0.618_034).fract(),
                    (i as f32 * 0.414_214).fract(),
                ]
            })
            .collect();
        centers.push([1e4, -1e4]);
        let starts = started(&centers);
        for (own, component) in starts.iter().enumerate() {
            let middle = center(component);
            let reach = component
                .iter()
                .map(|&p| distance(p, middle))
                .fold(0.0, f32::max);
            let gap = starts
                .iter()
                .enumerate()
                .filter(|&(other, _)| other != own)
                .flat_map(|(_, component)| component.iter().map(|&p| distance(p, middle)))
                .fold(f32::INFINITY, f32::min);
            assert!(reach > 0.01 && reach < gap, "{own}: {reach} {gap}");
        }
    }

    #[test]
    fn components_start_in_the_order_of_their_centroids() {
        for count in [2, 5, 200] {
            let centers: Vec<[f32; 2]> = (0..count).map(|i| [i as f32, 0.0]).collect();
            let starts = started(&centers);
            let rising = starts
                .windows(2)
                .filter(|pair| center(&pair[0])[0] < center(&pair[1])[0])
                .count();
            assert!(rising == 0 || rising == count - 1, "{count}: {rising}");
        }
    }

    #[test]
    fn the_start_fills_its_square() {
        for count in [1, 2, 30] {
            let centers: Vec<[f32; 2]> = (0..count).map(|i| [i as f32, (i * i) as f32]).collect();
            let starts = started(&centers).concat();
            for axis in 0..2 {
                let along = || starts.iter().map(|position| position[axis]);
                assert!(along().fold(f32::INFINITY, f32::min).abs() < 1e-3);
                assert!((along().fold(0.0, f32::max) - SIDE as f32).abs() < 1e-3);
            }
        }
    }
}
