//! The minimum spanning tree from any spanning tree, by all pairs of groups that can improve it.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use weightspace::distance::distance_at_least;
use weightspace::tiles::{Candidate, Limit, Panels, Tile};

use super::edge::Edge;
use super::groups::Groups;
use super::kruskal;
use super::leaf_line::{Gaps, LeafLine};

/// Tiles per batch at most; every pair of a batch may be a candidate in the worst case.
const LARGEST_BATCH: usize = 128;

/// Sums of lengths are rounded, and must not rule out what is equal to a limit.
const ROUNDING: f64 = 1.0 + 1e-11;

/// A tree on its way to be the smallest.
pub(super) struct Improvement<'a> {
    columns: &'a [&'a [f32]],
    groups: &'a Groups,
    tree: Vec<Edge>,
    line: LeafLine,
    /// The longest edge from each leader to the next, along the line that the groups are of.
    gaps: Gaps,
}

/// The minimum spanning tree; `tree` may be any, and `groups` of any line.
pub(super) fn smallest(
    columns: &[&[f32]],
    tree: Vec<Edge>,
    line: LeafLine,
    groups: &Groups,
) -> Vec<Edge> {
    let mut improvement = Improvement {
        gaps: between_leaders(&line, groups),
        columns,
        groups,
        tree,
        line,
    };
    improvement.within_groups();
    improvement.between_groups();
    improvement.tree
}

fn between_leaders(line: &LeafLine, groups: &Groups) -> Gaps {
    let leaders: Vec<u32> = (0..groups.len())
        .map(|group| groups.leader(group))
        .collect();
    let gaps = leaders
        .windows(2)
        .map(|pair| line.longest_between(pair[0], pair[1]));
    Gaps::new(gaps.collect())
}

impl Improvement<'_> {
    fn within_groups(&mut self) {
        let pairs: Vec<Candidate> = (0..self.groups.len() as u32)
            .filter(|&group| self.groups.size(group as usize) > 1)
            .map(|group| Candidate {
                at_least: 0.0,
                a: group,
                b: group,
            })
            .collect();
        self.take_members(&pairs);
    }

    fn between_groups(&mut self) {
        let leaders = 0..self.groups.len();
        let columns = leaders.map(|group| self.columns[self.groups.leader(group) as usize]);
        let panels = Panels::new(columns.collect());
        let tiles = panels.tiles();
        let mut near: Vec<Candidate> = Vec::new();
        let (mut start, mut size) = (0, panels.panels().min(LARGEST_BATCH));
        while start < tiles.len() {
            let end = (start + size).min(tiles.len());
            let found = Mutex::new(near);
            panels.for_each(&tiles[start..end], |tile| {
                let pairs = self.near_groups(tile, &panels);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.extend(pairs);
            });
            near = found.into_inner().unwrap_or_else(PoisonError::into_inner);
            (start, size) = (end, (2 * size).min(LARGEST_BATCH));
            if near.len() > 4 * self.columns.len() || start == tiles.len() {
                self.take_leaders(&near);
                self.take_members(&near);
                near.clear();
            }
        }
    }

    /// Adds the edges between the leaders of the given groups.
    fn take_leaders(&mut self, pairs: &[Candidate]) {
        let edges = pairs.par_iter().filter_map(|pair| {
            let [a, b] = [pair.a, pair.b].map(|group| self.groups.leader(group as usize));
            let candidate = Candidate { a, b, ..*pair };
            (pair.at_least <= self.line.longest_between(a, b)).then_some(candidate)
        });
        let edges = edges.collect();
        self.take(edges);
    }

    /// Adds the edges between all other points of the given groups.
    fn take_members(&mut self, pairs: &[Candidate]) {
        let edges = pairs
            .par_iter()
            .flat_map_iter(|pair| self.near_members(pair));
        let edges = edges.collect();
        self.take(edges);
    }

    fn take(&mut self, edges: Vec<Candidate>) {
        if edges.is_empty() {
            return;
        }
        self.tree = kruskal::tree(self.columns, std::mem::take(&mut self.tree), edges);
        self.line = LeafLine::of(self.columns.len(), &self.tree);
        self.gaps = between_leaders(&self.line, self.groups);
    }

    /// The pairs of groups of a tile between whose points there may be a useful edge.
    fn near_groups(&self, tile: &Tile<'_>, panels: &Panels<'_>) -> Vec<Candidate> {
        let (row, column) = tile.panels();
        let (rows, columns) = (panels.points(row), panels.points(column));
        // The way from a row to a column leads over the first leader of the column's panel.
        let middle = columns.start;
        let to_middle = self.widest(rows.clone(), |row| {
            self.gaps.widest(row.min(middle), row.max(middle))
        });
        let from_middle = self.widest(columns.clone(), |column| self.gaps.widest(middle, column));
        let limits = |places: Range<usize>, widest: &[f64], others: Range<usize>| -> Vec<Limit> {
            let radius = others
                .map(|group| self.groups.radius(group))
                .fold(0.0, f64::max);
            let lengths = places.zip(widest);
            lengths
                .map(|(group, widest)| {
                    panels.limit((widest + self.groups.radius(group) + radius) * ROUNDING)
                })
                .collect()
        };
        let row_limits = limits(rows.clone(), &to_middle, columns.clone());
        let column_limits = limits(columns.clone(), &from_middle, rows.clone());
        let mut pairs = Vec::new();
        tile.candidates(&row_limits, &column_limits, |pair| {
            let (a, b) = (pair.a as usize, pair.b as usize);
            let longest = if row == column {
                self.gaps
                    .widest(a, b)
                    .max(self.groups.width(a))
                    .max(self.groups.width(b))
            } else {
                to_middle[a - rows.start].max(from_middle[b - columns.start])
            };
            if pair.at_least <= (longest + self.groups.radius(a) + self.groups.radius(b)) * ROUNDING
            {
                pairs.push(pair);
            }
        });
        pairs
    }

    fn widest(&self, groups: Range<usize>, longest: impl Fn(usize) -> f64) -> Vec<f64> {
        groups
            .map(|group| longest(group).max(self.groups.width(group)))
            .collect()
    }

    /// The pairs of points of two groups that may be shorter than the longest edge between them.
    fn near_members(&self, pair: &Candidate) -> Vec<Candidate> {
        let (a, b) = (pair.a as usize, pair.b as usize);
        let mut edges = Vec::new();
        if a != b && self.groups.size(a) * self.groups.size(b) == 1 {
            return edges;
        }
        let longest = self
            .gaps
            .widest(a, b)
            .max(self.groups.width(a))
            .max(self.groups.width(b));
        if pair.at_least > (longest + self.groups.radius(a) + self.groups.radius(b)) * ROUNDING {
            return edges;
        }
        let others = self.groups.members(b);
        for (place, (x, x_distance)) in self.groups.members(a).enumerate() {
            let skipped = if a == b { place + 1 } else { 0 };
            for (y, y_distance) in others.clone().skip(skipped) {
                let limit = self.line.longest_between(x, y);
                if pair.at_least > (limit + x_distance + y_distance) * ROUNDING {
                    continue;
                }
                let at_least =
                    distance_at_least(self.columns[x as usize], self.columns[y as usize]);
                if at_least <= limit {
                    edges.push(Candidate {
                        at_least,
                        a: x,
                        b: y,
                    });
                }
            }
        }
        edges
    }
}
