//! Families whose forks are known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use nalgebra::DMatrix;
use proptest::prelude::*;
use synthetic::Normal;
use trajectory::Error;
use trajectory::forks::{Family, Fork, Origin, Parameters, family};

const DIMENSION: usize = 400;

/// Checkpoints as columns, and the runs they belong to.
#[derive(Default)]
struct Pool {
    columns: Vec<Vec<f64>>,
    runs: Vec<Vec<u32>>,
}

/// Where a walk drifts to, and how much of it is noise.
struct Walk {
    drift: Vec<f64>,
    random: Normal,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut random = Normal::seeded(seed);
        let drift = (0..DIMENSION).map(|_| random.sample()).collect();
        Self { drift, random }
    }

    /// `count` checkpoints after `start`, by steps of about `length`.
    fn from(&mut self, start: &[f64], count: usize, length: f64) -> Vec<Vec<f64>> {
        let scale = length / (2.0 * DIMENSION as f64).sqrt();
        let mut here = start.to_vec();
        (0..count)
            .map(|_| {
                for (x, drift) in here.iter_mut().zip(&self.drift) {
                    *x += scale * (drift + self.random.sample());
                }
                here.clone()
            })
            .collect()
    }
}

impl Pool {
    /// A run of its own from a random start.
    fn unrelated(&mut self, seed: u64, checkpoints: usize) -> usize {
        let mut random = Normal::seeded(1000 + seed);
        let start: Vec<f64> = (0..DIMENSION).map(|_| 3.0 * random.sample()).collect();
        let points = Walk::new(seed).from(&start, checkpoints, 1.0);
        self.run(points)
    }

    fn run(&mut self, points: Vec<Vec<f64>>) -> usize {
        let first = self.columns.len() as u32;
        self.columns.extend(points);
        self.runs.push((first..self.columns.len() as u32).collect());
        self.runs.len() - 1
    }

    fn point(&self, run: usize, place: usize) -> Vec<f64> {
        self.columns[self.runs[run][place] as usize].clone()
    }

    /// A run that leaves another after the checkpoint at `place`, in a direction of its own.
    fn branch(&mut self, parent: usize, place: usize, seed: u64, checkpoints: usize) -> usize {
        let start = self.point(parent, place);
        let points = Walk::new(seed).from(&start, checkpoints, 1.5);
        self.run(points)
    }

    fn matrix(&self) -> DMatrix<f32> {
        DMatrix::from_fn(DIMENSION, self.columns.len(), |row, column| {
            self.columns[column][row] as f32
        })
    }

    fn family(&self) -> Family {
        family(self.matrix().as_view(), &self.runs, &Parameters::default()).unwrap()
    }
}

fn near(fork: &Fork, parent: usize, after: usize) -> bool {
    fork.parent == parent && fork.after.abs_diff(after) <= 1
}

#[test]
fn a_branch_is_found_among_unrelated_runs_and_its_parent_is_a_root() {
    for seed in 0..20 {
        let mut pool = Pool::default();
        let trunk = pool.unrelated(seed, 20);
        pool.unrelated(seed + 100, 20);
        let branch = pool.branch(trunk, 11, seed + 200, 6);
        let family = pool.family();
        let fork = family.fork(branch).unwrap();
        assert!(near(fork, trunk, 11), "{fork:?}");
        assert!(fork.interval.0 <= 11 && 11 <= fork.interval.1, "{fork:?}");
        assert!(fork.confidence > 0.5 && fork.rivals.is_empty());
        assert_eq!(family.origins()[..2], [Origin::Root, Origin::Root]);
    }
}

#[test]
fn a_fork_of_a_fork_hangs_from_the_branch() {
    let mut pool = Pool::default();
    let trunk = pool.unrelated(1, 20);
    let branch = pool.branch(trunk, 4, 2, 20);
    let twig = pool.branch(branch, 12, 3, 5);
    let family = pool.family();
    assert!(near(family.fork(branch).unwrap(), trunk, 4));
    assert!(near(family.fork(twig).unwrap(), branch, 12));
    let graph = family.graph();
    assert_eq!((graph.node_count(), graph.edge_count()), (3, 2));
    let dot = family.to_dot(|run| format!("run {run}"), |fork| fork.after.to_string());
    assert!(dot.starts_with("digraph {") && dot.contains("run 2"));
}

