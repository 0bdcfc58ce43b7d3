//! UMAP through its public interface: what a picture must keep of the points.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use nalgebra::{DMatrix, SVD};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weightspace::Error;
use weightspace::umap::{Embedding, Parameters, embed};

/// A number that is close to normally distributed: the sum of twelve uniform ones.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    (0..12)
        .map(|_| random.next_u32() as f32 / u32::MAX as f32)
        .sum::<f32>()
        - 6.0
}

fn cloud(dimensions: usize, points: usize, seed: u64) -> DMatrix<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(dimensions, points, |_, _| normal(&mut random))
}

/// Smooth trajectories that are much shorter than the distances between them,
/// one after the other: `runs` of `epochs` points each.
fn runs(runs: usize, epochs: usize, dimensions: usize) -> DMatrix<f32> {
    let starts = cloud(dimensions, runs, 1);
    let velocities = cloud(dimensions, runs, 2);
    let turns = cloud(dimensions, runs, 3);
    DMatrix::from_fn(dimensions, runs * epochs, |row, column| {
        let (run, time) = (column / epochs, (column % epochs) as f32 / epochs as f32);
        starts[(row, run)] + 0.3 * time * (velocities[(row, run)] + time * turns[(row, run)])
    })
}

/// A sheet rolled up in three dimensions, with its position along the roll.
fn swiss_roll(points: usize) -> (DMatrix<f32>, Vec<f32>) {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut uniform = || random.next_u32() as f32 / u32::MAX as f32;
    let mut along = Vec::new();
    let mut roll = DMatrix::zeros(3, points);
    for mut point in roll.column_iter_mut() {
        // Square roots spread the points evenly over the sheet.
        let angle = (20.0 + 180.0 * uniform()).sqrt();
        point[0] = angle * angle.cos();
        point[1] = angle * angle.sin();
        point[2] = 10.0 * uniform();
        along.push(angle * angle);
    }
    (roll, along)
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// All other points by distance from each, nearest first.
fn ranked<'a>(points: usize, column: impl Fn(usize) -> &'a [f32]) -> Vec<Vec<usize>> {
    (0..points)
        .map(|own| {
            let mut others: Vec<usize> = (0..points).filter(|&other| other != own).collect();
            others.sort_by(|&i, &j| {
                squared(column(own), column(i)).total_cmp(&squared(column(own), column(j)))
            });
            others
        })
        .collect()
}

fn ranked_columns(points: &DMatrix<f32>) -> Vec<Vec<usize>> {
    let rows = points.nrows();
    ranked(points.ncols(), |i| &points.as_slice()[i * rows..][..rows])
}

fn ranked_picture(embedding: &Embedding) -> Vec<Vec<usize>> {
    ranked(embedding.positions.len(), |i| &embedding.positions[i])
}

/// Trustworthiness (Venna and Kaski 2001): 1 where the `k` nearest in the
/// picture are the `k` nearest of the points, and less the farther they are off.
fn trustworthiness(truth: &[Vec<usize>], picture: &[Vec<usize>], k: usize) -> f64 {
    let n = truth.len();
    let penalty: usize = (0..n)
        .map(|own| {
            let mut rank = vec![0; n];
            for (position, &other) in truth[own].iter().enumerate() {
                rank[other] = position + 1;
            }
            picture[own][..k]
                .iter()
                .map(|&other| rank[other].saturating_sub(k))
                .sum::<usize>()
        })
        .sum();
    1.0 - 2.0 * penalty as f64 / (n * k * (2 * n - 3 * k - 1)) as f64
}

/// Share of the `k` nearest in the picture that have the same label.
fn purity(picture: &[Vec<usize>], label: impl Fn(usize) -> usize, k: usize) -> f64 {
    let same = (0..picture.len())
        .flat_map(|own| picture[own][..k].iter().map(move |&other| (own, other)))
        .filter(|&(own, other)| label(own) == label(other))
        .count();
    same as f64 / (picture.len() * k) as f64
}

