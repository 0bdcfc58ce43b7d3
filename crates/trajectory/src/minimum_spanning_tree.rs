//! The exact minimum spanning tree of a set of points.
//!
//! Edges are ordered by (length, smaller point, larger point), a total order, so there is one
//! tree and it does not depend on how it was found. Lengths are those of
//! [`weightspace::distance::distance`], in f64.
//!
//! # Method
//!
//! An edge that is longer than every edge on the path between its ends in *some* spanning tree is
//! in no minimum spanning tree (the cycle property). So:
//!
//! 1. a cheap tree over random sketches of the points says which points are near (`sketch`);
//! 2. laid out as the leaves of that tree's dendrogram, the longest edge between two points is a
//!    running maximum along the line (`leaf_line`), which a tile of pairs can be compared with
//!    at the speed of the matrix product that makes it ([`weightspace::tiles`]);
//! 3. the few pairs that pass are measured when, and only if, Kruskal's algorithm asks for them
//!    (`kruskal`), and the better tree makes the next tiles pass fewer.
//!
//! A first round over a sample of the points makes the limits tight before the full round.
//! This is the filtering of Karger, Klein and Tarjan (1995, "A randomized linear-time algorithm
//! to find minimum spanning trees") with tiles in place of random edges. One triangular matrix
//! product in f32 dominates: n²·d multiplications. The memory beside the input is that of a
//! panel of points per thread and of the candidates of one batch of tiles.

mod groups;
mod kruskal;
mod leaf_line;
mod pairs;
mod rough;
mod sketch;

use std::cmp::Ordering;

use nalgebra::DMatrixView;
use rayon::prelude::*;
use weightspace::distance::distance;
use weightspace::points::finite_columns;

use crate::Error;
use groups::Groups;
use leaf_line::LeafLine;

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
    fn between(columns: &[&[f32]], x: u32, y: u32) -> Self {
        Self {
            a: x.min(y),
            b: x.max(y),
            length: distance(columns[x as usize], columns[y as usize]),
        }
    }

    /// The total order of edges: by length, then by the smaller, then by the larger point.
    fn order(&self, other: &Self) -> Ordering {
        self.length
            .total_cmp(&other.length)
            .then_with(|| (self.a, self.b).cmp(&(other.a, other.b)))
    }
}

/// The minimum spanning tree of the columns of `points` (parameters x checkpoints).
///
/// Its `n − 1` edges come sorted by (length, `a`, `b`), in which order they are also the smallest
/// possible; none for a single point. The same bits for any number of threads.
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
    let (distinct, mut edges) = without_duplicates(&columns);
    // Numbered by rank among the distinct points, which keeps the order of edges.
    let kept: Vec<&[f32]> = distinct.iter().map(|&i| columns[i as usize]).collect();
    edges.extend(tree_of_distinct(&kept).into_iter().map(|edge| Edge {
        a: distinct[edge.a as usize],
        b: distinct[edge.b as usize],
        length: edge.length,
    }));
    edges.sort_unstable_by(Edge::order);
    Ok(edges)
}

/// The first of each set of coinciding points, ascending, and an edge from it to each other one.
///
/// These edges are in the tree: of all edges of length 0 between such points, and of all equally
/// long edges to any other point, those of the first come first. Collapsed models make thousands
/// of coinciding points, among which no bound on distances could tell one pair from another.
fn without_duplicates(columns: &[&[f32]]) -> (Vec<u32>, Vec<Edge>) {
    // Coordinates are finite, so that only −0 and +0 compare equal without being identical.
    let compare = |x: u32, y: u32| {
        let pair = columns[x as usize].partial_cmp(columns[y as usize]);
        pair.unwrap_or(Ordering::Equal)
    };
    let mut sorted: Vec<u32> = (0..columns.len() as u32).collect();
    sorted.par_sort_unstable_by(|&x, &y| compare(x, y).then(x.cmp(&y)));
    let mut distinct = Vec::new();
    let mut edges = Vec::new();
    for group in sorted.chunk_by(|&x, &y| compare(x, y).is_eq()) {
        distinct.push(group[0]);
        edges.extend(group[1..].iter().map(|&copy| Edge {
            a: group[0],
            b: copy,
            length: 0.0,
        }));
    }
    distinct.sort_unstable();
    (distinct, edges)
}

