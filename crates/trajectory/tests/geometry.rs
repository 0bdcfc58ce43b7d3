//! Geometry on curves whose geometry is known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use std::f64::consts::{PI, TAU};

use nalgebra::DMatrix;
use proptest::prelude::*;
use synthetic::{Normal, Zoo};
use trajectory::Error;
use trajectory::geometry::{Geometry, of_runs};

fn columns(points: &DMatrix<f32>) -> Vec<u32> {
    (0..points.ncols() as u32).collect()
}

fn geometry(points: &DMatrix<f32>) -> Geometry {
    Geometry::of(points.as_view(), &columns(points)).unwrap()
}

fn circle(radius: f64, corners: usize) -> DMatrix<f32> {
    DMatrix::from_fn(2, corners + 1, |row, corner| {
        let angle = TAU * corner as f64 / corners as f64;
        (radius * if row == 0 { angle.cos() } else { angle.sin() }) as f32
    })
}

#[test]
fn a_circle_has_the_constant_curvature_of_its_radius() {
    let geometry = geometry(&circle(3.0, 200));
    let turn = TAU / 200.0;
    for (angle, curvature) in geometry.turning_angle.iter().zip(&geometry.curvature) {
        assert!((angle - turn).abs() < 1e-5);
        // The polygon exceeds the circle by 1 + turn² / 24.
        assert!((curvature - 1.0 / 3.0).abs() < 2e-4);
    }
    assert!((geometry.path_length[200] - TAU * 3.0).abs() < 2e-3);
    assert!(geometry.tortuosity() > 1e5);
    assert!((geometry.displacement[100] - 6.0).abs() < 1e-6);
}

