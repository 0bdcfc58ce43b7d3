//! The fuzzy simplicial set: one symmetric graph out of all neighbourhoods
//! (UMAP paper, algorithm 2).
//!
//! If i sees j with strength p and j sees i with strength q, they are joined
//! with strength p + q − pq: the probability that at least one of two
//! independent edges exists.

use rayon::prelude::*;

use super::smooth_knn::{Scale, mean};
use crate::neighbors::Neighbors;

/// A symmetric weighted graph without loops, in compressed rows: the
/// neighbours of a point stand together, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FuzzySet {
    /// Row i is `starts[i]..starts[i + 1]`.
    starts: Vec<usize>,
    targets: Vec<u32>,
    strengths: Vec<f32>,
}

impl FuzzySet {
    /// Joins the neighbourhoods of all points.
    pub(super) fn union(neighbors: &Neighbors) -> Self {
        Self::union_of_directed(&directed(neighbors))
    }

    /// Joins directed edges: row i holds what i sees, ascending, no point twice.
    fn union_of_directed(rows: &[Vec<(u32, f32)>]) -> Self {
        // Sources are visited in ascending order, so these rows come out sorted.
        let mut reversed = vec![Vec::new(); rows.len()];
        for (source, row) in rows.iter().enumerate() {
            for &(target, strength) in row {
                reversed[target as usize].push((source as u32, strength));
            }
        }
        Self::from_rows(
            rows.iter()
                .zip(&reversed)
                .map(|(seen, seen_by)| join(seen, seen_by)),
        )
    }

