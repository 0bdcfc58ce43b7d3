//! Short sketches of the points, and the tree that is minimal among them.
//!
//! What depends on it is how soon the exact tree is found, not which.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::projection::Projection;

/// Length of a sketch.
pub(super) const WIDTH: usize = 16;

/// Points compared at a time.
const BLOCK: usize = 64;

/// A point in a few numbers.
pub(super) type Sketch = [f32; WIDTH];

/// The edges of the minimum spanning tree of the sketches of `points`, by Prim's algorithm.
///
/// O(n²·[`WIDTH`]) with a small constant, on one thread.
pub(super) fn prim(sketches: &[Sketch], points: &[u32]) -> Vec<(u32, u32)> {
    let Some((&first, others)) = points.split_first() else {
        return Vec::new();
    };
    let mut outside = Outside {
        coordinates: (0..WIDTH)
            .map(|k| others.iter().map(|&i| sketches[i as usize][k]).collect())
            .collect(),
        distances: vec![f32::INFINITY; others.len()],
        nearest: vec![first; others.len()],
        points: others.to_vec(),
    };
    let arch = Arch::new();
    let mut edges = Vec::with_capacity(others.len());
    let mut newest = first;
    while !outside.points.is_empty() {
        let closest = arch.dispatch(Admit {
            sketch: &sketches[newest as usize],
            point: newest,
            outside: &mut outside,
        });
        edges.push((outside.nearest[closest], outside.points[closest]));
        newest = outside.remove(closest);
    }
    edges
}

/// The squared distance of two sketches.
pub(super) fn squared(x: &Sketch, y: &Sketch) -> f32 {
    let mut squares = [0.0f32; WIDTH];
    for ((square, x), y) in squares.iter_mut().zip(x).zip(y) {
        *square = (x - y) * (x - y);
    }
    squares.iter().sum()
}

/// One sketch per point, relative to the first point and scaled to at most 1.
pub(super) fn sketches(columns: &[&[f32]]) -> Vec<Sketch> {
    let dimension = columns[0].len();
    let projection = Projection::<WIDTH>::new("tree signs", dimension);
    let sums = |column: &[f32]| projection.of(column, std::slice::from_ref(&(0..dimension)));
    let origin = sums(columns[0]);
    let sketches: Vec<[f64; WIDTH]> = columns
        .par_iter()
        .map(|column| {
            let mut sketch = sums(column);
            for (sum, origin) in sketch.iter_mut().zip(origin) {
                *sum -= origin;
            }
            sketch
        })
        .collect();
    let largest = sketches
        .iter()
        .flatten()
        .fold(0.0f64, |most, sum| most.max(sum.abs()));
    let scale = if largest > 0.0 { largest.recip() } else { 0.0 };
    sketches
        .iter()
        .map(|sketch| sketch.map(|sum| (sum * scale) as f32))
        .collect()
}

/// The points that are not in the tree yet.
struct Outside {
    /// One list per coordinate of the sketches.
    coordinates: Vec<Vec<f32>>,
    /// Squared distance to the nearest point of the tree.
    distances: Vec<f32>,
    nearest: Vec<u32>,
    points: Vec<u32>,
}

impl Outside {
    fn remove(&mut self, place: usize) -> u32 {
        for coordinates in &mut self.coordinates {
            coordinates.swap_remove(place);
        }
        self.distances.swap_remove(place);
        self.nearest.swap_remove(place);
        self.points.swap_remove(place)
    }
}

/// Takes a point into the tree and returns the place of the outside point closest to the tree.
struct Admit<'a> {
    sketch: &'a [f32; WIDTH],
    point: u32,
    outside: &'a mut Outside,
}

impl WithSimd for Admit<'_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        let outside = self.outside;
        let blocks = outside
            .distances
            .chunks_mut(BLOCK)
            .zip(outside.nearest.chunks_mut(BLOCK));
        let mut least = f32::INFINITY;
        for (number, (distances, nearest)) in blocks.enumerate() {
            let length = distances.len();
            let mut squares = [0.0f32; BLOCK];
            for (coordinates, own) in outside.coordinates.iter().zip(self.sketch) {
                let coordinates = &coordinates[number * BLOCK..][..length];
                for (square, x) in squares.iter_mut().zip(coordinates) {
                    *square += (x - own) * (x - own);
                }
            }
            for ((distance, nearest), square) in distances.iter_mut().zip(nearest).zip(squares) {
                let closer = square < *distance;
                *nearest = if closer { self.point } else { *nearest };
                *distance = if closer { square } else { *distance };
            }
            let nearer = |x: f32, y: f32| if y < x { y } else { x };
            least = distances.iter().fold(least, |x, &y| nearer(x, y));
        }
        outside
            .distances
            .iter()
            .position(|&distance| distance == least)
            .unwrap_or(0)
    }
}
