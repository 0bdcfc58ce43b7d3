//! Exact nearest neighbours.
//!
//! Tiles of approximate distances discard nearly all pairs; those that may still be among the `k`
//! nearest are measured exactly. Costs one triangular matrix product, n²·d multiplications, and
//! about 30 exact distances per point.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nalgebra::DMatrixView;

use crate::Error;
use crate::distance::distance;
use crate::points::finite_columns;
use crate::tiles::{Candidate, Limit, Panels};

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
    let panels = Panels::new(columns);
    let searches: Vec<Mutex<PanelSearch>> = (0..panels.panels())
        .map(|panel| Mutex::new(PanelSearch::new(panels.points(panel), k)))
        .collect();
    panels.for_each(&panels.tiles(), |tile| {
        let (row, column) = tile.panels();
        let row_limits = lock(&searches[row]).limits(&panels);
        let column_limits = lock(&searches[column]).limits(&panels);
        let mut candidates = Vec::new();
        tile.candidates(&row_limits, &column_limits, |pair| candidates.push(pair));
        let mut search = lock(&searches[row]);
        for pair in &candidates {
            search.consider(pair.a, pair.b, pair, &panels);
        }
        drop(search);
        let mut search = lock(&searches[column]);
        for pair in &candidates {
            search.consider(pair.b, pair.a, pair, &panels);
        }
    });
    let mut neighbors = Neighbors {
        k,
        indices: Vec::with_capacity(checkpoints * k),
        distances: Vec::with_capacity(checkpoints * k),
    };
    for search in searches {
        let search = search.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (point, mut found) in (search.first..).zip(search.searches) {
            found.settle(point, &panels);
            for (length, index) in found.nearest {
                neighbors.indices.push(index);
                neighbors.distances.push(length);
            }
        }
    }
    Ok(neighbors)
}

/// A panic in another thread ends the search anyway; it need not be reported twice.
fn lock(search: &Mutex<PanelSearch>) -> MutexGuard<'_, PanelSearch> {
    search.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The searches of all points of one panel.
struct PanelSearch {
    /// Number of the panel's first point.
    first: u32,
    searches: Vec<Search>,
}

impl PanelSearch {
    fn new(points: std::ops::Range<usize>, k: usize) -> Self {
        Self {
            first: points.start as u32,
            searches: points.map(|_| Search::new(k)).collect(),
        }
    }

    fn limits(&self, panels: &Panels<'_>) -> Vec<Limit> {
        self.searches
            .iter()
            .map(|search| panels.limit(search.farthest()))
            .collect()
    }

    fn consider(&mut self, point: u32, other: u32, pair: &Candidate, panels: &Panels<'_>) {
        let search = &mut self.searches[(point - self.first) as usize];
        if pair.at_least <= search.farthest() {
            search.pending.push((pair.at_least, other));
            if search.pending.len() == search.pending.capacity() {
                search.settle(point, panels);
            }
        }
    }
}

/// The search for the nearest neighbours of one point.
struct Search {
    k: usize,
    /// The nearest of all points measured so far, at most `k`, in order.
    nearest: Vec<(f64, u32)>,
    /// Points not measured yet, each with a lower bound on its distance.
    pending: Vec<(f64, u32)>,
}

impl Search {
    fn new(k: usize) -> Self {
        Self {
            k,
            nearest: Vec::with_capacity(k + 1),
            pending: Vec::with_capacity(2 * k + 32),
        }
    }

    /// The distance beyond which no point is among the `k` nearest.
    fn farthest(&self) -> f64 {
        match self.nearest.get(self.k - 1) {
            Some(&(length, _)) => length,
            None => f64::INFINITY,
        }
    }

    /// Measures the pending points as far as they matter, the most promising first.
    fn settle(&mut self, point: u32, panels: &Panels<'_>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable_by(by_length);
        for &(at_least, other) in &pending {
            if at_least > self.farthest() {
                break;
            }
            let length = distance(panels.point(point as usize), panels.point(other as usize));
            let place = self
                .nearest
                .partition_point(|known| by_length(known, &(length, other)).is_lt());
            self.nearest.insert(place, (length, other));
            self.nearest.truncate(self.k);
        }
        pending.clear();
        self.pending = pending;
    }
}

