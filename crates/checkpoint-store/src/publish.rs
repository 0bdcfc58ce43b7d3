//! How a file enters a store: whole, durable, and only then visible.
//!
//! 1. Create a file under a name of its own that readers ignore, marked as in use.
//! 2. Write all of it, and sync it.
//! 3. Rename it to its final name: the one step that readers can see.
//! 4. Sync the directory. From here on it is acknowledged.
//!
//! A crash before step 3 leaves an unfinished file, which the next writer removes; one after it
//! leaves the finished file. After an error the file is given up and nothing is retried on it.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::names::{self, Name};
use crate::storage::{Storage, StorageFile};

/// Writes a frame under its final name in `directory`; returns its path once it is durable.
pub(crate) fn publish(
    storage: &dyn Storage,
    directory: &Path,
    name: &str,
    frame: &Frame<'_>,
) -> Result<PathBuf> {
    let target = directory.join(name);
    let (unfinished, mut file) = create_unfinished(storage, directory)?;
    let finished = write(file.as_mut(), &unfinished, frame).and_then(|()| {
        // The handle, and with it the mark of a living writer, is held until the name is final.
        storage
            .rename(&unfinished, &target)
            .map_err(|source| Error::io("rename a finished file to", &target, source))
    });
    drop(file);
    if let Err(error) = finished {
        // What stays behind is invisible, and removed by the next writer; the first error counts.
        let _ = storage.remove(&unfinished);
        return Err(error);
    }
    sync_dir(storage, directory)?;
    Ok(target)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(storage: &dyn Storage, directory: &Path) -> Result<()> {
    storage
        .sync_dir(directory)
        .map_err(|source| Error::io("sync the directory", directory, source))
}

fn create_unfinished(
    storage: &dyn Storage,
    directory: &Path,
) -> Result<(PathBuf, Box<dyn StorageFile>)> {
    // A second attempt is needed only if another writer cleans up between the creation of the
    // file and its lock; many in a row mean that something else is wrong.
    const ATTEMPTS: usize = 16;
    let mut attempt = 0;
    loop {
        let path = directory.join(names::unfinished());
        match storage.create(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1
            }
            Err(source) => return Err(Error::io("create", &path, source)),
        }
    }
}

fn write(file: &mut dyn StorageFile, path: &Path, frame: &Frame<'_>) -> Result<()> {
    for piece in frame.pieces() {
        file.write(piece)
            .map_err(|source| Error::io("write", path, source))?;
    }
    file.sync()
        .map_err(|source| Error::io("sync", path, source))
}

/// Removes what killed writers left in a directory, and nothing of living ones.
pub(crate) fn remove_abandoned<'a>(
    storage: &dyn Storage,
    directory: &Path,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    for name in names {
        if names::parse(name) == Name::Unfinished {
            let path = directory.join(name);
            storage
                .remove_if_abandoned(&path)
                .map_err(|source| Error::io("remove the abandoned", &path, source))?;
        }
    }
    Ok(())
}

/// Creates a directory and those above it that are missing, each durable in its parent.
pub(crate) fn create_dir_all(storage: &dyn Storage, directory: &Path) -> Result<()> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.is_dir())
        .collect();
    // What exists may have been created by a process that was killed before it synced the parent.
    // It created nothing below then, so only the lowest existing directory can be in doubt.
    if let Some(existing) = directory.ancestors().nth(missing.len()) {
        sync_dir(storage, parent(existing))?;
    }
    for path in missing.into_iter().rev() {
        storage
            .create_dir(path)
            .map_err(|source| Error::io("create the directory", path, source))?;
        sync_dir(storage, parent(path))?;
    }
    Ok(())
}

/// The directory that a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        // The parent of the root is the root; that of a plain name is the working directory.
        None if path.has_root() => path,
        _ => Path::new("."),
    }
}
