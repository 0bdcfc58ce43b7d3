//! A trunk, one branch and two unrelated trunks in one mixed collection: are they separated when nobody
//! says which is which?

use super::branches::{Families, Kind};
use anyhow::Result;
use rayon::prelude::*;
use trajectory::assignment::Clusters;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::runs::count_runs;
use trajectory::spanning_tree::SpanningTree;

/// What was found in a mixed collection.
pub(super) struct Mixed {
    pub(super) kind: Kind,
    /// Every run is a cluster of its own, by merge heights alone.
    pub(super) separated_by_heights: bool,
    /// The same with branches split off.
    pub(super) separated: bool,
    /// Every run but trunk and branch is a cluster of its own, and these two are split in two
    /// pieces, none of which holds checkpoints of an unrelated run.
    pub(super) split_otherwise: bool,
}

/// One collection for every branch of the families of odd seeds, and one without a branch for each family.
pub(super) fn mixed_collections(families: &Families) -> Result<Vec<Mixed>> {
    let seeds: Vec<usize> = (1..families.seeds).step_by(2).collect();
    let each = seeds.par_iter().map(|&seed| {
        let branches = families.branches.iter();
        let branches = branches.filter(|branch| branch.kind != Kind::OfAFork);
        let mut collections = branches
            .map(|branch| mixed_collection(families, seed, Some((branch.kind, &branch.weights))))
            .collect::<Result<Vec<Mixed>>>()?;
        collections.push(mixed_collection(families, seed, None)?);
        Ok(collections)
    });
    let each = each.collect::<Result<Vec<Vec<Mixed>>>>()?;
    Ok(each.into_iter().flatten().collect())
}

fn mixed_collection(
    families: &Families,
    seed: usize,
    branch: Option<(Kind, &Vec<Vec<f32>>)>,
) -> Result<Mixed> {
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
    let separated = split == truth;
    Ok(Mixed {
        kind: branch.map_or(Kind::Unrelated, |(kind, _)| kind),
        separated_by_heights: gathered == truth,
        separated,
        split_otherwise: !separated
            && split.len() == truth.len()
            && keeps_unrelated(&split, &truth),
    })
}

/// Whether the last two runs are clusters of their own.
fn keeps_unrelated(found: &Clusters, truth: &Clusters) -> bool {
    let unrelated = truth.len().saturating_sub(2)..truth.len();
    unrelated
        .map(|run| truth.members(run))
        .all(|run| found.iter().any(|cluster| cluster == run))
}
