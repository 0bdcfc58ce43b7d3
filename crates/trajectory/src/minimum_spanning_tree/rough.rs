//! A spanning tree that is roughly minimal, in O(n log n).
//!
//! Random projection trees (Dasgupta and Freund 2008, "Random projection trees and low dimensional
//! manifolds") cut the sketches of the points into small cells, and near points mostly share a
//! cell of one of a few such trees. The nearest of each cell are joined, shortest edge first; each
//! component that is left is then stood for by the point of it that is nearest the middle of all,
//! since that is where others are near, and these are joined in the same way.

use std::cmp::Ordering;

use petgraph::unionfind::UnionFind;
use rayon::prelude::*;

use super::edge::Edge;
use super::sketch::{Sketch, WIDTH, prim, sketches, squared};
use crate::chance::projection_tree;

/// Number of projection trees.
const TREES: u64 = 4;

/// Most points in a cell.
const CELL: usize = 96;

/// Edges that each point of a cell proposes.
const PROPOSED: usize = 3;

/// So few points are joined by Prim's algorithm.
const FEW: usize = 1024;

/// A tree, and where its points lie.
pub(super) struct Rough {
    /// The edges of a spanning tree, sorted.
    pub(super) tree: Vec<Edge>,
    /// About the squared distance of each point from the middle of all, in some unit.
    pub(super) remoteness: Vec<f32>,
}

/// A spanning tree of the points.
pub(super) fn spanning_tree(columns: &[&[f32]]) -> Rough {
    let sketches = sketches(columns);
    let middle = middle(&sketches);
    let remoteness: Vec<f32> = sketches
        .iter()
        .map(|sketch| squared(sketch, &middle))
        .collect();
    let mut components = UnionFind::<u32>::new(columns.len());
    let mut tree = Vec::with_capacity(columns.len());
    let mut points: Vec<u32> = (0..columns.len() as u32).collect();
    loop {
        let pairs = if points.len() <= FEW {
            prim(&sketches, &points)
        } else {
            near_pairs(&sketches, &points)
        };
        let mut edges: Vec<Edge> = pairs
            .into_par_iter()
            .map(|(x, y)| Edge::between(columns, x, y))
            .collect();
        edges.par_sort_unstable_by(Edge::order);
        tree.extend(
            edges
                .into_iter()
                .filter(|edge| components.union(edge.a, edge.b)),
        );
        if tree.len() + 1 >= columns.len() {
            break;
        }
        points = representatives(&remoteness, &points, &mut components);
    }
    tree.par_sort_unstable_by(Edge::order);
    Rough { tree, remoteness }
}

/// The point of each component that is nearest the middle.
fn representatives(
    remoteness: &[f32],
    points: &[u32],
    components: &mut UnionFind<u32>,
) -> Vec<u32> {
    let mut ranked: Vec<(u32, f32, u32)> = points
        .iter()
        .map(|&point| {
            (
                components.find_mut(point),
                remoteness[point as usize],
                point,
            )
        })
        .collect();
    ranked.sort_unstable_by(|x, y| {
        let remoteness = x.1.total_cmp(&y.1);
        x.0.cmp(&y.0).then(remoteness).then(x.2.cmp(&y.2))
    });
    ranked.dedup_by_key(|&mut (component, ..)| component);
    ranked.into_iter().map(|(.., point)| point).collect()
}

fn middle(sketches: &[Sketch]) -> Sketch {
    let mut sums = [0.0f64; WIDTH];
    for sketch in sketches {
        for (sum, &x) in sums.iter_mut().zip(sketch) {
            *sum += f64::from(x);
        }
    }
    sums.map(|sum| (sum / sketches.len() as f64) as f32)
}

/// Pairs of points that share a cell and are near in it, each once.
fn near_pairs(sketches: &[Sketch], points: &[u32]) -> Vec<(u32, u32)> {
    let trees: Vec<Vec<(u32, u32)>> = (0..TREES)
        .into_par_iter()
        .map(|tree| {
            let mut points = points.to_vec();
            cells(sketches, &mut points, projection_tree(tree))
        })
        .collect();
    let mut pairs = trees.concat();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Cuts the points in two by their projection on the difference of two of them, again and again.
fn cells(sketches: &[Sketch], points: &mut [u32], root: u64) -> Vec<(u32, u32)> {
    if points.len() <= CELL {
        return nearest_in_cell(sketches, points);
    }
    let chosen = |draw: u64| {
        let place = expanded(root, draw) % points.len() as u64;
        &sketches[points[place as usize] as usize]
    };
    let (from, to) = (chosen(0), chosen(1));
    let mut direction = [0.0f32; WIDTH];
    for ((difference, from), to) in direction.iter_mut().zip(from).zip(to) {
        *difference = to - from;
    }
    let mut projected: Vec<(f32, u32)> = points
        .iter()
        .map(|&point| {
            let terms = sketches[point as usize].iter().zip(&direction);
            (terms.map(|(x, y)| x * y).sum(), point)
        })
        .collect();
    let half = points.len() / 2;
    projected.select_nth_unstable_by(half, |x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    for (point, (_, projected)) in points.iter_mut().zip(projected) {
        *point = projected;
    }
    let (left, right) = points.split_at_mut(half);
    let (mut pairs, others) = rayon::join(
        || cells(sketches, left, expanded(root, 2)),
        || cells(sketches, right, expanded(root, 3)),
    );
    pairs.extend(others);
    pairs
}

fn nearest_in_cell(sketches: &[Sketch], points: &[u32]) -> Vec<(u32, u32)> {
    let mut pairs = Vec::with_capacity(points.len() * PROPOSED);
    for &x in points {
        let mut nearest = [(f32::INFINITY, x); PROPOSED];
        for &y in points {
            let mut known = (squared(&sketches[x as usize], &sketches[y as usize]), y);
            if y != x && closer(&known, &nearest[PROPOSED - 1]).is_lt() {
                for place in &mut nearest {
                    if closer(&known, place).is_lt() {
                        std::mem::swap(place, &mut known);
                    }
                }
            }
        }
        let found = nearest.iter().filter(|&&(_, y)| y != x);
        pairs.extend(found.map(|&(_, y)| (x.min(y), x.max(y))));
    }
    pairs
}

fn closer(x: &(f32, u32), y: &(f32, u32)) -> Ordering {
    x.0.total_cmp(&y.0).then(x.1.cmp(&y.1))
}

/// One of the numbers that are expanded from the root of a tree or of a part of one (splitmix64).
fn expanded(root: u64, draw: u64) -> u64 {
    let mut x = root.wrapping_mul(31).wrapping_add(draw).wrapping_add(1);
    x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
