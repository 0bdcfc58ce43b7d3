//! Families: checkpoints that descend from one another or from a common ancestor.
//!
//! Independent trainings start from independent random weights. In thousands of dimensions random
//! directions are orthogonal, so that two independent models are about √(‖a‖² + ‖b‖²) apart, and
//! training changes little about that. The *relative distance*
//!
//! ```text
//! r(a, b) = ‖a − b‖ / √(‖a‖² + ‖b‖²)
//! ```
//!
//! is therefore near 1 for independent models of any size, and far less between a checkpoint and
//! what was trained on from it. It needs no other model to compare with: a family is a component of
//! the graph of all pairs below [`LINE`]. What starts from constants rather than at random (gains of
//! norms at 1, say) looks related where it is not, so it is taken over matrices only.
//!
//! What was measured, and where it fails: docs/families.md.

use crate::Error;
use crate::assignment::Clusters;
use crate::minimum_spanning_tree::Edge;
use crate::projection::Projection;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use nalgebra::DMatrixView;
use petgraph::unionfind::UnionFind;
use rayon::prelude::*;
use serde::Serialize;
use std::ops::Range;
use weightspace::distance::squared_distance;

/// Checkpoints with a relative distance below this are related.
pub const LINE: f64 = 0.75;
/// Between [`LINE`] and this nobody can tell: heavily thinned runs reach it from below, small
/// independent networks trained on the same data from above.
pub const CERTAINLY_APART: f64 = 0.82;

/// Numbers of a projected point: cosines of projections are off by about 1/√256.
const WIDTH: usize = 256;
/// A pair is measured exactly if its projections are no farther apart than this.
const WORTH_MEASURING: f64 = LINE + 0.12;
/// Points on each side of a block of pairs.
const BLOCK: usize = 512;

/// Two checkpoints, and their relative distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Link {
    /// The leaf of the smaller number.
    pub a: u32,
    /// The other one.
    pub b: u32,
    /// How far they are apart: 0 for the same weights, about 1 for independent models.
    pub relative_distance: f64,
}

/// Checkpoints by their families.
#[derive(Debug, Clone, PartialEq)]
pub struct Families {
    /// The leaves of each.
    pub clusters: Clusters,
    /// For each, the weakest link of a chain that connects all its leaves: none for a single leaf.
    pub weakest: Vec<Option<Link>>,
    /// For each, about the nearest pair of one of its leaves and one of another family: none where
    /// there is one family. Found by random projections, measured exactly.
    pub nearest: Vec<Option<Link>>,
}

/// The relative distance of two points, over some of their rows.
///
/// 0 where both are 0. The rows are those of matrices: see the module.
pub fn relative_distance(a: &[f32], b: &[f32], rows: &[Range<usize>]) -> f64 {
    let (mut apart, mut both) = (0.0, 0.0);
    for rows in rows {
        let (Some(a), Some(b)) = (a.get(rows.clone()), b.get(rows.clone())) else {
            continue;
        };
        apart += squared_distance(a, b);
        both += squares(a) + squares(b);
    }
    if both > 0.0 {
        (apart / both).sqrt()
    } else {
        0.0
    }
}

/// Finds the families of the columns of `points`, shape (parameters, checkpoints).
///
/// `rows` are the parameters that count: those of matrices. `tree` are edges that connect near
/// points, those of the minimum spanning tree: what they already connect is not looked at again. What they do not
/// is compared by random projections, all pairs, and exactly where these are near the line.
/// O(n·parameters + n²·256), the latter as matrix products and only if the tree does not connect all.
///
/// # Errors
/// No points, an edge to a point that is not there, or rows that are not there.
pub fn families(
    points: DMatrixView<'_, f32>,
    rows: &[Range<usize>],
    tree: &[Edge],
) -> Result<Families, Error> {
    let count = points.ncols();
    let is_there = |leaf: u32| (leaf as usize) < count;
    if let Some(edge) = tree
        .iter()
        .find(|edge| !is_there(edge.a) || !is_there(edge.b))
    {
        return Err(Error::OutOfRange {
            what: "leaf",
            index: edge.a.max(edge.b) as usize,
            length: count,
        });
    }
    let column = |leaf: u32| points.column(leaf as usize).data.into_slice();
    let link = |a: u32, b: u32| Link {
        a: a.min(b),
        b: a.max(b),
        relative_distance: relative_distance(column(a), column(b), rows),
    };
    let mut links: Vec<Link> = tree.par_iter().map(|edge| link(edge.a, edge.b)).collect();
    let mut labels = connected(count, &links);
    let mut nearest = vec![None; count];
    if labels.iter().any(|label| *label != labels[0]) {
        let projected = Projected::of(points, rows);
        let near = projected.pairs(&labels, WORTH_MEASURING);
        links.par_extend(near.par_iter().map(|&(a, b)| link(a, b)));
        labels = connected(count, &links);
        nearest = projected.nearest(&labels);
    }
    let clusters = Clusters::from_labels(&labels)?;
    // The links that connect a family, strongest first: the last that is needed is the weakest.
    links.sort_by(by_distance);
    let mut weakest: Vec<Option<Link>> = vec![None; clusters.len()];
    let mut joined = UnionFind::<u32>::new(count);
    for link in links
        .into_iter()
        .filter(|link| link.relative_distance < LINE)
    {
        if joined.union(link.a, link.b) {
            weakest[clusters.labels()[link.a as usize] as usize] = Some(link);
        }
    }
    let nearest = clusters.iter().map(|members| {
        let links = members.iter().filter_map(|&leaf| {
            let other = nearest[leaf as usize]?;
            Some(link(leaf, other))
        });
        links.min_by(by_distance)
    });
    Ok(Families {
        nearest: nearest.collect(),
        weakest,
        clusters,
    })
}

