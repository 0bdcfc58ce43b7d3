//! Exact nearest neighbours.

use nalgebra::DMatrixView;

use crate::{Error, distance::distance, points::finite_columns};

/// The `k` nearest other points of every point, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbors {
    k: usize,
    /// Point `i` owns `indices[i * k..(i + 1) * k]`, and the same of `distances`.
    indices: Vec<u32>,
    distances: Vec<f64>,
}

impl Neighbors {
    /// Neighbours per point; at least 1.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of points; at least 2.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The `k` neighbours of a point by column number, nearest first.
    ///
    /// # Panics
    /// If there is no such point, as indexing a slice does.
    pub fn indices(&self, point: usize) -> &[u32] {
        &self.indices[point * self.k..(point + 1) * self.k]
    }

    /// The Euclidean distances to [`indices`](Self::indices), in the same order.
    ///
    /// # Panics
    /// If there is no such point, as indexing a slice does.
    pub fn distances(&self, point: usize) -> &[f64] {
        &self.distances[point * self.k..(point + 1) * self.k]
    }
}

/// The exact `k` nearest neighbours of every column of `points` (parameters x checkpoints).
///
/// A point is not its own neighbour. Neighbours are sorted by distance, equal distances by column
/// number; distances are those of [`distance`], in f64.
///
/// # Errors
/// [`Error::NeighborCount`] unless `0 < k < checkpoints`; [`Error::NonFinite`].
pub fn nearest(points: DMatrixView<'_, f32>, k: usize) -> Result<Neighbors, Error> {
    let columns = finite_columns(&points)?;
    let checkpoints = columns.len();
    if k == 0 || k >= checkpoints {
        return Err(Error::NeighborCount { k, checkpoints });
    }
    Ok(naive(&columns, k))
}

/// All distances of every point, sorted: the oracle.
fn naive(columns: &[&[f32]], k: usize) -> Neighbors {
    let mut indices = Vec::with_capacity(columns.len() * k);
    let mut distances = Vec::with_capacity(columns.len() * k);
    for (i, a) in columns.iter().enumerate() {
        let mut others: Vec<(f64, u32)> = (0u32..)
            .zip(columns)
            .filter(|&(j, _)| j as usize != i)
            .map(|(j, b)| (distance(a, b), j))
            .collect();
        others.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        for &(length, j) in &others[..k] {
            indices.push(j);
            distances.push(length);
        }
    }
    Neighbors {
        k,
        indices,
        distances,
    }
}
