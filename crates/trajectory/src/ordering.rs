//! In which order the checkpoints of a cluster were written, from weights alone.
//!
//! All orders are computed for every cluster of a partition at once, so that chance is drawn once
//! for all leaves: ties in one cluster then fall independently of ties in another.

mod changes;
mod confidence;
mod direction;
mod exchangeable;
mod lagged_path;
mod long;
mod method;
mod pairwise;
mod spectral;
mod tree_path;
mod weight_direction;

pub use confidence::{EdgeEvidence, edge_confidence, edge_evidence};
pub use direction::{DIRECTION_CONFIDENCE, Directed, Direction, direct};
pub use exchangeable::{NO_NEARER, is_exchangeable};
pub use long::LARGEST_WHOLE;
pub use method::{LAGS, Method, order};
pub use tree_path::{TreePath, along_tree};
pub use weight_direction::direct_weights;

use crate::Error;
use crate::assignment::Clusters;
use crate::chance;
use crate::checks::same_leaves;
use crate::dendrogram::Dendrogram;
use crate::whitening::{Tensor, whitened};
use nalgebra::{DMatrix, DMatrixView};

/// The order of Schürholt and Borth (2021): decreasing height of first merge.
///
/// A leaf first merges at its distance to its nearest neighbour, and steps shrink as training
/// settles, so early epochs come first. Returns one list of leaves per cluster. O(n log n).
///
/// Two mutual nearest neighbours have **exactly** the same height; where step lengths fluctuate
/// without a trend, two thirds of the leaves have such a partner. A stable sort would leave each
/// pair in the order in which it came, which for stored checkpoints is the answer. Ties are broken
/// by a random permutation of all leaves, drawn from `seed`.
///
/// # Errors
///
/// The dendrogram and the clusters are over different numbers of leaves.
pub fn by_merge_height(
    dendrogram: &Dendrogram,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<Vec<u32>>, Error> {
    same_leaves("the dendrogram", dendrogram.leaves(), clusters)?;
    let heights = dendrogram.first_merge_heights();
    let ranks = chance::ties(clusters.leaves(), seed);
    Ok(sorted_members(clusters, |&x, &y| {
        let (x, y) = (x as usize, y as usize);
        heights[y]
            .total_cmp(&heights[x])
            .then(ranks[x].cmp(&ranks[y]))
    }))
}

/// Orders every cluster twice: roughly, and then among points whitened by the noise of the rough
/// orders' steps ([`whitened`]), which are returned too.
///
/// `points` has shape (parameters, checkpoints), and `layout` lists the tensors that make up a
/// column. On a noise plateau, where plain distances show little of time, this finds orders that
/// they do not, if there are several runs; elsewhere it finds the same. One run alone, of few
/// checkpoints above all, is better left to [`order()`]. O(m² · parameters) a
/// cluster of m points, and what the whitening costs.
///
/// # Errors
///
/// As [`order()`] and [`whitened`].
pub fn order_whitened(
    points: DMatrixView<'_, f32>,
    layout: &[Tensor],
    clusters: &Clusters,
    seed: u64,
) -> Result<(Vec<Vec<u32>>, DMatrix<f32>), Error> {
    let rough = order(points, clusters, Method::RECOMMENDED, seed)?;
    let white = whitened(points, layout, &rough)?;
    let orders = order(white.as_view(), clusters, Method::RECOMMENDED, seed)?;
    Ok((orders, white))
}

/// Every cluster in a random order: what any method has to beat. O(n log n).
///
/// A random order of m epochs has Kendall's τ 0, a share 1/m of its adjacent pairs in sequence,
/// and fewer than one ordered initial epoch.
pub fn random_order(clusters: &Clusters, seed: u64) -> Vec<Vec<u32>> {
    let ranks = chance::baseline(clusters.leaves(), seed);
    sorted_members(clusters, |&x, &y| ranks[x as usize].cmp(&ranks[y as usize]))
}

fn sorted_members(
    clusters: &Clusters,
    mut compare: impl FnMut(&u32, &u32) -> std::cmp::Ordering,
) -> Vec<Vec<u32>> {
    clusters
        .iter()
        .map(|members| {
            let mut order = members.to_vec();
            order.sort_unstable_by(&mut compare);
            order
        })
        .collect()
}
