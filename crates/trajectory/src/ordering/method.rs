//! Orders from all distances within a cluster, one cluster at a time.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;
use weightspace::random::ChaCha8Rng;

use super::lagged_path::{LaggedPath, harmonic};
use super::long::{LARGEST_WHOLE, long_path};
use super::pairwise::Pairwise;
use super::spectral;
use crate::Error;
use crate::assignment::Clusters;
use crate::chance;
use crate::checks::{finite, same_leaves};

/// Lags of the banded path unless another number is given.
pub const LAGS: usize = 5;

/// Most points of a cluster that is ordered by a spectrum: no run that is followed by eye has
/// more, and what has more is mostly no run.
const LARGEST_SPECTRAL: usize = 1000;

/// How to order the points of a cluster by their distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the Fiedler vector of a similarity graph, O(m³); for more than 1000 points from each on to
    /// the nearest that is left, as a start of the others too.
    Spectral,
    /// The shortest path through all points that a local search finds: 2-opt and Or-opt from
    /// several starts. O(m²) a sweep.
    ShortestPath,
    /// The path with the least Σ over lags l = 1..`lags` of distance ÷ l that a local search
    /// finds: near points of the path lie near, not only neighbours. O(m² · lags²) a sweep.
    Banded {
        /// Number of lags, at least 1; with 1 it is the shortest path.
        lags: usize,
    },
}

impl Method {
    /// The method to use unless there is a reason for another: no other was better on any zoo of the
    /// experiments.
    pub const RECOMMENDED: Self = Self::Banded { lags: LAGS };

    /// Lags of the path that is searched for.
    fn lags(self) -> usize {
        match self {
            Self::Spectral | Self::ShortestPath => 1,
            Self::Banded { lags } => lags.max(1),
        }
    }
}

/// Orders every cluster by a method; an order may as well be read backwards.
///
/// `points` has shape (parameters, checkpoints). Distances are exact, in f64, and held for one
/// cluster of m points at a time: 8 m² bytes. Of more than [`LARGEST_WHOLE`] points landmarks are
/// ordered, the others put between them, and windows of the path searched: 4 KiB a point, and
/// what lies farther apart on the path than 600 places is compared through landmarks alone. The result depends on where the points lie and on
/// `seed`, which breaks ties and shakes the local search, but not on the order in which the points
/// come, nor on the number of threads. O(m² · parameters) a cluster beside the method's own cost.
///
/// # Errors
///
/// The points and the clusters are of different numbers, or a weight is not finite.
pub fn order(
    points: DMatrixView<'_, f32>,
    clusters: &Clusters,
    method: Method,
    seed: u64,
) -> Result<Vec<Vec<u32>>, Error> {
    same_leaves("the points", points.ncols(), clusters)?;
    finite(points)?;
    let ranks = chance::ties(clusters.leaves(), seed);
    let members: Vec<&[u32]> = clusters.iter().collect();
    Ok(members
        .into_par_iter()
        .map(|members| {
            if members.len() > LARGEST_WHOLE {
                return long_path(points, members, &ranks, method.lags(), |cluster| {
                    path(cluster, method, seed)
                });
            }
            let cluster = Pairwise::of(points, members, &ranks);
            cluster.named(&path(&cluster, method, seed))
        })
        .collect())
}

/// The order of a cluster by all its distances.
fn path(cluster: &Pairwise, method: Method, seed: u64) -> Vec<u32> {
    // Every cluster draws the same numbers, so that none depends on the others.
    let mut random = chance::kicks(seed);
    match method {
        Method::Spectral if cluster.len() > LARGEST_SPECTRAL => nearest_neighbours(cluster),
        Method::Spectral => spectral::spectral(cluster),
        Method::ShortestPath | Method::Banded { .. } => banded(cluster, method.lags(), &mut random),
    }
}

/// The best banded path from the spectral order and from the nearest neighbours of the most remote
/// point.
pub(super) fn banded(cluster: &Pairwise, lags: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
    let weights = harmonic(lags);
    let mut starts = Vec::new();
    if cluster.len() <= LARGEST_SPECTRAL {
        starts.push(spectral::spectral(cluster));
    }
    starts.push(nearest_neighbours(cluster));
    let paths = LaggedPath {
        pairwise: cluster,
        weights: &weights,
    };
    paths.search(starts, random)
}

/// From the most remote point always on to the nearest that is left.
fn nearest_neighbours(cluster: &Pairwise) -> Vec<u32> {
    let mut left: Vec<u32> = (0..cluster.len() as u32).collect();
    let mut path = Vec::with_capacity(left.len());
    let mut here = left.pop();
    while let Some(point) = here {
        path.push(point);
        let row = cluster.row(point);
        here = (0..left.len())
            .min_by(|&x, &y| row[left[x] as usize].total_cmp(&row[left[y] as usize]))
            .map(|nearest| left.remove(nearest));
    }
    path
}
