//! Files and folders by their paths, whether they lie on this machine or elsewhere.
//!
//! What a path means is decided by how it begins: `hf://`, `https://`, `http://`, `s3://`, `gs://` and
//! `az://` lie elsewhere, everything else is asked of the operating system. Readers of formats ask here,
//! and know no difference. What is known of a remote folder is its listing, fetched once when the path
//! is discovered: asking whether a file is there costs no request.
//!
//! # Failures are not forgotten
//! Readers pass over files that may be missing. A file whose bytes could not be fetched must not be
//! passed over so: the first request under a root that fails for good is kept, everything that is asked
//! of that root afterwards fails with it, and [`failure`] says so. No answer rests on a part of a remote
//! series that happened to arrive.

#[cfg(not(feature = "remote"))]
mod not_built_in;

use std::io;
use std::path::{Path, PathBuf};

use crate::error::Result;
#[cfg(feature = "remote")]
use crate::remote as elsewhere;
#[cfg(not(feature = "remote"))]
use not_built_in as elsewhere;

/// How paths begin that lie elsewhere, before their `://`.
const SCHEMES: [&str; 7] = ["hf", "http", "https", "s3", "gs", "az", "gcs"];

/// What is known of a file or folder without reading it.
#[derive(Debug)]
pub(crate) enum Look {
    /// It lies on this machine.
    Here(std::fs::Metadata),
    /// It lies elsewhere.
    There {
        /// Whether it is a folder.
        is_folder: bool,
    },
}

impl Look {
    pub(crate) fn is_dir(&self) -> bool {
        match self {
            Self::Here(metadata) => metadata.is_dir(),
            Self::There { is_folder } => *is_folder,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        match self {
            Self::Here(metadata) => metadata.is_file(),
            Self::There { is_folder } => !is_folder,
        }
    }
}

/// How a path begins that lies elsewhere, without `://`; none if it lies on this machine.
#[must_use]
pub fn scheme(path: &Path) -> Option<&'static str> {
    let text = path.as_os_str().as_encoded_bytes();
    let end = text.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = text.split_at(end);
    let known = SCHEMES
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(scheme))?;
    // Paths drop a doubled separator now and then.
    rest.starts_with(b":/").then_some(known)
}

/// Whether a path lies elsewhere than on this machine.
#[must_use]
pub fn is_remote(path: &Path) -> bool {
    scheme(path).is_some()
}

/// Looks at a file or folder; links are followed.
///
/// # Errors
/// What the operating system answers; of what lies elsewhere only that it is not there.
pub(crate) fn look(path: &Path) -> io::Result<Look> {
    if !is_remote(path) {
        return std::fs::metadata(path).map(Look::Here);
    }
    match elsewhere::look(path) {
        Some(is_folder) => Ok(Look::There { is_folder }),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// What lies right inside a folder, in no order.
///
/// # Errors
/// As [`look`].
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if is_remote(folder) {
        return elsewhere::list(folder).ok_or_else(|| io::ErrorKind::NotFound.into());
    }
    let entries = std::fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Whether there is anything of this path.
pub(crate) fn exists(path: &Path) -> bool {
    look(path).is_ok()
}

/// Whether there is a file of this path.
pub(crate) fn is_file(path: &Path) -> bool {
    look(path).is_ok_and(|look| look.is_file())
}

/// Whether there is a folder of this path, as far as that is known of what lies elsewhere.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    look(path).is_ok_and(|look| look.is_dir())
}

/// Makes ready what these paths stand for elsewhere: lists it, anew if it was listed before. Returns the
/// paths as they may be shown and are to be used from here on, without passwords and signatures.
pub(crate) fn mount(paths: &[PathBuf]) -> Vec<Result<PathBuf>> {
    if paths.iter().any(|path| is_remote(path)) {
        return elsewhere::mount(paths);
    }
    paths.iter().map(|path| Ok(path.clone())).collect()
}

/// The files under a mounted path that match a pattern with `*`, `?` or `[`.
pub(crate) fn matching(pattern: &str) -> Vec<PathBuf> {
    elsewhere::matching(pattern)
}

/// Fetches the beginnings of files that lie elsewhere, several at a time, so that looking at one after
/// the other does not wait for each. What fails fails when it is read.
pub(crate) fn warm<'a>(paths: impl Iterator<Item = &'a Path>) {
    elsewhere::warm(paths.filter(|path| is_remote(path)));
}

/// Looks again whether a remote file that makes no sense is the version that its server has: other bytes
/// may have come once. What shows that is a [`failure`].
pub(crate) fn confirm(path: &Path) {
    if is_remote(path) {
        elsewhere::confirm(path);
    }
}

/// A path as it may be shown: one that lies elsewhere without the password or the signature that stands
/// in it. What was skipped is kept for reading.
#[must_use]
pub fn shown(path: &Path) -> PathBuf {
    elsewhere::shown(path)
}

/// Why nothing under the root of this path can be trusted: the first request that failed for good since
/// it was discovered. None for a path on this machine.
#[must_use]
pub fn failure(path: &Path) -> Option<crate::Error> {
    is_remote(path).then(|| elsewhere::failure(path)).flatten()
}

/// Bytes of files that came over the network since the program began.
#[must_use]
pub fn received() -> u64 {
    elsewhere::received()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_elsewhere_if_it_begins_with_a_known_scheme() {
        for (path, wanted) in [
            ("hf://org/name", Some("hf")),
            ("hf:/org/name", Some("hf")),
            ("HTTPS://host/a.safetensors", Some("https")),
            ("s3://bucket/key", Some("s3")),
            ("a.pt", None),
            ("./hf://org", None),
            ("C:/models", None),
            ("hf:name", None),
            ("zoos/mlp:10/3", None),
            ("", None),
        ] {
            assert_eq!(scheme(Path::new(path)), wanted, "{path}");
        }
    }
}
