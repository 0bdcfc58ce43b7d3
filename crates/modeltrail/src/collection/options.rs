//! How checkpoints are read.

use super::in_memory::InMemory;
use crate::mapping::Map;
use checkpoint_store::foreign::{Discovery, Limits, discover_held};
use std::path::PathBuf;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most memory for weights, in bytes. What does not fit is sketched.
    pub memory: u64,
    /// Seed of the shuffle.
    pub seed: u64,
    /// What reading one foreign checkpoint may take.
    pub limits: Limits,
    /// Of what lies in folders, only checkpoints whose file, or whose folder, has a name that matches
    /// this; with a `/` in it, whose whole path below the folder does.
    pub only: Option<glob::Pattern>,
    /// How tensors of different checkpoints are matched.
    pub map: Map,
    /// A folder in which sketches of files are kept, so that a second question does not read them again.
    pub cache: Option<PathBuf>,
    /// Checkpoints in memory that paths may name.
    pub in_memory: InMemory,
}

impl Default for Options {
    /// 2 GiB.
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            seed: 0,
            limits: Limits::default(),
            only: None,
            map: Map::Auto,
            cache: None,
            in_memory: InMemory::default(),
        }
    }
}

impl Options {
    /// What lies on disk or in memory under these paths: one description a checkpoint, no weights.
    pub(crate) fn discover(&self, paths: &[PathBuf]) -> Discovery {
        discover_held(
            paths,
            self.in_memory.arrays(),
            self.only.as_ref(),
            &self.limits,
        )
    }

    /// Most memory for weights, in bytes.
    #[must_use]
    pub fn memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Seed of the shuffle.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// What reading one foreign checkpoint may take.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Checkpoints in memory that paths may name.
    #[must_use]
    pub fn in_memory(self, in_memory: InMemory) -> Self {
        Self { in_memory, ..self }
    }

    /// How tensors of different checkpoints are matched.
    #[must_use]
    pub fn map(self, map: Map) -> Self {
        Self { map, ..self }
    }
}