#[test]
fn a_straight_line_neither_turns_nor_winds() {
    let line = DMatrix::from_fn(3, 10, |row, column| ((row + 1) * column * column) as f32);
    let geometry = geometry(&line);
    assert!(geometry.cosine.iter().all(|cosine| 1.0 - cosine < 1e-15));
    assert!(geometry.turning_angle.iter().all(|&angle| angle < 1e-15));
    assert!(
        geometry
            .curvature
            .iter()
            .all(|&curvature| curvature < 1e-15)
    );
    assert!((geometry.tortuosity() - 1.0).abs() < 1e-15);
    assert_eq!(geometry.path_length, geometry.displacement);
    assert!((geometry.step_length[2] - 5.0 * 14f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_small_turn_is_not_rounded_away() {
    // A turn of 2⁻³⁰: its cosine is 1 − 2⁻⁶¹, which is 1 in f64.
    let points = DMatrix::from_column_slice(2, 3, &[0.0, 0.0, 1.0, 0.0, 2.0, 2f32.powi(-30)]);
    let angle = geometry(&points).turning_angle[0];
    assert!((angle * 2f64.powi(30) - 1.0).abs() < 1e-9);
}

#[test]
fn a_reversal_turns_by_pi_and_is_curved() {
    let points = DMatrix::from_row_slice(1, 3, &[0.0, 2.0, 0.0]);
    let geometry = geometry(&points);
    assert_eq!(geometry.cosine, [-1.0]);
    assert_eq!(geometry.turning_angle, [PI]);
    assert_eq!(geometry.curvature, [PI / 2.0]);
    assert_eq!(geometry.tortuosity(), f64::INFINITY);
}

#[test]
fn a_random_walk_turns_by_a_right_angle_on_average() {
    let walk = geometry(&Zoo::of_walks(1, 400, 500, 3, |_, _| 1.0).points);
    let mean = walk.cosine.iter().sum::<f64>() / walk.cosine.len() as f64;
    // A cosine of independent directions in d dimensions has standard deviation 1 / √d.
    let error = 1.0 / (500.0f64 * 398.0).sqrt();
    assert!(mean.abs() < 4.0 * error);
    let largest = walk.cosine.iter().copied().fold(0.0, f64::max);
    assert!(largest < 5.0 / 500f64.sqrt());
    // E‖displacement‖² = steps, so tortuosity is about √steps.
    assert!((walk.tortuosity() / 399f64.sqrt() - 1.0).abs() < 0.2);
}

#[test]
fn a_pause_has_no_direction_but_does_not_spoil_the_rest() {
    let points = DMatrix::from_row_slice(1, 5, &[0.0, 1.0, 1.0, 2.0, 3.0]);
    let geometry = geometry(&points);
    assert_eq!(geometry.step_length, [1.0, 0.0, 1.0, 1.0]);
    for series in [
        &geometry.cosine,
        &geometry.turning_angle,
        &geometry.curvature,
    ] {
        assert!(series[0].is_nan() && series[1].is_nan() && !series[2].is_nan());
    }
}

#[test]
fn short_trajectories_have_no_turns() {
    let points = DMatrix::from_row_slice(1, 2, &[0.0, 3.0]);
    let two = geometry(&points);
    assert_eq!((two.step_length.len(), two.cosine.len()), (1, 0));
    let one = Geometry::of(points.as_view(), &[1]).unwrap();
    assert_eq!((one.displacement, one.path_length), (vec![0.0], vec![0.0]));
}

#[test]
fn bad_input_is_named() {
    let points = DMatrix::from_row_slice(1, 3, &[0.0, f32::NAN, f32::INFINITY]);
    let refusal = |order: &[u32]| Geometry::of(points.as_view(), order).unwrap_err();
    let not_finite = |index| Error::NotFinite {
        what: "point",
        index,
    };
    assert!(matches!(refusal(&[]), Error::Empty { .. }));
    assert_eq!(refusal(&[0, 1]), not_finite(1));
    assert_eq!(refusal(&[2]), not_finite(2));
    assert_eq!(refusal(&[2, 0]), not_finite(2));
    assert!(matches!(
        refusal(&[0, 3]),
        Error::OutOfRange { index: 3, .. }
    ));
    // Of several runs at fault the first is named.
    let runs = [vec![0], vec![0, 2], vec![1]];
    assert_eq!(of_runs(points.as_view(), &runs), Err(not_finite(2)));
}

proptest! {
    #[test]
    fn series_follow_their_definitions_on_random_points(
        coordinates in prop::collection::vec(-1.0f32..1.0, 4 * 6),
    ) {
        let points = DMatrix::from_column_slice(4, 6, &coordinates);
        let exact = points.map(f64::from);
        let ours = geometry(&points);
        for i in 0..4 {
            let u = exact.column(i + 1) - exact.column(i);
            let v = exact.column(i + 2) - exact.column(i + 1);
            prop_assume!(u.norm() > 1e-3 && v.norm() > 1e-3);
            let cosine = u.dot(&v) / (u.norm() * v.norm());
            prop_assert!((ours.step_length[i] - u.norm()).abs() < 1e-12);
            prop_assert!((ours.cosine[i] - cosine).abs() < 1e-12);
            prop_assert!((ours.turning_angle[i].cos() - cosine).abs() < 1e-12);
            let curvature = u.angle(&v) / (0.5 * (u.norm() + v.norm()));
            prop_assert!((ours.curvature[i] - curvature).abs() < 1e-6 * (1.0 + curvature));
            let displacement = (exact.column(i) - exact.column(0)).norm();
            prop_assert!((ours.displacement[i] - displacement).abs() < 1e-12);
        }
        prop_assert!(ours.tortuosity() >= 1.0 - 1e-12);
    }

    #[test]
    fn doubling_the_scale_doubles_lengths_and_halves_curvature(seed in 0u64..1000) {
        let points = Zoo::of_walks(1, 8, 10, seed, |_, random| 1.0 + random.uniform()).points;
        let (once, twice) = (geometry(&points), geometry(&(2.0 * &points)));
        for i in 0..6 {
            prop_assert_eq!(2.0 * once.step_length[i], twice.step_length[i]);
            prop_assert_eq!(once.turning_angle[i], twice.turning_angle[i]);
            prop_assert_eq!(once.curvature[i], 2.0 * twice.curvature[i]);
        }
        prop_assert_eq!(once.tortuosity(), twice.tortuosity());
    }

    #[test]
    fn only_the_given_order_matters_not_where_the_columns_lie(seed in 0u64..1000) {
        let zoo = Zoo::of_walks(3, 6, 10, seed, |_, _| 1.0);
        let from = Normal::seeded(seed).shuffle(18);
        let mut places = [0; 18];
        for (place, &column) in from.iter().enumerate() {
            places[column as usize] = place as u32;
        }
        let straight: Vec<Vec<u32>> = (0..3).map(|run| (6 * run..6 * run + 6).collect()).collect();
        let moved: Vec<Vec<u32>> = straight.iter()
            .map(|order| order.iter().map(|&column| places[column as usize]).collect())
            .collect();
        let shuffled = zoo.rearranged(&from).points;
        prop_assert_eq!(
            of_runs(zoo.points.as_view(), &straight).unwrap(),
            of_runs(shuffled.as_view(), &moved).unwrap()
        );
    }
}
