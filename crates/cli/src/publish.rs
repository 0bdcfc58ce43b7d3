//! Files that appear under their names whole or not at all.

use anyhow::{Context, Result, bail, ensure};
use checkpoint_store::{Error, NewFile};
use modeltrail::collection::printable;
use std::io::Write;
use std::path::Path;

/// Refuses a name that nothing can be written under, before any work is done for it.
///
/// # Errors
/// When the path is a folder, or the folder it should lie in is not there.
pub(crate) fn check(path: &Path) -> Result<()> {
    let shown = printable(&path.to_string_lossy());
    ensure!(
        !path.is_dir() && path.file_name().is_some(),
        "cannot write {shown}: it is a folder. Give the name of a file in it"
    );
    let folder = path.parent().unwrap_or(Path::new(""));
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "cannot write {shown}: there is no folder {}. Make it first",
        printable(&folder.to_string_lossy())
    );
    Ok(())
}

/// As [`check`], and refuses a name that is taken.
///
/// # Errors
/// When the path is there already, or as [`check`].
pub(crate) fn check_new(path: &Path) -> Result<()> {
    check(path)?;
    if path.symlink_metadata().is_ok() {
        let shown = printable(&path.to_string_lossy());
        bail!("cannot write {shown}: it exists. Remove it, or give another name");
    }
    Ok(())
}

/// Writes a file in the place of an older one, whole or not at all. What is no regular file, such as
/// `/dev/stdout` or a named pipe, is written to as it is.
///
/// # Errors
/// As [`check`], and when the folder cannot be written to or is full. Nothing is left behind.
pub(crate) fn publish(path: &Path, contents: &[u8]) -> Result<()> {
    check(path)?;
    // A link keeps its place, and what it leads to is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let written = match std::fs::metadata(&target) {
        Ok(metadata) if !metadata.is_file() => std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut special| special.write_all(contents))
            .map_err(anyhow::Error::from),
        _ => NewFile::write(&target, contents, true).map_err(cause),
    };
    written.with_context(|| format!("cannot write {}", printable(&path.to_string_lossy())))
}

/// Writes a file that must not exist yet, never over another.
///
/// # Errors
/// As [`check_new`], and when the folder cannot be written to or is full. Nothing is left behind.
pub(crate) fn publish_new(path: &Path, contents: &[u8]) -> Result<()> {
    check_new(path)?;
    NewFile::write(path, contents, false)
        .map_err(cause)
        .with_context(|| format!("cannot write {}", printable(&path.to_string_lossy())))
}

/// What the system answered: the file that it was asked about is a temporary one.
fn cause(error: checkpoint_store::Error) -> anyhow::Error {
    match error {
        Error::Io { source, .. } | Error::StorageFull { source, .. } => source.into(),
        other => other.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_file_takes_the_place_of_an_older_one_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        publish(&path, b"old").unwrap();
        publish(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sketches.json");
        publish_new(&path, b"old").unwrap();
        let message = publish_new(&path, b"new").unwrap_err().to_string();
        assert!(message.contains("it exists"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn folders_and_names_in_folders_that_are_not_there_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("..")] {
            let message = publish(&path, b"x").unwrap_err().to_string();
            assert!(message.contains("is a folder"), "{message}");
        }
        let message = publish(&folder.path().join("a/b"), b"x").unwrap_err();
        assert!(message.to_string().contains("Make it first"), "{message}");
        assert_eq!(names(folder.path()), 0);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_to_and_links_keep_their_place() {
        publish(Path::new("/dev/null"), b"x").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        publish(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }
}
