//! A trunk, one branch and two strangers in one heap: are they told apart when nobody says which is
//! which?

use super::branches::{Families, Kind};
use anyhow::Result;
use rayon::prelude::*;
use trajectory::assignment::Clusters;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::runs::count_runs;
use trajectory::spanning_tree::SpanningTree;

/// What became of a heap.
pub(super) struct Heap {
    pub(super) kind: Kind,
    /// Every run is a cluster of its own, by merge heights alone.
    pub(super) told_by_heights: bool,
    /// The same with branches split off.
    pub(super) told: bool,
    /// Every run but trunk and branch is a cluster of its own, and these two are split in two
    /// pieces, none of which holds checkpoints of a stranger.
    pub(super) split_otherwise: bool,
}

/// One heap for every branch of the families of odd seeds, and one without a branch for each family.
pub(super) fn heaps(families: &Families) -> Result<Vec<Heap>> {
    let seeds: Vec<usize> = (1..families.seeds).step_by(2).collect();
    let each = seeds.par_iter().map(|&seed| {
        let branches = families.branches.iter();
        let branches = branches.filter(|branch| branch.kind != Kind::OfAFork);
        let mut heaps = branches
            .map(|branch| heap(families, seed, Some((branch.kind, &branch.weights))))
            .collect::<Result<Vec<Heap>>>()?;
        heaps.push(heap(families, seed, None)?);
        Ok(heaps)
    });
    let each = each.collect::<Result<Vec<Vec<Heap>>>>()?;
    Ok(each.into_iter().flatten().collect())
}

fn heap(families: &Families, seed: usize, branch: Option<(Kind, &Vec<Vec<f32>>)>) -> Result<Heap> {
    let mut pool = families.pool();
    let mut truth: Vec<u32> = Vec::new();
    let runs = branch
        .map(|(_, weights)| (weights, seed))
        .into_iter()
        .chain((0..3).map(|other| (&families.trunk, (seed + other) % families.seeds)));
    for (run, (weights, model)) in runs.enumerate() {
        pool.add(weights, model);
        truth.extend(weights.iter().map(|_| run as u32));
    }
    let truth = Clusters::from_labels(&truth)?;
    let points = pool.points();
    let edges = minimum_spanning_tree(points.as_view())?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    let gathered = count_runs(&dendrogram).clusters(&dendrogram)?;
    let split = branches::split(points.as_view(), &tree, &gathered)?;
    let told = split == truth;
    Ok(Heap {
        kind: branch.map_or(Kind::Unrelated, |(kind, _)| kind),
        told_by_heights: gathered == truth,
        told,
        split_otherwise: !told && split.len() == truth.len() && keeps_strangers(&split, &truth),
    })
}

/// Whether the last two runs are clusters of their own.
fn keeps_strangers(found: &Clusters, truth: &Clusters) -> bool {
    let strangers = truth.len().saturating_sub(2)..truth.len();
    strangers
        .map(|run| truth.members(run))
        .all(|stranger| found.iter().any(|cluster| cluster == stranger))
}
