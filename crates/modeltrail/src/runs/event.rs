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
    /// What it looks like from the weights.
    pub cause: Cause,
    /// Whether it was a single step, and the run went on as before.
    pub was_spike: bool,
    /// What it rests on, in numbers.
    pub evidence: String,
}

impl std::fmt::Display for RunEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.was_spike {
            true => "a single long step, a spike",
            false => self.cause.description(),
        };
        write!(formatter, "{what}")?;
        if !self.evidence.is_empty() {
            write!(formatter, " ({})", self.evidence)?;
        }
        Ok(())
    }
}
