//! A file that gets its name when it is whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::publish;
use crate::storage::{FileSystem, Storage, StorageFile};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;
/// What the names of files end in that are being written, as in a store.
const UNFINISHED: &str = ".unfinished";

/// A file being written beside its final name, which it gets when it is whole and durable.
///
/// Nobody sees half of it: killed at any moment, it leaves nothing, or `NAME.PID.unfinished`, which
/// the next one to write a file of this name removes. Writing does not fail; the first error is
/// kept, what follows is dropped, and [`check`](Self::check) and [`finish`](Self::finish) tell.
pub struct NewFile {
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
    /// Begins a file; `replace` allows that another one of this name is there.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is one, and it may not be replaced; [`Error::Io`],
    /// [`Error::StorageFull`].
    pub fn create(target: &Path, replace: bool) -> Result<Self> {
        let name = target
            .file_name()
            .ok_or_else(|| Error::invalid(format!("{} is no name of a file", target.display())))?;
        let name = name.to_string_lossy();
        refuse_existing(target, replace)?;
        let folder = publish::parent(target);
        remove_abandoned(folder, &name)?;
        let unfinished = folder.join(format!("{name}.{}{UNFINISHED}", std::process::id()));
        let file = FileSystem
            .create(&unfinished)
            .map_err(|source| Error::io("create", &unfinished, source))?;
        Ok(Self {
            target: target.to_path_buf(),
            unfinished,
            file: Some(file),
            buffer: Vec::with_capacity(BUFFER_BYTES),
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
        publish::create_dir_all(&FileSystem, path)
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
    /// [`Error::StorageFull`]. After an error nothing of it stays.
    pub fn finish(mut self) -> Result<()> {
        self.flush_buffer();
        self.check()?;
        let file = self.file.as_mut();
        let synced = file.map_or(Err(io::ErrorKind::BrokenPipe.into()), |file| file.sync());
        synced.map_err(|source| Error::io("sync", &self.unfinished, source))?;
        refuse_existing(&self.target, self.replace)?;
        FileSystem
            .rename(&self.unfinished, &self.target)
            .map_err(|source| Error::io("rename a finished file to", &self.target, source))?;
        self.is_published = true;
        publish::sync_dir(&FileSystem, publish::parent(&self.target))
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
            // What stays is removed by whoever writes the file next.
            let _ = FileSystem.remove(&self.unfinished);
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

/// Removes what killed writers of a file of this name left, and nothing of living ones.
fn remove_abandoned(folder: &Path, name: &str) -> Result<()> {
    let io = |source| Error::io("list", folder, source);
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let other = path.file_name().unwrap_or_default().to_string_lossy();
        let process = other
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(UNFINISHED));
        if process.is_some_and(|process| process.parse::<u32>().is_ok()) {
            FileSystem
                .remove_if_abandoned(&path)
                .map_err(|source| Error::io("remove the abandoned", &path, source))?;
        }
    }
    Ok(())
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
        let names_before = [
            "a.npz.1.unfinished",
            "a.npz.x.unfinished",
            "b.npz.1.unfinished",
        ];
        for name in names_before {
            fs::write(folder.path().join(name), b"torn").unwrap();
        }
        let file = NewFile::create(&folder.path().join("a.npz"), false).unwrap();
        file.finish().unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, ["a.npz", "a.npz.x.unfinished", "b.npz.1.unfinished"]);
    }
}
