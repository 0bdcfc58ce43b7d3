//! Exact nearest neighbours.
//!
//! Tiles of approximate distances discard nearly all pairs; those that may still be among the `k`
//! nearest are measured exactly. In few dimensions that costs one triangular matrix product, n²·d
//! multiplications, and about 30 exact distances per point.
//!
//! In many dimensions the tiles are of shadows, projections on 63 directions that cannot lengthen
//! a distance (`shadows`), and there are two rounds. The first finds the `k` nearest shadows of every
//! point; the farthest of these `k` points, measured exactly, bounds its search. The second finds all
//! pairs whose shadows are within their bounds, near points one after another, so that what is
//! measured together is in the cache together. Only tiles that this leaves full, as of points that
//! fill all dimensions evenly, are computed in full.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nalgebra::DMatrixView;
use rayon::prelude::*;

use crate::Error;
use crate::distance::distance;
use crate::points::finite_columns;
use crate::shadows::Shadows;
use crate::tiles::{Limit, Panels, TileIndex};

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
/// number; distances are those of [`distance`], in f64. The same bits for any number of threads.
///
/// # Errors
/// [`Error::NeighborCount`] unless `0 < k < checkpoints`; [`Error::NonFinite`].
pub fn nearest(points: DMatrixView<'_, f32>, k: usize) -> Result<Neighbors, Error> {
    let columns = finite_columns(&points)?;
    let checkpoints = columns.len();
    if k == 0 || k >= checkpoints {
        return Err(Error::NeighborCount { k, checkpoints });
    }
    let found = match Shadows::of(&columns) {
        Some(shadows) => by_shadows(&columns, &shadows, k),
        None => by_points(&columns, k),
    };
    Ok(Neighbors {
        k,
        indices: found.iter().map(|&(_, index)| index).collect(),
        distances: found.iter().map(|&(length, _)| length).collect(),
    })
}

/// The `k` nearest of every point with their distances, point after point.
fn by_points(columns: &[&[f32]], k: usize) -> Vec<(f64, u32)> {
    let panels = Panels::new(columns.to_vec());
    let exact = |a: u32, b: u32, _| distance(columns[a as usize], columns[b as usize]);
    let round = Round::new(&panels, k, (0..columns.len() as u32).collect(), &[], &exact);
    round.look(&panels, &panels.tiles(), None);
    round.end()
}

/// The same, but only pairs whose shadows are near are measured.
fn by_shadows(columns: &[&[f32]], shadows: &Shadows, k: usize) -> Vec<(f64, u32)> {
    let cast = shadows.columns();
    let panels = Panels::new(cast.clone());
    let shadow = |_, _, at_least| at_least;
    let round = Round::new(
        &panels,
        k,
        (0..columns.len() as u32).collect(),
        &[],
        &shadow,
    );
    round.look(&panels, &panels.tiles(), None);
    let near: Vec<u32> = round.end().into_iter().map(|(_, other)| other).collect();

    let exact = |a: u32, b: u32, _| distance(columns[a as usize], columns[b as usize]);
    let numbers = neighborhood_by_neighborhood(&near, k);
    let farthest = numbers.par_iter().map(|&point| {
        let near = &near[point as usize * k..][..k];
        let lengths = near.iter().map(|&other| exact(point, other, 0.0));
        lengths.fold(0.0, f64::max)
    });
    let bounds: Vec<f64> = farthest.collect();
    let panels = Panels::new(select(&cast, &numbers));
    let round = Round::new(&panels, k, numbers.clone(), &bounds, &exact);
    let crowded = round.look(&panels, &panels.tiles(), Some(shadows));
    if !crowded.is_empty() {
        round.look(&Panels::new(select(columns, &numbers)), &crowded, None);
    }
    round.end()
}

/// Some columns, by their numbers.
fn select<'a>(columns: &[&'a [f32]], numbers: &[u32]) -> Vec<&'a [f32]> {
    numbers
        .iter()
        .map(|&number| columns[number as usize])
        .collect()
}

/// All points, each followed by those of its `k` near ones that have not come yet, and by theirs.
fn neighborhood_by_neighborhood(near: &[u32], k: usize) -> Vec<u32> {
    let points = near.len() / k;
    let mut seen = vec![false; points];
    let mut order: Vec<u32> = Vec::with_capacity(points);
    for start in 0..points as u32 {
        let mut next = order.len();
        if !std::mem::replace(&mut seen[start as usize], true) {
            order.push(start);
        }
        while let Some(&point) = order.get(next) {
            next += 1;
            for &other in &near[point as usize * k..][..k] {
                if !std::mem::replace(&mut seen[other as usize], true) {
                    order.push(other);
                }
            }
        }
    }
    order
}

/// One round over tiles of pairs, which finds the nearest of every point.
struct Round<'a> {
    /// One search for every point, panel by panel.
    panels: Vec<Mutex<Vec<Search>>>,
    /// The number of the point in each place of the panels.
    numbers: Vec<u32>,
    measure: &'a Measure<'a>,
}

/// The length of a pair, given the numbers of its points and a lower bound.
type Measure<'m> = dyn Fn(u32, u32, f64) -> f64 + Sync + 'm;

/// Share of a tile's pairs from which it is quicker to compute the tile in all dimensions.
const CROWDED: usize = 16;

