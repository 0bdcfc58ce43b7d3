//! Something that happened along a run.

use serde::Serialize;
use trajectory::shift::Cause;

/// Something that happened along a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunEvent {
    /// The place in the order of the first checkpoint after it, from 0.
    pub place: usize,
    /// The name of that checkpoint.
    pub name: String,
    /// What it looks like from the weights, those of the two checkpoints after it included.
    pub cause: Cause,
    /// What it rests on, in numbers.
    pub evidence: String,
}

impl std::fmt::Display for RunEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.cause.description())?;
        if !self.evidence.is_empty() {
            write!(formatter, " ({})", self.evidence)?;
        }
        Ok(())
    }
}
