//! The order along the spanning tree: follow the longest path, visit side branches on the way.
//!
//! The longest path of a minimum spanning tree as a temporal order is due to Magwene, Lizardi and
//! Kim (2003), "Reconstructing the temporal ordering of biological samples using microarray data".

use petgraph::visit::EdgeRef;
use serde::Serialize;

use super::same_leaves;
use crate::Error;
use crate::assignment::Clusters;
use crate::permutation::{Purpose, permutation};
use crate::rank_correlation::{concordance, pairs};
use crate::spanning_tree::{SpanningTree, node};

/// From this confidence on, an order is called [`Direction::Forward`].
pub const DIRECTION_CONFIDENCE: f64 = 0.95;

/// Whether an order knows which of its ends came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The steps shrink along the order: the first leaf is the earliest.
    Forward,
    /// The steps show no clear trend; the order may as well be read backwards.
    Undirected,
}

/// One cluster's leaves along the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreeOrder {
    /// All leaves of the cluster. Also an undirected order begins at the likelier end.
    pub leaves: Vec<u32>,
    /// How many of the leaves lie on the longest path; the others hang from it as side branches.
    pub on_path: usize,
    /// Whether the direction is claimed.
    pub direction: Direction,
    /// Confidence in the direction, 0 to 1: one minus the two-sided p-value of the Mann–Kendall
    /// test for a trend of the step lengths along the path (normal approximation).
    pub confidence: f64,
}

impl AsRef<[u32]> for TreeOrder {
    fn as_ref(&self) -> &[u32] {
        &self.leaves
    }
}

/// Orders every cluster along its part of the tree.
///
/// The longest path (by total length) of the cluster's subtree is followed from end to end. A side
/// branch is visited where it is attached, before the path goes on; inside it the same rule holds.
/// The order begins at the end with the longer steps, for steps shrink as training settles. Ties
/// of length are broken by a random permutation of all leaves drawn from `seed`. O(n log n).
///
/// # Errors
///
/// The tree and the clusters are over different numbers of leaves, or a cluster's leaves are not
/// connected in the tree.
pub fn along_tree(
    tree: &SpanningTree,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<TreeOrder>, Error> {
    same_leaves("the spanning tree", tree.leaves(), clusters)?;
    let ranks = permutation(tree.leaves(), seed, Purpose::Ties);
    let mut walk = Walk::new(tree, clusters.labels(), &ranks);
    clusters
        .iter()
        .enumerate()
        .map(|(cluster, members)| walk.order(members).ok_or(Error::NotConnected { cluster }))
        .collect()
}

/// The leaves of one cluster as seen from a root, with room for every leaf of the tree.
struct Walk<'a> {
    tree: &'a SpanningTree,
    labels: &'a [u32],
    ranks: &'a [u32],
    /// The cluster's leaves, every leaf after its parent.
    preorder: Vec<u32>,
    parent: Vec<u32>,
    /// Length of the way from the root.
    distance: Vec<f64>,
    /// The largest distance at or below the leaf, as seen from the root.
    reach: Vec<f64>,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a SpanningTree, labels: &'a [u32], ranks: &'a [u32]) -> Self {
        Self {
            tree,
            labels,
            ranks,
            preorder: Vec::new(),
            parent: vec![0; tree.leaves()],
            distance: vec![0.0; tree.leaves()],
            reach: vec![0.0; tree.leaves()],
        }
    }

    /// `None` if the members are not connected.
    fn order(&mut self, members: &[u32]) -> Option<TreeOrder> {
        let anywhere = *members
            .iter()
            .min_by_key(|&&leaf| self.ranks[leaf as usize])?;
        self.root_at(anywhere);
        if self.preorder.len() != members.len() {
            return None;
        }
        // The leaf farthest from any leaf of a tree is an end of its longest path.
        let one_end = self.farthest();
        self.root_at(one_end);
        let other_end = self.farthest();

        let steps = self.steps_to(other_end);
        let trend = concordance(&steps);
        let first = match trend.signum() {
            -1 => one_end,
            1 => other_end,
            _ => *[one_end, other_end]
                .iter()
                .min_by_key(|&&leaf| self.ranks[leaf as usize])?,
        };
        self.root_at(first);
        let confidence = trend_confidence(trend, steps.len());
        Some(TreeOrder {
            leaves: self.deepest_branch_last(first),
            on_path: steps.len() + 1,
            direction: if confidence >= DIRECTION_CONFIDENCE {
                Direction::Forward
            } else {
                Direction::Undirected
            },
            confidence,
        })
    }

    /// The neighbours of a leaf in its own cluster, with the lengths of the edges to them.
    fn neighbours(&self, leaf: u32) -> impl Iterator<Item = (u32, f64)> + use<'a> {
        let labels = self.labels;
        self.tree
            .graph()
            .edges(node(leaf))
            .map(|edge| (edge.target().index() as u32, *edge.weight()))
            .filter(move |&(other, _)| labels[other as usize] == labels[leaf as usize])
    }

    fn root_at(&mut self, root: u32) {
        self.preorder.clear();
        self.parent[root as usize] = root;
        self.distance[root as usize] = 0.0;
        let mut pending = vec![root];
        while let Some(leaf) = pending.pop() {
            self.preorder.push(leaf);
            for (child, length) in self.neighbours(leaf) {
                if child != self.parent[leaf as usize] {
                    self.parent[child as usize] = leaf;
                    self.distance[child as usize] = self.distance[leaf as usize] + length;
                    pending.push(child);
                }
            }
        }
    }

    fn farthest(&self) -> u32 {
        let mut best = self.preorder[0];
        for &leaf in &self.preorder {
            let by_distance = self.distance[leaf as usize].total_cmp(&self.distance[best as usize]);
            let by_rank = self.ranks[best as usize].cmp(&self.ranks[leaf as usize]);
            if by_distance.then(by_rank).is_gt() {
                best = leaf;
            }
        }
        best
    }

    /// The lengths of the edges on the way from the root to a leaf.
    fn steps_to(&self, end: u32) -> Vec<f64> {
        let mut steps = Vec::new();
        let mut leaf = end;
        while self.parent[leaf as usize] != leaf {
            let parent = self.parent[leaf as usize];
            steps.extend(
                self.neighbours(leaf)
                    .find(|&(other, _)| other == parent)
                    .map(|(_, length)| length),
            );
            leaf = parent;
        }
        steps.reverse();
        steps
    }

    /// The cluster's leaves from the root, at every fork the branch that reaches farthest last.
    fn deepest_branch_last(&mut self, root: u32) -> Vec<u32> {
        for &leaf in &self.preorder {
            self.reach[leaf as usize] = self.distance[leaf as usize];
        }
        for &leaf in self.preorder.iter().rev() {
            let parent = self.parent[leaf as usize] as usize;
            self.reach[parent] = self.reach[parent].max(self.reach[leaf as usize]);
        }
        let mut order = Vec::with_capacity(self.preorder.len());
        let mut pending = vec![root];
        while let Some(leaf) = pending.pop() {
            order.push(leaf);
            let branches = pending.len();
            pending.extend(
                self.neighbours(leaf)
                    .map(|(other, _)| other)
                    .filter(|&other| other != self.parent[leaf as usize]),
            );
            pending[branches..].sort_unstable_by(|&x, &y| {
                self.reach[y as usize]
                    .total_cmp(&self.reach[x as usize])
                    .then(self.ranks[x as usize].cmp(&self.ranks[y as usize]))
            });
        }
        order
    }
}

