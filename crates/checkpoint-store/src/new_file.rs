//! A file that gets its name when it is whole and durable: how every file is written.
//!
//! 1. Create a file under a name of its own that readers ignore, marked as in use.
//! 2. Write all of it, and sync it.
//! 3. Rename it to its final name: the one step that readers can see.
//! 4. Sync the directory. From here on it is acknowledged.
//!
//! A crash before step 3 leaves an unfinished file, which the next writer in the directory removes;
//! one after it leaves the finished file. After an error the file is given up and nothing is retried
//! on it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory;
use crate::error::{Error, Result};
use crate::names::{self, Name};
use crate::storage::{FileSystem, Storage, StorageFile};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A file being written beside its final name, which it gets when it is whole and durable.
///
/// Nobody sees half of it: killed at any moment, it leaves nothing, or `PID-NONCE-N.unfinished`,
/// which whoever next creates a file in that folder removes. Writing does not fail; the first error
/// is kept, what follows is dropped, and [`check`](Self::check) and [`finish`](Self::finish) tell.
///
/// # Example
/// ```
/// use checkpoint_store::NewFile;
///
/// # fn main() -> Result<(), checkpoint_store::Error> {
/// # let temporary = tempfile::tempdir().unwrap();
/// # let path = temporary.path().join("answer.json");
/// NewFile::write(&path, b"{}", false)?;
/// assert!(NewFile::write(&path, b"[]", false).is_err(), "nothing is overwritten unasked");
/// NewFile::write(&path, b"[]", true)?;
/// # Ok(())
/// # }
/// ```
pub struct NewFile {
    storage: Arc<dyn Storage>,
    target: PathBuf,
    unfinished: PathBuf,
    /// None once it is closed.
    file: Option<Box<dyn StorageFile>>,
    buffer: Vec<u8>,
    written: u64,
    failure: Option<io::Error>,
    replace: bool,
    is_published: bool,
}

impl NewFile {
    /// Begins a file; `replace` allows that another one of this name is there. Removes what killed
    /// writers left in its folder, and nothing of living ones.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is one, and it may not be replaced; [`Error::Io`],
    /// [`Error::StorageFull`].
    pub fn create(target: &Path, replace: bool) -> Result<Self> {
        Self::create_on(Arc::new(FileSystem), target, replace)
    }

    /// [`create`](Self::create) on any [`Storage`].
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_on(storage: Arc<dyn Storage>, target: &Path, replace: bool) -> Result<Self> {
        if target.file_name().is_none() {
            return Err(Error::invalid(format!(
                "{} is no name of a file",
                target.display()
            )));
        }
        refuse_existing(target, replace)?;
        let folder = parent(target);
        // What others left is no reason to fail: it may belong to another user.
        if let Ok(names) = directory::list(folder) {
            let _ = remove_abandoned(storage.as_ref(), folder, &names);
        }
        Self::begin(storage, target, replace)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`finish`](Self::finish).
    pub fn write(target: &Path, bytes: &[u8], replace: bool) -> Result<()> {
        let mut file = Self::create(target, replace)?;
        file.append(bytes);
        file.finish()
    }

    /// Begins a file, and leaves what else is in its folder alone.
    pub(crate) fn begin(storage: Arc<dyn Storage>, target: &Path, replace: bool) -> Result<Self> {
        let (unfinished, file) = create_unfinished(storage.as_ref(), parent(target))?;
        Ok(Self {
            storage,
            target: target.to_path_buf(),
            unfinished,
            file: Some(file),
            buffer: Vec::new(),
            written: 0,
            failure: None,
            replace,
            is_published: false,
        })
    }

    /// Creates a folder for files, and those above it that are missing, durably.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::StorageFull`].
    pub fn create_folder(path: &Path) -> Result<()> {
        create_dir_all(&FileSystem, path)
    }

