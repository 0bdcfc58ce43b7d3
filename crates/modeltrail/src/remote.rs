//! Paths that lie elsewhere than on this machine: on the Hugging Face hub, behind a web address, in a
//! bucket. They may stand wherever a path of a checkpoint may; with the feature `remote` they are read.
//!
//! Where something under such a path cannot be had, there is no answer about the rest of it: see
//! [`checkpoint_store::files`].

pub use checkpoint_store::files::{is_remote, received, shown};
#[cfg(feature = "remote")]
pub use checkpoint_store::remote::{Secret, Settings, configure};

use crate::error::Error;
use checkpoint_store::files::failure;
use checkpoint_store::foreign::Description;
use std::path::{Path, PathBuf};

/// Paths as they may be shown, without passwords and signatures.
pub(crate) fn all_shown(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().map(|path| shown(path)).collect()
}

/// What came of reading under a path; if anything else under its root could not be had, that.
pub(crate) fn sound<T, E: From<Error>>(path: &Path, read: Result<T, E>) -> Result<T, E> {
    match failure(path) {
        Some(error) => Err(Error::from(error).into()),
        None => read,
    }
}

/// Bytes of the files of a checkpoint that lie elsewhere.
pub(crate) fn bytes(description: &Description) -> u64 {
    let files = description.files().filter(|(path, _)| is_remote(path));
    files.fold(0, |all, (_, bytes)| all.saturating_add(bytes))
}
