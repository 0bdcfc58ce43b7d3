//! The dendrogram against kodama, an independent single-linkage implementation, and by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use kodama::{Method, linkage};
use proptest::prelude::*;
use synthetic::naive_tree;
use trajectory::Error;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::{Dendrogram, Merge};
use trajectory::minimum_spanning_tree::Edge;

fn plane_distance(points: &[(f64, f64)]) -> impl Fn(usize, usize) -> f64 {
    |a, b| f64::hypot(points[a].0 - points[b].0, points[a].1 - points[b].1)
}

fn ours(points: &[(f64, f64)]) -> Dendrogram {
    let edges = naive_tree(points.len(), &plane_distance(points));
    Dendrogram::from_tree(points.len(), &edges).unwrap()
}

fn kodamas(points: &[(f64, f64)]) -> kodama::Dendrogram<f64> {
    let distance = plane_distance(points);
    let mut condensed: Vec<f64> = (0..points.len())
        .flat_map(|a| (a + 1..points.len()).map(move |b| (a, b)))
        .map(|(a, b)| distance(a, b))
        .collect();
    linkage(&mut condensed, points.len(), Method::Single)
}

/// Clusters after kodama's first `merges` merges.
fn kodamas_clusters(dendrogram: &kodama::Dendrogram<f64>, merges: usize) -> Clusters {
    let n = dendrogram.observations();
    let mut members: Vec<Vec<usize>> = (0..n).map(|leaf| vec![leaf]).collect();
    let mut labels: Vec<u32> = (0..n as u32).collect();
    for (index, step) in dendrogram.steps()[..merges].iter().enumerate() {
        let joined = [
            members[step.cluster1].clone(),
            members[step.cluster2].clone(),
        ]
        .concat();
        for &leaf in &joined {
            labels[leaf] = (n + index) as u32;
        }
        members.push(joined);
    }
    Clusters::from_labels(&labels).unwrap()
}

proptest! {
    #[test]
    fn merges_are_kodamas_on_random_points(
        points in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 1..60)
    ) {
        let (ours, theirs) = (ours(&points), kodamas(&points));
        prop_assert_eq!(ours.merges().len(), theirs.len());
        for (ours, theirs) in ours.merges().iter().zip(theirs.steps()) {
            prop_assert_eq!(ours.left as usize, theirs.cluster1);
            prop_assert_eq!(ours.right as usize, theirs.cluster2);
            prop_assert_eq!(ours.height, theirs.dissimilarity);
            prop_assert_eq!(ours.size as usize, theirs.size);
        }
    }

    #[test]
    fn cuts_are_kodamas_on_random_points(
        points in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 2..60),
        share in 0.0..1.0f64,
    ) {
        let (ours, theirs) = (ours(&points), kodamas(&points));
        let k = 1 + (share * points.len() as f64) as usize;
        prop_assert_eq!(ours.cut_into(k).unwrap(), kodamas_clusters(&theirs, points.len() - k));
        prop_assert_eq!(ours.cut_into(k).unwrap().len(), k);
    }

    #[test]
    fn heights_and_cuts_between_them_are_kodamas_among_many_ties(
        grid in prop::collection::vec((0u8..5, 0u8..5), 2..40),
        height in 0u8..4,
    ) {
        let points: Vec<_> = grid.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
        let (ours, theirs) = (ours(&points), kodamas(&points));
        let heights: Vec<f64> = ours.merges().iter().map(|merge| merge.height).collect();
        let their_heights: Vec<f64> = theirs.steps().iter().map(|s| s.dissimilarity).collect();
        prop_assert_eq!(&heights, &their_heights);
        let height = f64::from(height);
        let merges = heights.iter().filter(|&&h| h <= height).count();
        let cut = ours.cut_into(points.len() - merges).unwrap();
        prop_assert_eq!(cut, kodamas_clusters(&theirs, merges));
    }

    #[test]
    fn a_leaf_first_merges_at_its_nearest_neighbour(
        points in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 2..40)
    ) {
        let distance = plane_distance(&points);
        for (leaf, height) in ours(&points).first_merge_heights().into_iter().enumerate() {
            let nearest = (0..points.len())
                .filter(|&other| other != leaf)
                .map(|other| distance(leaf, other))
                .fold(f64::INFINITY, f64::min);
            prop_assert_eq!(height, nearest);
        }
    }
}

#[test]
fn five_points_on_a_line_merge_as_by_hand() {
    // 0, 1, 3, 10, 14: gaps 1, 2, 7, 4
    let points = [0.0, 1.0, 3.0, 10.0, 14.0].map(|x| (x, 0.0));
    let dendrogram = ours(&points);
    let merge = |left, right, height, size| Merge {
        left,
        right,
        height,
        size,
    };
    assert_eq!(
        dendrogram.merges(),
        [
            merge(0, 1, 1.0, 2),
            merge(2, 5, 2.0, 3),
            merge(3, 4, 4.0, 2),
            merge(6, 7, 7.0, 5)
        ]
    );
    assert_eq!(dendrogram.first_merge_heights(), [1.0, 1.0, 2.0, 4.0, 4.0]);
    assert_eq!(dendrogram.cut_into(2).unwrap().labels(), [0, 0, 0, 1, 1]);
    assert_eq!(dendrogram.cut_into(3).unwrap().labels(), [0, 0, 0, 1, 2]);
    assert_eq!(dendrogram.cut_into(4).unwrap().labels(), [0, 0, 1, 2, 3]);
}

#[test]
fn a_single_leaf_never_merges() {
    let dendrogram = Dendrogram::from_tree(1, &[]).unwrap();
    assert_eq!(dendrogram.first_merge_heights(), [f64::INFINITY]);
    assert_eq!(dendrogram.cut_into(1).unwrap().len(), 1);
}

#[test]
fn the_order_in_which_edges_are_given_does_not_matter() {
    let edge = |a, b, length| Edge { a, b, length };
    let edges = [edge(0, 1, 1.0), edge(2, 3, 1.0), edge(1, 2, 1.0)];
    let mut backwards = edges;
    backwards.reverse();
    assert_eq!(
        Dendrogram::from_tree(4, &edges).unwrap(),
        Dendrogram::from_tree(4, &backwards).unwrap()
    );
}

#[test]
fn impossible_cuts_are_refused() {
    let dendrogram = ours(&[(0.0, 0.0), (1.0, 0.0)]);
    for clusters in [0, 3] {
        assert_eq!(
            dendrogram.cut_into(clusters),
            Err(Error::ClusterCount {
                clusters,
                leaves: 2
            })
        );
    }
}
