//! The points of a tree on a line, such that the longest edge between two of them can be read off
//! the gaps between them.
//!
//! Joining the points along the edges of a tree, shortest first, and laying the two parts of each
//! join side by side puts the points in the order of the leaves of the tree's dendrogram. If each
//! gap between neighbours is as wide as the join that brought them together, then the longest
//! edge on the path between two points is the widest gap between them.

use petgraph::unionfind::UnionFind;

use super::edge::Edge;

/// Points in a row with gaps between them.
#[derive(Debug)]
pub(super) struct LeafLine {
    points: Vec<u32>,
    /// The place of each point.
    places: Vec<u32>,
    gaps: Gaps,
}

impl LeafLine {
    /// The line of a tree over the points `0..n`, whose edges come sorted. O(n log n).
    pub(super) fn of(n: usize, tree: &[Edge]) -> Self {
        let mut components = UnionFind::<u32>::new(n);
        // Of each component, known by its representative, the two ends of its piece of line.
        let mut ends: Vec<(u32, u32)> = (0..n as u32).map(|i| (i, i)).collect();
        let mut next: Vec<Option<(u32, f64)>> = vec![None; n];
        let mut first = 0;
        for edge in tree {
            let (left, right) = (components.find_mut(edge.a), components.find_mut(edge.b));
            let ((start, join), (joined, end)) = (ends[left as usize], ends[right as usize]);
            next[join as usize] = Some((joined, edge.length));
            components.union(left, right);
            ends[components.find_mut(left) as usize] = (start, end);
            first = start;
        }
        let mut points = vec![first];
        let mut gaps = Vec::with_capacity(n - 1);
        let mut point = first;
        while let Some((successor, gap)) = next[point as usize] {
            points.push(successor);
            gaps.push(gap);
            point = successor;
        }
        let mut places = vec![0; n];
        for (place, &point) in points.iter().enumerate() {
            places[point as usize] = place as u32;
        }
        Self {
            points,
            places,
            gaps: Gaps::new(gaps),
        }
    }

    /// The points from left to right.
    pub(super) fn points(&self) -> &[u32] {
        &self.points
    }

    /// The longest edge on the path between two points; 0 from a point to itself. O(1).
    pub(super) fn longest_between(&self, x: u32, y: u32) -> f64 {
        let (x, y) = (self.places[x as usize], self.places[y as usize]);
        self.gaps.widest(x.min(y) as usize, x.max(y) as usize)
    }
}

/// Gaps that share one entry of the table: scanning so few is as fast as looking up.
const BLOCK: usize = 16;

/// Widths in a row, and the widest of any range of them (Bender and Farach-Colton 2000, "The LCA
/// problem revisited"), in blocks to save memory.
#[derive(Debug)]
pub(super) struct Gaps {
    gaps: Vec<f64>,
    /// At `[k][i]`, the widest gap in the `2ᵏ` blocks from block `i` on.
    table: Vec<Vec<f64>>,
}

impl Gaps {
    /// O(n).
    pub(super) fn new(gaps: Vec<f64>) -> Self {
        let mut table = vec![gaps.chunks(BLOCK).map(widest).collect::<Vec<f64>>()];
        let mut span = 1;
        while let Some(half) = table.last()
            && half.len() > span
        {
            let pairs = half.iter().zip(&half[span..]);
            let whole = pairs.map(|(x, y)| x.max(*y)).collect();
            table.push(whole);
            span *= 2;
        }
        Self { gaps, table }
    }

    /// The widest of the gaps `from..to`; 0 if there are none. O(1).
    pub(super) fn widest(&self, from: usize, to: usize) -> f64 {
        let (first, last) = (from.div_ceil(BLOCK), to / BLOCK);
        if first >= last {
            return widest(&self.gaps[from..to]);
        }
        let row = (last - first).ilog2() as usize;
        let blocks = &self.table[row];
        let inner = blocks[first].max(blocks[last - (1 << row)]);
        inner
            .max(widest(&self.gaps[from..first * BLOCK]))
            .max(widest(&self.gaps[last * BLOCK..to]))
    }
}

fn widest(gaps: &[f64]) -> f64 {
    gaps.iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_widest_gap_is_that_of_a_scan(
            gaps in prop::collection::vec(0.0..1.0f64, 0..300), from in 0usize..300, to in 0usize..300
        ) {
            let (from, to) = (from.min(gaps.len()), to.min(gaps.len()));
            let (from, to) = (from.min(to), from.max(to));
            let expected = widest(&gaps[from..to]);
            prop_assert_eq!(Gaps::new(gaps).widest(from, to), expected);
        }
    }

    #[test]
    fn the_longest_edge_of_a_path_is_the_widest_gap() {
        let edge = |a, b, length| Edge { a, b, length };
        // 3 - 0 - 2 - 1, lengths 2, 3, 1.
        let tree = [edge(1, 2, 1.0), edge(0, 3, 2.0), edge(0, 2, 3.0)];
        let line = LeafLine::of(4, &tree);
        let expected = [
            (0, 3, 2.0),
            (3, 2, 3.0),
            (1, 2, 1.0),
            (1, 3, 3.0),
            (2, 2, 0.0),
        ];
        for (x, y, length) in expected {
            assert_eq!(line.longest_between(x, y), length);
        }
    }
}
