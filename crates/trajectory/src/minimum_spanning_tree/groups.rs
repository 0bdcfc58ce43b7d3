//! Neighbouring points of a line in groups, each with a leader that stands for it.
//!
//! By the triangle inequality two points are at least as far apart as the leaders of their groups,
//! less the distance of each from its leader. Where steps are short against the distance between
//! runs, one comparison of leaders so decides on all pairs of two groups.

use rayon::prelude::*;
use weightspace::distance::{distance, distance_at_least};

use super::leaf_line::LeafLine;

/// Reaches of groups that are tried, in parts of the usual longest edge between two points.
const REACHES: [f64; 6] = [0.05, 0.07, 0.1, 0.15, 0.25, 0.4];

/// Pairs of points that a reach is judged by.
const JUDGED_PAIRS: usize = 512;

/// Exact distances that cost as much as one of a matrix product.
const COST_OF_PAIR: f64 = 4.0;

/// Places of the line that are divided at a time.
const STRETCH: usize = 2048;

/// Fewer points are not worth grouping.
const FEWEST: usize = 1000;

/// A division of all points.
#[derive(Debug)]
pub(super) struct Groups {
    /// The points from left to right.
    points: Vec<u32>,
    /// Distance of each, by place, from the leader of its group.
    distances: Vec<f64>,
    /// Where each group starts, and the end of the last.
    starts: Vec<u32>,
    /// The place of each group's leader.
    leaders: Vec<u32>,
    /// The largest distance in each group.
    radii: Vec<f64>,
    /// The longest edge on the path between two points of each group, or more.
    widths: Vec<f64>,
}

impl Groups {
    /// The division that promises the least work.
    pub(super) fn of(columns: &[&[f32]], line: &LeafLine) -> Self {
        let n = columns.len();
        let alone = Self::alone(line.points().to_vec());
        if n < FEWEST {
            return alone;
        }
        let pairs = some_pairs(n);
        let mut limits: Vec<f64> = pairs
            .iter()
            .map(|&(x, y)| line.longest_between(alone.points[x], alone.points[y]))
            .collect();
        limits.sort_unstable_by(f64::total_cmp);
        let usual = limits[limits.len() / 2];
        let (mut least, mut best) = ((n * n) as f64, alone);
        for reach in REACHES {
            let groups = Self::reaching(columns, line, reach * usual);
            let leaders = (groups.len() * groups.len()) as f64;
            let left = groups.share_left(columns, line, &pairs);
            let members = COST_OF_PAIR * left * (n * n) as f64;
            if leaders + members < least {
                (least, best) = (leaders + members, groups);
            }
            // Farther reaches decide on less.
            if members > leaders {
                break;
            }
        }
        best
    }

    /// Every one of some points, which need not be all, in a group of its own.
    pub(super) fn alone(points: Vec<u32>) -> Self {
        let n = points.len() as u32;
        Self {
            distances: vec![0.0; points.len()],
            starts: (0..=n).collect(),
            leaders: (0..n).collect(),
            radii: vec![0.0; points.len()],
            widths: vec![0.0; points.len()],
            points,
        }
    }

    /// Groups that are about `reach` wide to either side of the leader. O(n · parameters).
    pub(super) fn reaching(columns: &[&[f32]], line: &LeafLine, reach: f64) -> Self {
        let points = line.points();
        let stretches: Vec<Self> = points
            .par_chunks(STRETCH)
            .map(|points| Self::of_stretch(columns, line, points, reach))
            .collect();
        let mut all = Self::alone(Vec::new());
        for mut stretch in stretches {
            let offset = all.points.len() as u32;
            all.starts
                .extend(stretch.starts[1..].iter().map(|start| start + offset));
            all.leaders
                .extend(stretch.leaders.iter().map(|leader| leader + offset));
            all.points.append(&mut stretch.points);
            all.distances.append(&mut stretch.distances);
            all.radii.append(&mut stretch.radii);
            all.widths.append(&mut stretch.widths);
        }
        all
    }

