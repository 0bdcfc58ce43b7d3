//! Orders of clusters so large that the distances of all pairs would fill the memory.
//!
//! Some hundred landmarks, spread over the cluster, are ordered by all their distances; every other
//! point is put where it lengthens their path the least; and windows of the path, overlapping from
//! pass to pass, are searched as short paths are. What lies farther apart on the path than a window
//! is compared through the landmarks alone: a coarser answer than that of [`order`](super::order())
//! below [`LARGEST_WHOLE`] points, and one that ends.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use weightspace::distance::squared_distance;

use super::lagged_path::{LaggedPath, harmonic};
use super::pairwise::Pairwise;

/// Most points whose distances are all held, 8 m² bytes: 1.4 GB.
pub const LARGEST_WHOLE: usize = 13_000;
/// Landmarks, at most. Their distances from all points are held: 4 KiB a point.
const LANDMARKS: usize = 512;
/// Places of a path that are searched together.
pub(super) const WINDOW: usize = 600;
/// Passes of windows, every other one displaced by half a window.
const PASSES: usize = 4;

/// The order of the members; `skeleton` orders landmarks by all their distances. O(m · parameters ·
/// (landmarks + passes · window)) time beside that, and 8 · landmarks bytes a point.
///
/// Depends on the input's order, and on `ranks`, only where points tie.
pub(super) fn long_path(
    points: DMatrixView<'_, f32>,
    members: &[u32],
    ranks: &[u32],
    lags: usize,
    skeleton: impl FnOnce(&Pairwise) -> Vec<u32>,
) -> Vec<u32> {
    let column = |leaf: u32| points.column(leaf as usize).data.into_slice();
    let columns: Vec<&[f32]> = members.iter().map(|&leaf| column(leaf)).collect();
    let tie = |place: usize| std::cmp::Reverse(ranks[members[place] as usize]);
    let spread = Landmarks::spread(&columns, LANDMARKS, tie);
    let leaves: Vec<u32> = spread.places.iter().map(|&place| members[place]).collect();
    let among = Pairwise::of(points, &leaves, ranks);
    let path = among.named(&skeleton(&among));
    let along: Vec<usize> = path
        .iter()
        .filter_map(|leaf| leaves.iter().position(|other| other == leaf))
        .collect();
    let mut keyed: Vec<(usize, f64, u32, u32)> = (0..members.len())
        .into_par_iter()
        .map(|place| {
            let (slot, at) = spread.slot(&along, place);
            (slot, at, ranks[members[place] as usize], members[place])
        })
        .collect();
    keyed.sort_unstable_by(|x, y| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(x.2.cmp(&y.2)));
    let mut order: Vec<u32> = keyed.into_iter().map(|(.., leaf)| leaf).collect();
    let weights = harmonic(lags);
    for pass in 0..PASSES {
        let displaced = (pass % 2) * WINDOW / 2;
        let windows = order.get_mut(displaced..).unwrap_or_default();
        windows.par_chunks_mut(WINDOW).for_each(|window| {
            let pairwise = Pairwise::of(points, window, ranks);
            let mut path = pairwise.numbered(window);
            let paths = LaggedPath {
                pairwise: &pairwise,
                weights: &weights,
            };
            paths.improve(&mut path);
            window.copy_from_slice(&pairwise.named(&path));
        });
    }
    order
}

/// Points that lie far from each other, and the distances of all from them.
struct Landmarks {
    /// Which of the points they are.
    places: Vec<usize>,
    /// For each landmark its distances from all points.
    distances: Vec<Vec<f64>>,
}

impl Landmarks {
    /// From the point that is most remote from the mean on, always the one that is farthest from
    /// those there are (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance");
    /// fewer where points coincide. O(m · landmarks · parameters).
    fn spread<K: Ord>(columns: &[&[f32]], most: usize, tie: impl Fn(usize) -> K) -> Self {
        let from = |point: &[f32]| -> Vec<f64> {
            let each = columns.par_iter();
            each.map(|column| squared_distance(column, point).sqrt())
                .collect()
        };
        let farthest = |distances: &[f64]| {
            (0..distances.len()).max_by(|&x, &y| {
                let by_distance = distances[x].total_cmp(&distances[y]);
                by_distance.then_with(|| tie(x).cmp(&tie(y)))
            })
        };
        let mut found = Self {
            places: Vec::new(),
            distances: Vec::new(),
        };
        let mut nearest = from(&mean(columns));
        while let Some(place) = farthest(&nearest).filter(|_| found.places.len() < most) {
            if !found.places.is_empty() && nearest[place] <= 0.0 {
                break;
            }
            let row = from(columns[place]);
            if found.places.is_empty() {
                nearest.clone_from(&row);
            }
            for (nearest, &distance) in nearest.iter_mut().zip(&row) {
                *nearest = nearest.min(distance);
            }
            found.places.push(place);
            found.distances.push(row);
        }
        found
    }

