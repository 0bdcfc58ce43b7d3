//! The tree against the plainest algorithm.

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

/// The tree that groups of a given reach lead to.
fn by_groups(points: &DMatrix<f32>, reach: f64) -> Vec<Edge> {
    let view = points.as_view();
    let columns = finite_columns(&view).unwrap();
    let tree = rough::spanning_tree(&columns).tree;
    let line = LeafLine::of(columns.len(), &tree);
    let groups = match reach {
        ..0.0 => Groups::alone(line.points().to_vec()),
        _ => Groups::reaching(&columns, &line, reach),
    };
    pairs::smallest(&columns, tree, line, &groups)
}

#[test]
fn long_runs_fall_into_groups_and_a_cloud_does_not() {
    let grouped = |points: &DMatrix<f32>| {
        let view = points.as_view();
        let columns = finite_columns(&view).unwrap();
        let (_, line) = with_sample(&columns, rough::spanning_tree(&columns));
        let groups = Groups::of(&columns, &line);
        let members: usize = (0..groups.len()).map(|group| groups.size(group)).sum();
        assert_eq!(members, columns.len());
        columns.len() as f64 / groups.len() as f64
    };
    let ratio = grouped(&walks(50, 60, 40, 3));
    assert!(ratio > 3.0, "{ratio}");
    assert_eq!(grouped(&walks(40, 1500, 1, 3)), 1.0);
}

#[test]
fn more_panels_than_a_batch_has_tiles_give_the_same_tree_in_time() {
    // 129 panels, so that batches no longer grow before the first diagonal is through.
    let points = walks(3, 129 * 288, 1, 4);
    let tree = with_threads(2, &points);
    assert_eq!(tree.len(), points.ncols() - 1);
    assert_eq!(tree, with_threads(1, &points));
}

#[test]
fn a_rough_tree_spans_its_points_however_many_are_left_over() {
    for (dimension, runs, epochs) in [(20, 3000, 1), (20, 40, 60), (1, 2500, 1)] {
        let points = walks(dimension, runs, epochs, 6);
        let view = points.as_view();
        let tree = rough::spanning_tree(&finite_columns(&view).unwrap()).tree;
        assert!(crate::spanning_tree::SpanningTree::new(points.ncols(), &tree).is_ok());
        assert!(tree.is_sorted_by(|x, y| x.order(y).is_le()));
    }
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
    fn groups_of_any_reach_give_the_naive_tree(
        seed in any::<u64>(),
        runs in 1usize..6,
        epochs in 1usize..30,
        reach in prop::sample::select(vec![-1.0, 0.0, 0.1, 0.5, 2.0, 10.0, 1e3]),
    ) {
        let points = walks(1 + seed as usize % 30, runs, epochs, seed);
        prop_assert_eq!(by_groups(&points, reach), naive(&points));
    }

    #[test]
    fn groups_among_many_ties_give_the_naive_tree(
        places in prop::collection::hash_set((0u8..12, 0u8..12), 2..100),
        reach in 0.0..6.0f64,
    ) {
        let places: Vec<(u8, u8)> = places.into_iter().collect();
        let points = DMatrix::from_fn(2, places.len(), |i, j| {
            f32::from(if i == 0 { places[j].0 } else { places[j].1 })
        });
        prop_assert_eq!(by_groups(&points, reach), naive(&points));
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
