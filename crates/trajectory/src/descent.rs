//! Who descends from whom: a tree of relatives, directed where something says so.
//!
//! Which models are neighbours is what distances say, and they are the same in both directions. What
//! happened to a model may say more: a pruned or rounded copy is the later of two, a merge comes after its
//! parents. Each such hint is a *vote*: the logarithm of the odds that one end of an edge was there before
//! the other. Exactly one model of a tree came first, and any may have been it, before votes are counted, the
//! end of a chain as often as all others of that chain together;
//! the votes for the directions that a first model gives to all edges make it likelier or less likely. The
//! confidence of an edge's direction is the probability that the first model is on its one side. Two models
//! and no vote leave it at one half; a leaf of a large tree is unlikely to be the first of it.

use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;
use serde::Serialize;

use crate::Error;

/// From this confidence on an edge is called directed.
pub const DIRECTED: f64 = 0.9;

/// Two neighbours in a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kin {
    /// One end.
    pub a: u32,
    /// The other.
    pub b: u32,
    /// Their distance.
    pub length: f64,
    /// The natural logarithm of the odds that `a` was there before `b`, as far as this pair says.
    pub votes: f64,
}

/// An edge with its likelier direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Descent {
    /// The end that is likelier to be the older.
    pub from: u32,
    /// The other.
    pub to: u32,
    /// Their distance.
    pub length: f64,
    /// How sure the direction is, 0.5 to 1.
    pub confidence: f64,
}

impl Descent {
    /// Whether the direction is sure enough to be said.
    pub fn is_directed(&self) -> bool {
        self.confidence >= DIRECTED
    }
}

/// Gives every edge of a forest over the nodes `0..count` its likelier direction, in the order of the
/// edges. Edges with the likelier directions of one tree all lead away from one node. Linear time.
///
/// # Errors
/// [`Error::OutOfRange`] for an end that is not there, [`Error::NotATree`] for a cycle or a vote or length
/// that is not a number.
pub fn directed(count: usize, edges: &[Kin]) -> Result<Vec<Descent>, Error> {
    let graph = graph(count, edges)?;
    // Parents and the order of a search from each tree's first node.
    let mut above: Vec<Option<(usize, usize)>> = vec![None; count];
    let mut root = vec![usize::MAX; count];
    let mut order = Vec::with_capacity(count);
    // Logarithm of how much the votes speak for a node being the first of its tree.
    let mut score = vec![0.0f64; count];
    for start in 0..count {
        if root[start] != usize::MAX {
            continue;
        }
        root[start] = start;
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            order.push(node);
            for edge in graph.edges(NodeIndex::new(node)) {
                let other = if edge.source().index() == node {
                    edge.target()
                } else {
                    edge.source()
                };
                let (other, kin) = (other.index(), *edge.weight());
                if root[other] == usize::MAX {
                    root[other] = start;
                    above[other] = Some((node, kin));
                    score[other] = score[node] - votes_from(&edges[kin], node);
                    open.push(other);
                }
            }
        }
    }
    for (score, length) in score.iter_mut().zip(chains(&graph)) {
        *score += (length as f64).ln();
    }
    let mut most = vec![f64::NEG_INFINITY; count];
    for node in 0..count {
        most[root[node]] = most[root[node]].max(score[node]);
    }
    // Probability that the first node is at or below each.
    let mut below: Vec<f64> = (0..count)
        .map(|node| (score[node] - most[root[node]]).exp())
        .collect();
    for &node in order.iter().rev() {
        if let Some((parent, _)) = above[node] {
            below[parent] += below[node];
        }
    }
    let mut found = vec![None; edges.len()];
    for &node in &order {
        let Some((parent, kin)) = above[node] else {
            continue;
        };
        let share = below[node] / below[root[node]];
        let (from, to) = if share > 0.5 {
            (node, parent)
        } else {
            (parent, node)
        };
        found[kin] = Some(Descent {
            from: from as u32,
            to: to as u32,
            length: edges[kin].length,
            confidence: share.max(1.0 - share),
        });
    }
    Ok(found.into_iter().flatten().collect())
}

/// For every node that is the end of a chain how many nodes that has, and 1 for others: a training that goes on
/// makes a chain, and what came first of it is as likely to be its end as any other of its nodes.
fn chains(graph: &UnGraph<(), usize>) -> Vec<usize> {
    let degree = |node: NodeIndex| graph.edges(node).count();
    let length = |end: NodeIndex| {
        if degree(end) != 1 {
            return 1;
        }
        let (mut before, mut now, mut length) = (end, end, 1);
        loop {
            let next = graph.neighbors(now).find(|&next| next != before);
            match next.filter(|&next| degree(next) <= 2) {
                Some(next) => {
                    (before, now, length) = (now, next, length + 1);
                }
                None => return length,
            }
        }
    };
    graph.node_indices().map(length).collect()
}

