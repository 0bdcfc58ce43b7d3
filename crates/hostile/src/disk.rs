//! A disk that keeps a journal of what was asked of it, and so knows what could be lost.
//!
//! The model, which is all there is to believe: an operation that changes contents is safe once its
//! file was synced after it, one that changes names once the directory was. At a loss of power every
//! safe operation has happened, and any of the others may have, whole or (of contents) in part. A
//! rename is atomic. What lies in a directory whose own name is lost is lost.

mod image;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use checkpoint_store::{FileSystem, Storage, StorageFile};

pub use image::{Chance, Image};

/// What happens at the chosen operation. A write that fails has written half of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error; all later ones work.
    Error(io::ErrorKind),
    /// It and all later ones fail: the process was killed.
    Stop,
}

/// A mistake that the writing program could have made: what the harness must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Files are never synced.
    NoFileSync,
    /// Directories are never synced.
    NoDirectorySync,
    /// A file gets its name before its contents are synced.
    RenameFirst,
}

/// Identifies a file, whatever its name.
pub(crate) type FileId = usize;

/// What was asked of the disk.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    CreateDir(PathBuf),
    Create(PathBuf, FileId),
    /// Where in the file, and which bytes.
    Write(FileId, usize, Vec<u8>),
    Rename(PathBuf, PathBuf, FileId),
    Remove(PathBuf, FileId),
    SyncFile(FileId),
    SyncDir(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    /// Operations that were tried, those that failed too.
    tried: usize,
    journal: Vec<Operation>,
    /// What was there at first, and is safe; directories have no contents.
    first: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Files by name, as a running system sees them.
    names: BTreeMap<PathBuf, FileId>,
    files: usize,
    /// Files that were synced too early by [`Sabotage::RenameFirst`].
    late: Vec<FileId>,
}

/// The double: works on the real file system below its root, but for the fault.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    fault: Option<(usize, Fault)>,
    sabotage: Option<Sabotage>,
    state: Arc<Mutex<State>>,
}

struct DiskFile {
    disk: Disk,
    id: FileId,
    written: usize,
    real: Box<dyn StorageFile>,
}

impl Disk {
    /// A disk whose content is what lies in this folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn new(root: &Path) -> io::Result<Self> {
        let mut state = State::default();
        read_tree(root, &mut state.first)?;
        for (path, content) in &state.first {
            if content.is_some() {
                state.names.insert(path.clone(), state.files);
                state.files += 1;
            }
        }
        Ok(Self {
            root: root.to_path_buf(),
            fault: None,
            sabotage: None,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// The same, with a fault at operation number `at`, counted from 0.
    #[must_use]
    pub fn failing(self, at: usize, fault: Fault) -> Self {
        Self {
            fault: Some((at, fault)),
            ..self
        }
    }

    /// The same, as a program that makes this mistake would use it.
    #[must_use]
    pub fn sabotaged(self, sabotage: Option<Sabotage>) -> Self {
        Self { sabotage, ..self }
    }

    /// How many operations were tried.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.state().tried
    }

    /// How many operations succeeded: the moments at which power can be lost are 0 to this.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.state().journal.len()
    }

    /// Writes what a loss of power after so many operations leaves to an empty folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn lose_power(&self, after: usize, image: Image, to: &Path) -> io::Result<()> {
        let state = self.state();
        let journal = state.journal.get(..after).unwrap_or(&state.journal);
        for (path, content) in image.left_of(&self.root, &state.first, journal) {
            let Ok(relative) = path.strip_prefix(&self.root) else {
                continue;
            };
            match content {
                None => fs::create_dir(to.join(relative))?,
                Some(bytes) => fs::write(to.join(relative), bytes)?,
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation; an error if it is struck.
    fn step(&self) -> io::Result<()> {
        let mut state = self.state();
        let operation = state.tried;
        state.tried += 1;
        match self.fault {
            Some((at, Fault::Error(kind))) if operation == at => Err(kind.into()),
            Some((at, Fault::Stop)) if operation >= at => Err(io::Error::other("stopped")),
            _ => Ok(()),
        }
    }

    fn record(&self, operation: Operation) {
        self.state().journal.push(operation);
    }

    /// Records that a name is gone; returns its file.
    fn forget(&self, path: &Path) -> Option<FileId> {
        self.state().names.remove(path)
    }

    fn renamed(&self, from: &Path, to: &Path) {
        let Some(id) = self.forget(from) else { return };
        let mut state = self.state();
        state.names.insert(to.to_path_buf(), id);
        let rename = Operation::Rename(from.to_path_buf(), to.to_path_buf(), id);
        state.journal.push(rename);
        if let Some(at) = state.late.iter().position(|late| *late == id) {
            state.late.remove(at);
            state.journal.push(Operation::SyncFile(id));
        }
    }
}

impl Storage for Disk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let is_new = !path.is_dir();
        FileSystem.create_dir(path)?;
        if is_new {
            self.record(Operation::CreateDir(path.to_path_buf()));
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.step()?;
        let real = FileSystem.create(path)?;
        let mut state = self.state();
        let id = state.files;
        state.files += 1;
        state.names.insert(path.to_path_buf(), id);
        state
            .journal
            .push(Operation::Create(path.to_path_buf(), id));
        Ok(Box::new(DiskFile {
            disk: self.clone(),
            id,
            written: 0,
            real,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.rename(from, to)?;
        self.renamed(from, to);
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.rename_new(from, to)?;
        self.renamed(from, to);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // What was synced is known without asking the real disk, which would only take time.
        self.step()?;
        if self.sabotage != Some(Sabotage::NoDirectorySync) {
            self.record(Operation::SyncDir(path.to_path_buf()));
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.remove(path)?;
        if let Some(id) = self.forget(path) {
            self.record(Operation::Remove(path.to_path_buf(), id));
        }
        Ok(())
    }

    fn remove_if_abandoned(&self, path: &Path) -> io::Result<bool> {
        self.step()?;
        let gone = FileSystem.remove_if_abandoned(path)?;
        if let Some(id) = gone.then(|| self.forget(path)).flatten() {
            self.record(Operation::Remove(path.to_path_buf(), id));
        }
        Ok(gone)
    }
}

impl StorageFile for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (bytes, outcome) = match self.disk.step() {
            Ok(()) => (bytes, Ok(())),
            Err(error) => (&bytes[..bytes.len() / 2], Err(error)),
        };
        self.real.write(bytes)?;
        let write = Operation::Write(self.id, self.written, bytes.to_vec());
        self.written += bytes.len();
        self.disk.record(write);
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        match self.disk.sabotage {
            Some(Sabotage::NoFileSync) => {}
            Some(Sabotage::RenameFirst) => self.disk.state().late.push(self.id),
            _ => self.disk.record(Operation::SyncFile(self.id)),
        }
        Ok(())
    }
}

/// Everything below a folder, by path.
fn read_tree(folder: &Path, into: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            into.insert(path.clone(), None);
            read_tree(&path, into)?;
        } else {
            let bytes = fs::read(&path)?;
            into.insert(path, Some(bytes));
        }
    }
    Ok(())
}
