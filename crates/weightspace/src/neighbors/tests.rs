//! Against all distances of every point, sorted.

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