/// How much an edge speaks for this end being the older.
fn votes_from(kin: &Kin, node: usize) -> f64 {
    if kin.a as usize == node {
        kin.votes
    } else {
        -kin.votes
    }
}

/// The forest; edges hold their numbers.
fn graph(count: usize, edges: &[Kin]) -> Result<UnGraph<(), usize>, Error> {
    let not_a_tree = |reason| Error::NotATree {
        leaves: count,
        edges: edges.len(),
        reason,
    };
    let mut graph = UnGraph::with_capacity(count, edges.len());
    for _ in 0..count {
        graph.add_node(());
    }
    let mut joined = petgraph::unionfind::UnionFind::<u32>::new(count);
    for (number, kin) in edges.iter().enumerate() {
        let far = kin.a.max(kin.b) as usize;
        if far >= count {
            return Err(Error::OutOfRange {
                what: "leaf",
                index: far,
                length: count,
            });
        }
        if !kin.votes.is_finite() || !kin.length.is_finite() {
            return Err(not_a_tree(format!(
                "edge {number} has a vote or a length that is not a number"
            )));
        }
        if !joined.union(kin.a, kin.b) {
            let (a, b) = (kin.a, kin.b);
            return Err(not_a_tree(format!(
                "edge {number} between {a} and {b} closes a cycle"
            )));
        }
        graph.add_edge(
            NodeIndex::new(kin.a as usize),
            NodeIndex::new(kin.b as usize),
            number,
        );
    }
    Ok(graph)
}

/// A node as a combination of others: the weights of its parents, which add up to 1, each between these.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.08..=0.92;
/// Most parents of a merge that are looked for.
const MOST_PARENTS: usize = 3;

/// Parents that a node lies between, and how much of each it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Merge {
    /// The nodes, each with its weight; they add up to 1.
    pub parents: Vec<(u32, f64)>,
    /// What is left of its distance to the nearest of them once the combination is taken away, 0 to 1.
    pub residual: f64,
}

/// The combination of two or three of these candidates that a node is, if its distance to the nearest of them
/// falls to `most` of it or less: the one with the fewest parents, and of those the one that leaves least.
/// `squared` are squared distances of any two nodes.
pub fn merge(
    node: u32,
    candidates: &[u32],
    squared: impl Fn(u32, u32) -> f64,
    most: f64,
) -> Option<Merge> {
    for parents in 2..=MOST_PARENTS {
        let mut best: Option<Merge> = None;
        for set in subsets(candidates, parents) {
            let Some(found) = combination(node, &set, &squared) else {
                continue;
            };
            let is_better = best
                .as_ref()
                .is_none_or(|best| found.residual < best.residual);
            if found.residual <= most && is_better {
                best = Some(found);
            }
        }
        if best.is_some() {
            return best;
        }
    }
    None
}

fn subsets(all: &[u32], size: usize) -> Vec<Vec<u32>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let places = all.iter().enumerate();
    let sets = places.flat_map(|(place, &first)| {
        let rest = all.get(place + 1..).unwrap_or_default();
        subsets(rest, size - 1)
            .into_iter()
            .map(move |set| [vec![first], set].concat())
    });
    sets.collect()
}

