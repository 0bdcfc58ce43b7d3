//! The order along the spanning tree: follow the longest path, visit side branches on the way.
//!
//! The longest path of a minimum spanning tree as a temporal order is due to Magwene, Lizardi and
//! Kim (2003), "Reconstructing the temporal ordering of biological samples using microarray data".

use petgraph::visit::EdgeRef;
use serde::Serialize;

use crate::Error;
use crate::assignment::Clusters;
use crate::chance;
use crate::checks::same_leaves;
use crate::spanning_tree::{SpanningTree, node};

/// One cluster's leaves along the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreePath {
    /// All leaves of the cluster; they may as well be read backwards.
    pub leaves: Vec<u32>,
    /// How many of the leaves lie on the longest path; the others hang from it as side branches.
    pub on_path: usize,
}

impl AsRef<[u32]> for TreePath {
    fn as_ref(&self) -> &[u32] {
        &self.leaves
    }
}

/// Orders every cluster along its part of the tree.
///
/// The longest path (by total length) of the cluster's subtree is followed from end to end. A side
/// branch is visited where it is attached, before the path goes on; inside it the same rule holds.
/// It begins at the end with the longer edge, which says little. Ties of length are broken by a random permutation of all
/// leaves drawn from `seed`. O(n log n).
///
/// # Errors
///
/// The tree and the clusters are over different numbers of leaves, or a cluster's leaves are not
/// connected in the tree.
pub fn along_tree(
    tree: &SpanningTree,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<TreePath>, Error> {
    same_leaves("the spanning tree", tree.leaves(), clusters)?;
    let ranks = chance::ties(tree.leaves(), seed);
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
    fn order(&mut self, members: &[u32]) -> Option<TreePath> {
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

        // Side branches read differently from the two ends: which is taken must not depend on how
        // leaves are numbered.
        let last_edge = |end| self.neighbours(end).map(|(_, length)| length).next();
        let first = if last_edge(other_end) > last_edge(one_end) {
            other_end
        } else {
            one_end
        };
        let on_path = self.edges_to(other_end) + 1;
        self.root_at(first);
        Some(TreePath {
            on_path,
            leaves: self.deepest_branch_last(first),
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

    /// The number of edges on the way from the root to a leaf.
    fn edges_to(&self, end: u32) -> usize {
        std::iter::successors(Some(end), |&leaf| {
            Some(self.parent[leaf as usize]).filter(|&parent| parent != leaf)
        })
        .count()
            - 1
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
