//! Exact nearest neighbours.
//!
//! Tiles of approximate distances discard nearly all pairs; those that may still be among the `k`
//! nearest are measured exactly (`round`). Near points stand together (`leaders`), so that the first
//! tiles already find most neighbours, and the others little to do. In few dimensions that costs one
//! triangular matrix product, n²·d multiplications, and about 30 exact distances per point.
//!
//! In many dimensions the tiles are of shadows, projections on 63 directions that cannot lengthen
//! a distance (`shadows`), and there are two rounds. The first finds the `k` nearest shadows of every
//! point, of which the exact distances are known from then on. The second finds all pairs whose
//! shadows are no farther apart, near points one after another, so that what is measured together is
//! in the cache together. Only tiles that this leaves full, as of points that fill all dimensions
//! evenly, are computed in full.

mod leaders;
mod round;
#[cfg(test)]
mod tests;

use nalgebra::DMatrixView;
use rayon::prelude::*;

use crate::Error;
use crate::distance::{distance, distance_within};
use crate::points::finite_columns;
use crate::shadows::Shadows;
use crate::tiles::Panels;
use round::{Round, by_length};

/// The `k` nearest other points of every point, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbors {
    k: usize,
    /// Point `i` owns `indices[i * k..(i + 1) * k]`, and the same of `distances`.
    indices: Vec<u32>,
    distances: Vec<f64>,
}

impl Neighbors {
    /// Neighbours per point; at least 1.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of points; at least 2.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The `k` neighbours of a point by column number, nearest first.
    ///
    /// # Panics
    /// If there is no such point, as indexing a slice does.
    pub fn indices(&self, point: usize) -> &[u32] {
        &self.indices[point * self.k..(point + 1) * self.k]
    }

    /// The Euclidean distances to [`indices`](Self::indices), in the same order.
    ///
    /// # Panics
    /// If there is no such point, as indexing a slice does.
    pub fn distances(&self, point: usize) -> &[f64] {
        &self.distances[point * self.k..(point + 1) * self.k]
    }
}

/// The exact `k` nearest neighbours of every column of `points` (parameters x checkpoints).
///
/// A point is not its own neighbour. Neighbours are sorted by distance, equal distances by column
/// number; distances are those of [`distance`], in f64. The same bits for any number of threads.
///
/// # Errors
/// [`Error::NeighborCount`] unless `0 < k < checkpoints`; [`Error::NonFinite`].
pub fn nearest(points: DMatrixView<'_, f32>, k: usize) -> Result<Neighbors, Error> {
    let columns = finite_columns(&points)?;
    let checkpoints = columns.len();
    if k == 0 || k >= checkpoints {
        return Err(Error::NeighborCount { k, checkpoints });
    }
    let found = match Shadows::of(&columns) {
        Some(shadows) => by_shadows(&columns, &shadows, k),
        None => by_points(&columns, k),
    };
    Ok(Neighbors {
        k,
        indices: found.iter().map(|&(_, index)| index).collect(),
        distances: found.iter().map(|&(length, _)| length).collect(),
    })
}

/// The `k` nearest of every point with their distances, point after point.
fn by_points(columns: &[&[f32]], k: usize) -> Vec<(f64, u32)> {
    let numbers = leaders::order(columns);
    let panels = Panels::new(select(columns, &numbers));
    let exact =
        |a: u32, b: u32, _, limit| distance_within(columns[a as usize], columns[b as usize], limit);
    let round = Round::new(&panels, k, numbers, &[], &exact);
    round.look(&panels, &panels.tiles(), None);
    round.end()
}

/// The same, but only pairs whose shadows are near are measured.
fn by_shadows(columns: &[&[f32]], shadows: &Shadows, k: usize) -> Vec<(f64, u32)> {
    let cast = shadows.columns();
    let numbers = leaders::order(&cast);
    let panels = Panels::new(select(&cast, &numbers));
    let shadow = |_, _, at_least, _| Some(at_least);
    let round = Round::new(&panels, k, numbers, &[], &shadow);
    round.look(&panels, &panels.tiles(), None);
    let near: Vec<u32> = round.end().into_iter().map(|(_, other)| other).collect();

    let numbers = neighborhood_by_neighborhood(&near, k);
    let known = numbers.par_iter().flat_map_iter(|&point| {
        let near = &near[point as usize * k..][..k];
        let length = |other: u32| distance(columns[point as usize], columns[other as usize]);
        let mut known: Vec<(f64, u32)> = near.iter().map(|&other| (length(other), other)).collect();
        known.sort_unstable_by(by_length);
        known
    });
    let known: Vec<(f64, u32)> = known.collect();
    let panels = Panels::new(select(&cast, &numbers));
    let exact =
        |a: u32, b: u32, _, limit| distance_within(columns[a as usize], columns[b as usize], limit);
    let round = Round::new(&panels, k, numbers.clone(), &known, &exact);
    let crowded = round.look(&panels, &panels.tiles(), Some(shadows));
    if !crowded.is_empty() {
        round.look(&Panels::new(select(columns, &numbers)), &crowded, None);
    }
    round.end()
}

/// Some columns, by their numbers.
fn select<'a>(columns: &[&'a [f32]], numbers: &[u32]) -> Vec<&'a [f32]> {
    numbers
        .iter()
        .map(|&number| columns[number as usize])
        .collect()
}

/// All points, each followed by those of its `k` near ones that have not come yet, and by theirs.
fn neighborhood_by_neighborhood(near: &[u32], k: usize) -> Vec<u32> {
    let points = near.len() / k;
    let mut seen = vec![false; points];
    let mut order: Vec<u32> = Vec::with_capacity(points);
    for start in 0..points as u32 {
        let mut next = order.len();
        if !std::mem::replace(&mut seen[start as usize], true) {
            order.push(start);
        }
        while let Some(&point) = order.get(next) {
            next += 1;
            for &other in &near[point as usize * k..][..k] {
                if !std::mem::replace(&mut seen[other as usize], true) {
                    order.push(other);
                }
            }
        }
    }
    order
}