#[test]
fn a_branch_of_a_branchs_first_checkpoint_is_never_certain_and_names_the_branch() {
    for seed in 0..20 {
        let mut pool = Pool::default();
        let trunk = pool.unrelated(seed, 20);
        let branch = pool.branch(trunk, 8, seed + 100, 5);
        let twig = pool.branch(branch, 0, seed + 200, 5);
        let family = pool.family();
        let fork = family.fork(twig).unwrap();
        assert_eq!((fork.parent, &fork.rivals), (trunk, &vec![branch]));
        assert!(!fork.is_certain(), "{fork:?}");
    }
}

#[test]
fn branches_of_one_place_are_no_rivals_of_their_parent() {
    for seed in 0..20 {
        let mut pool = Pool::default();
        let trunk = pool.unrelated(seed, 20);
        let branches = [100, 200].map(|of| pool.branch(trunk, 8, seed + of, 5));
        let family = pool.family();
        for branch in branches {
            let fork = family.fork(branch).unwrap();
            assert!(near(fork, trunk, 8) && fork.rivals.is_empty(), "{fork:?}");
        }
    }
}

#[test]
fn runs_that_seem_older_than_each_other_in_a_circle_end_in_an_answer() {
    // Each of three runs begins at a corner of a triangle and ends near where the next one began;
    // the fourth begins in the middle.
    let corner = |run: usize| -> Vec<f64> {
        (0..3)
            .map(|axis| 10.0 + f64::from(u8::from(axis == run % 3)))
            .collect()
    };
    let middle = vec![10.0 + 1.0 / 3.0; 3];
    let mut pool = Pool::default();
    for run in 0..3 {
        let end = std::iter::zip(&corner(run + 1), &middle)
            .map(|(next, middle)| 0.9 * next + 0.1 * middle)
            .collect();
        pool.run(vec![corner(run), end]);
    }
    pool.run(vec![middle, vec![11.0; 3]]);
    let points = DMatrix::from_fn(3, 8, |row, column| pool.columns[column][row] as f32);
    let found = family(points.as_view(), &pool.runs, &Parameters::default()).unwrap();
    let fork = found.fork(3).unwrap();
    assert!(fork.parent < 3 && !fork.is_certain(), "{fork:?}");
}

#[test]
fn runs_that_begin_beside_each_other_are_siblings() {
    let mut pool = Pool::default();
    let trunk = pool.unrelated(5, 10);
    let start = pool.point(trunk, 0);
    for seed in [6, 7] {
        let points = Walk::new(seed).from(&start, 8, 1.0);
        pool.run(points);
    }
    pool.unrelated(8, 9);
    // Without the trunk's first checkpoint nothing older than the fork is left of it.
    pool.runs[trunk].remove(0);
    let family = pool.family();
    assert_eq!(family.origins()[0], Origin::Siblings(vec![1, 2]));
    assert_eq!(family.origins()[2], Origin::Siblings(vec![0, 1]));
    assert_eq!(family.origins()[3], Origin::Root);
}

#[test]
fn copied_checkpoints_settle_the_fork() {
    let mut pool = Pool::default();
    let trunk = pool.unrelated(9, 12);
    let branch = pool.branch(trunk, 7, 10, 4);
    let mut with_copies = pool.runs[trunk][5..=7].to_vec();
    with_copies.extend(&pool.runs[branch]);
    pool.runs[branch] = with_copies;
    let family = pool.family();
    let fork = family.fork(branch).unwrap();
    assert_eq!((fork.parent, fork.after, fork.copied), (trunk, 7, 3));
    assert!(fork.is_certain() && !fork.interchangeable);
    assert_eq!(fork.interval, (7, 7));
}

#[test]
fn of_two_runs_with_one_beginning_the_first_is_called_the_parent() {
    let mut pool = Pool::default();
    let trunk = pool.unrelated(11, 12);
    let branch = pool.branch(trunk, 3, 12, 5);
    let mut whole = pool.runs[trunk][..=3].to_vec();
    whole.extend(&pool.runs[branch]);
    pool.runs[branch] = whole;
    pool.runs.swap(0, 1);
    let family = pool.family();
    let fork = family.fork(1).unwrap();
    assert!(fork.interchangeable && fork.copied == 4 && fork.after == 3);
    assert_eq!(family.fork(0), None);
}

#[test]
fn independent_points_around_one_centre_are_a_certain_fork_in_at_most_one_case_of_twenty() {
    let mut random = Normal::seeded(3);
    let mut certain = 0;
    for _ in 0..20 {
        let mut pool = Pool::default();
        let cloud = |random: &mut Normal, count: usize| -> Vec<Vec<f64>> {
            let near = |random: &mut Normal| 10.0 + random.sample();
            (0..count)
                .map(|_| (0..DIMENSION).map(|_| near(random)).collect())
                .collect()
        };
        let (first, second) = (cloud(&mut random, 30), cloud(&mut random, 6));
        pool.run(first);
        pool.run(second);
        let family = pool.family();
        let is_certain = |&run: &usize| family.fork(run).is_some_and(Fork::is_certain);
        certain += (0..2).filter(is_certain).count();
    }
    assert!(certain <= 2, "{certain} of 40");
}

