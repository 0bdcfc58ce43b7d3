//! Files that appear under their names whole or not at all.

use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::path::Path;

/// Refuses a name that nothing can be written under, before any work is done for it.
///
/// # Errors
/// When the path is a folder, or the folder it should lie in is not there.
pub(crate) fn check(path: &Path) -> Result<()> {
    let shown = path.display();
    if path.is_dir() || path.file_name().is_none() {
        let inside = path.join("report.html");
        bail!(
            "{shown} is a folder: give the name of a file, such as {}",
            inside.display()
        );
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "{} is no folder that {shown} could be written into: make it first",
        folder.display()
    );
    Ok(())
}

/// Writes a file under a temporary name beside its own, makes it durable, and renames it.
///
/// # Errors
/// As [`check`], and when the folder cannot be written to or is full. Nothing is left behind.
pub(crate) fn publish(path: &Path, contents: &[u8]) -> Result<()> {
    check(path)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.unfinished", std::process::id()));
    let unfinished = path.with_file_name(name);
    let written = std::fs::File::create(&unfinished)
        .and_then(|mut file| file.write_all(contents).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_an_older_one_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        publish(&path, b"old").unwrap();
        publish(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_and_names_in_folders_that_are_not_there_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = publish(folder.path(), b"x").unwrap_err().to_string();
        assert!(message.contains("is a folder"), "{message}");
        let message = publish(&folder.path().join("a/b"), b"x").unwrap_err();
        assert!(message.to_string().contains("make it first"), "{message}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