    fn of_stretch(columns: &[&[f32]], line: &LeafLine, points: &[u32], reach: f64) -> Self {
        let mut groups = Self::alone(Vec::new());
        let column = |place: usize| columns[points[place] as usize];
        let mut start = 0;
        for end in 1..=points.len() {
            // The edge to the next point alone may be too long already.
            let goes_on = end < points.len()
                && line.longest_between(points[end - 1], points[end]) <= 2.0 * reach
                && distance_at_least(column(start), column(end)) <= 2.0 * reach;
            if !goes_on {
                let group = &points[start..end];
                let leader = (group.len() - 1) / 2;
                groups.add(columns, line, group, leader);
                start = end;
            }
        }
        groups
    }

    /// Adds a group of neighbours on the line.
    fn add(&mut self, columns: &[&[f32]], line: &LeafLine, group: &[u32], leader: usize) {
        let column = |place: usize| columns[group[place] as usize];
        let from_leader = (0..group.len()).map(|place| match place == leader {
            true => 0.0,
            false => distance(column(leader), column(place)),
        });
        let start = self.points.len();
        self.distances.extend(from_leader);
        self.radii
            .push(self.distances[start..].iter().copied().fold(0.0, f64::max));
        self.widths
            .push(line.longest_between(group[0], group[group.len() - 1]));
        self.leaders.push((start + leader) as u32);
        self.points.extend(group);
        self.starts.push(self.points.len() as u32);
    }

    /// Number of groups.
    pub(super) fn len(&self) -> usize {
        self.leaders.len()
    }

    /// The point that stands for a group.
    pub(super) fn leader(&self, group: usize) -> u32 {
        self.points[self.leaders[group] as usize]
    }

    /// How far the leader is from the farthest point of its group.
    pub(super) fn radius(&self, group: usize) -> f64 {
        self.radii[group]
    }

    /// No path between two points of the group has a longer edge.
    pub(super) fn width(&self, group: usize) -> f64 {
        self.widths[group]
    }

    /// Number of points in a group.
    pub(super) fn size(&self, group: usize) -> usize {
        (self.starts[group + 1] - self.starts[group]) as usize
    }

    /// The points of a group, each with its distance from the leader.
    pub(super) fn members(&self, group: usize) -> impl Iterator<Item = (u32, f64)> + Clone {
        let places = self.starts[group] as usize..self.starts[group + 1] as usize;
        let points = self.points[places.clone()].iter().copied();
        points.zip(self.distances[places].iter().copied())
    }

    /// The group of the point at a place.
    fn at(&self, place: usize) -> usize {
        self.starts
            .partition_point(|&start| start as usize <= place)
            - 1
    }

    /// The share of the given pairs of places that the leaders do not decide on.
    fn share_left(&self, columns: &[&[f32]], line: &LeafLine, pairs: &[(usize, usize)]) -> f64 {
        let left = pairs.par_iter().filter(|&&(x, y)| {
            let limit = line.longest_between(self.points[x], self.points[y]);
            let (x, y) = (self.at(x), self.at(y));
            let [a, b] = [x, y].map(|group| columns[self.leader(group) as usize]);
            distance(a, b) <= limit + self.radius(x) + self.radius(y)
        });
        left.count() as f64 / pairs.len() as f64
    }
}

/// Pairs of places spread over all pairs of `n`, by the golden ratio and the root of two.
fn some_pairs(n: usize) -> Vec<(usize, usize)> {
    let place = |fraction: f64| ((fraction.fract() * n as f64) as usize).min(n - 1);
    (1..=JUDGED_PAIRS)
        .map(|k| {
            let k = k as f64;
            (
                place(k * 0.618_033_988_749_895),
                place(k * std::f64::consts::SQRT_2),
            )
        })
        .collect()
}
