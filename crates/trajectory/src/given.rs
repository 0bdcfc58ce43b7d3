//! As many runs as somebody says there are.

use crate::Error;
use crate::assignment::Clusters;
use crate::minimum_spanning_tree::Edge;
use crate::runs::FEWEST_CHECKPOINTS;
use crate::spanning_tree::SpanningTree;
use petgraph::unionfind::UnionFind;
use std::collections::HashMap;

/// Joins parts, or cuts them further, until there are so many.
///
/// All are over the leaves of `tree`, in which every part is connected. Parts of one family are joined
/// first, and the nearest of them; of edges the longest is cut first that leaves three checkpoints on
/// both sides, and where there is none the longest of all. O(n) for each part too many or too few.
///
/// # Errors
///
/// There are no leaves.
pub fn exactly(
    given: usize,
    parts: &Clusters,
    tree: &SpanningTree,
    families: &Clusters,
) -> Result<Clusters, Error> {
    let of = |clusters: &Clusters, leaf: u32| clusters.labels()[leaf as usize];
    let (mut kept, mut between): (Vec<Edge>, Vec<Edge>) = tree
        .edges()
        .partition(|edge| of(parts, edge.a) == of(parts, edge.b));
    let mut joined = union(parts.leaves(), &kept);
    between.sort_by(|x, y| {
        let is_far = |edge: &Edge| of(families, edge.a) != of(families, edge.b);
        is_far(x)
            .cmp(&is_far(y))
            .then(x.length.total_cmp(&y.length))
    });
    let mut count = parts.len();
    for edge in between {
        if count > given && joined.union(edge.a, edge.b) {
            count -= 1;
        }
    }
    kept.sort_by(|x, y| y.length.total_cmp(&x.length));
    while count < given && !kept.is_empty() {
        let neighbours = neighbours(&kept);
        let is_between = |edge: &Edge| leaves_enough(&neighbours, edge);
        let cut = kept.iter().position(is_between).unwrap_or(0);
        kept.remove(cut);
        count += 1;
        joined = union(parts.leaves(), &kept);
    }
    Clusters::from_labels(&joined.into_labeling())
}

fn union(leaves: usize, edges: &[Edge]) -> UnionFind<u32> {
    let mut joined = UnionFind::new(leaves);
    for edge in edges {
        joined.union(edge.a, edge.b);
    }
    joined
}

fn neighbours(edges: &[Edge]) -> HashMap<u32, Vec<u32>> {
    let mut neighbours: HashMap<u32, Vec<u32>> = HashMap::new();
    for edge in edges {
        neighbours.entry(edge.a).or_default().push(edge.b);
        neighbours.entry(edge.b).or_default().push(edge.a);
    }
    neighbours
}

/// Whether both sides of an edge keep enough checkpoints without it.
fn leaves_enough(neighbours: &HashMap<u32, Vec<u32>>, edge: &Edge) -> bool {
    [(edge.a, edge.b), (edge.b, edge.a)]
        .into_iter()
        .all(|(start, away)| {
            let mut reached = vec![(start, away)];
            let mut next = 0;
            while let Some(&(leaf, from)) = reached.get(next)
                && reached.len() < FEWEST_CHECKPOINTS
            {
                let others = neighbours.get(&leaf).into_iter().flatten();
                let others = others.filter(|&&other| other != from);
                reached.extend(others.map(|&other| (other, leaf)));
                next += 1;
            }
            reached.len() >= FEWEST_CHECKPOINTS
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of leaves whose edges have these lengths.
    fn path(lengths: &[f64]) -> SpanningTree {
        let edges = (0..).zip(lengths);
        let edges: Vec<Edge> = edges
            .map(|(a, &length)| Edge {
                a,
                b: a + 1,
                length,
            })
            .collect();
        SpanningTree::new(lengths.len() + 1, &edges).unwrap()
    }

    fn clusters(labels: &[u32]) -> Clusters {
        Clusters::from_labels(labels).unwrap()
    }

    #[test]
    fn parts_of_one_family_are_joined_before_a_nearer_unrelated_part() {
        let tree = path(&[1.0, 5.0, 1.0, 2.0, 1.0]);
        let parts = clusters(&[0, 0, 1, 1, 2, 2]);
        let families = clusters(&[0, 0, 0, 0, 1, 1]);
        let found = |given| exactly(given, &parts, &tree, &families).unwrap();
        assert_eq!(found(3), parts);
        assert_eq!(found(2), families);
        assert_eq!(found(1).len(), 1);
    }

    #[test]
    fn the_longest_edge_that_leaves_three_on_both_sides_is_cut_first() {
        let tree = path(&[9.0, 1.0, 1.0, 3.0, 1.0, 1.0, 8.0]);
        let one = clusters(&[0; 8]);
        let found = |given| exactly(given, &one, &tree, &one).unwrap();
        assert_eq!(found(2).labels(), [0, 0, 0, 0, 1, 1, 1, 1]);
        // No further edge leaves three: the longest goes.
        assert_eq!(found(3).labels(), [0, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(found(8).len(), 8);
    }
}
