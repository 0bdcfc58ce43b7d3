//! Single linkage: the dendrogram of a minimum spanning tree.
//!
//! Joining the leaves along the edges of a minimum spanning tree, shortest edge first, is single
//! linkage (Gower and Ross 1969, "Minimum spanning trees and single linkage cluster analysis").

use petgraph::unionfind::UnionFind;
use serde::Serialize;

use crate::Error;
use crate::assignment::Clusters;
use crate::minimum_spanning_tree::Edge;
use crate::spanning_tree::SpanningTree;

/// Two nodes joined at a height.
///
/// Leaves are the nodes `0..n` and merge `i` makes node `n + i`, as in SciPy's `linkage` and in
/// kodama.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Merge {
    /// The smaller of the two node numbers.
    pub left: u32,
    /// The larger of the two node numbers.
    pub right: u32,
    /// Single-linkage distance between the two nodes: the length of the tree edge that joins them.
    pub height: f64,
    /// Number of leaves below the new node.
    pub size: u32,
}

/// The single-linkage hierarchy over `n` leaves: `n − 1` merges of rising height.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dendrogram {
    leaves: usize,
    merges: Vec<Merge>,
}

impl Dendrogram {
    /// The hierarchy of the leaves `0..n` joined by the edges of a spanning tree.
    ///
    /// Edges may come in any order; those of equal length merge in the order of their leaves'
    /// numbers. O(n log n).
    ///
    /// # Errors
    ///
    /// Edges that are no spanning tree, as in [`SpanningTree::new`].
    pub fn from_tree(n: usize, edges: &[Edge]) -> Result<Self, Error> {
        Ok(Self::of(&SpanningTree::new(n, edges)?))
    }

    /// The hierarchy of a tree that has already been checked. O(n α(n)).
    pub fn of(tree: &SpanningTree) -> Self {
        let n = tree.leaves();
        let mut components = UnionFind::<u32>::new(n);
        // The newest node of the component that each representative stands for, and its size.
        let mut newest: Vec<(u32, u32)> = (0..n as u32).map(|leaf| (leaf, 1)).collect();
        let mut merges = Vec::with_capacity(n - 1);
        for edge in tree.edges() {
            let (x, x_size) = newest[components.find_mut(edge.a) as usize];
            let (y, y_size) = newest[components.find_mut(edge.b) as usize];
            components.union(edge.a, edge.b);
            let size = x_size + y_size;
            newest[components.find_mut(edge.a) as usize] = ((n + merges.len()) as u32, size);
            merges.push(Merge {
                left: x.min(y),
                right: x.max(y),
                height: edge.length,
                size,
            });
        }
        Self { leaves: n, merges }
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// The merges from the lowest to the highest.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The height at which every leaf first merges: its distance to the nearest other leaf.
    ///
    /// Infinite for the only leaf of a dendrogram without merges. O(n).
    pub fn first_merge_heights(&self) -> Vec<f64> {
        let mut heights = vec![f64::INFINITY; self.leaves];
        for merge in &self.merges {
            for node in [merge.left, merge.right] {
                if let Some(height) = heights.get_mut(node as usize) {
                    *height = merge.height;
                }
            }
        }
        heights
    }

    /// The `clusters` clusters that remain without the `clusters − 1` longest edges. O(n log n).
    ///
    /// # Errors
    ///
    /// No clusters, or more than there are leaves.
    pub fn cut_into(&self, clusters: usize) -> Result<Clusters, Error> {
        if clusters == 0 || clusters > self.leaves {
            return Err(Error::ClusterCount {
                clusters,
                leaves: self.leaves,
            });
        }
        self.clusters_after(self.leaves - clusters)
    }

    /// The clusters that the first `merges` merges make.
    fn clusters_after(&self, merges: usize) -> Result<Clusters, Error> {
        let mut components = UnionFind::<u32>::new(self.leaves + merges);
        for (index, merge) in self.merges[..merges].iter().enumerate() {
            let joined = (self.leaves + index) as u32;
            components.union(joined, merge.left);
            components.union(joined, merge.right);
        }
        Clusters::from_labels(&components.into_labeling()[..self.leaves])
    }
}
