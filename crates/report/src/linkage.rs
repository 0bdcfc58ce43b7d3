//! A tree of merges, and where its nodes stand in a dendrogram.

use crate::error::Error;

/// One merge of two nodes. Leaves are nodes `0..n`; merge `i` makes node `n + i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// One node.
    pub left: usize,
    /// The other node.
    pub right: usize,
    /// Height at which they meet, in the unit of the distances that were linked.
    pub height: f64,
}

/// A checked hierarchical clustering: `n - 1` merges over `n` leaves in order of height, numbered
/// as SciPy's linkage matrix numbers them.
#[derive(Debug, Clone, PartialEq)]
pub struct Linkage {
    leaves: usize,
    merges: Vec<Merge>,
}

impl Linkage {
    /// Checks that the merges make one tree and that heights do not decrease. Linear time.
    ///
    /// # Errors
    /// [`Error::MergeCount`], [`Error::MergeNode`], [`Error::MergeHeight`].
    pub fn new(leaves: usize, merges: Vec<Merge>) -> Result<Self, Error> {
        if merges.len() != leaves.saturating_sub(1) {
            return Err(Error::MergeCount {
                leaves,
                merges: merges.len(),
            });
        }
        let mut free = vec![true; leaves + merges.len()];
        let mut previous = 0.0;
        for (merge, m) in merges.iter().enumerate() {
            for node in [m.left, m.right] {
                let exists = node < leaves + merge;
                if !exists || !std::mem::replace(&mut free[node], false) {
                    return Err(Error::MergeNode {
                        merge,
                        node,
                        leaves,
                    });
                }
            }
            if !m.height.is_finite() || m.height < previous {
                return Err(Error::MergeHeight {
                    merge,
                    height: m.height,
                    previous,
                });
            }
            previous = m.height;
        }
        Ok(Self { leaves, merges })
    }

    /// Number of leaves.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// The merges, in order of height.
    #[must_use]
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Refuses labels that are not one per leaf.
    pub(crate) fn check_labels(&self, labels: usize) -> Result<(), Error> {
        if labels == self.leaves {
            Ok(())
        } else {
            Err(Error::LeafLabels {
                leaves: self.leaves,
                labels,
            })
        }
    }
}

/// A node of a dendrogram as it is drawn. Horizontal units are leaves: leaf `i` of the drawing
/// order stands at `i + 0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub(crate) x: f64,
    pub(crate) height: f64,
    /// First leaf in drawing order.
    pub(crate) first: usize,
    /// Number of leaves.
    pub(crate) size: usize,
    /// The run all leaves belong to, if it is one.
    pub(crate) run: Option<usize>,
}

/// All nodes of a dendrogram in linkage numbering, placed.
pub(crate) struct Layout {
    pub(crate) nodes: Vec<Node>,
    /// Leaves in drawing order.
    pub(crate) order: Vec<usize>,
}

impl Layout {
    /// Places every node; at each merge the smaller side stands left (on a tie, the side named
    /// first), so that a chain becomes a staircase. Knows nothing about epochs. Linear time and
    /// no recursion, since a single-linkage tree can be as deep as it has leaves.
    pub(crate) fn new(linkage: &Linkage, leaf_runs: &[usize]) -> Self {
        let leaves = linkage.leaves;
        let mut nodes: Vec<Node> = leaf_runs
            .iter()
            .map(|&run| Node {
                x: 0.0,
                height: 0.0,
                first: 0,
                size: 1,
                run: Some(run),
            })
            .collect();
        for m in &linkage.merges {
            let (left, right) = (nodes[m.left], nodes[m.right]);
            nodes.push(Node {
                x: 0.0,
                height: m.height,
                first: 0,
                size: left.size + right.size,
                run: left.run.filter(|_| left.run == right.run),
            });
        }
        for (i, m) in linkage.merges.iter().enumerate().rev() {
            let (left, right) = sides(m, &nodes);
            nodes[left].first = nodes[leaves + i].first;
            nodes[right].first = nodes[left].first + nodes[left].size;
        }
        let mut order = vec![0; leaves];
        for leaf in 0..leaves {
            order[nodes[leaf].first] = leaf;
            nodes[leaf].x = nodes[leaf].first as f64 + 0.5;
        }
        for (i, m) in linkage.merges.iter().enumerate() {
            nodes[leaves + i].x = (nodes[m.left].x + nodes[m.right].x) / 2.0;
        }
        Self { nodes, order }
    }
}

fn sides(m: &Merge, nodes: &[Node]) -> (usize, usize) {
    if nodes[m.right].size < nodes[m.left].size {
        (m.right, m.left)
    } else {
        (m.left, m.right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(left: usize, right: usize, height: f64) -> Merge {
        Merge {
            left,
            right,
            height,
        }
    }

    #[test]
    fn a_chain_is_drawn_as_a_staircase_with_the_last_joined_leaf_first() {
        // Leaves 2 and 3 meet first, then 1 joins, then 0.
        let merges = vec![merge(3, 2, 1.0), merge(4, 1, 2.0), merge(5, 0, 3.0)];
        let linkage = Linkage::new(4, merges).unwrap();
        let layout = Layout::new(&linkage, &[7, 7, 7, 8]);
        assert_eq!(layout.order, [0, 1, 3, 2]);
        assert_eq!(layout.nodes[4].x, 3.0);
        assert_eq!(layout.nodes[6].x, (0.5 + (1.5 + 3.0) / 2.0) / 2.0);
        assert_eq!(layout.nodes[4].run, None);
        assert_eq!(layout.nodes[0].run, Some(7));
    }

    #[test]
    fn merges_that_are_no_tree_are_refused_by_name() {
        let count = Linkage::new(3, vec![merge(0, 1, 1.0)]);
        assert_eq!(
            count,
            Err(Error::MergeCount {
                leaves: 3,
                merges: 1
            })
        );
        let twice = Linkage::new(3, vec![merge(0, 1, 1.0), merge(0, 2, 2.0)]);
        assert!(matches!(
            twice,
            Err(Error::MergeNode {
                merge: 1,
                node: 0,
                ..
            })
        ));
        let future = Linkage::new(2, vec![merge(0, 2, 1.0)]);
        assert!(matches!(future, Err(Error::MergeNode { node: 2, .. })));
        let sinking = Linkage::new(3, vec![merge(0, 1, 2.0), merge(3, 2, 1.0)]);
        assert!(matches!(sinking, Err(Error::MergeHeight { merge: 1, .. })));
        let unknown = Linkage::new(2, vec![merge(0, 1, f64::NAN)]);
        assert!(matches!(unknown, Err(Error::MergeHeight { .. })));
    }

    #[test]
    fn no_leaf_and_one_leaf_are_trees() {
        assert_eq!(Linkage::new(0, vec![]).unwrap().leaves(), 0);
        assert_eq!(
            Layout::new(&Linkage::new(1, vec![]).unwrap(), &[0]).order,
            [0]
        );
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_leaves_does_not_overflow_the_stack() {
        let n = 100_000;
        let merges = (0..n - 1)
            .map(|i| merge(i + 1, if i == 0 { 0 } else { n + i - 1 }, i as f64))
            .collect();
        let linkage = Linkage::new(n, merges).unwrap();
        assert_eq!(Layout::new(&linkage, &vec![0; n]).order.len(), n);
    }
}
