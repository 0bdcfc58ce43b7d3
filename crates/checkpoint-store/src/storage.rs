//! The few things a store does to a disk, behind one trait.
//!
//! Everything that changes a store goes through [`Storage`], so that a test can put in a double
//! that fails, stops or forgets at any operation in turn. [`FileSystem`] is the real one.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// The operations by which a store changes what is on a disk.
///
/// Reading needs no trait: it maps sealed files, which never change.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Creates a directory; fine if it exists. Its parent is synced by the caller.
    ///
    /// # Errors
    /// What the operating system answers.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates a new file and marks it, for as long as the returned handle lives, as in use by
    /// a living writer.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is such a file, or if it was taken for abandoned
    /// before it could be marked: choose another name and try again.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;

    /// Gives a file its final name, in one step, replacing what has that name.
    ///
    /// # Errors
    /// What the operating system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file its final name, unless that name is taken.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if it is.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the operating system answers.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a file that [`create`](Self::create) made, unless its writer is alive. Returns
    /// whether it is gone.
    ///
    /// # Errors
    /// What the operating system answers.
    fn remove_if_abandoned(&self, path: &Path) -> io::Result<bool>;
}

/// A file being written.
pub trait StorageFile: Send {
    /// Appends all of these bytes.
    ///
    /// # Errors
    /// What the operating system answers; some of the bytes may have been written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// What the operating system answers. The file must then be given up: a second sync of the
    /// same file may succeed without having written anything.
    fn sync(&mut self) -> io::Result<()>;
}

/// The real file system.
///
/// A file in use is marked by an advisory lock, which the operating system drops when its process
/// ends, however it ends. Where a file system has no locks, files in use are not marked, and
/// abandoned ones are never removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystem;

impl Storage for FileSystem {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            // Someone holds it already: whoever is about to remove it as abandoned.
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(TryLockError::Error(_)) => return Ok(Box::new(file)),
        }
        // It may have been removed as abandoned between its creation and its lock.
        if path.try_exists()? {
            Ok(Box::new(file))
        } else {
            Err(io::ErrorKind::AlreadyExists.into())
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A rename would take the place of a file that came meanwhile; a link does not.
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system has links.
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        }
    }

    #[cfg(not(windows))]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match File::open(path)?.sync_all() {
            // A few network and user-space file systems cannot sync directories.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Windows has no way to sync a directory, and NTFS journals renames.
    #[cfg(windows)]
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_if_abandoned(&self, path: &Path) -> io::Result<bool> {
        let file = match OpenOptions::new().write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            // Removed while locked, so that its name cannot pass to a living writer in between.
            Ok(()) => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(true),
            },
            Err(_) => Ok(false),
        }
    }
}

impl StorageFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_writers_file_is_kept_and_a_dead_ones_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let writer = FileSystem.create(&path).unwrap();
        assert!(!FileSystem.remove_if_abandoned(&path).unwrap());
        assert!(path.exists());
        drop(writer);
        assert!(FileSystem.remove_if_abandoned(&path).unwrap());
        assert!(!path.exists());
        assert!(
            FileSystem.remove_if_abandoned(&path).unwrap(),
            "gone is gone"
        );
    }

    #[test]
    fn a_name_is_given_out_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let _writer = FileSystem.create(&path).unwrap();
        let error = FileSystem.create(&path).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
}
