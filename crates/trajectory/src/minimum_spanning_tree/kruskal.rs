//! Kruskal's algorithm on edges whose lengths are known only from below until they matter.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use petgraph::unionfind::UnionFind;
use rayon::prelude::*;
use weightspace::tiles::Candidate;

use super::edge::Edge;

/// The minimum spanning tree of `tree`, which is sorted and spans all points, and the candidates.
///
/// A candidate is measured only when it could be the next edge and its ends are not joined yet.
/// An edge is taken only once every shorter one has been measured or dropped, so the result is
/// that of Kruskal's algorithm on exact lengths. O(c log c + n α(n)) for c candidates.
pub(super) fn tree(
    columns: &[&[f32]],
    tree: Vec<Edge>,
    mut candidates: Vec<Candidate>,
) -> Vec<Edge> {
    let wanted = tree.len();
    candidates.par_sort_unstable_by(|x, y| x.at_least.total_cmp(&y.at_least));
    let mut candidates = candidates.into_iter().peekable();
    let mut tree = tree.into_iter().peekable();
    let mut measured: BinaryHeap<Reverse<Ordered>> = BinaryHeap::new();
    let mut components = UnionFind::<u32>::new(columns.len());
    let mut result = Vec::with_capacity(wanted);
    while result.len() < wanted {
        let known = tree.peek().copied();
        let shortest = match (known, measured.peek()) {
            (Some(known), Some(Reverse(Ordered(new)))) if new.order(&known).is_lt() => *new,
            (Some(known), _) => known,
            (None, Some(Reverse(Ordered(new)))) => *new,
            (None, None) => break,
        };
        // A candidate no longer than the shortest edge may be it, or tie with it.
        let next = candidates.next_if(|candidate| candidate.at_least <= shortest.length);
        if let Some(Candidate { a, b, .. }) = next {
            if components.find_mut(a) != components.find_mut(b) {
                measured.push(Reverse(Ordered(Edge::between(columns, a, b))));
            }
            continue;
        }
        if known == Some(shortest) {
            tree.next();
        } else {
            measured.pop();
        }
        if components.union(shortest.a, shortest.b) {
            result.push(shortest);
        }
    }
    result
}

/// An edge compared by the total order of edges.
struct Ordered(Edge);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}
