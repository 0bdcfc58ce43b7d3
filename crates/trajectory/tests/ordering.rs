//! Orders on synthetic runs: what they recover, and that the input's order tells them nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use proptest::prelude::*;
use synthetic::{Normal, Zoo, naive_tree};
use trajectory::Error;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::Edge;
use trajectory::ordering::{Direction, TreeOrder, along_tree, by_merge_height, random_order};
use trajectory::scoring::{Estimate, score_orders};
use trajectory::spanning_tree::SpanningTree;

const EPOCHS: usize = 50;

struct Linked {
    zoo: Zoo,
    tree: SpanningTree,
    dendrogram: Dendrogram,
    clusters: Clusters,
}

impl Linked {
    fn new(zoo: Zoo) -> Self {
        let tree = SpanningTree::new(zoo.runs.len(), &zoo.tree()).unwrap();
        let dendrogram = Dendrogram::of(&tree);
        let runs = zoo.runs.iter().max().unwrap() + 1;
        let clusters = dendrogram.cut_into(runs as usize).unwrap();
        Self {
            zoo,
            tree,
            dendrogram,
            clusters,
        }
    }

    fn fraction(&self, orders: &[impl AsRef<[u32]>]) -> Estimate {
        score_orders(orders, &self.zoo.runs, &self.zoo.epochs)
            .unwrap()
            .fraction_of_run
    }

    fn by_height(&self, seed: u64) -> Vec<Vec<u32>> {
        by_merge_height(&self.dendrogram, &self.clusters, seed).unwrap()
    }

    /// The paper's order as one would write it first: ties stay as they come.
    fn by_height_with_a_stable_sort(&self) -> Vec<Vec<u32>> {
        let heights = self.dendrogram.first_merge_heights();
        let mut orders: Vec<Vec<u32>> = self.clusters.iter().map(<[u32]>::to_vec).collect();
        for order in &mut orders {
            order.sort_by(|&x, &y| heights[y as usize].total_cmp(&heights[x as usize]));
        }
        orders
    }
}

/// Training with noise: steps shrink on the whole, and vary by a factor.
fn noisy(runs: usize, seed: u64) -> Zoo {
    Zoo::of_walks(runs, EPOCHS, 200, seed, |epoch, random| {
        5.0 / epoch as f64 * (0.6 * random.sample()).exp()
    })
}

#[test]
fn a_stable_sort_leaks_the_order_of_the_input_and_random_ties_do_not() {
    let forward = Linked::new(noisy(40, 1));
    let last = forward.zoo.runs.len() as u32;
    let backward = Linked::new(forward.zoo.rearranged(&(0..last).rev().collect::<Vec<_>>()));

    let stable = forward.fraction(&forward.by_height_with_a_stable_sort());
    let stable_backward = backward.fraction(&backward.by_height_with_a_stable_sort());
    let random = forward.fraction(&forward.by_height(3));
    let random_backward = backward.fraction(&backward.by_height(3));
    let noise = random.standard_error.unwrap() + random_backward.standard_error.unwrap();

    assert!(stable.value > stable_backward.value + 10.0 * noise);
    assert!(stable.value > random.value + 5.0 * noise);
    assert!(stable_backward.value < random.value - 5.0 * noise);
    assert!((random.value - random_backward.value).abs() < 2.0 * noise);
}

#[test]
fn ties_in_different_clusters_fall_independently() {
    // 400 clusters of two: every cluster is one tie
    let zoo = Zoo::of_walks(400, 2, 20, 5, |_, _| 1.0);
    let linked = Linked::new(zoo);
    let ordered = linked
        .by_height(11)
        .iter()
        .filter(|order| order[0] < order[1])
        .count();
    // 200 expected, standard deviation 10
    assert!((160..=240).contains(&ordered), "{ordered} of 400");
}