fn tree_of_distinct(columns: &[&[f32]]) -> Vec<Edge> {
    let tree = rough::spanning_tree(columns);
    if tree.is_empty() {
        return tree;
    }
    let line = LeafLine::of(columns.len(), &tree);
    let groups = Groups::of(columns, &line);
    pairs::smallest(columns, tree, line, &groups)
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Prim's algorithm with every distance in f64: the oracle.
    fn naive(points: &DMatrix<f32>) -> Vec<Edge> {
        let view = points.as_view();
        let columns = finite_columns(&view).unwrap();
        let n = columns.len();
        let mut edges = Vec::with_capacity(n - 1);
        let mut nearest: Vec<Option<Edge>> = vec![None; n];
        let mut outside: Vec<u32> = (1..n as u32).collect();
        let mut newest = 0;
        while !outside.is_empty() {
            for &point in &outside {
                let edge = Edge::between(&columns, newest, point);
                let known = &mut nearest[point as usize];
                if known.is_none_or(|known| edge.order(&known).is_lt()) {
                    *known = Some(edge);
                }
            }
            let edge_to = |place: &usize| nearest[outside[*place] as usize].unwrap();
            let best = (0..outside.len())
                .min_by(|x, y| edge_to(x).order(&edge_to(y)))
                .unwrap();
            edges.push(edge_to(&best));
            newest = outside.swap_remove(best);
        }
        edges.sort_by(Edge::order);
        edges
    }

    /// Runs of shrinking steps from far-apart starts, all runs intermingled or one after another.
    fn walks(dimension: usize, runs: usize, epochs: usize, seed: u64) -> DMatrix<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = move || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
        let mut points = DMatrix::zeros(dimension, runs * epochs);
        for run in 0..runs {
            for epoch in 0..epochs {
                for row in 0..dimension {
                    let before = match epoch {
                        0 => 3.0 + 20.0 * uniform(),
                        _ => points[(row, run * epochs + epoch - 1)],
                    };
                    let step = uniform() / (1 + epoch) as f32;
                    points[(row, run * epochs + epoch)] = before + step;
                }
            }
        }
        points
    }

    fn with_threads(threads: usize, points: &DMatrix<f32>) -> Vec<Edge> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let tree = pool
            .unwrap()
            .install(|| minimum_spanning_tree(points.as_view()));
        tree.unwrap()
    }

    #[test]
    fn points_on_a_line_are_joined_to_their_neighbours() {
        let points = DMatrix::from_row_slice(1, 4, &[6.0f32, 0.0, 3.0, 1.0]);
        let edge = |a, b, length| Edge { a, b, length };
        assert_eq!(
            minimum_spanning_tree(points.as_view()).unwrap(),
            [edge(1, 3, 1.0), edge(2, 3, 2.0), edge(0, 2, 3.0)]
        );
    }

    #[test]
    fn one_point_has_no_edges_and_none_is_an_error() {
        let one = DMatrix::<f32>::zeros(3, 1);
        assert_eq!(minimum_spanning_tree(one.as_view()).unwrap(), []);
        let none = DMatrix::<f32>::zeros(3, 0);
        let error = minimum_spanning_tree(none.as_view()).unwrap_err();
        assert!(matches!(error, Error::Empty { .. }));
    }

    #[test]
    fn a_point_that_is_not_finite_is_named() {
        let mut points = DMatrix::<f32>::zeros(3, 5);
        points[(2, 4)] = f32::NAN;
        let error = minimum_spanning_tree(points.as_view()).unwrap_err();
        assert_eq!(error.to_string().split(" is not").next(), Some("point 4"));
    }

    #[test]
    fn coinciding_points_hang_on_the_first_of_them() {
        let points = DMatrix::from_element(4, 3000, -0.7f32);
        let tree = minimum_spanning_tree(points.as_view()).unwrap();
        assert!(tree.iter().zip(1u32..).all(|(edge, b)| {
            *edge
                == Edge {
                    a: 0,
                    b,
                    length: 0.0,
                }
        }));
        assert_eq!(tree.len(), 2999);
    }

    #[test]
    fn runs_in_many_panels_give_the_naive_tree_for_any_number_of_threads() {
        let points = walks(50, 60, 40, 3);
        let expected = naive(&points);
        for threads in [1, 2, 3] {
            assert_eq!(with_threads(threads, &points), expected);
        }
    }

    #[test]
    fn a_structureless_cloud_gives_the_naive_tree() {
        for (dimension, seed) in [(2, 1), (5, 2), (40, 3)] {
            let points = walks(dimension, 2300, 1, seed);
            assert_eq!(with_threads(2, &points), naive(&points));
        }
    }

    #[test]
    fn collapsed_runs_at_all_scales_give_the_naive_tree() {
        // Weights that decay to nothing, past the range of f32 and into exact zeros.
        let points = DMatrix::from_fn(20, 2200, |i, j| {
            let run = (j / 50 * 31 + i * 17) % 23;
            (run as f32 - 11.0) * 0.1f32.powi((j % 50) as i32)
        });
        assert_eq!(with_threads(2, &points), naive(&points));
    }

    #[test]
    fn a_grid_full_of_ties_gives_the_naive_tree() {
        let points = DMatrix::from_fn(2, 2500, |i, j| {
            let place = j * 7 % 2500;
            (if i == 0 { place / 50 } else { place % 50 }) as f32
        });
        let tree = with_threads(2, &points);
        assert!(tree.iter().all(|edge| edge.length == 1.0));
        assert_eq!(tree, naive(&points));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_small_cloud_gives_the_naive_tree(
            seed in any::<u64>(),
            dimension in 0usize..40,
            n in 1usize..60,
            exponent in -44i32..38,
            levels in prop::sample::select(vec![2u32, 4, 1 << 20]),
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let unit = 10f64.powi(exponent) as f32;
            let points = DMatrix::from_fn(dimension, n, |_, _| {
                ((rng.next_u32() % levels) as f32 / levels as f32 - 0.5) * unit
            });
            prop_assert_eq!(minimum_spanning_tree(points.as_view()).unwrap(), naive(&points));
        }

        #[test]
        fn renumbering_the_points_renumbers_the_tree(seed in any::<u64>()) {
            let points = walks(12, 3, 20, seed);
            let order: Vec<usize> = (0..60).map(|i| (i + 1) * 17 % 61 - 1).collect();
            let permuted = points.select_columns(&order);
            let number = |i: u32| order[i as usize] as u32;
            let mut renumbered: Vec<Edge> = minimum_spanning_tree(permuted.as_view())
                .unwrap()
                .into_iter()
                .map(|edge| Edge {
                    a: number(edge.a).min(number(edge.b)),
                    b: number(edge.a).max(number(edge.b)),
                    ..edge
                })
                .collect();
            renumbered.sort_by(Edge::order);
            prop_assert_eq!(renumbered, minimum_spanning_tree(points.as_view()).unwrap());
        }
    }
}
