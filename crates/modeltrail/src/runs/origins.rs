//! Where runs came from: forks between those that the weights separate.

pub(super) mod find;

/// Where a run came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// It is related to no other.
    Root,
    /// It left another run.
    Fork(Fork),
    /// It has a start in common with these runs that is not among the checkpoints.
    Siblings(Vec<usize>),
}

/// Where a run left another.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The run it left, from 0.
    pub parent: usize,
    /// Name of the parent's last checkpoint before the fork.
    pub after: String,
    /// Names of the first and the last checkpoint that `after` may be.
    pub between: (String, String),
    /// The group's member that `after` is.
    pub(crate) after_member: usize,
    /// Whether parent and fork are known, and which end of both runs is the first.
    pub is_certain: bool,
    /// Of the place of the fork, given the parent.
    pub confidence: f64,
}
