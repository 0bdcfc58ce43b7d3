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
pub const LEAST_CLEARANCE: f64 = 1.7;
/// Fewest steps of an arm.
pub const SHORTEST_ARM: usize = 3;
/// Larger clusters are left whole: in a tree of many runs that overlap, forks are all that there is.
pub const LARGEST_CLUSTER: usize = 1000;

/// Splits the branches off every cluster, and theirs off them, as long as three arms of the tree are
/// clear of each other.
///
/// `points` has shape (parameters, checkpoints), and `tree` spans its columns. Three arms that meet
/// in a checkpoint, each of three steps or more, are a fork if the end of each is at least
/// [`LEAST_CLEARANCE`] of its median step away from every point outside the arm. Of several forks the
/// clearest counts first. The two arms that continue each other most nearly (by the cosine of what
/// lies three steps before and behind) stay together with all that hangs from the fork, and the third
/// becomes a cluster of its own. Which of two continuations is "the branch" is a name, not a finding.
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

/// A cluster without its branches, and they without theirs.
fn parts(points: DMatrixView<'_, f32>, tree: &SpanningTree, members: &[u32]) -> Vec<Vec<u32>> {
    let mut whole = Vec::new();
    let mut waiting = vec![members.to_vec()];
    while let Some(part) = waiting.pop() {
        let piece = Piece {
            points,
            tree,
            members: part.iter().copied().collect(),
        };
        match piece.branch() {
            Some(branch) => {
                let branch: HashSet<u32> = branch.into_iter().collect();
                let (off, rest): (Vec<u32>, Vec<u32>) =
                    part.into_iter().partition(|leaf| branch.contains(leaf));
                waiting.extend([off, rest]);
            }
            None => whole.push(part),
        }
    }
    whole
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
    /// Median length of the path's edges, the first included.
    step: f64,
}

impl Piece<'_> {
    /// The leaves of the branch at the clearest fork.
    fn branch(&self) -> Option<Vec<u32>> {
        if self.members.len() > LARGEST_CLUSTER {
            return None;
        }
        let mut members: Vec<u32> = self.members.iter().copied().collect();
        members.sort_unstable();
        let forks = members.iter().filter_map(|&fork| {
            let (clearance, arms) = self.fork(fork)?;
            Some((clearance, fork, arms))
        });
        let (_, fork, arms) = forks.max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)))?;
        let [x, y, z] = &arms;
        let without = [(y, z), (x, z), (x, y)].map(|(a, b)| self.straightness(fork, a, b));
        let branch = (0..3).max_by(|&i, &j| f64::total_cmp(&without[i], &without[j]))?;
        arms.into_iter().nth(branch).map(|arm| arm.leaves)
    }

    /// The three clearest arms that meet in a checkpoint, and the least of their clearances, if they
    /// are a fork.
    fn fork(&self, at: u32) -> Option<(f64, [Arm; 3])> {
        let arms: Vec<Arm> = self
            .neighbours(at)
            .map(|(first, length)| self.arm(at, first, length))
            .filter(|arm| arm.path.len() >= SHORTEST_ARM)
            .collect();
        if arms.len() < 3 {
            return None;
        }
        let mut clear: Vec<(f64, Arm)> = arms
            .into_iter()
            .map(|arm| (self.clearance(at, &arm), arm))
            .filter(|(clearance, _)| *clearance >= LEAST_CLEARANCE)
            .collect();
        clear.sort_by(|x, y| y.0.total_cmp(&x.0));
        clear.truncate(3);
        let least = clear.get(2)?.0;
        let arms: Vec<Arm> = clear.into_iter().map(|(_, arm)| arm).collect();
        Some((least, arms.try_into().ok()?))
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
        let mut next = 0;
        while let Some(&(leaf, before, _, way)) = reached.get(next) {
            let back = reached.get(before).map_or(from, |&(leaf, ..)| leaf);
            for (other, length) in self.neighbours(leaf).filter(|&(other, _)| other != back) {
                reached.push((other, next, length, way + length));
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
        steps.sort_unstable_by(f64::total_cmp);
        Arm {
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

    /// Cosine of the angle between what leads to the fork and what leads away from it.
    fn straightness(&self, fork: u32, before: &Arm, behind: &Arm) -> f64 {
        let at = |arm: &Arm| self.column(arm.path[SHORTEST_ARM - 1]);
        let (a, b, c) = (at(before), self.column(fork), at(behind));
        let [ab, bc, ac] = [(a, b), (b, c), (a, c)].map(|(x, y)| squared_distance(x, y));
        (ac - ab - bc) / (2.0 * (ab * bc).sqrt())
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