/// By distance, then by number.
fn by_length(x: &(f64, u32), y: &(f64, u32)) -> std::cmp::Ordering {
    x.0.total_cmp(&y.0).then(x.1.cmp(&y.1))
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// All distances of every point, sorted: the oracle.
    fn naive(points: &DMatrix<f32>, k: usize) -> Neighbors {
        let view = points.as_view();
        let columns = finite_columns(&view).unwrap();
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        for (i, a) in columns.iter().enumerate() {
            let mut others: Vec<(f64, u32)> = (0u32..)
                .zip(&columns)
                .filter(|&(j, _)| j as usize != i)
                .map(|(j, b)| (distance(a, b), j))
                .collect();
            others.sort_by(by_length);
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

    /// Walks of 20 shrinking steps from far-apart starts, far from the origin.
    fn walks(dimension: usize, runs: usize, seed: u64) -> DMatrix<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = move || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
        let mut points = DMatrix::zeros(dimension, runs * 20);
        for run in 0..runs {
            for epoch in 0..20 {
                for row in 0..dimension {
                    let before = match epoch {
                        0 => 7.0 + 10.0 * uniform(),
                        _ => points[(row, run * 20 + epoch - 1)],
                    };
                    points[(row, run * 20 + epoch)] = before + uniform() / (1 + epoch) as f32;
                }
            }
        }
        points
    }

    #[test]
    fn neighbours_on_a_line_are_the_adjacent_points() {
        let points = DMatrix::from_row_slice(1, 5, &[0.0f32, 1.0, 3.0, 6.0, 10.0]);
        let found = nearest(points.as_view(), 2).unwrap();
        assert_eq!(found.indices(0), [1, 2]);
        assert_eq!(found.indices(2), [1, 0]);
        assert_eq!(found.distances(2), [2.0, 3.0]);
        assert_eq!(found.indices(4), [3, 2]);
        assert_eq!((found.len(), found.k()), (5, 2));
    }

    #[test]
    fn several_panels_agree_with_the_naive_search_for_any_number_of_threads() {
        let points = walks(300, 40, 5);
        let expected = naive(&points, 15);
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool.unwrap().install(|| nearest(points.as_view(), 15));
            assert_eq!(found.unwrap(), expected);
        }
    }

    #[test]
    fn coinciding_points_are_neighbours_in_order_of_their_numbers() {
        let points = DMatrix::from_element(7, 600, 0.1f32);
        let found = nearest(points.as_view(), 3).unwrap();
        assert_eq!(found.indices(0), [1, 2, 3]);
        assert_eq!(found.indices(2), [0, 1, 3]);
        assert_eq!(found.indices(599), [0, 1, 2]);
        assert!(found.distances.iter().all(|&length| length == 0.0));
    }

    #[test]
    fn bad_input_is_refused_with_a_reason() {
        let mut points = DMatrix::<f32>::zeros(3, 4);
        for k in [0, 4, 5] {
            let error = nearest(points.as_view(), k).unwrap_err();
            assert_eq!(error, Error::NeighborCount { k, checkpoints: 4 });
        }
        points[(1, 2)] = f32::NAN;
        let error = nearest(points.as_view(), 1).unwrap_err();
        assert!(error.to_string().starts_with("checkpoint (column) 2,"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_cloud_agrees_with_the_naive_search(
            seed in any::<u64>(),
            dimension in 1usize..40,
            n in 2usize..80,
            exponent in -40i32..38,
            levels in prop::sample::select(vec![2u32, 5, 1 << 20]),
            offset in prop::sample::select(vec![0.0f32, 1.0, 1000.0]),
        ) {
            // Few levels make many ties and duplicates; the exponent tries all of f32's range.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let unit = 10f64.powi(exponent) as f32;
            let points = DMatrix::from_fn(dimension, n, |_, _| {
                let level = (rng.next_u32() % levels) as f32 / levels as f32;
                (offset / 1000.0 + level) * unit
            });
            let k = 1 + seed as usize % (n - 1);
            prop_assert_eq!(nearest(points.as_view(), k).unwrap(), naive(&points, k));
        }

        #[test]
        fn renumbering_the_points_renumbers_the_neighbours(seed in any::<u64>()) {
            let points = walks(12, 3, seed);
            let n = points.ncols();
            // A permutation without fixed structure: multiplication modulo 61 (prime, n = 60).
            let order: Vec<usize> = (0..n).map(|i| (i + 1) * 17 % 61 - 1).collect();
            let permuted = points.select_columns(&order);
            let found = nearest(points.as_view(), 5).unwrap();
            let again = nearest(permuted.as_view(), 5).unwrap();
            for (i, &original) in order.iter().enumerate() {
                prop_assert_eq!(again.distances(i), found.distances(original));
                let renumbered: Vec<u32> =
                    again.indices(i).iter().map(|&j| order[j as usize] as u32).collect();
                prop_assert_eq!(&renumbered, found.indices(original));
            }
        }
    }
}
