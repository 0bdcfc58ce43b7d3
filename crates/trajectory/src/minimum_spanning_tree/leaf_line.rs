//! The points of a tree on a line, such that the longest edge between two of them can be read off
//! the gaps between them.
//!
//! Joining the points along the edges of a tree, shortest first, and laying the two parts of each
//! join side by side puts the points in the order of the leaves of the tree's dendrogram. If each
//! gap between neighbours is as wide as the join that brought them together, then the longest
//! edge on the path between two points is the widest gap between them.

use std::ops::Range;

use petgraph::unionfind::UnionFind;

use super::Edge;

/// Points in a row with gaps between them.
#[derive(Debug)]
pub(super) struct LeafLine {
    points: Vec<u32>,
    /// `gaps[i]` lies between points `i` and `i + 1`.
    gaps: Vec<f64>,
}

impl LeafLine {
    /// The line of a tree over the points `0..n`; sorts its edges.
    pub(super) fn of(n: usize, tree: &mut [Edge]) -> Self {
        tree.sort_unstable_by(Edge::order);
        let mut components = UnionFind::<u32>::new(n);
        // Of each component, known by its representative, the two ends of its piece of line.
        let mut ends: Vec<(u32, u32)> = (0..n as u32).map(|i| (i, i)).collect();
        let mut next: Vec<Option<(u32, f64)>> = vec![None; n];
        let mut first = 0;
        for edge in tree.iter() {
            let (left, right) = (components.find_mut(edge.a), components.find_mut(edge.b));
            let ((start, join), (joined, end)) = (ends[left as usize], ends[right as usize]);
            next[join as usize] = Some((joined, edge.length));
            components.union(left, right);
            ends[components.find_mut(left) as usize] = (start, end);
            first = start;
        }
        let mut line = Self {
            points: vec![first],
            gaps: Vec::with_capacity(n - 1),
        };
        let mut point = first;
        while let Some((successor, gap)) = next[point as usize] {
            line.points.push(successor);
            line.gaps.push(gap);
            point = successor;
        }
        line
    }

    /// The line with only every `stride`-th point left.
    pub(super) fn every(self, stride: usize) -> Self {
        let points: Vec<u32> = self.points.iter().copied().step_by(stride).collect();
        let gaps = self.gaps.chunks_exact(stride).map(widest).collect();
        Self { points, gaps }
    }

    /// The points from left to right.
    pub(super) fn points(&self) -> &[u32] {
        &self.points
    }

    /// Makes the gaps bounds for another tree, whose own line, of all points, is `other`.
    ///
    /// The widest gap between two points is then no longer the longest edge on their path in the
    /// other tree, but never shorter, since no path is worse than the worst of its stages.
    pub(super) fn relax(&mut self, other: Self) {
        let mut places = vec![0; other.points.len()];
        for (place, &point) in other.points.iter().enumerate() {
            places[point as usize] = place;
        }
        for (gap, pair) in self.gaps.iter_mut().zip(self.points.windows(2)) {
            let (x, y) = (places[pair[0] as usize], places[pair[1] as usize]);
            *gap = other.longest_between(x.min(y), x.max(y));
        }
    }

    /// A bound on the longest edge between the points at two places, `from ≤ to`.
    pub(super) fn longest_between(&self, from: usize, to: usize) -> f64 {
        widest(&self.gaps[from..to])
    }

    /// The same for every place in `from`, none of them after `to`.
    pub(super) fn longest_to(&self, from: Range<usize>, to: usize) -> Vec<f64> {
        let mut widest = self.longest_between(from.end - 1, to);
        let mut lengths = vec![widest; from.len()];
        for place in (from.start..from.end - 1).rev() {
            widest = widest.max(self.gaps[place]);
            lengths[place - from.start] = widest;
        }
        lengths
    }

    /// The same for every place in `to`, none of them before `from`.
    pub(super) fn longest_from(&self, from: usize, to: Range<usize>) -> Vec<f64> {
        let mut widest = self.longest_between(from, to.start);
        let mut lengths = vec![widest; to.len()];
        for place in to.start + 1..to.end {
            widest = widest.max(self.gaps[place - 1]);
            lengths[place - to.start] = widest;
        }
        lengths
    }

    /// The same for all pairs `i ≤ j` of places in a range, at `[j * length + i]`, from its start.
    pub(super) fn longest_within(&self, places: Range<usize>) -> Vec<f64> {
        let length = places.len();
        let mut longest = vec![0.0; length * length];
        for j in 1..length {
            let (before, row) = longest.split_at_mut(j * length);
            let gap = self.gaps[places.start + j - 1];
            for (entry, known) in row[..j].iter_mut().zip(&before[(j - 1) * length..]) {
                *entry = gap.max(*known);
            }
        }
        longest
    }
}

fn widest(gaps: &[f64]) -> f64 {
    gaps.iter().copied().fold(0.0, f64::max)
}