/// The two leading principal components.
fn principal_components(points: &DMatrix<f32>) -> Embedding {
    let mut centered = points.clone();
    let mean = centered.column_mean();
    for mut column in centered.column_iter_mut() {
        column -= &mean;
    }
    let svd = SVD::new(centered, false, true);
    let axes = svd.v_t.unwrap();
    let scale = svd.singular_values;
    let mut pca = embed(
        points.as_view(),
        &Parameters {
            epochs: Some(0),
            ..Parameters::default()
        },
    )
    .unwrap();
    for (point, position) in pca.positions.iter_mut().enumerate() {
        *position = [0, 1].map(|axis| scale[axis] * axes[(axis, point)]);
    }
    pca
}

#[test]
fn runs_far_apart_are_components_that_do_not_overlap() {
    let points = runs(40, 20, 30);
    let embedding = embed(points.as_view(), &Parameters::default()).unwrap();
    assert_eq!(embedding.components, 40);
    // Closer to every point of its own run than to any point of another.
    let picture = ranked_picture(&embedding);
    assert_eq!(purity(&picture, |point| point / 20, 14), 1.0);
}

#[test]
fn blobs_that_touch_stay_separate() {
    let mut points = cloud(10, 240, 5);
    for (column, mut point) in points.column_iter_mut().enumerate() {
        point[column % 3] += 7.0;
    }
    let parameters = Parameters {
        neighbors: 90, // more than a blob holds: one component
        ..Parameters::default()
    };
    let embedding = embed(points.as_view(), &parameters).unwrap();
    assert_eq!(embedding.components, 1);
    let picture = ranked_picture(&embedding);
    assert_eq!(purity(&picture, |point| point % 3, 15), 1.0);
}

#[test]
fn a_line_stays_in_order() {
    for count in [60, 600] {
        let direction = cloud(8, 1, 6);
        let points = DMatrix::from_fn(8, count, |row, column| direction[row] * column as f32);
        let embedding = embed(points.as_view(), &Parameters::default()).unwrap();
        for (point, nearest) in ranked_picture(&embedding).iter().enumerate() {
            // 14 neighbours were given: the picture may swap them, not fold the line.
            let farthest = nearest[..7]
                .iter()
                .map(|&other| other.abs_diff(point))
                .max();
            assert!(farthest <= Some(14), "{count}: {point} {:?}", &nearest[..7]);
        }
    }
}

#[test]
fn a_rolled_up_sheet_is_shown_better_than_by_principal_components() {
    let (points, along) = swiss_roll(800);
    let truth = ranked_columns(&points);
    let score = |embedding: &Embedding| trustworthiness(&truth, &ranked_picture(embedding), 15);
    let ours = embed(points.as_view(), &Parameters::default()).unwrap();
    let pca = principal_components(&points);
    assert!(score(&ours) > 0.995, "{}", score(&ours));
    assert!(score(&pca) < 0.975, "{}", score(&pca));
    // Neighbours in the picture are neighbours on the sheet, not across its turns.
    let across = ranked_picture(&ours)
        .iter()
        .enumerate()
        .filter(|(point, nearest)| (along[*point] - along[nearest[0]]).abs() > 30.0)
        .count();
    assert!(across < 8, "{across}");
}

#[test]
fn trustworthiness_is_one_for_the_truth_and_half_for_chance() {
    let truth = ranked_columns(&cloud(5, 300, 7));
    let chance = ranked_columns(&cloud(5, 300, 8));
    assert_eq!(trustworthiness(&truth, &truth, 15), 1.0);
    assert!((trustworthiness(&truth, &chance, 15) - 0.5).abs() < 0.03);
}

#[test]
fn the_picture_is_the_same_whatever_the_number_of_threads() {
    // One component above the size of the dense eigensolver, then many.
    for points in [cloud(6, 400, 9), runs(30, 20, 12)] {
        let embed_on = |threads: usize| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| embed(points.as_view(), &Parameters::default()).unwrap())
        };
        let one = embed_on(1);
        assert_eq!(one, embed_on(2));
        assert_eq!(one, embed_on(5));
    }
}