#[test]
fn decreasing_steps_are_ordered_by_height_up_to_the_last_pair() {
    let linked = Linked::new(Zoo::of_walks(20, EPOCHS, 300, 2, |epoch, _| {
        10.0 * 0.9f64.powi(epoch as i32)
    }));
    for order in linked.by_height(1) {
        let epochs: Vec<u32> = order
            .iter()
            .map(|&leaf| linked.zoo.epochs[leaf as usize])
            .collect();
        assert!(epochs[..EPOCHS - 2].iter().copied().eq(1..=48));
    }
}

#[test]
fn the_tree_path_recovers_noisy_runs_that_merge_heights_do_not() {
    let linked = Linked::new(noisy(40, 1));
    let orders = along_tree(&linked.tree, &linked.clusters, 1).unwrap();
    assert!(linked.fraction(&orders).value > 0.95);
    assert!(linked.fraction(&linked.by_height(1)).value < 0.5);
    assert!(
        orders
            .iter()
            .all(|order| order.direction == Direction::Forward && order.on_path > 40)
    );
}

#[test]
fn runs_without_a_trend_are_rarely_given_a_direction() {
    let linked = Linked::new(Zoo::of_walks(300, 20, 100, 4, |_, random| {
        1.0 + random.uniform()
    }));
    let orders = along_tree(&linked.tree, &linked.clusters, 1).unwrap();
    let claimed = orders
        .iter()
        .filter(|order| order.direction == Direction::Forward)
        .count();
    // 5 % of 300 expected, standard deviation 3.8
    assert!((4..=28).contains(&claimed), "{claimed} of 300");
}

#[test]
fn a_side_branch_is_visited_where_it_is_attached() {
    // path 0 -9- 1 -4- 2 -3- 3 -2- 4 -1- 5, side branch 2 -1- 6 -0.5- 7
    let edges = [
        (0, 1, 9.0),
        (1, 2, 4.0),
        (2, 3, 3.0),
        (3, 4, 2.0),
        (4, 5, 1.0),
        (2, 6, 1.0),
        (6, 7, 0.5),
    ]
    .map(|(a, b, length)| Edge { a, b, length });
    let tree = SpanningTree::new(8, &edges).unwrap();
    let clusters = Clusters::from_labels(&[0; 8]).unwrap();
    let order = along_tree(&tree, &clusters, 0).unwrap().remove(0);
    assert_eq!(order.leaves, [0, 1, 2, 6, 7, 3, 4, 5]);
    assert_eq!(order.on_path, 6);
    // five falling steps: S = 10, z = 9 / sqrt(50 / 3) = 2.2045
    assert!((order.confidence - 0.972_5).abs() < 1e-4);
    assert_eq!(order.direction, Direction::Forward);
}

#[test]
fn a_single_leaf_is_an_undirected_order() {
    let tree = SpanningTree::new(1, &[]).unwrap();
    let clusters = Clusters::from_labels(&[0]).unwrap();
    assert_eq!(
        along_tree(&tree, &clusters, 0).unwrap(),
        [TreeOrder {
            leaves: vec![0],
            on_path: 1,
            direction: Direction::Undirected,
            confidence: 0.0
        }]
    );
}

#[test]
fn random_orders_score_what_chance_gives() {
    let runs: Vec<u32> = (0..5000).map(|leaf| leaf / 50).collect();
    let epochs: Vec<u32> = (0..5000).map(|leaf| leaf % 50 + 1).collect();
    let clusters = Clusters::from_labels(&runs).unwrap();
    let orders = random_order(&clusters, 2);
    let scores = score_orders(&orders, &runs, &epochs).unwrap();
    let near = |estimate: Estimate, expected: f64| {
        (estimate.value - expected).abs() < 4.0 * estimate.standard_error.unwrap()
    };
    assert!(near(scores.kendall_tau, 0.0));
    assert!(near(scores.fraction_of_run, 1.0 / EPOCHS as f64));
    assert!(scores.initial.value < 0.2);
    assert_ne!(orders, random_order(&clusters, 3));
}

