//! Remote paths in a build that reads none: each is refused, and says how to build one that does.

use std::path::{Path, PathBuf};

use super::is_remote;
use crate::error::{Error, Fault, Result};

pub(super) fn mount(paths: &[PathBuf]) -> Vec<Result<PathBuf>> {
    let one = |path: &PathBuf| {
        if is_remote(path) {
            Err(refused(path))
        } else {
            Ok(path.clone())
        }
    };
    paths.iter().map(one).collect()
}

/// The error for a path that this build cannot reach.
fn refused(path: &Path) -> Error {
    Error::Foreign {
        path: path.to_path_buf(),
        fault: Fault::Unsupported,
        what: "this build reads no remote paths".to_owned(),
        way_out:
            "Build it with the cargo feature `remote`, or download the files and name their folder"
                .into(),
        limit: None,
    }
}

pub(super) fn look(_: &Path) -> Option<bool> {
    None
}

pub(super) fn list(_: &Path) -> Option<Vec<PathBuf>> {
    None
}

pub(super) fn matching(_: &str) -> Vec<PathBuf> {
    Vec::new()
}

pub(super) fn warm<'a>(_: impl Iterator<Item = &'a Path>) {}

pub(super) fn confirm(_: &Path) {}

pub(super) fn shown(path: &Path) -> PathBuf {
    path.to_path_buf()
}

pub(super) fn failure(_: &Path) -> Option<Error> {
    None
}

pub(super) fn received() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_path_is_refused_and_another_is_not() {
        let paths = ["hf://org/name", "a.pt"].map(PathBuf::from);
        let [first, second] = &mount(&paths)[..] else {
            panic!("two paths are two answers");
        };
        let said = first.as_ref().unwrap_err().to_string();
        assert!(said.contains("cargo feature `remote`"), "{said}");
        assert_eq!(second.as_ref().ok(), Some(&paths[1]));
    }
}
