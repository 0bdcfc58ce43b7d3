//! The paper's analysis in one space: runs by single linkage, their order, and how right both are.

use crate::{Error, Truth};
use nalgebra::DMatrixView;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::{Edge, minimum_spanning_tree};
use trajectory::ordering::{Directed, along_tree, by_merge_height, direct, random_order};
use trajectory::scoring::{
    ClusterOrder, OrderScores, Purity, by_merge_height_with_leaked_ties, purity, score_each_order,
    score_orders,
};
use trajectory::spanning_tree::SpanningTree;

/// Runs and orders, found without labels, and their scores.
pub struct Analysis {
    /// Edges of the minimum spanning tree, shortest first.
    pub edges: Vec<Edge>,
    /// Its single-linkage merges.
    pub dendrogram: Dendrogram,
    /// What the tree falls into when its longest edges are cut.
    pub clusters: Clusters,
    /// How far the clusters are runs.
    pub purity: Purity,
    /// The paper's order of every cluster: by decreasing height of first merge.
    pub by_height: Vec<Vec<u32>>,
    /// How right it is in each cluster.
    pub by_height_each: Vec<ClusterOrder>,
    /// How right it is on average.
    pub by_height_scores: OrderScores,
    /// How right it would seem if ties fell as the truth has them: a control.
    pub leaked_scores: OrderScores,
    /// The order of every cluster along its tree, from its likelier start.
    pub along_tree: Vec<Directed>,
    /// How right it is.
    pub along_tree_scores: OrderScores,
    /// How right a random order is.
    pub random_scores: OrderScores,
}

/// Cuts the points into `clusters` and orders each; `seed` breaks ties. Only the scores see the
/// truth.
///
/// # Errors
/// [`Error::Clusters`] when there are fewer points than clusters or none; [`Error::Trajectory`] when a
/// point is not finite.
pub fn analyse(
    points: DMatrixView<'_, f32>,
    truth: Truth<'_>,
    clusters: usize,
    seed: u64,
) -> Result<Analysis, Error> {
    if !(1..=points.ncols()).contains(&clusters) {
        return Err(Error::Clusters {
            checkpoints: points.ncols(),
            clusters,
        });
    }
    let edges = minimum_spanning_tree(points)?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    let clusters = dendrogram.cut_into(clusters)?;
    let by_height = by_merge_height(&dendrogram, &clusters, seed)?;
    let along_tree = direct(points, &along_tree(&tree, &clusters, seed)?)?;
    let random = random_order(&clusters, seed);
    let leaked = by_merge_height_with_leaked_ties(&dendrogram, &clusters, truth.epochs)?;
    let by_height_each = score_each_order(&by_height, truth.runs, truth.epochs)?;
    Ok(Analysis {
        purity: purity(&clusters, truth.runs)?,
        by_height_scores: OrderScores::average(&by_height_each),
        by_height_each,
        along_tree_scores: score_orders(&along_tree, truth.runs, truth.epochs)?,
        leaked_scores: score_orders(&leaked, truth.runs, truth.epochs)?,
        random_scores: score_orders(&random, truth.runs, truth.epochs)?,
        edges,
        dendrogram,
        clusters,
        by_height,
        along_tree,
    })
}
