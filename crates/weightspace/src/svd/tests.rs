//! Against nalgebra's SVD in f64.

use proptest::prelude::*;

use super::*;

/// nalgebra's SVD in f64: the oracle.
fn oracle(points: &DMatrix<f32>) -> nalgebra::SVD<f64, nalgebra::Dyn, nalgebra::Dyn> {
    points.map(f64::from).svd(true, true)
}

/// Largest deviation of `directions` from orthonormality.
fn defect(directions: &DMatrix<f32>) -> f64 {
    let wide = directions.map(f64::from);
    let rank = wide.ncols();
    (wide.transpose() * wide - DMatrix::identity(rank, rank)).amax()
}

fn agrees_with_the_oracle(points: &DMatrix<f32>, rank: usize) {
    let ours = truncated(points.as_view(), rank).unwrap();
    let oracle = oracle(points);
    let (u, v_t) = (oracle.u.unwrap(), oracle.v_t.unwrap());
    let largest = oracle.singular_values[0];
    assert!(defect(ours.directions()) < 1e-6);
    for k in 0..rank {
        let value = oracle.singular_values[k];
        assert!((ours.singular_values()[k] - value).abs() <= 1e-9 * value + 1e-13 * largest);
        let sign = if u.column(k)[u.column(k).iamax()] < 0.0 {
            -1.0
        } else {
            1.0
        };
        // Directions are defined only as well as their values are apart.
        let gap = (0..oracle.singular_values.len())
            .filter(|&other| other != k)
            .map(|other| (oracle.singular_values[other] - value).abs())
            .fold(f64::INFINITY, f64::min);
        if gap > 1e-4 * largest && value > 1e-4 * largest {
            let direction = ours.directions().column(k).map(f64::from);
            assert!((direction - u.column(k) * sign).amax() < 1e-6);
            let row = ours.coordinates().row(k).map(f64::from);
            assert!((row - v_t.row(k) * (value * sign)).amax() < 1e-6 * largest);
        }
    }
}

#[test]
fn wide_tall_and_square_matrices_agree_with_the_oracle() {
    agrees_with_the_oracle(&noise(40, 1100, 1), 40);
    agrees_with_the_oracle(&noise(1100, 40, 2), 40);
    agrees_with_the_oracle(&noise(37, 37, 3), 11);
}

#[test]
fn one_point_is_its_own_direction() {
    let points = DMatrix::from_column_slice(2, 1, &[-3.0f32, -4.0]);
    let svd = truncated(points.as_view(), 1).unwrap();
    assert!((svd.singular_values()[0] - 5.0).abs() < 1e-12);
    assert_eq!(svd.directions().as_slice(), [0.6, 0.8]);
    assert_eq!(svd.coordinates().as_slice(), [-5.0]);
}

#[test]
fn a_known_spectrum_over_six_decades_is_recovered() {
    // Orthogonal rows of a Hadamard matrix, scaled: the singular values are known exactly.
    let (rows, columns) = (7usize, 64usize);
    let points = DMatrix::from_fn(rows, columns, |i, j| {
        let sign = if (i & j).count_ones() % 2 == 0 {
            1.0
        } else {
            -1.0
        };
        sign * 10f32.powi(-(i as i32))
    });
    let svd = truncated(points.as_view(), rows).unwrap();
    for (k, value) in svd.singular_values().iter().enumerate() {
        let expected = 8.0 * f64::from(10f32.powi(-(k as i32)));
        assert!((value / expected - 1.0).abs() < 1e-5, "{k} {value}");
    }
}