impl<'a> Round<'a> {
    /// `bounds` say how far, at most, the `k` nearest of each point are, place after place; without
    /// them nothing is known.
    fn new(
        panels: &Panels<'_>,
        k: usize,
        numbers: Vec<u32>,
        bounds: &[f64],
        measure: &'a Measure<'a>,
    ) -> Self {
        let bound = |place: usize| bounds.get(place).copied().unwrap_or(f64::INFINITY);
        let searches = |place: usize| Search::new(numbers[place], k, bound(place));
        Self {
            panels: (0..panels.panels())
                .map(|panel| Mutex::new(panels.points(panel).map(searches).collect()))
                .collect(),
            numbers,
            measure,
        }
    }

    /// Looks at some tiles. `shadows` say how the lengths in them bound distances, which is not
    /// needed where the tiles are of the points themselves; tiles that they leave crowded are not
    /// looked at, but returned.
    fn look(
        &self,
        panels: &Panels<'_>,
        tiles: &[TileIndex],
        shadows: Option<&Shadows>,
    ) -> Vec<TileIndex> {
        let limits = |searches: &[Search]| -> Vec<Limit> {
            let farthest = searches.iter().map(Search::farthest);
            farthest
                .map(|length| shadows.map_or(length, |shadows| shadows.at_most(length)))
                .map(|length| panels.limit(length))
                .collect()
        };
        let crowded = Mutex::new(Vec::new());
        panels.for_each(tiles, |tile| {
            let (row, column) = tile.panels();
            let row_limits = limits(&lock(&self.panels[row]));
            let column_limits = limits(&lock(&self.panels[column]));
            let mut candidates = Vec::new();
            tile.candidates(&row_limits, &column_limits, |mut pair| {
                if let Some(shadows) = shadows {
                    pair.at_least = shadows.at_least(pair.at_least);
                }
                candidates.push(pair);
            });
            let pairs = row_limits.len() * column_limits.len();
            if shadows.is_some() && candidates.len() * CROWDED > pairs {
                lock(&crowded).push(TileIndex {
                    row: row as u32,
                    column: column as u32,
                });
                return;
            }
            candidates.sort_unstable_by(|x, y| x.at_least.total_cmp(&y.at_least));
            let mut rows = lock(&self.panels[row]);
            let mut columns = (row != column).then(|| lock(&self.panels[column]));
            let places = [row, column].map(|panel| panels.points(panel).start);
            for pair in &candidates {
                let (a, b) = (pair.a as usize - places[0], pair.b as usize - places[1]);
                let others = columns.as_deref_mut();
                let farthest = rows[a].farthest().max(match &others {
                    Some(columns) => columns[b].farthest(),
                    None => rows[b].farthest(),
                });
                if pair.at_least > farthest {
                    continue;
                }
                let [x, y] = [pair.a, pair.b].map(|place| self.numbers[place as usize]);
                let length = (self.measure)(x, y, pair.at_least);
                rows[a].insert(length, y);
                match others {
                    Some(columns) => columns[b].insert(length, x),
                    None => rows[b].insert(length, x),
                }
            }
        });
        crowded.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nearest of every point with their lengths, in the order of the points' numbers.
    fn end(self) -> Vec<(f64, u32)> {
        let searches = self.panels.into_iter().flat_map(|searches| {
            searches
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
        });
        let mut searches: Vec<Search> = searches.collect();
        searches.sort_unstable_by_key(|search| search.point);
        searches
            .into_iter()
            .flat_map(|search| search.nearest)
            .collect()
    }
}

/// A panic in another thread ends the search anyway; it need not be reported twice.
fn lock<T>(search: &Mutex<T>) -> MutexGuard<'_, T> {
    search.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The search for the nearest neighbours of one point.
struct Search {
    /// Its number.
    point: u32,
    k: usize,
    /// None of the `k` nearest is farther.
    bound: f64,
    /// The nearest of all points measured so far, at most `k`, in order.
    nearest: Vec<(f64, u32)>,
}

impl Search {
    fn new(point: u32, k: usize, bound: f64) -> Self {
        Self {
            point,
            k,
            bound,
            nearest: Vec::with_capacity(k),
        }
    }

    /// The distance beyond which no point is among the `k` nearest.
    fn farthest(&self) -> f64 {
        match self.nearest.get(self.k - 1) {
            Some(&(length, _)) => length.min(self.bound),
            None => self.bound,
        }
    }

    fn insert(&mut self, length: f64, other: u32) {
        let entry = (length, other);
        let place = self
            .nearest
            .partition_point(|known| by_length(known, &entry).is_lt());
        if place < self.k {
            self.nearest.truncate(self.k - 1);
            self.nearest.insert(place, entry);
        }
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
    fn points_with_shadows_agree_with_the_naive_search_for_any_number_of_threads() {
        let runs = walks(260, 60, 9);
        // Even noise, of which every tile stays crowded; and all points within one another's reach.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let noise = DMatrix::from_fn(300, 1100, |_, _| rng.next_u32() as f32 / u32::MAX as f32);
        let copies = DMatrix::from_fn(260, 1100, |i, j| (i * (j % 400) % 7) as f32);
        for points in [runs, noise, copies] {
            let expected = naive(&points, 14);
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let found = pool.unwrap().install(|| nearest(points.as_view(), 14));
                assert_eq!(found.unwrap(), expected);
            }
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