#[test]
fn identical_runs_are_copies_of_the_first() {
    let mut pool = Pool::default();
    pool.unrelated(1, 4);
    pool.runs.push(pool.runs[0].clone());
    let family = pool.family();
    assert_eq!(family.origins()[0], Origin::Root);
    let fork = family.fork(1).unwrap();
    assert_eq!((fork.after, fork.copied, fork.distance), (3, 4, 0.0));
}

#[test]
fn single_checkpoints_have_no_parent_but_each_other() {
    let points = DMatrix::from_column_slice(2, 3, &[1.0f32, 0.0, 1.1, 0.0, -5.0, 3.0]);
    let runs = [vec![0], vec![1], vec![2]];
    let found = family(points.as_view(), &runs, &Parameters::default()).unwrap();
    let expected = [
        Origin::Siblings(vec![1]),
        Origin::Siblings(vec![0]),
        Origin::Root,
    ];
    assert_eq!(found.origins(), expected);
    assert_eq!(found.fork(7), None);
}

#[test]
fn a_given_distance_of_unrelated_runs_decides_who_is_related() {
    let points = DMatrix::from_column_slice(1, 3, &[100.0f32, 101.0, 104.0]);
    let runs = [vec![0, 1], vec![2]];
    let unrelated = |unrelated| Parameters {
        unrelated,
        ..Parameters::default()
    };
    let found = |parameters| family(points.as_view(), &runs, &parameters).unwrap();
    // All of them lie far from zero on one side, which looks like kinship.
    assert!(found(unrelated(None)).fork(1).is_some());
    assert_eq!(found(unrelated(Some(4.0))).origins()[1], Origin::Root);
}

#[test]
fn what_cannot_be_analysed_is_refused() {
    let points = DMatrix::from_column_slice(1, 2, &[1.0f32, f32::NAN]);
    let refusal =
        |runs: &[Vec<u32>]| family(points.as_view(), runs, &Parameters::default()).unwrap_err();
    assert!(matches!(refusal(&[]), Error::Empty { .. }));
    assert!(matches!(refusal(&[vec![0], vec![]]), Error::Empty { .. }));
    assert!(matches!(
        refusal(&[vec![0, 2]]),
        Error::OutOfRange { index: 2, .. }
    ));
    assert!(matches!(
        refusal(&[vec![0, 1]]),
        Error::NotFinite { index: 1, .. }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn only_the_given_orders_matter_not_where_the_columns_lie(seed in 0u64..1000) {
        let mut pool = Pool::default();
        let trunk = pool.unrelated(seed, 10);
        pool.branch(trunk, 5, seed + 1, 4);
        pool.unrelated(seed + 2, 5);
        let from = Normal::seeded(seed).shuffle(pool.columns.len());
        let mut places = vec![0u32; from.len()];
        for (place, &column) in from.iter().enumerate() {
            places[column as usize] = place as u32;
        }
        let moved: Vec<Vec<u32>> = pool.runs.iter()
            .map(|run| run.iter().map(|&column| places[column as usize]).collect())
            .collect();
        let matrix = pool.matrix();
        let indices: Vec<usize> = from.iter().map(|&i| i as usize).collect();
        let shuffled = matrix.select_columns(&indices);
        let parameters = Parameters::default();
        prop_assert_eq!(
            family(matrix.as_view(), &pool.runs, &parameters).unwrap(),
            family(shuffled.as_view(), &moved, &parameters).unwrap()
        );
    }

    #[test]
    fn a_common_scale_changes_only_distances(seed in 0u64..1000) {
        let mut pool = Pool::default();
        let trunk = pool.unrelated(seed, 10);
        pool.branch(trunk, 5, seed + 1, 4);
        let matrix = pool.matrix();
        let parameters = Parameters::default();
        let once = family(matrix.as_view(), &pool.runs, &parameters).unwrap();
        let twice = family((2.0 * &matrix).as_view(), &pool.runs, &parameters).unwrap();
        let (once, twice) = (once.fork(1).unwrap(), twice.fork(1).unwrap());
        prop_assert_eq!((once.after, once.interval), (twice.after, twice.interval));
        prop_assert_eq!(2.0 * once.distance, twice.distance);
    }
}
