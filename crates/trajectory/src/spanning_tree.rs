//! A spanning tree as a graph: checked once, then walked, cut and exported.

use petgraph::dot::Dot;
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;

use crate::Error;
use crate::minimum_spanning_tree::Edge;

/// A tree over `n` leaves whose edges carry lengths.
///
/// Node weights are leaf numbers and equal the node indices; edges stand in the order of
/// (length, a, b).
#[derive(Debug, Clone)]
pub struct SpanningTree {
    graph: UnGraph<u32, f64>,
}

impl SpanningTree {
    /// Checks that `edges`, in any order, form a tree over the leaves `0..n`.
    ///
    /// O(n log n).
    ///
    /// # Errors
    ///
    /// No leaves, an edge to a leaf that does not exist, a length that is negative or not finite,
    /// a number of edges other than `n − 1`, or a cycle.
    pub fn new(n: usize, edges: &[Edge]) -> Result<Self, Error> {
        if n == 0 {
            return Err(Error::Empty {
                what: "the spanning tree",
            });
        }
        if n > (u32::MAX / 2) as usize {
            return Err(Error::TooMany { leaves: n });
        }
        let not_a_tree = |reason: String| Error::NotATree {
            leaves: n,
            edges: edges.len(),
            reason,
        };
        if edges.len() != n - 1 {
            return Err(not_a_tree(format!("a tree has {}", n - 1)));
        }
        let mut components = UnionFind::<u32>::new(n);
        for (index, edge) in edges.iter().enumerate() {
            if !edge.length.is_finite() {
                return Err(Error::NotFinite {
                    what: "the length of edge",
                    index,
                });
            }
            if edge.length < 0.0 {
                return Err(not_a_tree(format!(
                    "edge {index} has the negative length {}",
                    edge.length
                )));
            }
            let far = edge.a.max(edge.b) as usize;
            if far >= n {
                return Err(Error::OutOfRange {
                    what: "leaf",
                    index: far,
                    length: n,
                });
            }
            if !components.union(edge.a, edge.b) {
                return Err(not_a_tree(format!(
                    "edge {index} between {} and {} closes a cycle",
                    edge.a, edge.b
                )));
            }
        }
        let mut sorted = edges.to_vec();
        sorted.sort_unstable_by(|x, y| {
            x.length
                .total_cmp(&y.length)
                .then_with(|| (x.a, x.b).cmp(&(y.a, y.b)))
        });
        let mut graph = UnGraph::with_capacity(n, n - 1);
        for leaf in 0..n as u32 {
            graph.add_node(leaf);
        }
        for edge in sorted {
            graph.add_edge(node(edge.a), node(edge.b), edge.length);
        }
        Ok(Self { graph })
    }

    /// Trees of parts of the leaves `0..n`, connected by the shortest of some other edges.
    ///
    /// O(n log n).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), of all that is taken: the edges do not connect all leaves, for instance.
    pub fn of_parts(n: usize, parts: &[Edge], others: &[Edge]) -> Result<Self, Error> {
        let mut edges = parts.to_vec();
        let is_there = |edge: &&Edge| (edge.a as usize) < n && (edge.b as usize) < n;
        let mut joined = UnionFind::<u32>::new(n);
        for edge in parts.iter().filter(is_there) {
            joined.union(edge.a, edge.b);
        }
        let mut sorted: Vec<Edge> = others.iter().filter(is_there).copied().collect();
        sorted.sort_unstable_by(Edge::order);
        edges.extend(sorted.iter().filter(|edge| joined.union(edge.a, edge.b)));
        Self::new(n, &edges)
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.graph.node_count()
    }

    /// The tree as a `petgraph` graph.
    pub fn graph(&self) -> &UnGraph<u32, f64> {
        &self.graph
    }

    /// The edges from the shortest to the longest; ties by the numbers of their leaves.
    pub fn edges(&self) -> impl Iterator<Item = Edge> {
        self.graph.raw_edges().iter().map(|edge| {
            let (x, y) = (edge.source().index() as u32, edge.target().index() as u32);
            Edge {
                a: x.min(y),
                b: x.max(y),
                length: edge.weight,
            }
        })
    }

    /// The tree in Graphviz's DOT language, each leaf named by `label`.
    pub fn to_dot(&self, label: impl Fn(u32) -> String) -> String {
        let named = self.graph.map(|_, &leaf| label(leaf), |_, length| *length);
        Dot::new(&named).to_string()
    }
}

/// The graph node of a leaf.
pub(crate) fn node(leaf: u32) -> NodeIndex {
    NodeIndex::new(leaf as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(a: u32, b: u32, length: f64) -> Edge {
        Edge { a, b, length }
    }

    #[test]
    fn edges_come_back_from_the_shortest_to_the_longest() {
        let tree = SpanningTree::new(4, &[edge(0, 3, 2.0), edge(1, 2, 1.0), edge(0, 1, 1.0)]);
        let edges: Vec<Edge> = tree.unwrap().edges().collect();
        assert_eq!(edges, [edge(0, 1, 1.0), edge(1, 2, 1.0), edge(0, 3, 2.0)]);
    }

    #[test]
    fn what_is_not_a_tree_is_refused_with_the_reason() {
        let refusal = |n, edges: &[Edge]| SpanningTree::new(n, edges).unwrap_err();
        assert!(matches!(refusal(0, &[]), Error::Empty { .. }));
        assert!(matches!(refusal(2, &[]), Error::NotATree { .. }));
        assert!(matches!(
            refusal(2, &[edge(0, 2, 1.0)]),
            Error::OutOfRange { index: 2, .. }
        ));
        assert!(matches!(
            refusal(2, &[edge(0, 1, f64::NAN)]),
            Error::NotFinite { index: 0, .. }
        ));
        assert!(
            refusal(2, &[edge(0, 1, -1.0)])
                .to_string()
                .contains("negative")
        );
        let cycle = [edge(0, 1, 1.0), edge(1, 2, 1.0), edge(0, 2, 1.0)];
        assert!(refusal(4, &cycle).to_string().contains("closes a cycle"));
        assert!(refusal(2, &[edge(1, 1, 1.0)]).to_string().contains("cycle"));
    }

    #[test]
    fn dot_names_every_leaf_and_escapes_its_label() {
        let tree = SpanningTree::new(2, &[edge(0, 1, 0.5)]).unwrap();
        let dot = tree.to_dot(|leaf| format!("run \"{leaf}\""));
        assert!(dot.starts_with("graph {"));
        assert!(dot.contains(r#"run \"0\""#) && dot.contains(r#"run \"1\""#));
        assert!(dot.contains("0 -- 1 [ label = \"0.5\" ]"));
    }
}
