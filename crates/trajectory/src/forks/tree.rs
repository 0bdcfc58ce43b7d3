//! The claims of all runs, put together into a tree.

use super::candidates::Claim;
use super::fork::Fork;
use petgraph::dot::Dot;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::Serialize;

/// Where a run came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Origin {
    /// Nothing older is related to it, and nothing as old.
    Root,
    /// It left another run.
    Fork(Fork),
    /// It has an ancestor in common with these runs, ascending, from before their first checkpoints.
    Siblings(Vec<usize>),
}

/// The origin of every run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    origins: Vec<Origin>,
}

impl Family {
    pub(super) fn of(claims: &[Claim]) -> Self {
        let runs = claims.len();
        let mut parents: Vec<Option<usize>> = vec![None; runs];
        // The best founded claims first: one that would make a run its own ancestor is dropped.
        let mut order: Vec<(usize, &Fork)> = claims
            .iter()
            .enumerate()
            .filter_map(|(run, claim)| claim.fork.as_ref().map(|fork| (run, fork)))
            .collect();
        order.sort_by(|(_, x), (_, y)| {
            let rank = |fork: &Fork| (fork.copied == 0, !fork.is_certain());
            let distance = || x.distance.total_cmp(&y.distance);
            rank(x).cmp(&rank(y)).then_with(distance)
        });
        for (run, fork) in order {
            if !ancestors(&parents, fork.parent).any(|ancestor| ancestor == run) {
                parents[run] = Some(fork.parent);
            }
        }
        let siblings = |run: usize| -> Vec<usize> {
            let is_sibling = |other: usize| {
                other != run
                    && parents[other].is_none()
                    && (claims[run].related.contains(&other)
                        || claims[other].related.contains(&run))
            };
            (0..runs).filter(|&other| is_sibling(other)).collect()
        };
        let origin = |run: usize| match (parents[run], &claims[run].fork) {
            (Some(_), Some(fork)) => Origin::Fork(fork.clone()),
            _ => match siblings(run) {
                none if none.is_empty() => Origin::Root,
                some => Origin::Siblings(some),
            },
        };
        Self {
            origins: (0..runs).map(origin).collect(),
        }
    }

    /// The origin of every run, in the order in which they were given.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Where a run left its parent; none for a run without one, and for one that does not exist.
    pub fn fork(&self, run: usize) -> Option<&Fork> {
        match self.origins.get(run)? {
            Origin::Fork(fork) => Some(fork),
            _ => None,
        }
    }

    /// The lineage: a node per run, an edge from every parent to its branch.
    ///
    /// Node weights are runs and equal the node indices; without cycles.
    pub fn graph(&self) -> DiGraph<usize, Fork> {
        let mut graph = DiGraph::new();
        for run in 0..self.origins.len() {
            graph.add_node(run);
        }
        for run in 0..self.origins.len() {
            if let Some(fork) = self.fork(run) {
                let nodes = [fork.parent, run].map(NodeIndex::new);
                graph.add_edge(nodes[0], nodes[1], fork.clone());
            }
        }
        graph
    }

    /// The lineage in Graphviz's DOT language, runs named by `run` and forks described by `fork`.
    pub fn to_dot(&self, run: impl Fn(usize) -> String, fork: impl Fn(&Fork) -> String) -> String {
        let named = self.graph().map(|_, &node| run(node), |_, edge| fork(edge));
        Dot::new(&named).to_string()
    }
}

/// A run, its parent, its parent's parent, and so on.
fn ancestors(parents: &[Option<usize>], run: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(run), |&run| parents[run])
}