/// One minus the two-sided p-value of the Mann–Kendall statistic of `m` values without trend
/// (Mann 1945; Kendall 1975).
fn trend_confidence(statistic: i64, m: usize) -> f64 {
    // Continuity correction: the statistic moves in steps of two.
    let beyond_chance = statistic.abs() - 1;
    if beyond_chance <= 0 {
        return 0.0;
    }
    let variance = pairs(m) as f64 * (2 * m + 5) as f64 / 9.0;
    error_function(beyond_chance as f64 / (2.0 * variance).sqrt())
}

/// erf(x) for x ≥ 0 to within 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn error_function(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [
        1.061405429,
        -1.453152027,
        1.421413741,
        -0.284496736,
        0.254829592,
    ];
    let t = 1.0 / (1.0 + 0.3275911 * x);
    let polynomial = COEFFICIENTS.iter().fold(0.0, |sum, c| (sum + c) * t);
    1.0 - polynomial * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_agrees_with_its_table() {
        for (x, tabulated) in [
            (0.0, 0.0),
            (0.5, 0.520_499_878),
            (1.0, 0.842_700_793),
            (2.0, 0.995_322_265),
        ] {
            assert!((error_function(x) - tabulated).abs() < 2e-7, "erf({x})");
        }
    }

    #[test]
    fn ten_falling_steps_are_a_trend_at_the_level_of_the_textbook() {
        // S = 45, variance 125, z = 44 / sqrt(125) = 3.9355, two-sided p = 8.3e-5
        assert!((1.0 - trend_confidence(-45, 10) - 8.3e-5).abs() < 5e-7);
        assert_eq!(trend_confidence(0, 10), 0.0);
        assert_eq!(trend_confidence(1, 2), 0.0);
        assert_eq!(trend_confidence(0, 1), 0.0);
        assert_eq!(trend_confidence(0, 0), 0.0);
    }
}
