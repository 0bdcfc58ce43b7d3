//! Orders from all distances within a cluster, one cluster at a time.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;
use weightspace::distance::squared_distance;

use super::lagged_path::{LaggedPath, harmonic, same_path};
use super::pairwise::Pairwise;
use super::{drift_metric, same_leaves, spectral};
use crate::Error;
use crate::assignment::Clusters;
use crate::permutation::{Chance, Purpose, permutation};

/// Lags of the banded path unless told otherwise.
pub const LAGS: usize = 5;

/// How often the drift metric is learnt from the order that it led to.
const ROUNDS: usize = 2;

/// Least ratio of the squared distance far apart to that between neighbours, along a path that was
/// found in the drift metric, for the metric to be believed. On a plateau without memory, where the
/// ratio is 1, the metric learns the errors of the order that it is taught by. Set on the even
/// seeds of a zoo at its noise plateau: paths that the metric spoilt had 0.99 to 1.10, paths that
/// it improved 1.27 and more.
pub(super) const LEAST_SPREAD: f64 = 1.2;

/// Most points of a cluster that is ordered by a spectrum, or in a metric of its own: no run that
/// is followed by eye has more, and what has more is mostly no run.
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
    /// A banded path with [`LAGS`] lags in a metric learnt from the order itself, in which
    /// coordinates count by their drift against their jitter. Starts from the banded path, and
    /// stays with it for fewer than ten points, and where the points show no drift.
    DriftWeighted,
}

impl Method {
    /// The method to use unless there is a reason for another. On the zoos of the experiments it is
    /// as good as the banded path but for one (cnn-wd0, where a few runs come out worse); it is made
    /// for runs whose coordinates drift at different speeds.
    pub const RECOMMENDED: Self = Self::DriftWeighted;
}

/// Orders every cluster by a method; an order may as well be read backwards.
///
/// `points` has shape (parameters, checkpoints). Distances are exact, in f64, and held for one
/// cluster of m points at a time: 8 m² bytes. The result depends on where the points lie and on
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
    let ranks = permutation(clusters.leaves(), seed, Purpose::Ties);
    let members: Vec<&[u32]> = clusters.iter().collect();
    Ok(members
        .into_par_iter()
        .map(|members| {
            let cluster = Pairwise::of(points, members, &ranks);
            // Every cluster draws the same numbers, so that none depends on the others.
            let mut chance = Chance::new(seed, Purpose::Kicks);
            let path = match method {
                Method::Spectral if cluster.len() > LARGEST_SPECTRAL => {
                    nearest_neighbours(&cluster)
                }
                Method::Spectral => spectral::spectral(&cluster),
                Method::ShortestPath => banded(&cluster, 1, Vec::new(), &mut chance),
                Method::Banded { lags } => banded(&cluster, lags.max(1), Vec::new(), &mut chance),
                Method::DriftWeighted => drift_weighted(points, &cluster, &mut chance),
            };
            cluster.named(&path)
        })
        .collect())
}

pub(super) fn finite(points: DMatrixView<'_, f32>) -> Result<(), Error> {
    let columns: Vec<_> = points.column_iter().collect();
    let bad = columns
        .par_iter()
        .position_first(|column| column.iter().any(|weight| !weight.is_finite()));
    match bad {
        Some(index) => Err(Error::NotFinite {
            what: "point",
            index,
        }),
        None => Ok(()),
    }
}

/// The best banded path from the spectral order, from the nearest neighbours of the most remote
/// point, and from what is given.
fn banded(
    cluster: &Pairwise,
    lags: usize,
    mut starts: Vec<Vec<u32>>,
    chance: &mut Chance,
) -> Vec<u32> {
    let weights = harmonic(lags);
    if cluster.len() <= LARGEST_SPECTRAL {
        starts.push(spectral::spectral(cluster));
    }
    starts.push(nearest_neighbours(cluster));
    let paths = LaggedPath {
        pairwise: cluster,
        weights: &weights,
    };
    paths.search(starts, chance)
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

fn drift_weighted(
    points: DMatrixView<'_, f32>,
    cluster: &Pairwise,
    chance: &mut Chance,
) -> Vec<u32> {
    let plain = banded(cluster, LAGS, Vec::new(), chance);
    if cluster.len() > LARGEST_SPECTRAL {
        return plain;
    }
    let mut path = plain.clone();
    for _ in 0..ROUNDS {
        let Some(weighted) = in_drift_metric(points, cluster, &path) else {
            break;
        };
        let next = banded(&weighted, LAGS, vec![path.clone()], chance);
        let settled = same_path(&next, &path);
        path = next;
        if settled {
            break;
        }
    }
    if drift_metric::spread(|x, y| cluster.row(x)[y as usize], &path) < LEAST_SPREAD {
        plain
    } else {
        path
    }
}

/// The cluster at the distances that its drift metric gives, learnt from a path through it.
pub(super) fn in_drift_metric(
    points: DMatrixView<'_, f32>,
    cluster: &Pairwise,
    path: &[u32],
) -> Option<Pairwise> {
    let scales = drift_metric::scales(points, &cluster.named(path))?;
    let scaled: Vec<Vec<f32>> = cluster
        .leaves()
        .iter()
        .map(|&leaf| {
            let column = points.column(leaf as usize).data.into_slice();
            std::iter::zip(column, &scales)
                .map(|(x, scale)| x * scale)
                .collect()
        })
        .collect();
    Some(cluster.at(|i, j| squared_distance(&scaled[i], &scaled[j]).sqrt()))
}
