//! Branches within a cluster: where a spanning tree forks, and goes on for good on both sides.
//!
//! A run that was continued from one of its checkpoints on other data is often nearer to its parent
//! than the first steps of either are long, so that no gap in the merge heights tells the two apart.
//! But the parent went on, too: the tree then has three arms that meet in one checkpoint, and the
//! end of each is far from the other two. The tree of one run alone has side branches as well, of
//! points that were jittered off the path; their ends lie beside it.

use crate::Error;
use crate::assignment::Clusters;
use crate::spanning_tree::{SpanningTree, node};
use nalgebra::DMatrixView;
use petgraph::visit::EdgeRef;
use rayon::prelude::*;
use std::collections::HashSet;
use weightspace::distance::{distance, squared_distance};

/// The end of every arm must be so many of the arm's own median steps away from the rest of the tree.
///
/// Set on 16 seeds each of three recipes; see docs/forks.md.
pub const LEAST_CLEARANCE: f64 = 1.5;
/// Fewest steps of an arm.
pub const SHORTEST_ARM: usize = 3;
/// Larger clusters are left whole: in a tree of many runs that overlap, forks are all that there is.
pub const LARGEST_CLUSTER: usize = 1000;

/// Steps of an arm, from the fork on, whose median its clearance is measured in: schedules make steps
/// longer or shorter farther away.
const NEAR_THE_FORK: usize = 5;

/// A step is far longer than others from so many times their length on.
const HOOKED: f64 = 2.5;
/// By so much two arms must be straighter than any with the one whose end is farthest away.
const FAR_STRAIGHTER: f64 = 0.3;

/// Splits the branches off every cluster: where three arms of its tree and more are clear of each other.
///
/// `points` has shape (parameters, checkpoints), and `tree` spans its columns. Arms that meet in a
/// checkpoint, each of three steps or more, are a fork if the end of each of at least three is
/// [`LEAST_CLEARANCE`] of its median step near the fork away from every point outside the arm. Two stay
/// together: the one whose end is farthest away, where the training began, and the one that continues it
/// most nearly (by the cosine of what lies three steps before and behind the fork); each of the others
/// becomes a cluster of its own, with all that hangs from it and is not split off in turn. Which of
/// several continuations is "the branch" is a name, not a finding.
///
/// O(m) distances a fork that is looked at, of which a cluster of m points has at most m/9; clusters
/// of more than [`LARGEST_CLUSTER`] points are left as they are.
///
/// # Errors
///
/// The tree, the points and the clusters are not over as many leaves.
pub fn split(
    points: DMatrixView<'_, f32>,
    tree: &SpanningTree,
    clusters: &Clusters,
) -> Result<Clusters, Error> {
    for (what, leaves) in [
        ("the spanning tree", tree.leaves()),
        ("the list of points", points.ncols()),
    ] {
        if leaves != clusters.leaves() {
            return Err(Error::LengthMismatch {
                left: what,
                left_length: leaves,
                right: "the list of cluster labels",
                right_length: clusters.leaves(),
            });
        }
    }
    let found: Vec<Vec<Vec<u32>>> = (0..clusters.len())
        .into_par_iter()
        .map(|cluster| parts(points, tree, clusters.members(cluster)))
        .collect();
    let mut labels = vec![0; clusters.leaves()];
    for (label, part) in (0u32..).zip(found.iter().flatten()) {
        for &leaf in part {
            labels[leaf as usize] = label;
        }
    }
    Clusters::from_labels(&labels)
}

