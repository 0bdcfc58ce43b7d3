//! An edge between two points, and the total order of edges.

use std::cmp::Ordering;

use weightspace::distance::distance;

/// One edge of a spanning tree, between the points `a` < `b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The smaller of the two point indices.
    pub a: u32,
    /// The larger of the two point indices.
    pub b: u32,
    /// Euclidean distance between the two points.
    pub length: f64,
}

impl Edge {
    pub(super) fn between(columns: &[&[f32]], x: u32, y: u32) -> Self {
        Self {
            a: x.min(y),
            b: x.max(y),
            length: distance(columns[x as usize], columns[y as usize]),
        }
    }

    /// The total order of edges: by length, then by the smaller, then by the larger point.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.length
            .total_cmp(&other.length)
            .then_with(|| (self.a, self.b).cmp(&(other.a, other.b)))
    }
}
