//! Chains far deeper than any stack, in time that grows with their length.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::Edge;
use trajectory::ordering::{along_tree, by_merge_height};
use trajectory::scoring::{purity, score_orders};
use trajectory::spanning_tree::SpanningTree;

/// Runs of 50 epochs with shrinking steps, chained end to end by long edges.
fn chain(n: u32) -> Vec<Edge> {
    (1..n)
        .map(|b| Edge {
            a: b - 1,
            b,
            length: if b % 50 == 0 {
                1e3 + f64::from(b)
            } else {
                50.0 - f64::from(b % 50)
            },
        })
        .collect()
}

fn analyse(n: u32) -> Duration {
    let edges = chain(n);
    let runs: Vec<u32> = (0..n).map(|leaf| leaf / 50).collect();
    let epochs: Vec<u32> = (0..n).map(|leaf| leaf % 50 + 1).collect();
    let start = Instant::now();
    let tree = SpanningTree::new(n as usize, &edges).unwrap();
    let dendrogram = Dendrogram::of(&tree);
    let clusters = dendrogram.cut_into(n as usize / 50).unwrap();
    let by_height = by_merge_height(&dendrogram, &clusters, 1).unwrap();
    let by_path = along_tree(&tree, &clusters, 1).unwrap();
    assert_eq!(purity(&clusters, &runs).unwrap().mean.value, 1.0);
    let scores = score_orders(&by_path, &runs, &epochs).unwrap();
    assert_eq!(scores.fraction_of_run.value, 1.0);
    score_orders(&by_height, &runs, &epochs).unwrap();
    let whole = Clusters::from_labels(&vec![0; n as usize]).unwrap();
    assert_eq!(along_tree(&tree, &whole, 1).unwrap()[0].on_path, n as usize);
    let apart = dendrogram.cut_into(n as usize).unwrap();
    assert_eq!(along_tree(&tree, &apart, 1).unwrap().len(), n as usize);
    start.elapsed()
}

#[test]
fn a_hundred_thousand_leaves_take_no_quadratic_time_and_no_deep_stack() {
    // `cargo test --release -p modeltrail-trajectory --test scale -- --nocapture` prints the times.
    println!("12,500 leaves: {:?}", analyse(12_500));
    let elapsed = analyse(100_000);
    println!("100,000 leaves: {elapsed:?}");
    // Linear work takes a second unoptimised; quadratic work takes minutes.
    assert!(elapsed < Duration::from_secs(30));
}