/// A cluster without its branches, and these.
fn parts(points: DMatrixView<'_, f32>, tree: &SpanningTree, members: &[u32]) -> Vec<Vec<u32>> {
    let cluster = Piece {
        points,
        tree,
        members: members.iter().copied().collect(),
    };
    let cuts = cluster.cuts();
    if cuts.is_empty() {
        return vec![members.to_vec()];
    }
    let mut left: HashSet<u32> = cluster.members.clone();
    let mut parts = Vec::new();
    for &start in members {
        if !left.remove(&start) {
            continue;
        }
        let mut part = vec![start];
        let mut next = 0;
        while let Some(&leaf) = part.get(next) {
            let others: Vec<u32> = cluster.neighbours(leaf).map(|(other, _)| other).collect();
            for other in others {
                let is_cut = cuts.contains(&(leaf.min(other), leaf.max(other)));
                if !is_cut && left.remove(&other) {
                    part.push(other);
                }
            }
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}

/// A connected piece of the tree.
struct Piece<'a> {
    points: DMatrixView<'a, f32>,
    tree: &'a SpanningTree,
    members: HashSet<u32>,
}

/// What hangs from one edge of a checkpoint.
struct Arm {
    /// All its leaves.
    leaves: Vec<u32>,
    /// From the checkpoint, exclusively, to the leaf farthest along the tree.
    path: Vec<u32>,
    /// The leaves that lie three steps into it: several where it forks again.
    beyond: Vec<u32>,
    /// Length of the first edge.
    first: f64,
    /// Median length of the path's edges near the fork, the first included.
    step: f64,
}

impl Piece<'_> {
    /// The edges that lead from a fork to a branch.
    fn cuts(&self) -> HashSet<(u32, u32)> {
        if self.members.len() > LARGEST_CLUSTER {
            return HashSet::new();
        }
        let forks = self.members.iter().flat_map(|&fork| {
            let branches = self.branches_at(fork);
            branches
                .into_iter()
                .map(move |branch| (fork.min(branch), fork.max(branch)))
        });
        forks.collect()
    }

    /// The first checkpoint of each branch that leaves the run at a checkpoint.
    fn branches_at(&self, fork: u32) -> Vec<u32> {
        let arms: Vec<Arm> = self
            .neighbours(fork)
            .map(|(first, length)| self.arm(fork, first, length))
            .filter(|arm| arm.path.len() >= SHORTEST_ARM)
            .collect();
        if arms.len() < 3 {
            return Vec::new();
        }
        let is_clear = |arm: &&Arm| self.clearance(fork, arm) >= LEAST_CLEARANCE;
        let clear: Vec<&Arm> = arms.iter().filter(is_clear).collect();
        if clear.len() < 3 || self.is_hooked(fork, &clear) {
            return Vec::new();
        }
        let run = self.continued(fork, &clear);
        let is_branch = |place: &usize| *place != run.0 && *place != run.1;
        let branches = (0..clear.len()).filter(is_branch);
        branches
            .filter_map(|place| clear[place].path.first().copied())
            .collect()
    }

    /// The places of the two arms that are one run: what lies before the fork, and what goes on from it
    /// most nearly straight.
    ///
    /// Trainings move most at their beginning, so that what lies before is the arm whose end is farthest
    /// away, unless two others continue each other far better.
    fn continued(&self, fork: u32, arms: &[&Arm]) -> (usize, usize) {
        let straight = |i: usize, j: usize| self.straightness(fork, arms[i], arms[j]);
        let best = |pairs: &mut dyn Iterator<Item = (usize, usize)>| {
            let scored = pairs.map(|(i, j)| (straight(i, j), i, j));
            scored.max_by(|x, y| x.0.total_cmp(&y.0).then((y.1, y.2).cmp(&(x.1, x.2))))
        };
        let before = self.farthest(fork, arms);
        let places = 0..arms.len();
        let others = places.clone().filter(|&place| place != before);
        let with_before = best(&mut others.map(|place| (before, place)));
        let all = best(&mut places.flat_map(|i| (0..i).map(move |j| (j, i))));
        match (with_before, all) {
            (Some(own), Some(all)) if all.0 < own.0 + FAR_STRAIGHTER => (own.1, own.2),
            (_, Some(all)) => (all.1, all.2),
            _ => (0, 1),
        }
    }

    /// The arm whose end is farthest from the fork.
    fn farthest(&self, fork: u32, arms: &[&Arm]) -> usize {
        let away = |arm: &Arm| {
            let end = arm.path.last().copied().unwrap_or(fork);
            squared_distance(self.column(fork), self.column(end))
        };
        let farthest = (0..arms.len()).max_by(|&i, &j| away(arms[i]).total_cmp(&away(arms[j])));
        farthest.unwrap_or(0)
    }

    /// Whether what came before is connected by a far longer step than those near the fork of all other
    /// arms. Where a schedule lowers the rate, all that follows is about as far from what came before, and
    /// the tree connects them anywhere.
    fn is_hooked(&self, fork: u32, arms: &[&Arm]) -> bool {
        let before = self.farthest(fork, arms);
        let mut others = arms
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != before);
        others.all(|(_, other)| arms[before].first > HOOKED * other.step)
    }

    fn neighbours(&self, leaf: u32) -> impl Iterator<Item = (u32, f64)> {
        let edges = self.tree.graph().edges(node(leaf));
        edges
            .map(|edge| (edge.target().index() as u32, *edge.weight()))
            .filter(|(other, _)| self.members.contains(other))
    }

    fn arm(&self, from: u32, first: u32, length: f64) -> Arm {
        // Leaf, place of the one before it, length of the edge to it, length of the way.
        let mut reached = vec![(first, usize::MAX, length, length)];
        let mut depths = vec![1];
        let mut next = 0;
        while let Some(&(leaf, before, _, way)) = reached.get(next) {
            let back = reached.get(before).map_or(from, |&(leaf, ..)| leaf);
            for (other, length) in self.neighbours(leaf).filter(|&(other, _)| other != back) {
                reached.push((other, next, length, way + length));
                depths.push(depths[next] + 1);
            }
            next += 1;
        }
        let farthest = (0..reached.len()).max_by(|&x, &y| reached[x].3.total_cmp(&reached[y].3));
        let (mut path, mut steps) = (Vec::new(), Vec::new());
        let mut at = farthest.unwrap_or(0);
        while let Some(&(leaf, before, length, _)) = reached.get(at) {
            path.push(leaf);
            steps.push(length);
            at = before;
        }
        path.reverse();
        steps.reverse();
        steps.truncate(NEAR_THE_FORK);
        steps.sort_unstable_by(f64::total_cmp);
        let beyond = reached.iter().zip(&depths);
        let beyond = beyond.filter(|(_, depth)| **depth == SHORTEST_ARM);
        Arm {
            first: length,
            beyond: beyond.map(|(&(leaf, ..), _)| leaf).collect(),
            leaves: reached.iter().map(|&(leaf, ..)| leaf).collect(),
            path,
            step: steps[steps.len() / 2],
        }
    }

    fn column(&self, leaf: u32) -> &[f32] {
        self.points.column(leaf as usize).data.into_slice()
    }

    /// Distance of the arm's end from the nearest point outside it, in the arm's steps.
    fn clearance(&self, fork: u32, arm: &Arm) -> f64 {
        let Some(&end) = arm.path.last() else {
            return 0.0;
        };
        let end = self.column(end);
        // Coinciding points have no steps, and are no arm.
        let clearance = |leaf: u32| match distance(end, self.column(leaf)) / arm.step {
            ratio if ratio.is_finite() => ratio,
            _ => 0.0,
        };
        let most = clearance(fork);
        if most < LEAST_CLEARANCE {
            return most;
        }
        let own: HashSet<u32> = arm.leaves.iter().copied().collect();
        let others = self.members.iter().filter(|leaf| !own.contains(leaf));
        others.map(|&leaf| clearance(leaf)).fold(most, f64::min)
    }

    /// Cosine of the angle between what leads to the fork and what leads away from it: of all
    /// checkpoints that lie three steps into each arm, the two that continue each other best.
    fn straightness(&self, fork: u32, before: &Arm, behind: &Arm) -> f64 {
        let cosine = |a: u32, c: u32| {
            let (a, b, c) = (self.column(a), self.column(fork), self.column(c));
            let [ab, bc, ac] = [(a, b), (b, c), (a, c)].map(|(x, y)| squared_distance(x, y));
            (ac - ab - bc) / (2.0 * (ab * bc).sqrt())
        };
        let pairs = before
            .beyond
            .iter()
            .flat_map(|&a| behind.beyond.iter().map(move |&c| cosine(a, c)));
        pairs.fold(-1.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimum_spanning_tree::minimum_spanning_tree;
    use nalgebra::DMatrix;

    fn split_whole(points: &DMatrix<f32>) -> Clusters {
        let n = points.ncols();
        let tree = SpanningTree::new(n, &minimum_spanning_tree(points.as_view()).unwrap()).unwrap();
        let one = Clusters::from_labels(&vec![0; n]).unwrap();
        split(points.as_view(), &tree, &one).unwrap()
    }

    /// A straight run of 12 points, and one of 5 that leaves it sideways after the sixth.
    fn forked(sideways: f32) -> DMatrix<f32> {
        DMatrix::from_fn(3, 17, |row, column| match (row, column) {
            (0, 0..12) => column as f32,
            (0, _) => 5.0 + 0.5 * (column - 11) as f32,
            (1, 12..) => sideways * (column - 11) as f32,
            (2, _) => 0.01 * (column * 7 % 5) as f32,
            _ => 0.0,
        })
    }

    #[test]
    fn a_branch_becomes_a_cluster_of_its_own_and_the_run_stays_whole() {
        let found = split_whole(&forked(1.0));
        assert_eq!(found.sizes(), [12, 5]);
        assert_eq!(found.members(1), [12, 13, 14, 15, 16]);
    }

    #[test]
    fn what_goes_on_beside_the_run_is_no_branch() {
        assert_eq!(split_whole(&forked(0.05)).len(), 1);
    }

    #[test]
    fn branches_of_branches_are_split_too() {
        let points = DMatrix::from_fn(3, 26, |row, column| match (row, column) {
            (0, 0..12) => column as f32,
            (0, _) => 5.0,
            (1, 12..=19) => (column - 11) as f32,
            (1, 20..) => 4.0,
            (2, 20..) => (column - 19) as f32,
            _ => 0.0,
        });
        let mut sizes = split_whole(&points).sizes();
        sizes.sort_unstable();
        assert_eq!(sizes, [6, 8, 12]);
    }

    #[test]
    fn one_path_points_that_coincide_and_few_points_stay_whole() {
        let line = DMatrix::from_fn(2, 30, |row, column| (row * column) as f32);
        assert_eq!(split_whole(&line).len(), 1);
        assert_eq!(split_whole(&DMatrix::zeros(2, 12)).len(), 1);
        assert_eq!(split_whole(&DMatrix::from_element(2, 1, 1.0)).len(), 1);
    }

    #[test]
    fn the_numbering_of_the_points_does_not_matter() {
        let points = forked(1.0);
        let turned = DMatrix::from_fn(3, 17, |row, column| points[(row, 16 - column)]);
        let found = split_whole(&turned);
        assert_eq!(found.members(0), [0, 1, 2, 3, 4]);
        assert_eq!(found.sizes(), [5, 12]);
    }

    #[test]
    fn a_tree_of_other_points_is_refused() {
        let tree = SpanningTree::new(1, &[]).unwrap();
        let one = Clusters::from_labels(&[0; 17]).unwrap();
        assert!(split(forked(1.0).as_view(), &tree, &one).is_err());
    }
}