    /// Between which two landmarks of their path a point lengthens it the least, and how far along.
    fn slot(&self, path: &[usize], place: usize) -> (usize, f64) {
        let to = |landmark: usize| self.distances[landmark][place];
        let mut best = (0, 0.0);
        let mut least = f64::INFINITY;
        for (slot, pair) in path.windows(2).enumerate() {
            let (before, behind) = (to(pair[0]), to(pair[1]));
            let apart = self.distances[pair[0]][self.places[pair[1]]];
            let detour = before + behind - apart;
            if detour < least {
                least = detour;
                // The projection on the line from one to the other, but for a constant and a scale.
                best = (slot, (before * before - behind * behind) / apart);
            }
        }
        best
    }
}

fn mean(columns: &[&[f32]]) -> Vec<f32> {
    let length = columns.first().map_or(0, |column| column.len());
    let count = columns.len() as f64;
    let each = (0..length).into_par_iter().with_min_len(64);
    each.map(|row| {
        // Sorted, so that the order in which points come does not show.
        let mut values: Vec<f32> = columns.iter().map(|column| column[row]).collect();
        values.sort_unstable_by(f32::total_cmp);
        let sum: f64 = values.into_iter().map(f64::from).sum();
        (sum / count) as f32
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Clusters;
    use crate::chance;
    use crate::ordering::method::banded;
    use nalgebra::DMatrix;
    use weightspace::random::below;

    /// A curve that turns for ever in three planes, with noise of a fifth of a step.
    fn curve(count: usize) -> DMatrix<f32> {
        let mut random = chance::kicks(3);
        DMatrix::from_fn(12, count, |row, column| {
            let time = column as f64 * 0.01;
            let turn = time * (0.3 + 0.2 * (row / 2 % 3) as f64);
            let noise = f64::from(below(1000, &mut random)) / 1000.0 - 0.5;
            let along = match row {
                0..6 if row % 2 == 0 => turn.sin(),
                0..6 => turn.cos(),
                6 => time,
                _ => 0.0,
            };
            (along + 0.002 * noise) as f32
        })
    }

    fn ordered(points: &DMatrix<f32>, seed: u64) -> Vec<u32> {
        let count = points.ncols();
        let clusters = Clusters::from_labels(&vec![0; count]).unwrap();
        let members: Vec<u32> = clusters.iter().flatten().copied().collect();
        let ranks = chance::ties(count, seed);
        long_path(points.as_view(), &members, &ranks, 5, |cluster| {
            banded(cluster, 5, &mut chance::kicks(seed))
        })
    }

    #[test]
    fn a_long_path_is_that_of_time() {
        let count = 3000;
        let order = ordered(&curve(count), 1);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..count as u32), "every point once");
        let adjacent = order
            .windows(2)
            .filter(|pair| pair[0].abs_diff(pair[1]) == 1);
        let adjacent = adjacent.count();
        assert!(adjacent as f64 > 0.99 * count as f64, "{adjacent}");
    }

    #[test]
    fn the_order_in_which_points_come_does_not_show() {
        let count = 1500;
        let points = curve(count);
        let shuffle = chance::baseline(count, 9);
        let places: Vec<usize> = shuffle.iter().map(|&place| place as usize).collect();
        let shuffled = points.select_columns(&places);
        let first = ordered(&points, 1);
        let second: Vec<u32> = ordered(&shuffled, 2)
            .into_iter()
            .map(|leaf| shuffle[leaf as usize])
            .collect();
        assert_eq!(first, second);
    }

    #[test]
    fn points_that_coincide_are_ordered_as_well_as_others() {
        let order = ordered(&DMatrix::from_element(4, 700, 0.5), 1);
        assert_eq!(order.len(), 700);
        let mut sorted = order;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 700);
    }
}