    fn from_rows(rows: impl Iterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut set = Self {
            starts: vec![0],
            targets: Vec::new(),
            strengths: Vec::new(),
        };
        for row in rows {
            for (target, strength) in row {
                set.targets.push(target);
                set.strengths.push(strength);
            }
            set.starts.push(set.targets.len());
        }
        set
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The neighbours of `point` with their strengths.
    pub(super) fn row(&self, point: usize) -> impl Iterator<Item = (u32, f32)> {
        let edges = self.starts[point]..self.starts[point + 1];
        self.targets[edges.clone()]
            .iter()
            .copied()
            .zip(self.strengths[edges].iter().copied())
    }

    /// The greatest strength, 0 where there is no edge.
    pub(super) fn strongest(&self) -> f32 {
        self.strengths.iter().copied().fold(0.0, f32::max)
    }

    /// The same points with only the edges of at least `least` strength.
    pub(super) fn without_weaker_than(&self, least: f32) -> Self {
        Self::from_rows((0..self.len()).map(|point| {
            self.row(point)
                .filter(|&(_, strength)| strength >= least)
                .collect()
        }))
    }

    /// The connected components: the points of each in ascending order, the
    /// components in the order of their first points.
    pub(super) fn components(&self) -> Vec<Vec<u32>> {
        let mut seen = vec![false; self.len()];
        let mut components = Vec::new();
        for first in 0..self.len() {
            if seen[first] {
                continue;
            }
            seen[first] = true;
            let mut component = vec![first as u32];
            let mut visited = 0;
            while let Some(&point) = component.get(visited) {
                visited += 1;
                for (target, _) in self.row(point as usize) {
                    if !std::mem::replace(&mut seen[target as usize], true) {
                        component.push(target);
                    }
                }
            }
            component.sort_unstable();
            components.push(component);
        }
        components
    }
}

/// What every point sees, in rows of ascending targets.
fn directed(neighbors: &Neighbors) -> Vec<Vec<(u32, f32)>> {
    let points = neighbors.len();
    let means: Vec<f64> = (0..points)
        .map(|point| mean(neighbors.distances(point)))
        .collect();
    let mean_of_all = mean(&means);
    (0..points)
        .into_par_iter()
        .map(|point| {
            let distances = neighbors.distances(point);
            let scale = Scale::fit(distances, mean_of_all);
            let mut row: Vec<(u32, f32)> = neighbors
                .indices(point)
                .iter()
                .zip(distances)
                .map(|(&target, &distance)| (target, scale.strength(distance) as f32))
                // A neighbour so far that its strength underflows is none.
                .filter(|&(_, strength)| strength > 0.0)
                .collect();
            row.sort_unstable_by_key(|&(target, _)| target);
            row
        })
        .collect()
}

/// p + q − pq, in f64 so that it is exactly 1 where one of them is.
fn union(p: f32, q: f32) -> f32 {
    let (p, q) = (f64::from(p), f64::from(q));
    (p + q - p * q) as f32
}

/// Merges two ascending rows by the fuzzy union.
fn join(left: &[(u32, f32)], right: &[(u32, f32)]) -> Vec<(u32, f32)> {
    let mut joined = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        let l = left.get(i).copied();
        let r = right.get(j).copied();
        match (l, r) {
            (Some((target, p)), Some((other, q))) if target == other => {
                joined.push((target, union(p, q)));
                i += 1;
                j += 1;
            }
            (Some(edge), Some((other, _))) if edge.0 < other => {
                joined.push(edge);
                i += 1;
            }
            (_, Some(edge)) => {
                joined.push(edge);
                j += 1;
            }
            (Some(edge), None) => {
                joined.push(edge);
                i += 1;
            }
            (None, None) => {}
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;

    /// A cloud whose coordinates look random: multiples of an irrational number.
    fn cloud(points: usize) -> DMatrix<f32> {
        DMatrix::from_fn(4, points, |row, column| {
            ((column * 4 + row) as f32 * 0.618_034 * (row + 1) as f32).fract()
        })
    }

    fn dense(set: &FuzzySet) -> DMatrix<f32> {
        let mut matrix = DMatrix::zeros(set.len(), set.len());
        for point in 0..set.len() {
            for (target, strength) in set.row(point) {
                matrix[(point, target as usize)] = strength;
            }
        }
        matrix
    }

    #[test]
    fn the_union_agrees_with_the_dense_formula_bit_for_bit() {
        let neighbors = crate::neighbors::nearest(cloud(60).as_view(), 7).unwrap();
        let rows = directed(&neighbors);
        let mut seen = DMatrix::<f32>::zeros(60, 60);
        for (source, row) in rows.iter().enumerate() {
            for &(target, strength) in row {
                seen[(source, target as usize)] = strength;
            }
        }
        let expected = DMatrix::from_fn(60, 60, |i, j| {
            let (p, q) = (seen[(i, j)], seen[(j, i)]);
            let (p, q) = (f64::from(p), f64::from(q));
            (p + q - p * q) as f32
        });
        let union = dense(&FuzzySet::union(&neighbors));
        assert_eq!(union, expected);
        assert_eq!(union, union.transpose());
        assert!(
            union
                .iter()
                .all(|&strength| (0.0..=1.0).contains(&strength))
        );
        assert!(union.diagonal().iter().all(|&strength| strength == 0.0));
    }

    #[test]
    fn every_point_keeps_one_edge_of_full_strength() {
        let neighbors = crate::neighbors::nearest(cloud(60).as_view(), 7).unwrap();
        let union = FuzzySet::union(&neighbors);
        for point in 0..60 {
            assert!(union.row(point).any(|(_, strength)| strength == 1.0));
        }
    }

    #[test]
    fn components_are_the_sets_that_edges_reach() {
        let set = FuzzySet::union_of_directed(&[
            vec![(3, 1.0)],
            vec![(4, 0.5)],
            vec![],
            vec![(5, 0.2)],
            vec![],
            vec![],
        ]);
        assert_eq!(set.components(), [vec![0, 3, 5], vec![1, 4], vec![2]]);
        assert_eq!(
            set.without_weaker_than(0.5).components(),
            [vec![0, 3], vec![1, 4], vec![2], vec![5]]
        );
    }
}
