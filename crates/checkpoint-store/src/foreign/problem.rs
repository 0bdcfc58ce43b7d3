//! What stands in the way of taking a path for a checkpoint.

use std::path::PathBuf;

use crate::Error;

/// Something that could not be taken for a checkpoint.
#[derive(Debug)]
pub struct Problem {
    /// The path it is about.
    pub path: PathBuf,
    /// What is wrong, and the way out.
    pub error: Error,
}