    /// The name it will have.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Bytes so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        self.written = self.written.saturating_add(bytes.len() as u64);
        if self.failure.is_some() {
            return;
        }
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush_buffer();
        }
        if bytes.len() >= BUFFER_BYTES {
            self.pass(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Appends f32 values, little-endian.
    pub fn append_values(&mut self, values: &[f32]) {
        // The crate compiles only where numbers are little-endian already.
        self.append(bytemuck::cast_slice(values));
    }

    fn flush_buffer(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.pass(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
    }

    fn pass(&mut self, bytes: &[u8]) {
        if let (Some(file), None) = (&mut self.file, &self.failure)
            && let Err(error) = file.write(bytes)
        {
            self.failure = Some(error);
        }
    }

    /// Tells the first error so far.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::StorageFull`]. The file must then be given up.
    pub fn check(&mut self) -> Result<()> {
        match self.failure.take() {
            Some(source) => {
                // Whatever follows is lost, too.
                self.file = None;
                Err(Error::io("write", &self.unfinished, source))
            }
            None => Ok(()),
        }
    }

    /// Syncs the file, gives it its name, and syncs the folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if another program made a file of this name meanwhile; [`Error::Io`],
    /// [`Error::StorageFull`]. After an error nothing of it stays, or, if only the last step failed,
    /// the whole file without the promise that it survives a loss of power.
    pub fn finish(mut self) -> Result<()> {
        self.flush_buffer();
        self.check()?;
        let file = self.file.as_mut();
        let synced = file.map_or(Err(io::ErrorKind::BrokenPipe.into()), |file| file.sync());
        synced.map_err(|source| Error::io("sync", &self.unfinished, source))?;
        // The handle, and with it the mark of a living writer, is held until the name is final.
        let named = if self.replace {
            self.storage.rename(&self.unfinished, &self.target)
        } else {
            self.storage.rename_new(&self.unfinished, &self.target)
        };
        named.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists {
                path: self.target.clone(),
            },
            _ => Error::io("rename a finished file to", &self.target, source),
        })?;
        self.is_published = true;
        sync_dir(self.storage.as_ref(), parent(&self.target))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_published {
            // Windows does not remove open files.
            self.file = None;
            // What stays is invisible, and removed by the next writer; the first error counts.
            let _ = self.storage.remove(&self.unfinished);
        }
    }
}

fn refuse_existing(target: &Path, replace: bool) -> Result<()> {
    // A dangling link is something, too.
    if replace || fs::symlink_metadata(target).is_err() {
        return Ok(());
    }
    Err(Error::Exists {
        path: target.to_path_buf(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_has_its_name_when_it_is_finished_and_a_dropped_one_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut file = NewFile::create(&path, false).unwrap();
        file.append(b"whole");
        assert!(!path.exists());
        drop(file);
        assert!(names(folder.path()).is_empty());
        let mut file = NewFile::create(&path, false).unwrap();
        file.append(&vec![7; BUFFER_BYTES - 1]);
        file.append(&vec![8; BUFFER_BYTES + 1]);
        file.append(b"9");
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["a.npz"]);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 2 * BUFFER_BYTES + 1);
        assert_eq!(
            (bytes[0], bytes[BUFFER_BYTES], bytes[2 * BUFFER_BYTES]),
            (7, 8, b'9')
        );
    }

    #[test]
    fn another_file_is_replaced_only_when_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        fs::write(&path, b"old").unwrap();
        assert!(matches!(
            NewFile::create(&path, false),
            Err(Error::Exists { .. })
        ));
        let mut file = NewFile::create(&path, true).unwrap();
        file.append(b"new");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_others_own_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let names_before = ["1-00000000000000ff-0.unfinished", "mine.unfinished"];
        for name in names_before {
            fs::write(folder.path().join(name), b"torn").unwrap();
        }
        let file = NewFile::create(&folder.path().join("a.npz"), false).unwrap();
        file.finish().unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, ["a.npz", "mine.unfinished"]);
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut file = NewFile::create(&path, false).unwrap();
        file.append(b"ours");
        fs::write(&path, b"theirs").unwrap();
        assert!(matches!(file.finish(), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["a.npz"]);
    }
}
