//! What can be wrong with the input of this crate.

/// Why an analysis was refused.
///
/// Every variant names the input at fault and what would make it acceptable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to work on.
    #[error("{what} is empty; give at least one")]
    Empty {
        /// The input that is empty.
        what: &'static str,
    },
    /// Two inputs that describe the same checkpoints differ in length.
    #[error("{left} has {left_length} entries but {right} has {right_length}; they must agree")]
    LengthMismatch {
        /// The first input.
        left: &'static str,
        /// Its length.
        left_length: usize,
        /// The second input.
        right: &'static str,
        /// Its length.
        right_length: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "{what} {index} is not finite; remove diverged checkpoints before analysing the others"
    )]
    NotFinite {
        /// What the index counts, e.g. `"point"`.
        what: &'static str,
        /// Position of the value.
        index: usize,
    },
    /// A leaf, cluster or column does not exist.
    #[error("{what} {index} does not exist: there are only {length}")]
    OutOfRange {
        /// What the index counts.
        what: &'static str,
        /// The index asked for.
        index: usize,
        /// How many there are.
        length: usize,
    },
    /// The edges are not a spanning tree.
    #[error("{edges} edges over {leaves} leaves are not a spanning tree: {reason}")]
    NotATree {
        /// Number of leaves.
        leaves: usize,
        /// Number of edges given.
        edges: usize,
        /// What is wrong with them.
        reason: String,
    },
    /// A cluster's members are not joined by edges of the tree among themselves.
    #[error(
        "cluster {cluster} is not connected in the spanning tree; \
         cut the clusters from the same tree that orders them"
    )]
    NotConnected {
        /// The cluster's number.
        cluster: usize,
    },
    /// More leaves than a `u32` can number.
    #[error("{leaves} leaves are too many: at most {} can be numbered", u32::MAX / 2)]
    TooMany {
        /// Number of leaves.
        leaves: usize,
    },
    /// The requested number of clusters is impossible.
    #[error("cannot cut {leaves} leaves into {clusters} clusters; ask for 1 to {leaves}")]
    ClusterCount {
        /// Number asked for.
        clusters: usize,
        /// Number of leaves.
        leaves: usize,
    },
    /// Two checkpoints of one run claim the same epoch.
    #[error("epoch {epoch} occurs twice in one order; a run has one checkpoint of each epoch")]
    RepeatedEpoch {
        /// The epoch that occurs twice.
        epoch: u32,
    },
    /// A rate of false alarms that cannot be set.
    #[error(
        "a rate of {rate} false alarms per checkpoint cannot be set by {checkpoints} checkpoints of \
         undisturbed runs; give a rate above 0 and below 1, and at least {} checkpoints for it",
        if *.rate > 0.0 { (1.0 / .rate).ceil() } else { f64::INFINITY }
    )]
    FalseAlarmRate {
        /// The rate asked for.
        rate: f64,
        /// Number of checkpoints.
        checkpoints: usize,
    },
}
