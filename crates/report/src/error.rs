/// What can be wrong with the data a figure is asked to draw.
///
/// Everything else is total: empty data give an empty figure that says so, and non-finite values
/// are not drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tree over `n` leaves has `n - 1` merges.
    #[error(
        "{merges} merges cannot join {leaves} leaves into one tree; give one merge fewer than leaves"
    )]
    MergeCount {
        /// Number of leaves.
        leaves: usize,
        /// Number of merges given.
        merges: usize,
    },
    /// A merge names a node that does not exist yet, or one that was merged before.
    #[error(
        "merge {merge} joins node {node}, which is not a free node at that moment; \
         leaves are 0..{leaves}, merge i makes node {leaves} + i, and each is joined once"
    )]
    MergeNode {
        /// Index of the merge.
        merge: usize,
        /// The node it names.
        node: usize,
        /// Number of leaves.
        leaves: usize,
    },
    /// Heights must be finite, non-negative and non-decreasing.
    #[error(
        "merge {merge} has height {height} after height {previous}; \
         heights must be finite and must not decrease: sort the merges first"
    )]
    MergeHeight {
        /// Index of the merge.
        merge: usize,
        /// Its height.
        height: f64,
        /// Height of the merge before it (0 for the first).
        previous: f64,
    },
    /// The labels do not belong to this tree.
    #[error("{labels} leaf labels were given for a tree of {leaves} leaves; give one per leaf")]
    LeafLabels {
        /// Number of leaves of the tree.
        leaves: usize,
        /// Number of labels given.
        labels: usize,
    },
    /// A leaf names a run that has no name.
    #[error("leaf {leaf} belongs to run {run}, but only {runs} runs are named")]
    UnnamedRun {
        /// Index of the leaf.
        leaf: usize,
        /// The run it names.
        run: usize,
        /// Number of named runs.
        runs: usize,
    },
}
