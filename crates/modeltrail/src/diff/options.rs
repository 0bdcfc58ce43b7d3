//! What is asked of a comparison.

use crate::checkpoint::Checkpoint;
use crate::mapping::Map;
use glob::Pattern;

/// What is asked beyond what changed.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions<'a> {
    /// Tensors that match one of these must not have changed.
    pub frozen: &'a [Pattern],
    /// Other checkpoints that B may be a merge of, together with A.
    pub parents: &'a [Checkpoint],
    /// How tensors are matched.
    pub map: Map,
}
