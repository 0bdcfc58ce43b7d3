//! The exact minimum spanning tree of a set of points.
//!
//! Edges are ordered by (length, smaller point, larger point), a total order, so there is one
//! tree and it does not depend on how it was found. Lengths are those of
//! [`weightspace::distance::distance`], in f64.
//!
//! # Method
//!
//! An edge that is longer than every edge on the path between its ends in *some* spanning tree is
//! in no minimum spanning tree (the cycle property). So any tree, however it was found, rules out
//! all pairs that are farther apart than its path between them is wide, and the closer it is to the
//! smallest the more it rules out:
//!
//! 1. random projection trees over short sketches of the points (`sketch`) find a rough tree
//!    in O(n log n) (`rough`);
//! 2. laid out as the leaves of its dendrogram, the longest edge between two points is the widest
//!    gap between them on a line (`leaf_line`);
//! 3. neighbours on the line that are near each other form groups, and one distance between two
//!    leaders decides on all pairs of their groups, by the triangle inequality (`groups`);
//! 4. tiles of such distances are made by matrix products in f32 with proven bounds
//!    ([`weightspace::tiles`]), and what they do not rule out is looked at pair by pair (`pairs`);
//! 5. the few pairs that pass are measured in f64 when, and only if, Kruskal's algorithm asks for
//!    them (`kruskal`), and the better tree makes the next tiles pass fewer.
//!
//! A first round over a sample of the points makes the limits tight before groups are chosen.
//! This is the filtering of Karger, Klein and Tarjan (1995, "A randomized linear-time algorithm
//! to find minimum spanning trees") with tiles in place of random edges. One triangular matrix
//! product over the g leaders dominates: g²·d/2 multiplications, with g = n where nothing can be
//! grouped. The memory beside the input is that of a panel of points per thread and of the
//! candidates of one batch of tiles. What the speed rests on is in `docs/linkage.md`.

mod edge;
mod groups;
mod kruskal;
mod leaf_line;
mod pairs;
mod rough;
mod sketch;

use std::cmp::Ordering;

use nalgebra::DMatrixView;
use rayon::prelude::*;
use weightspace::points::finite_columns;

use crate::Error;
pub use edge::Edge;
use groups::Groups;
use leaf_line::LeafLine;
use rough::Rough;

/// One of so many points is in the sample.
const SAMPLED_FROM: usize = 16;

/// The minimum spanning tree of the columns of `points` (parameters x checkpoints).
///
/// Its `n − 1` edges come sorted by (length, `a`, `b`), in which order they are also the smallest
/// possible; none for a single point. The same bits for any number of threads.
///
/// # Errors
///
/// No points, more points than can be numbered, or a weight that is not finite.
pub fn minimum_spanning_tree(points: DMatrixView<'_, f32>) -> Result<Vec<Edge>, Error> {
    let columns = finite_columns(&points).map_err(|error| match error {
        weightspace::Error::NonFinite { column, .. } => Error::NotFinite {
            what: "point",
            index: column,
        },
        _ => Error::TooMany {
            leaves: points.ncols(),
        },
    })?;
    if columns.is_empty() {
        return Err(Error::Empty {
            what: "the matrix of points",
        });
    }
    Ok(of_columns(&columns))
}

/// As [`minimum_spanning_tree`], of some of the columns: edges name them by their places in the list.
///
/// # Errors
///
/// As [`minimum_spanning_tree`], or a column that is not there.
pub fn minimum_spanning_tree_of(
    points: DMatrixView<'_, f32>,
    leaves: &[u32],
) -> Result<Vec<Edge>, Error> {
    let count = points.ncols();
    let columns = leaves.iter().map(|&leaf| {
        let index = leaf as usize;
        if index >= count {
            let what = "leaf";
            return Err(Error::OutOfRange {
                what,
                index,
                length: count,
            });
        }
        let column: &[f32] = points.column(index).data.into_slice();
        match column.iter().all(|x| x.is_finite()) {
            true => Ok(column),
            false => Err(Error::NotFinite {
                what: "point",
                index,
            }),
        }
    });
    let columns = columns.collect::<Result<Vec<&[f32]>, Error>>()?;
    if columns.is_empty() {
        return Err(Error::Empty {
            what: "the list of leaves",
        });
    }
    Ok(of_columns(&columns))
}

fn of_columns(columns: &[&[f32]]) -> Vec<Edge> {
    let (distinct, mut edges) = without_duplicates(columns);
    // Numbered by rank among the distinct points, which keeps the order of edges.
    let kept: Vec<&[f32]> = distinct.iter().map(|&i| columns[i as usize]).collect();
    edges.extend(tree_of_distinct(&kept).into_iter().map(|edge| Edge {
        a: distinct[edge.a as usize],
        b: distinct[edge.b as usize],
        length: edge.length,
    }));
    edges.sort_unstable_by(Edge::order);
    edges
}

/// The first of each set of coinciding points, ascending, and an edge from it to each other one.
///
/// These edges are in the tree: of all edges of length 0 between such points, and of all equally
/// long edges to any other point, those of the first come first. Collapsed models make thousands
/// of coinciding points, among which no bound on distances could tell one pair from another.
fn without_duplicates(columns: &[&[f32]]) -> (Vec<u32>, Vec<Edge>) {
    // Coordinates are finite, so that only −0 and +0 compare equal without being identical.
    let compare = |x: u32, y: u32| {
        let pair = columns[x as usize].partial_cmp(columns[y as usize]);
        pair.unwrap_or(Ordering::Equal)
    };
    let mut sorted: Vec<u32> = (0..columns.len() as u32).collect();
    sorted.par_sort_unstable_by(|&x, &y| compare(x, y).then(x.cmp(&y)));
    let mut distinct = Vec::new();
    let mut edges = Vec::new();
    for group in sorted.chunk_by(|&x, &y| compare(x, y).is_eq()) {
        distinct.push(group[0]);
        edges.extend(group[1..].iter().map(|&copy| Edge {
            a: group[0],
            b: copy,
            length: 0.0,
        }));
    }
    distinct.sort_unstable();
    (distinct, edges)
}

fn tree_of_distinct(columns: &[&[f32]]) -> Vec<Edge> {
    let rough = rough::spanning_tree(columns);
    let (tree, line) = with_sample(columns, rough);
    if tree.is_empty() {
        return tree;
    }
    let groups = Groups::of(columns, &line);
    pairs::smallest(columns, tree, line, &groups)
}

/// The rough tree made as small as edges between a sample of the points make it.
///
/// Of each piece of its line the point nearest the middle of all is taken: it is nearest other runs,
/// and the edges between runs set the limits of most pairs.
fn with_sample(columns: &[&[f32]], rough: Rough) -> (Vec<Edge>, LeafLine) {
    let line = LeafLine::of(columns.len(), &rough.tree);
    let remoteness = |point: &u32| rough.remoteness[*point as usize];
    let pieces = line.points().chunks(SAMPLED_FROM);
    let sample: Vec<u32> = pieces
        .filter_map(|piece| {
            let nearer = |x: &&u32, y: &&u32| remoteness(x).total_cmp(&remoteness(y));
            piece.iter().min_by(nearer).copied()
        })
        .collect();
    let tree = pairs::smallest(columns, rough.tree, line, &Groups::alone(sample));
    let line = LeafLine::of(columns.len(), &tree);
    (tree, line)
}

#[cfg(test)]
mod tests;
