//! Distances that are known, and walks that go nowhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use nalgebra::DMatrix;
use synthetic::Zoo;
use trajectory::Error;
use trajectory::progress::{Progress, Units, growth_exponent};

fn order(points: &DMatrix<f32>) -> Vec<u32> {
    (0..points.ncols() as u32).collect()
}

fn since(points: &DMatrix<f32>, accepted: usize, units: &Units) -> Progress {
    Progress::since(points.as_view(), &order(points), accepted, units).unwrap()
}

fn exponent(points: &DMatrix<f32>) -> f64 {
    growth_exponent(points.as_view(), &order(points)).unwrap()
}

#[test]
fn a_straight_run_is_as_far_as_it_walked() {
    let line = DMatrix::from_row_slice(2, 5, &[0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let units = Units {
        recent: 2,
        unrelated: Some(10.0),
    };
    let progress = since(&line, 1, &units);
    assert_eq!((progress.distance, progress.path), (3.0, 3.0));
    assert_eq!((progress.recent_step, progress.in_steps), (1.0, 3.0));
    assert_eq!(progress.of_unrelated, 0.3);
    assert!(progress.unrelated_is_given);
    assert_eq!((progress.share_of_path, progress.straightness), (0.75, 1.0));
    // Two equal steps straight ahead: (1 + 1)² ÷ (1² + 1²).
    assert_eq!(progress.persistence, 2.0);
    assert!((exponent(&line) - 1.0).abs() < 1e-12);
}

#[test]
fn the_distance_of_unrelated_runs_is_estimated_from_the_norms_if_none_are_known() {
    let points = DMatrix::from_column_slice(2, 2, &[3.0f32, 0.0, 0.0, 4.0]);
    let progress = since(&points, 0, &Units::default());
    assert!(!progress.unrelated_is_given);
    assert!((progress.of_unrelated - 1.0).abs() < 1e-12);
}

#[test]
fn a_random_walk_persists_by_one_and_grows_by_the_square_root() {
    let (mut persistence, mut growth) = (0.0, 0.0);
    for seed in 0..20 {
        let walk = Zoo::of_walks(1, 50, 300, seed, |_, _| 1.0).points;
        persistence += since(&walk, 0, &Units::default()).persistence / 20.0;
        growth += exponent(&walk) / 20.0;
    }
    assert!((persistence - 1.0).abs() < 0.1, "{persistence}");
    assert!((growth - 0.5).abs() < 0.03, "{growth}");
}

#[test]
fn going_to_and_fro_is_no_progress() {
    let points = DMatrix::from_row_slice(1, 9, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    let progress = since(&points, 0, &Units::default());
    assert_eq!((progress.distance, progress.path), (0.0, 8.0));
    assert_eq!((progress.straightness, progress.persistence), (0.0, 0.0));
}

#[test]
fn a_run_that_stands_still_has_no_units() {
    let points = DMatrix::from_element(2, 4, 0.0f32);
    let progress = since(&points, 1, &Units::default());
    assert_eq!(progress.distance, 0.0);
    for undefined in [
        progress.in_steps,
        progress.of_unrelated,
        progress.share_of_path,
        progress.straightness,
        progress.persistence,
    ] {
        assert!(undefined.is_nan());
    }
    let one = DMatrix::from_element(2, 1, 1.0f32);
    assert!(since(&one, 0, &Units::default()).recent_step.is_nan());
    assert!(exponent(&one).is_nan());
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let points = DMatrix::from_column_slice(1, 2, &[1.0f32, 2.0]);
    let refusal = |order: &[u32], accepted, unrelated| {
        let units = Units {
            unrelated,
            ..Units::default()
        };
        Progress::since(points.as_view(), order, accepted, &units).unwrap_err()
    };
    assert!(matches!(refusal(&[], 0, None), Error::Empty { .. }));
    assert!(matches!(
        refusal(&[0, 1], 2, None),
        Error::OutOfRange { index: 2, .. }
    ));
    assert!(matches!(
        refusal(&[0, 1], 0, Some(f64::NAN)),
        Error::NotFinite { .. }
    ));
}