/// Least squares over combinations that add up to 1, by distances alone: seen from the first parent, inner
/// products are ½(‖x‖² + ‖y‖² − ‖x − y‖²).
fn combination(node: u32, set: &[u32], squared: &impl Fn(u32, u32) -> f64) -> Option<Merge> {
    let (&origin, others) = set.split_first()?;
    let inner = |x: u32, y: u32| 0.5 * (squared(x, origin) + squared(y, origin) - squared(x, y));
    let size = others.len();
    let mut rows: Vec<Vec<f64>> = others
        .iter()
        .map(|&x| {
            let own = others.iter().map(|&y| inner(x, y));
            own.chain([inner(x, node)]).collect()
        })
        .collect();
    for pivot in 0..size {
        let best =
            (pivot..size).max_by(|&x, &y| rows[x][pivot].abs().total_cmp(&rows[y][pivot].abs()))?;
        rows.swap(pivot, best);
        let own = rows[pivot].clone();
        if own[pivot].abs() < 1e-12 * squared(others[0], origin).abs() {
            return None;
        }
        for (place, row) in rows.iter_mut().enumerate() {
            if place != pivot {
                let factor = row[pivot] / own[pivot];
                row.iter_mut()
                    .zip(&own)
                    .for_each(|(value, own)| *value -= factor * own);
            }
        }
    }
    let weights: Vec<f64> = (0..size)
        .map(|place| rows[place][size] / rows[place][place])
        .collect();
    let along: f64 = weights
        .iter()
        .zip(others)
        .map(|(w, &x)| w * inner(x, node))
        .sum();
    let nearest = set
        .iter()
        .map(|&parent| squared(parent, node))
        .fold(f64::INFINITY, f64::min);
    let rest = (squared(node, origin) - along).max(0.0);
    let first = 1.0 - weights.iter().sum::<f64>();
    let all: Vec<f64> = [vec![first], weights].concat();
    let is_between = all.iter().all(|weight| WEIGHTS.contains(weight)) && nearest > 0.0;
    is_between.then(|| Merge {
        parents: set.iter().copied().zip(all).collect(),
        residual: (rest / nearest).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(a: u32, b: u32, votes: f64) -> Kin {
        Kin {
            a,
            b,
            length: 1.0,
            votes,
        }
    }

    #[test]
    fn two_models_without_a_vote_have_no_direction() {
        let found = directed(2, &[kin(0, 1, 0.0)]).unwrap_or_default();
        assert_eq!(found[0].confidence, 0.5);
        assert!(!found[0].is_directed());
    }

    #[test]
    fn one_vote_directs_a_chain_as_far_as_it_reaches() {
        // 0 – 1 – 2 – 3, and 1 is older than 2: 2 and 3 are no candidates for the first.
        let edges = [kin(0, 1, 0.0), kin(2, 1, -20.0), kin(2, 3, 0.0)];
        let found = directed(4, &edges).unwrap_or_default();
        assert_eq!((found[1].from, found[1].to), (1, 2));
        assert_eq!((found[2].from, found[2].to), (2, 3));
        assert!(found[1].is_directed() && found[2].is_directed());
        // Of the two that are left 0 is the end of a chain of four.
        assert!((found[0].confidence - 0.8).abs() < 1e-6 && !found[0].is_directed());
    }

    #[test]
    fn confidence_is_the_share_of_nodes_on_one_side_where_nothing_votes() {
        let star: Vec<Kin> = (1..11).map(|leaf| kin(leaf, 0, 0.0)).collect();
        let found = directed(11, &star).unwrap_or_default();
        for descent in found {
            assert_eq!(descent.from, 0);
            assert!((descent.confidence - 10.0 / 11.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_end_of_a_chain_is_not_the_last_for_being_an_end() {
        let chain: Vec<Kin> = (0..9).map(|node| kin(node, node + 1, 0.0)).collect();
        let found = directed(10, &chain).unwrap_or_default();
        assert!(found.iter().all(|descent| !descent.is_directed()));
        // A hub with leaves and a chain of eight: the leaves have a direction, the end of the chain has none.
        let mut tree: Vec<Kin> = (1..13).map(|leaf| kin(0, leaf, 0.0)).collect();
        tree.extend((0..8).map(|node| kin(if node == 0 { 0 } else { 12 + node }, 13 + node, 0.0)));
        let found = directed(21, &tree).unwrap_or_default();
        assert!(found[0].is_directed() && found[0].from == 0);
        assert!(found.last().is_some_and(|descent| !descent.is_directed()));
    }

    #[test]
    fn what_is_no_forest_is_refused() {
        assert!(directed(2, &[kin(0, 2, 0.0)]).is_err());
        assert!(directed(2, &[kin(0, 1, 0.0), kin(1, 0, 0.0)]).is_err());
        assert!(directed(2, &[kin(0, 1, f64::NAN)]).is_err());
        assert_eq!(directed(3, &[]).unwrap_or_default(), []);
    }

    #[test]
    fn a_combination_is_found_by_distances_alone_and_a_bystander_is_none() {
        // A base at 0, three children along axes, a merge of two, one of three.
        let points = [
            [0.0, 0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.6, 0.4, 0.0, 0.0],
            [0.2, 0.3, 0.5, 0.0],
            [0.5, 0.0, 0.0, 0.5],
        ];
        let squared = |a: u32, b: u32| {
            let (a, b): (&[f64; 4], &[f64; 4]) = (&points[a as usize], &points[b as usize]);
            a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>()
        };
        let two = merge(4, &[0, 1, 2, 3], squared, 0.1);
        let two = two.map(|found| found.parents).unwrap_or_default();
        assert_eq!(
            two.iter().map(|parent| parent.0).collect::<Vec<_>>(),
            [1, 2]
        );
        assert!((two[0].1 - 0.6).abs() < 1e-9);
        let three = merge(5, &[0, 1, 2, 3], squared, 0.1).map_or(0, |found| found.parents.len());
        assert_eq!(three, 3);
        assert_eq!(merge(6, &[0, 1, 2, 3], squared, 0.1), None);
        // An end is no merge of the middle and the other end.
        assert_eq!(merge(1, &[4, 2], squared, 0.1), None);
    }
}
