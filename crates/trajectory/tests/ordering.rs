//! Orders on synthetic runs: what they recover, and that the input's order tells them nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use proptest::prelude::*;
use synthetic::{Normal, Zoo, naive_tree};
use trajectory::Error;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::Edge;
use trajectory::ordering::{
    Directed, Direction, Method, TreePath, along_tree, by_merge_height, direct, edge_confidence,
    order, order_whitened, random_order,
};
use trajectory::scoring::{Estimate, score_orders};
use trajectory::spanning_tree::SpanningTree;
use trajectory::whitening::Tensor;

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

    fn ordered(&self, method: Method) -> Vec<Vec<u32>> {
        order(self.zoo.points.as_view(), &self.clusters, method, 1).unwrap()
    }

    fn directed(&self, orders: &[impl AsRef<[u32]> + Sync]) -> Vec<Directed> {
        direct(self.zoo.points.as_view(), orders).unwrap()
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

const METHODS: [Method; 3] = [
    Method::Spectral,
    Method::ShortestPath,
    Method::Banded { lags: 5 },
];

fn from_the_lower_end(leaves: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut leaves: Vec<u64> = leaves.map(u64::from).collect();
    if leaves.first() > leaves.last() {
        leaves.reverse();
    }
    leaves
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
    let paths = along_tree(&linked.tree, &linked.clusters, 1).unwrap();
    assert!(paths.iter().all(|path| path.on_path > 40));
    let orders = linked.directed(&paths);
    assert!(linked.fraction(&orders).value > 0.95);
    assert!(linked.fraction(&linked.by_height(1)).value < 0.5);
    assert!(
        orders
            .iter()
            .all(|order| order.direction == Direction::Forward)
    );
}

#[test]
fn noisy_runs_are_recovered_by_every_method_that_sees_all_distances() {
    let linked = Linked::new(noisy(40, 1));
    for method in METHODS {
        let orders = linked.directed(&linked.ordered(method));
        let found = linked.fraction(&orders).value;
        let least = if method == Method::Spectral {
            0.6
        } else {
            0.97
        };
        assert!(found > least, "{method:?}: {found}");
    }
}

/// Runs at a plateau of noise: every unit of one tensor jitters along a few input directions, anew
/// at every epoch, and moves slowly along the others.
fn plateau(runs: usize, seed: u64) -> Zoo {
    let mut random = Normal::seeded(seed);
    let mut zoo = Zoo::of_walks(runs, EPOCHS, UNITS.outputs * UNITS.inputs, seed, |_, _| 2.0);
    let noisy: Vec<Vec<f64>> = (0..8)
        .map(|_| (0..UNITS.inputs).map(|_| random.sample()).collect())
        .collect();
    for column in 0..zoo.points.ncols() {
        for unit in 0..UNITS.outputs {
            for direction in &noisy {
                let strength = random.sample();
                for (input, x) in direction.iter().enumerate() {
                    zoo.points[(unit * UNITS.inputs + input, column)] += (strength * x) as f32;
                }
            }
        }
    }
    zoo
}

const UNITS: Tensor = Tensor {
    outputs: 10,
    inputs: 40,
};

#[test]
fn whitening_sees_through_jitter_that_hides_the_order_from_distances() {
    let linked = Linked::new(plateau(4, 3));
    let adjacent = |orders: &[Vec<u32>]| {
        let scores = orders.iter().map(|order| {
            let epochs: Vec<u32> = order
                .iter()
                .map(|&leaf| linked.zoo.epochs[leaf as usize])
                .collect();
            let pairs = epochs.windows(2);
            pairs.filter(|pair| pair[0].abs_diff(pair[1]) == 1).count() as f64 / 49.0
        });
        scores.sum::<f64>() / orders.len() as f64
    };
    let plain = adjacent(&linked.ordered(Method::RECOMMENDED));
    let points = linked.zoo.points.as_view();
    let (orders, white) = order_whitened(points, &[UNITS], &linked.clusters, 1).unwrap();
    let whitened = adjacent(&orders);
    assert_eq!(white.shape(), points.shape());
    assert!(plain < 0.5, "{plain}");
    assert!(whitened > 0.99, "{whitened}");
}

#[test]
fn edges_of_points_without_order_are_not_called_sure() {
    let linked = Linked::new(Zoo::of_walks(4, EPOCHS, 400, 3, |_, _| 0.0));
    let mut random = Normal::seeded(3);
    let cloud = linked.zoo.points.map(|x| x + random.sample() as f32);
    let orders = order(cloud.as_view(), &linked.clusters, Method::RECOMMENDED, 1).unwrap();
    let confidence = edge_confidence(cloud.as_view(), &orders, 1).unwrap();
    assert!(confidence.iter().flatten().all(|&p| p < 0.9));
}

#[test]
fn edges_of_a_clear_run_are_surer_than_those_of_points_without_order() {
    let linked = Linked::new(noisy(10, 2));
    let orders = linked.ordered(Method::RECOMMENDED);
    let confidence = edge_confidence(linked.zoo.points.as_view(), &orders, 1).unwrap();
    let edges: Vec<f64> = confidence.into_iter().flatten().collect();
    assert_eq!(edges.len(), 10 * 49);
    assert!(edges.iter().all(|p| (0.0..=1.0).contains(p)));
    assert!(edges.iter().sum::<f64>() / edges.len() as f64 > 0.8);
}

#[test]
fn runs_that_agree_on_their_norms_direct_those_whose_steps_say_nothing() {
    // steps without a trend, away from the origin
    let mut zoo = noisy(30, 6);
    for column in 0..zoo.points.ncols() {
        let growth = 3.0 * zoo.epochs[column] as f32;
        zoo.points[(0, column)] = 1e4 + 100.0 * growth;
    }
    let linked = Linked::new(zoo);
    let orders = linked.ordered(Method::ShortestPath);
    let directed = linked.directed(&orders);
    let forward = directed
        .iter()
        .filter(|order| order.direction == Direction::Forward);
    assert!(forward.clone().count() >= 28);
    assert!(linked.fraction(&directed).value > 0.95);
}

#[test]
fn runs_without_a_trend_are_rarely_given_a_direction() {
    let linked = Linked::new(Zoo::of_walks(300, 20, 100, 4, |_, random| {
        1.0 + random.uniform()
    }));
    let paths = along_tree(&linked.tree, &linked.clusters, 1).unwrap();
    let claimed = linked
        .directed(&paths)
        .iter()
        .filter(|order| order.direction == Direction::Forward)
        .count();
    // 5 % of 300 expected, standard deviation 3.8
    assert!(claimed <= 28, "{claimed} of 300");
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
    let backwards = [5, 4, 3, 2, 6, 7, 1, 0];
    assert!(order.leaves == [0, 1, 2, 6, 7, 3, 4, 5] || order.leaves == backwards);
    assert_eq!(order.on_path, 6);
}

#[test]
fn a_single_leaf_is_an_undirected_order() {
    let tree = SpanningTree::new(1, &[]).unwrap();
    let clusters = Clusters::from_labels(&[0]).unwrap();
    assert_eq!(
        along_tree(&tree, &clusters, 0).unwrap(),
        [TreePath {
            leaves: vec![0],
            on_path: 1
        }]
    );
}

#[test]
fn one_two_and_coinciding_points_have_an_order_and_bad_ones_an_error() {
    for n in [1, 2, 3, 12] {
        let mut points = nalgebra::DMatrix::<f32>::zeros(5, n);
        let clusters = Clusters::from_labels(&vec![0; n]).unwrap();
        for method in METHODS {
            let orders = order(points.as_view(), &clusters, method, 0).unwrap();
            let mut leaves = orders[0].clone();
            leaves.sort_unstable();
            assert!(leaves.iter().copied().eq(0..n as u32));
            assert_eq!(
                edge_confidence(points.as_view(), &orders, 0).unwrap()[0].len(),
                n - 1
            );
            let directed = direct(points.as_view(), &orders).unwrap();
            assert_eq!(directed[0].direction, Direction::Undirected);
            assert_eq!(directed[0].confidence, 0.5);
        }
        points[(2, n - 1)] = f32::NAN;
        let bad = order(points.as_view(), &clusters, Method::RECOMMENDED, 0);
        assert_eq!(
            bad,
            Err(Error::NotFinite {
                what: "point",
                index: n - 1
            })
        );
        assert!(direct(points.as_view(), &[vec![n as u32 - 1]]).is_err());
        assert!(direct(points.as_view(), &[vec![n as u32]]).is_err());
        assert!(edge_confidence(points.as_view(), &[vec![n as u32]], 0).is_err());
    }
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
    #![proptest_config(ProptestConfig::with_cases(48))]

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

        // Edges of a random tree do not tie, so the path along it is the same leaf by leaf, but for
        // the end at which it begins.
        let along = |linked: &Linked, original: &dyn Fn(u32) -> u32| {
            sorted(along_tree(&linked.tree, &linked.clusters, ties).unwrap().iter()
                .map(|path| from_the_lower_end(path.leaves.iter().map(|&leaf| original(leaf))))
                .collect())
        };
        prop_assert_eq!(along(&straight, &|leaf| leaf), along(&shuffled, &|leaf| from[leaf as usize]));

        // Orders from all distances: the same leaf by leaf as well.
        for method in METHODS {
            let ordered = |linked: &Linked, original: &dyn Fn(u32) -> u32| {
                sorted(linked.ordered(method).iter()
                    .map(|order| from_the_lower_end(order.iter().map(|&leaf| original(leaf))))
                    .collect())
            };
            prop_assert_eq!(ordered(&straight, &|leaf| leaf), ordered(&shuffled, &|leaf| from[leaf as usize]));
        }
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
