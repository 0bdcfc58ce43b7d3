//! How many runs the merge heights show: counts where there is a gap, and says so where not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::Edge;
use trajectory::runs::{Runs, Verdict, count_runs};

/// A chain with these lengths: merge heights in any order, whatever the points.
fn counted(lengths: &[f64]) -> Runs {
    let edges: Vec<Edge> = lengths
        .iter()
        .zip(0..)
        .map(|(&length, a)| Edge {
            a,
            b: a + 1,
            length,
        })
        .collect();
    count_runs(&Dendrogram::from_tree(lengths.len() + 1, &edges).unwrap())
}

/// Steps of one run: they shrink as 1/epoch, with some noise.
fn steps(epochs: usize) -> Vec<f64> {
    (1..epochs)
        .map(|epoch| 4.0 / (1.0 + 0.3 * epoch as f64) * (1.0 + 0.1 * (7.3 * epoch as f64).sin()))
        .collect()
}

fn zoo(lengths: &[usize]) -> Vec<f64> {
    let mut heights = Vec::new();
    for (run, &epochs) in lengths.iter().enumerate() {
        if run > 0 {
            heights.push(15.0 * (1.0 + 0.04 * (1.7 * run as f64).sin()));
        }
        heights.extend(steps(epochs));
    }
    heights
}

#[test]
fn runs_of_unequal_length_are_counted() {
    for runs in [2, 5, 250] {
        let lengths: Vec<usize> = (0..runs).map(|run| 5 + (run * 17) % 46).collect();
        let found = counted(&zoo(&lengths));
        assert_eq!((found.count, found.verdict), (runs, Verdict::Separated));
        assert!(found.gap > 2.0 && found.bundle < 1.2);
        assert!(found.height > 4.0 && found.height < 15.0);
    }
}

#[test]
fn unrelated_runs_at_unequal_distances_are_counted_if_the_gap_is_as_wide_as_they_differ() {
    let pool = |nearest: f64| {
        let mut heights = Vec::new();
        for run in 0..40 {
            heights.extend(steps(20));
            heights.push(nearest + (15.0 - nearest) * f64::from(run) / 39.0);
        }
        heights.extend(steps(20));
        counted(&heights)
    };
    // The longest step is 3.2 long.
    let found = pool(8.0);
    assert_eq!((found.count, found.verdict), (41, Verdict::Separated));
    assert!(found.bundle > 1.3 && found.gap > found.bundle);
    assert_eq!(pool(5.0).verdict, Verdict::NoGap);
}

#[test]
fn one_run_is_not_split() {
    for epochs in [5, 15, 50] {
        let found = counted(&zoo(&[epochs]));
        assert_eq!(
            (found.count, found.verdict),
            (1, Verdict::NoGap),
            "{found:?}"
        );
    }
}

#[test]
fn independent_points_and_equal_steps_show_no_gap() {
    let independent: Vec<f64> = (0..200)
        .map(|i| 30.0 + (f64::from(i) * 1.3).sin())
        .collect();
    assert_eq!(counted(&independent).verdict, Verdict::NoGap);
    assert_eq!(counted(&[1.0; 49]).verdict, Verdict::NoGap);
}

#[test]
fn overlapping_runs_are_not_counted() {
    // two unrelated runs no farther apart than the longest step
    let mut heights = steps(50);
    heights.extend(steps(50));
    heights.push(heights[0] * 1.05);
    assert_eq!(counted(&heights).verdict, Verdict::NoGap);
}

#[test]
fn a_few_or_coinciding_points_are_one_run() {
    for lengths in [&[][..], &[1.0], &[0.0, 0.0, 0.0], &[5.0, 0.0]] {
        let found = counted(lengths);
        assert_eq!((found.count, found.verdict), (1, Verdict::NoGap));
    }
}

#[test]
fn the_clusters_are_those_of_the_count() {
    let heights = zoo(&[20, 30, 10]);
    let edges: Vec<Edge> = heights
        .iter()
        .zip(0..)
        .map(|(&length, a)| Edge {
            a,
            b: a + 1,
            length,
        })
        .collect();
    let dendrogram = Dendrogram::from_tree(heights.len() + 1, &edges).unwrap();
    let found = count_runs(&dendrogram);
    assert_eq!(found.clusters(&dendrogram).unwrap().len(), 3);
    let higher = dendrogram
        .merges()
        .iter()
        .filter(|merge| merge.height > found.height);
    assert_eq!(higher.count(), 2);
}
