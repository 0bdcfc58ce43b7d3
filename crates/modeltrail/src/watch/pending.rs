//! Files that cannot be read, or not yet.

use super::reading::Stamp;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files that could not be read at the last look.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<PathBuf, Failed>);

#[derive(Debug)]
struct Failed {
    stamp: Stamp,
    is_reported: bool,
}

impl Pending {
    /// Notes a failure; whether to report it now. A file that has changed since the last look is
    /// being written; one that has not is broken, which is said once.
    pub(super) fn is_new(&mut self, path: &Path, stamp: Stamp, at_once: bool) -> bool {
        let before = self.0.get(path);
        let is_still = before.is_some_and(|before| before.stamp == stamp);
        let was_reported = is_still && before.is_some_and(|before| before.is_reported);
        let is_reported = is_still || at_once;
        let failed = Failed { stamp, is_reported };
        self.0.insert(path.to_path_buf(), failed);
        is_reported && !was_reported
    }

    pub(super) fn is_reported(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|failed| failed.is_reported)
    }

    /// Those that may still be written.
    pub(super) fn unreported(&self) -> Vec<&Path> {
        let unreported = self.0.iter().filter(|(_, failed)| !failed.is_reported);
        unreported.map(|(path, _)| path.as_path()).collect()
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.0.remove(path);
    }
}
