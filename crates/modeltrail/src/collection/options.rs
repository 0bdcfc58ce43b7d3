//! How checkpoints are read.

use crate::mapping::Map;
use checkpoint_store::foreign::Limits;
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
        }
    }
}

impl Options {
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

    /// How tensors of different checkpoints are matched.
    #[must_use]
    pub fn map(self, map: Map) -> Self {
        Self { map, ..self }
    }
}