#[test]
fn the_seed_changes_the_picture_but_not_what_it_shows() {
    let (points, _) = swiss_roll(400);
    let truth = ranked_columns(&points);
    let embed_with = |seed: u64| {
        let parameters = Parameters {
            seed,
            ..Parameters::default()
        };
        embed(points.as_view(), &parameters).unwrap()
    };
    let (first, second) = (embed_with(1), embed_with(2));
    assert_ne!(first.positions, second.positions);
    for embedding in [first, second] {
        assert!(trustworthiness(&truth, &ranked_picture(&embedding), 15) > 0.97);
    }
}

#[test]
fn the_unit_of_the_points_does_not_matter() {
    // A power of two, so that not even rounding differs.
    let points = cloud(6, 300, 10);
    let scaled = &points * 1024.0;
    let parameters = Parameters::default();
    let embedding = embed(points.as_view(), &parameters).unwrap();
    assert_eq!(embedding, embed(scaled.as_view(), &parameters).unwrap());
}

#[test]
fn a_greater_min_dist_spreads_neighbours() {
    let points = cloud(4, 300, 11);
    let nearest = |min_dist: f64| -> f64 {
        let parameters = Parameters {
            min_dist,
            ..Parameters::default()
        };
        let embedding = embed(points.as_view(), &parameters).unwrap();
        let distance = |(own, others): (usize, &Vec<usize>)| {
            squared(&embedding.positions[own], &embedding.positions[others[0]]).sqrt()
        };
        let picture = ranked_picture(&embedding);
        picture.iter().enumerate().map(distance).sum::<f64>() / 300.0
    };
    assert!(nearest(0.01) < nearest(0.3) && nearest(0.3) < nearest(0.9));
}

#[test]
fn few_and_equal_points_have_finite_positions() {
    for points in [
        cloud(3, 2, 12),
        cloud(3, 3, 12),
        cloud(3, 14, 12),
        DMatrix::from_element(3, 40, 2.5),
        DMatrix::zeros(0, 20),
    ] {
        let embedding = embed(points.as_view(), &Parameters::default()).unwrap();
        assert_eq!(embedding.positions.len(), points.ncols());
        assert!(embedding.positions.iter().flatten().all(|x| x.is_finite()));
    }
}

#[test]
fn bad_parameters_and_bad_points_are_named() {
    let points = cloud(3, 20, 13);
    let name = |parameters: Parameters| match embed(points.as_view(), &parameters) {
        Err(Error::UmapParameter { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let good = Parameters::default();
    assert_eq!(
        name(Parameters {
            neighbors: 1,
            ..good.clone()
        }),
        "neighbors"
    );
    assert_eq!(
        name(Parameters {
            min_dist: -0.1,
            ..good.clone()
        }),
        "min_dist"
    );
    assert_eq!(
        name(Parameters {
            min_dist: 1.1,
            ..good.clone()
        }),
        "min_dist"
    );
    assert_eq!(
        name(Parameters {
            min_dist: f64::NAN,
            ..good.clone()
        }),
        "min_dist"
    );
    assert_eq!(
        name(Parameters {
            spread: 0.0,
            ..good.clone()
        }),
        "spread"
    );
    assert_eq!(
        name(Parameters {
            spread: f64::INFINITY,
            ..good.clone()
        }),
        "spread"
    );

    let mut broken = points.clone();
    broken[(1, 4)] = f32::NAN;
    assert!(matches!(
        embed(broken.as_view(), &good),
        Err(Error::NonFinite {
            column: 4,
            row: 1,
            ..
        })
    ));
    assert!(matches!(
        embed(cloud(3, 1, 13).as_view(), &good),
        Err(Error::TooFewCheckpoints {
            needed: 2,
            found: 1
        })
    ));
}
