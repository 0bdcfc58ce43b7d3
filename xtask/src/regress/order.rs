//! How well trunks are put in order, by every method.

use super::scores::Scores;
use super::series::{Family, Series};
use anyhow::Result;
use nalgebra::DMatrix;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{
    Directed, Method, along_tree, by_merge_height, direct, edge_confidence, order, order_whitened,
};
use trajectory::scoring::{PairsOf, score_each_order};
use trajectory::spanning_tree::SpanningTree;

/// Seed of ties.
const SEED: u64 = 0;
/// Dimensions of the SVD.
const DIMENSIONS: usize = 10;

/// Checkpoints in an order that tells nothing, with their truth.
pub(super) struct Heap {
    pub(super) points: DMatrix<f32>,
    /// Run of each.
    pub(super) runs: Vec<u32>,
    /// Place of each in its run, from 1.
    places: Vec<u32>,
}

impl Heap {
    pub(super) fn of<'a>(runs: impl Iterator<Item = &'a DMatrix<f32>>) -> Self {
        let mut columns = Vec::new();
        for (run, weights) in (0..).zip(runs) {
            columns.extend((1..).zip(weights.column_iter()).map(|(place, column)| {
                let bytes: Vec<u8> = column.iter().flat_map(|x| x.to_le_bytes()).collect();
                (*blake3::hash(&bytes).as_bytes(), run, place, column)
            }));
        }
        columns.sort_by_key(|&(hash, ..)| hash);
        let points: Vec<_> = columns.iter().map(|&(.., column)| column).collect();
        Self {
            points: DMatrix::from_columns(&points),
            runs: columns.iter().map(|&(_, run, ..)| run).collect(),
            places: columns.iter().map(|&(_, _, place, _)| place).collect(),
        }
    }
}

pub(super) fn measure(series: &Series, scores: &mut Scores) -> Result<()> {
    for family in &series.families {
        of_family(family, scores)?;
    }
    Ok(())
}

fn of_family(family: &Family, scores: &mut Scores) -> Result<()> {
    let heap = Heap::of(family.trunks().map(|run| &run.weights));
    let runs = family.trunks().count();
    let points = heap.points.as_view();
    let edges = minimum_spanning_tree(points)?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    let clusters = dendrogram.cut_into(runs)?;
    let mut score = |method: &str, orders: &[Vec<u32>]| -> Result<()> {
        let (mut pairs, mut taus) = (Vec::new(), Vec::new());
        for cluster in score_each_order(orders, &heap.runs, &heap.places)? {
            let epochs = cluster.run_epochs;
            let fraction = cluster.score.fraction(PairsOf::Run { epochs });
            pairs.push(fraction.unwrap_or(0.0));
            taus.push(cluster.score.kendall_tau.unwrap_or(0.0));
        }
        let name = |what| format!("order, {}: {method}, {what}", family.name);
        scores.add_mean(name("pairs in order"), &pairs)?;
        scores.add_mean(name("Kendall's tau"), &taus)
    };
    let leaves = |directed: Vec<Directed>| -> Vec<Vec<u32>> {
        directed.into_iter().map(|order| order.leaves).collect()
    };

    let (whitened, white) = order_whitened(points, &family.tensors, &clusters, SEED)?;
    let sure = edge_confidence(white.as_view(), &whitened, SEED)?.concat();
    let directed = direct(points, &whitened)?;
    let directions: Vec<f64> = directed.iter().map(|order| order.confidence).collect();
    score("whitened", &leaves(directed))?;
    let banded = order(points, &clusters, Method::RECOMMENDED, SEED)?;
    score("banded path", &leaves(direct(points, &banded)?))?;
    let paths = along_tree(&tree, &clusters, SEED)?;
    let paths: Vec<Vec<u32>> = paths.into_iter().map(|path| path.leaves).collect();
    score("tree", &leaves(direct(points, &paths)?))?;
    let by_height = by_merge_height(&dendrogram, &clusters, SEED)?;
    score("merge height", &by_height)?;
    let svd = weightspace::svd::truncated(points, DIMENSIONS)?;
    let reduced = svd.coordinates_at(DIMENSIONS)?.into_owned();
    let in_svd = order(reduced.as_view(), &clusters, Method::RECOMMENDED, SEED)?;
    score("SVD to 10", &leaves(direct(reduced.as_view(), &in_svd)?))?;

    let name = |what| format!("order, {}: {what}", family.name);
    scores.add_mean(name("confidence of pairs"), &sure)?;
    scores.add_mean(name("confidence of directions"), &directions)
}
