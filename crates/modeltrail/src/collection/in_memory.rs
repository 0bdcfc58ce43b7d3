//! Checkpoints in memory, under the names by which paths refer to them.

use super::sketches::Kept;
use checkpoint_store::foreign::Arrays;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Checkpoints in memory that paths may name, as if they were files.
///
/// Everything that takes paths and [`Options`](super::Options) takes them: a path that is one of these
/// names stands for what is held, whatever lies on disk.
///
/// ```
/// use checkpoint_store::foreign::{Arrays, Element, Layout};
/// use modeltrail::collection::{InMemory, Options};
/// use std::sync::Arc;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut held = InMemory::default();
/// for (name, weight) in [("before", 1.0_f32), ("after", 1.5)] {
///     let mut arrays = Arrays::new();
///     let bytes = Arc::new(weight.to_le_bytes().to_vec());
///     arrays.add("weight", Element::F32, &[1], &Layout::default(), bytes)?;
///     held.add(name, arrays);
/// }
/// let options = Options::default().in_memory(held);
/// let collection = options.read(["before", "after"]);
/// assert_eq!(collection.groups[0].members.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    arrays: BTreeMap<PathBuf, Arc<Arrays>>,
    sketches: BTreeMap<PathBuf, Arc<Kept>>,
}

impl InMemory {
    /// Holds the arrays of a checkpoint under a name, in the place of what had that name before.
    pub fn add(&mut self, name: impl Into<PathBuf>, arrays: Arrays) {
        let name = name.into();
        self.sketches.remove(&name);
        self.arrays.insert(name, Arc::new(arrays));
    }

    /// Holds the sketch of a checkpoint under a name, likewise.
    pub fn add_sketch(&mut self, name: impl Into<PathBuf>, kept: Kept) {
        let name = name.into();
        self.arrays.remove(&name);
        self.sketches.insert(name, Arc::new(kept));
    }

    pub(crate) fn arrays(&self) -> &BTreeMap<PathBuf, Arc<Arrays>> {
        &self.arrays
    }

    pub(crate) fn sketch(&self, name: &Path) -> Option<&Kept> {
        self.sketches.get(name).map(Arc::as_ref)
    }

    /// Whether a path names one of them.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.arrays.contains_key(path) || self.sketches.contains_key(path)
    }
}
