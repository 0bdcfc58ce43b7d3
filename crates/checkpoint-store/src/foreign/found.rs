//! A checkpoint that was found.

use std::path::PathBuf;
use std::sync::Arc;

use super::claimed::Claimed;
use super::format::Format;
use super::memory::Arrays;

/// A checkpoint that was found, not yet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file, or what stands for its several files: their index, or the first of them.
    pub path: PathBuf,
    /// The format of its first file, by how that begins.
    pub format: Format,
    /// Its files; several if it is sharded.
    pub files: Vec<PathBuf>,
    /// The index that says which tensor is in which file, if there is one.
    pub index: Option<PathBuf>,
    /// What its names say of its run and step.
    pub claimed: Claimed,
    /// What it holds, if it lies in memory; there are no files then.
    pub arrays: Option<Arc<Arrays>>,
}
