//! The minimum spanning tree of a set of points.

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