/// For each leaf the component that it is in.
fn connected(count: usize, links: &[Link]) -> Vec<u32> {
    let mut joined = UnionFind::<u32>::new(count);
    for link in links.iter().filter(|link| link.relative_distance < LINE) {
        joined.union(link.a, link.b);
    }
    joined.into_labeling()
}

fn by_distance(x: &Link, y: &Link) -> std::cmp::Ordering {
    let distances = x.relative_distance.total_cmp(&y.relative_distance);
    distances.then((x.a, x.b).cmp(&(y.a, y.b)))
}

fn squares(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Points in few dimensions, with the squares of their norms in all.
struct Projected {
    /// (width, points)
    values: Mat<f32>,
    squares: Vec<f64>,
}

impl Projected {
    fn of(points: DMatrixView<'_, f32>, rows: &[Range<usize>]) -> Self {
        let projection = Projection::<WIDTH>::new("family signs", points.nrows());
        let each: Vec<([f64; WIDTH], f64)> = (0..points.ncols())
            .into_par_iter()
            .map(|leaf| {
                let column: &[f32] = points.column(leaf).data.into_slice();
                let values = rows.iter().filter_map(|rows| column.get(rows.clone()));
                (projection.of(column, rows), values.map(squares).sum())
            })
            .collect();
        let squares_of_each: Vec<f64> = each.iter().map(|(_, squares)| *squares).collect();
        // Scaled to norms near 1, whatever the unit of the weights.
        let values = Mat::from_fn(WIDTH, each.len(), |row, leaf| {
            let norm = squares_of_each[leaf].sqrt();
            if norm > 0.0 {
                (each[leaf].0[row] / norm) as f32
            } else {
                0.0
            }
        });
        Self {
            values,
            squares: squares_of_each,
        }
    }

    /// About the relative distance of two, from the cosine of their projections.
    fn about(&self, a: usize, b: usize, cosine: f32) -> f64 {
        let (x, y) = (self.squares[a], self.squares[b]);
        let both = x + y;
        if both > 0.0 {
            (1.0 - 2.0 * f64::from(cosine) * (x * y).sqrt() / both)
                .max(0.0)
                .sqrt()
        } else {
            0.0
        }
    }

    /// What is said of each block of pairs `a < b`, in the order of the blocks.
    fn by_blocks<T: Send>(
        &self,
        each: impl Fn(Range<usize>, Range<usize>, MatRef<'_, f32>) -> T + Sync,
    ) -> Vec<T> {
        let count = self.squares.len();
        let starts: Vec<usize> = (0..count).step_by(BLOCK).collect();
        let blocks: Vec<(usize, usize)> = starts
            .iter()
            .flat_map(|&a| {
                starts
                    .iter()
                    .filter(move |&&b| b >= a)
                    .map(move |&b| (a, b))
            })
            .collect();
        let found = blocks.into_par_iter().map(|(a, b)| {
            let (rows, columns) = (a..(a + BLOCK).min(count), b..(b + BLOCK).min(count));
            let side = |of: &Range<usize>| self.values.as_ref().subcols(of.start, of.len());
            let mut cosines = Mat::zeros(rows.len(), columns.len());
            matmul(
                cosines.as_mut(),
                Accum::Replace,
                side(&rows).transpose(),
                side(&columns),
                1.0,
                Par::Seq,
            );
            each(rows, columns, cosines.as_ref())
        });
        found.collect()
    }

    /// Pairs of different labels that are about as near as `limit`.
    fn pairs(&self, labels: &[u32], limit: f64) -> Vec<(u32, u32)> {
        let found = self.by_blocks(|rows, columns, cosines| {
            let mut found = Vec::new();
            for b in columns.clone() {
                for a in rows.clone().take_while(|&a| a < b) {
                    let cosine = cosines[(a - rows.start, b - columns.start)];
                    if labels[a] != labels[b] && self.about(a, b, cosine) < limit {
                        found.push((a as u32, b as u32));
                    }
                }
            }
            found
        });
        found.concat()
    }

    /// For each the leaf of another label that is about the nearest.
    fn nearest(&self, labels: &[u32]) -> Vec<Option<u32>> {
        let count = self.squares.len();
        let found = self.by_blocks(|rows, columns, cosines| {
            let mut nearest: Vec<(usize, f64, u32)> = Vec::new();
            let mut best = |own: usize, others: Range<usize>, cosine: &dyn Fn(usize) -> f32| {
                let others = others.filter(|&other| labels[own] != labels[other]);
                let others = others.map(|other| (self.about(own, other, cosine(other)), other));
                let found = others.min_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
                nearest.extend(found.map(|(about, other)| (own, about, other as u32)));
            };
            for a in rows.clone() {
                best(a, columns.clone(), &|b| {
                    cosines[(a - rows.start, b - columns.start)]
                });
            }
            if rows != columns {
                for b in columns.clone() {
                    best(b, rows.clone(), &|a| {
                        cosines[(a - rows.start, b - columns.start)]
                    });
                }
            }
            nearest
        });
        let mut nearest: Vec<Option<(f64, u32)>> = vec![None; count];
        for (own, about, other) in found.into_iter().flatten() {
            let best = &mut nearest[own];
            let is_nearer =
                |known: (f64, u32)| about.total_cmp(&known.0).then(other.cmp(&known.1)).is_lt();
            if best.is_none_or(is_nearer) {
                *best = Some((about, other));
            }
        }
        nearest.into_iter().map(|found| Some(found?.1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimum_spanning_tree::minimum_spanning_tree;
    use nalgebra::DMatrix;
    use rand_chacha::rand_core::Rng;
    use weightspace::random::stream;

    const ROWS: usize = 700;

    fn noise(purpose: u64) -> Vec<f32> {
        let mut rng = stream(purpose, "test", 0);
        let mut uniform = || (rng.next_u32() as f32) / (u32::MAX as f32) - 0.5;
        (0..ROWS).map(|_| (0..4).map(|_| uniform()).sum()).collect()
    }

    /// Each run starts at random and goes on by random steps of this share of its start.
    fn runs(lengths: &[usize], step: f32) -> DMatrix<f32> {
        let mut columns = Vec::new();
        for (run, &length) in (0..).zip(lengths) {
            let mut at = noise(run);
            for place in 0..length as u64 {
                columns.extend_from_slice(&at);
                let way = noise(1000 * (run + 1) + place);
                for (x, y) in at.iter_mut().zip(way) {
                    *x += step * y;
                }
            }
        }
        DMatrix::from_vec(ROWS, columns.len() / ROWS, columns)
    }

    fn found(points: &DMatrix<f32>, rows: &[Range<usize>]) -> Families {
        let tree = minimum_spanning_tree(points.as_view()).unwrap();
        families(points.as_view(), rows, &tree).unwrap()
    }

    fn whole() -> Vec<Range<usize>> {
        std::iter::once(0..ROWS).collect()
    }

    #[test]
    fn runs_pairs_and_single_models_are_families_of_their_own() {
        let points = runs(&[6, 2, 1, 1], 0.3);
        let found = found(&points, &whole());
        assert_eq!(found.clusters.sizes(), [6, 2, 1, 1]);
        assert!(found.weakest[0].is_some_and(|link| link.relative_distance < 0.4));
        assert_eq!(found.weakest[2], None);
        for nearest in &found.nearest {
            assert!(nearest.is_some_and(|link| (link.relative_distance - 1.0).abs() < 0.15));
        }
    }

    #[test]
    fn weights_that_grow_far_from_the_start_are_related_although_another_start_is_nearer() {
        // The tree goes from start to start: both lie near the origin.
        let mut points = runs(&[2, 2], 0.0);
        for (column, scale) in [(1, 2.0), (3, 2.0)] {
            points.column_mut(column).scale_mut(scale);
        }
        let add = noise(77);
        for column in [1, 3] {
            let sign = if column == 1 { 1.2 } else { -1.2 };
            points
                .column_mut(column)
                .iter_mut()
                .zip(&add)
                .for_each(|(x, y)| *x += sign * y);
        }
        let tree = [
            Edge {
                a: 0,
                b: 2,
                length: 1.0,
            },
            Edge {
                a: 0,
                b: 1,
                length: 1.0,
            },
        ];
        let found = families(points.as_view(), &whole(), &tree).unwrap();
        assert_eq!(found.clusters.labels(), [0, 0, 1, 1]);
    }

    #[test]
    fn gains_that_start_at_one_relate_nothing_when_only_matrices_count() {
        let mut points = runs(&[3, 3], 0.1);
        points.rows_mut(600, 100).fill(5.0);
        assert_eq!(found(&points, &whole()).clusters.len(), 1);
        let matrices = found(&points, std::slice::from_ref(&(0..600)));
        assert_eq!(matrices.clusters.sizes(), [3, 3]);
    }

    #[test]
    fn the_unit_of_the_weights_does_not_matter_and_zeros_are_the_same() {
        let points = runs(&[3, 2], 0.2);
        let scaled = &points * 1e-20;
        assert_eq!(
            found(&points, &whole()).clusters,
            found(&scaled, &whole()).clusters
        );
        let zeros = DMatrix::zeros(ROWS, 3);
        assert_eq!(found(&zeros, &whole()).clusters.len(), 1);
        assert!(
            families(
                points.as_view(),
                &whole(),
                &[Edge {
                    a: 0,
                    b: 9,
                    length: 1.0
                }]
            )
            .is_err()
        );
    }
}
