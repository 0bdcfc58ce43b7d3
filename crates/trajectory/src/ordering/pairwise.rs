//! All distances within one cluster, numbered so that the input's order cannot be read off them.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use weightspace::distance::squared_distance;

/// Parameters of all points that are compared before the next: so many of fifty points fit the
/// second-level cache.
const PARAMETERS_AT_ONCE: usize = 4096;

/// The distances of m points from each other, in f64.
///
/// Points are renumbered from the most central to the most remote, so that whatever is computed
/// from these numbers depends on where the points lie and not on the order in which they came.
#[derive(Debug, Clone)]
pub(super) struct Pairwise {
    /// The leaf behind each number.
    leaves: Vec<u32>,
    /// m x m, symmetric.
    distances: Vec<f64>,
}

impl Pairwise {
    /// The distances between the given columns; `ranks` breaks ties between points that are
    /// equally central. O(m² · parameters).
    pub(super) fn of(points: DMatrixView<'_, f32>, members: &[u32], ranks: &[u32]) -> Self {
        let columns: Vec<&[f32]> = members
            .iter()
            .map(|&leaf| points.column(leaf as usize).data.into_slice())
            .collect();
        Self::renumbered(distances(&columns), members, ranks)
    }

    fn renumbered(mut distances: Vec<f64>, members: &[u32], ranks: &[u32]) -> Self {
        let m = members.len();
        let remoteness: Vec<f64> = distances
            .chunks(m.max(1))
            .map(|row| {
                // Summed in an order that the numbering cannot change.
                let mut sorted = row.to_vec();
                sorted.sort_unstable_by(f64::total_cmp);
                sorted.iter().sum()
            })
            .collect();
        let mut number: Vec<usize> = (0..m).collect();
        number.sort_unstable_by(|&x, &y| {
            remoteness[x]
                .total_cmp(&remoteness[y])
                .then(ranks[members[x] as usize].cmp(&ranks[members[y] as usize]))
        });
        permute(&mut distances, &number);
        Self {
            leaves: number.iter().map(|&x| members[x]).collect(),
            distances,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// The same distances, numbered along a path through all points. O(m²), in place.
    pub(super) fn along(mut self, path: &[u32]) -> Self {
        let number: Vec<usize> = path.iter().map(|&point| point as usize).collect();
        permute(&mut self.distances, &number);
        self.leaves = self.named(path);
        self
    }

    /// Distances of one point from all.
    pub(super) fn row(&self, point: u32) -> &[f64] {
        let m = self.len();
        &self.distances[point as usize * m..][..m]
    }

    /// The numbers of a sequence of the cluster's leaves.
    pub(super) fn numbered(&self, leaves: &[u32]) -> Vec<u32> {
        let mut numbers: Vec<(u32, u32)> = self.leaves.iter().copied().zip(0..).collect();
        numbers.sort_unstable();
        leaves
            .iter()
            .filter_map(|leaf| {
                let found = numbers.binary_search_by_key(leaf, |&(leaf, _)| leaf).ok()?;
                Some(numbers[found].1)
            })
            .collect()
    }

    /// The leaves behind a path of numbers.
    pub(super) fn named(&self, path: &[u32]) -> Vec<u32> {
        path.iter()
            .map(|&point| self.leaves[point as usize])
            .collect()
    }
}

/// The m x m distances of the columns from each other.
fn distances(columns: &[&[f32]]) -> Vec<f64> {
    let m = columns.len();
    let parameters = columns.first().map_or(0, |column| column.len());
    let mut squares = vec![0.0; m * m];
    for first in (0..parameters).step_by(PARAMETERS_AT_ONCE) {
        let rows = first..parameters.min(first + PARAMETERS_AT_ONCE);
        let each = squares.par_chunks_mut(m.max(1)).enumerate();
        each.for_each(|(i, squares)| {
            for j in i + 1..m {
                let part = squared_distance(&columns[i][rows.clone()], &columns[j][rows.clone()]);
                squares[j] += part;
            }
        });
    }
    for i in 0..m {
        for j in i + 1..m {
            let distance = f64::sqrt(squares[i * m + j]);
            squares[i * m + j] = distance;
            squares[j * m + i] = distance;
        }
    }
    squares
}

/// Moves rows and columns `number[0]`, `number[1]`, … of a square matrix to 0, 1, …, in place: for
/// thousands of points a second matrix would be hundreds of megabytes. O(m²).
fn permute(matrix: &mut [f64], number: &[usize]) {
    let m = number.len();
    let mut spare = vec![0.0; m];
    for row in matrix.chunks_exact_mut(m.max(1)) {
        for (target, &column) in spare.iter_mut().zip(number) {
            *target = row[column];
        }
        row.copy_from_slice(&spare);
    }
    let mut is_done = vec![false; m];
    for start in 0..m {
        if is_done[start] {
            continue;
        }
        spare.copy_from_slice(&matrix[start * m..][..m]);
        let mut here = start;
        while number[here] != start {
            is_done[here] = true;
            let next = number[here];
            matrix.copy_within(next * m..(next + 1) * m, here * m);
            here = next;
        }
        is_done[here] = true;
        matrix[here * m..][..m].copy_from_slice(&spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_moved_as_numbered() {
        for number in [vec![], vec![0], vec![1, 2, 0, 4, 3], vec![4, 1, 0, 3, 2]] {
            let m = number.len();
            let given: Vec<f64> = (0..m * m).map(|value| value as f64).collect();
            let mut matrix = given.clone();
            permute(&mut matrix, &number);
            let naive = number.iter().flat_map(|&x| {
                let given = &given;
                number.iter().map(move |&y| given[x * m + y])
            });
            assert!(naive.eq(matrix));
        }
    }

    #[test]
    fn distances_in_pieces_are_those_of_whole_columns() {
        let parameters = PARAMETERS_AT_ONCE + 5;
        let column = |k: usize| (0..parameters).map(move |i| (i * (k + 3) % 17) as f32);
        let columns: Vec<Vec<f32>> = (0..3).map(|k| column(k).collect()).collect();
        let views: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let distances = distances(&views);
        for (i, j) in [(0, 0), (0, 1), (1, 2), (2, 0)] {
            let naive = squared_distance(views[i], views[j]).sqrt();
            assert!((distances[i * 3 + j] - naive).abs() <= 1e-12 * naive);
        }
    }
}