#[test]
fn dependent_points_still_get_orthonormal_directions() {
    for points in [
        DMatrix::from_fn(50, 6, |i, j| (i * (j / 2 + 1)) as f32),
        DMatrix::from_fn(6, 50, |i, j| (j * (i / 2 + 1)) as f32),
        DMatrix::zeros(5, 9),
        DMatrix::zeros(9, 5),
    ] {
        let rank = points.nrows().min(points.ncols());
        let svd = truncated(points.as_view(), rank).unwrap();
        assert!(defect(svd.directions()) < 1e-6);
        let rebuilt = svd.directions() * svd.coordinates();
        assert!((rebuilt - &points).amax() <= 1e-5 * points.amax());
        assert!(svd.singular_values()[1] <= 1e-9 * svd.singular_values()[0]);
    }
}

#[test]
fn many_points_of_a_low_rank_have_the_values_of_two_thin_factors() {
    let (left, right) = (noise(600, 3, 8), noise(3, 1300, 9));
    let points = &left * &right;
    let svd = truncated(points.as_view(), 15).unwrap();
    assert!(defect(svd.directions()) < 1e-6);
    let expected = oracle(&points).singular_values;
    for (k, value) in svd.singular_values().iter().enumerate() {
        let allowed = if k < 3 {
            1e-6 * expected[k]
        } else {
            1e-6 * expected[0]
        };
        assert!(
            (value - expected[k]).abs() < allowed,
            "{k}: {value} {}",
            expected[k]
        );
    }
}

#[test]
fn a_lower_rank_is_the_beginning_of_a_higher_one() {
    let points = noise(30, 200, 4);
    let svd = truncated(points.as_view(), 20).unwrap();
    let five = truncated(points.as_view(), 5).unwrap();
    assert!((svd.coordinates_at(5).unwrap() - five.coordinates()).amax() < 1e-5);
    assert_eq!(svd.coordinates_at(20).unwrap(), *svd.coordinates());
    assert!(matches!(svd.coordinates_at(21), Err(Error::Rank { .. })));
    assert!(matches!(svd.coordinates_at(0), Err(Error::Rank { .. })));
}

#[test]
fn the_number_of_threads_does_not_show() {
    // Large enough for faer to divide every step among threads.
    for (rows, columns) in [(260, 600), (600, 260)] {
        let points = noise(rows, columns, 5);
        let svds: Vec<Svd> = [1, 2, 3]
            .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
            .into_iter()
            .map(|pool| {
                pool.unwrap()
                    .install(|| truncated(points.as_view(), 50))
                    .unwrap()
            })
            .collect();
        assert_eq!(svds[0], svds[1]);
        assert_eq!(svds[0], svds[2]);
    }
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let mut points = noise(4, 6, 6);
    for rank in [0, 5] {
        let error = truncated(points.as_view(), rank).unwrap_err();
        assert!(matches!(
            error,
            Error::Rank {
                parameters: 4,
                checkpoints: 6,
                ..
            }
        ));
    }
    points[(3, 5)] = f32::NEG_INFINITY;
    let error = truncated(points.as_view(), 2).unwrap_err();
    assert!(matches!(
        error,
        Error::NonFinite {
            column: 5,
            row: 3,
            ..
        }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_small_matrix_agrees_with_the_oracle(
        seed in any::<u64>(), rows in 1usize..30, columns in 1usize..30,
    ) {
        let points = noise(rows, columns, seed);
        agrees_with_the_oracle(&points, 1 + seed as usize % rows.min(columns));
    }

    #[test]
    fn renumbering_the_points_renumbers_the_coordinates(seed in any::<u64>()) {
        let points = noise(10, 60, seed);
        let order: Vec<usize> = (0..60).map(|i| (i + 1) * 17 % 61 - 1).collect();
        let svd = truncated(points.as_view(), 3).unwrap();
        let again = truncated(points.select_columns(&order).as_view(), 3).unwrap();
        // The last gap may be small; the first component's never is for positive means.
        let expected = svd.coordinates().select_columns(&order);
        prop_assert!((again.coordinates().row(0) - expected.row(0)).amax() < 1e-5);
        for (x, y) in svd.singular_values().iter().zip(again.singular_values()) {
            prop_assert!((x - y).abs() <= 1e-12 * x);
        }
    }
}