#[test]
fn clusters_of_another_tree_are_refused() {
    let edges = [(0, 1), (1, 2)].map(|(a, b)| Edge { a, b, length: 1.0 });
    let tree = SpanningTree::new(3, &edges).unwrap();
    let across = Clusters::from_labels(&[0, 1, 0]).unwrap();
    assert_eq!(
        along_tree(&tree, &across, 0),
        Err(Error::NotConnected { cluster: 0 })
    );
    let short = Clusters::from_labels(&[0, 0]).unwrap();
    assert!(matches!(
        along_tree(&tree, &short, 0),
        Err(Error::LengthMismatch { .. })
    ));
    assert!(matches!(
        by_merge_height(&Dendrogram::of(&tree), &short, 0),
        Err(Error::LengthMismatch { .. })
    ));
}

proptest! {
    #[test]
    fn shuffling_the_input_moves_leaves_only_among_exact_ties(
        seed in 0u64..1000, shuffle in 0u64..1000, ties in 0u64..1000
    ) {
        let straight = Linked::new(Zoo::of_walks(4, 15, 30, seed, |_, random| 1.0 + random.uniform()));
        let from = Normal::seeded(shuffle).shuffle(60);
        let shuffled = Linked::new(straight.zoo.rearranged(&from));
        let sorted = |mut orders: Vec<Vec<u64>>| { orders.sort(); orders };

        // The heights along each order agree bit by bit, whichever of two tied leaves comes first.
        let heights = |linked: &Linked| {
            let heights = linked.dendrogram.first_merge_heights();
            sorted(linked.by_height(ties).iter()
                .map(|order| order.iter().map(|&leaf| heights[leaf as usize].to_bits()).collect())
                .collect())
        };
        prop_assert_eq!(heights(&straight), heights(&shuffled));

        // Edges of a random tree do not tie, so the order along it is the same leaf by leaf.
        let along = |linked: &Linked, original: &dyn Fn(u32) -> u32| {
            sorted(along_tree(&linked.tree, &linked.clusters, ties).unwrap().iter()
                .filter(|order| order.confidence > 0.0)
                .map(|order| order.leaves.iter().map(|&leaf| u64::from(original(leaf))).collect())
                .collect())
        };
        prop_assert_eq!(along(&straight, &|leaf| leaf), along(&shuffled, &|leaf| from[leaf as usize]));
    }

    #[test]
    fn an_order_along_the_tree_runs_between_the_ends_of_its_longest_path(
        points in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 2..25), seed in 0u64..100
    ) {
        let n = points.len();
        let edges = naive_tree(n, &|a, b| {
            f64::hypot(points[a].0 - points[b].0, points[a].1 - points[b].1)
        });
        let mut length = vec![vec![f64::INFINITY; n]; n];
        for edge in &edges {
            length[edge.a as usize][edge.b as usize] = edge.length;
            length[edge.b as usize][edge.a as usize] = edge.length;
        }
        let adjacent = length.clone();
        for (i, row) in length.iter_mut().enumerate() {
            row[i] = 0.0;
        }
        for via in 0..n {
            for a in 0..n {
                for b in 0..n {
                    length[a][b] = length[a][b].min(length[a][via] + length[via][b]);
                }
            }
        }
        let longest = length.iter().flatten().copied().fold(0.0, f64::max);

        let tree = SpanningTree::new(n, &edges).unwrap();
        let clusters = Clusters::from_labels(&vec![0; n]).unwrap();
        let order = along_tree(&tree, &clusters, seed).unwrap().remove(0).leaves;
        let (first, last) = (order[0] as usize, order[n - 1] as usize);
        prop_assert!((length[first][last] - longest).abs() < 1e-12);

        // Every leaf hangs from one already visited, and none is visited twice.
        for (place, &leaf) in order.iter().enumerate().skip(1) {
            let before = &order[..place];
            prop_assert!(!before.contains(&leaf));
            prop_assert!(before.iter().any(|&p| adjacent[p as usize][leaf as usize].is_finite()));
        }
    }
}
