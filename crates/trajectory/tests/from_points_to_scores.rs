//! The whole way from points to scores, through the crate's own spanning tree.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use synthetic::{Normal, Zoo};
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{along_tree, by_merge_height};
use trajectory::scoring::{OrderScores, Purity, purity, score_orders};
use trajectory::spanning_tree::SpanningTree;

const RUNS: usize = 12;

fn zoo() -> Zoo {
    Zoo::of_walks(RUNS, 30, 100, 6, |epoch, random| {
        5.0 / epoch as f64 * (0.4 * random.sample()).exp()
    })
}

fn analyse(zoo: &Zoo) -> (Purity, OrderScores, OrderScores) {
    let edges = minimum_spanning_tree(zoo.points.as_view()).unwrap();
    let tree = SpanningTree::new(zoo.runs.len(), &edges).unwrap();
    let dendrogram = Dendrogram::of(&tree);
    let clusters = dendrogram.cut_into(RUNS).unwrap();
    let by_height = by_merge_height(&dendrogram, &clusters, 5).unwrap();
    let by_path = along_tree(&tree, &clusters, 5).unwrap();
    (
        purity(&clusters, &zoo.runs).unwrap(),
        score_orders(&by_height, &zoo.runs, &zoo.epochs).unwrap(),
        score_orders(&by_path, &zoo.runs, &zoo.epochs).unwrap(),
    )
}

#[test]
fn far_apart_runs_are_told_apart_and_put_in_order() {
    let (purity, by_height, by_path) = analyse(&zoo());
    assert_eq!(purity.mean.value, 1.0);
    assert_eq!(purity.weighted.value, 1.0);
    assert_eq!((purity.singletons, purity.largest), (0, 30));
    assert!(by_path.kendall_tau.value > 0.99);
    assert!(by_path.fraction_of_run.value > by_height.fraction_of_run.value + 0.3);
}

#[test]
fn scores_do_not_depend_on_where_the_checkpoints_stand_in_the_matrix() {
    let straight = zoo();
    let (purity, by_height, by_path) = analyse(&straight);
    for shuffle in 0..5 {
        let from = Normal::seeded(shuffle).shuffle(straight.runs.len());
        let shuffled = analyse(&straight.rearranged(&from));
        assert_eq!(shuffled.0, purity);
        // Clusters are averaged in another order, so the last bits may differ.
        let along = shuffled.2.fraction_of_run.value;
        assert!((along - by_path.fraction_of_run.value).abs() < 1e-12);
        assert!((shuffled.2.kendall_tau.value - by_path.kendall_tau.value).abs() < 1e-12);
        // Ties fall otherwise, within their noise.
        let noise = by_height.fraction_of_run.standard_error.unwrap();
        let by_height_shuffled = shuffled.1.fraction_of_run.value;
        assert!((by_height_shuffled - by_height.fraction_of_run.value).abs() < 4.0 * noise);
    }
}
