//! The minimum spanning tree of a set of points.

use nalgebra::DMatrixView;
use weightspace::distance::distance;
use weightspace::points::finite_columns;

use crate::Error;

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

/// The minimum spanning tree of the columns of `points` (parameters x checkpoints).
///
/// # Errors
///
/// No points, more points than can be numbered, or a weight that is not finite.
pub fn minimum_spanning_tree(points: DMatrixView<'_, f32>) -> Result<Vec<Edge>, Error> {
    let columns = finite_columns(&points).map_err(|error| match error {
        weightspace::Error::NonFinite { column, .. } => Error::NotFinite {
            what: "point",
            index: column,
        },
        _ => Error::TooMany {
            leaves: points.ncols(),
        },
    })?;
    if columns.is_empty() {
        return Err(Error::Empty {
            what: "the matrix of points",
        });
    }
    Ok(naive(&columns))
}

/// Prim's algorithm with every distance in f64: the oracle.
fn naive(columns: &[&[f32]]) -> Vec<Edge> {
    let n = columns.len();
    let mut edges = Vec::with_capacity(n - 1);
    let mut nearest: Vec<Option<Edge>> = vec![None; n];
    let mut outside: Vec<usize> = (1..n).collect();
    let mut newest = 0;
    while !outside.is_empty() {
        let mut best = 0;
        for (position, &point) in outside.iter().enumerate() {
            let edge = Edge {
                a: newest.min(point) as u32,
                b: newest.max(point) as u32,
                length: distance(columns[newest], columns[point]),
            };
            if nearest[point].is_none_or(|known| precedes(&edge, &known)) {
                nearest[point] = Some(edge);
            }
            if let (Some(x), Some(y)) = (nearest[point], nearest[outside[best]])
                && precedes(&x, &y)
            {
                best = position;
            }
        }
        newest = outside.swap_remove(best);
        edges.extend(nearest[newest]);
    }
    edges.sort_by(order);
    edges
}

/// The total order of edges: by length, then by the smaller, then by the larger point.
fn order(x: &Edge, y: &Edge) -> std::cmp::Ordering {
    x.length
        .total_cmp(&y.length)
        .then_with(|| (x.a, x.b).cmp(&(y.a, y.b)))
}

fn precedes(x: &Edge, y: &Edge) -> bool {
    order(x, y).is_lt()
}
