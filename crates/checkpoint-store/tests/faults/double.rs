//! A disk that fails, stops or loses power at any operation, and knows what it would have lost.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use checkpoint_store::{FileSystem, Storage, StorageFile};

/// What happens at the chosen operation. A write that fails has written half of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing, ever.
    None,
    /// It fails with this error; all later ones work.
    Error(io::ErrorKind),
    /// It and all later ones fail: the process was killed.
    Stop,
}

/// What of a directory survives a loss of power.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Survivors {
    /// Only what was synced: files with a synced name, and of those only synced bytes.
    Synced,
    /// All names, as if each had been synced by chance, but of the files only synced bytes.
    AllNames,
}

/// Identifies a file, whatever its name.
type FileId = u64;

#[derive(Debug, Default)]
struct Disk {
    operations: usize,
    next: FileId,
    /// Names, of files and (with `None`) directories, as a running system sees them.
    names: BTreeMap<PathBuf, Option<FileId>>,
    /// Names that a loss of power leaves.
    synced_names: BTreeMap<PathBuf, Option<FileId>>,
    /// Contents that a loss of power leaves.
    synced: HashMap<FileId, Vec<u8>>,
}

/// The double: works on the real file system, but for the fault.
#[derive(Debug, Clone)]
pub(crate) struct Double {
    at: usize,
    fault: Fault,
    disk: Arc<Mutex<Disk>>,
}

struct DoubleFile {
    double: Double,
    id: FileId,
    bytes: Vec<u8>,
    real: Box<dyn StorageFile>,
}

impl Double {
    /// A disk on which `fault` strikes at operation number `at`, counted from 0.
    pub(crate) fn new(at: usize, fault: Fault) -> Self {
        Self {
            at,
            fault,
            disk: Arc::default(),
        }
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> usize {
        self.disk().operations
    }

    /// Writes what a loss of power would leave below `from` to `to`.
    pub(crate) fn lose_power(&self, from: &Path, to: &Path, survivors: Survivors) {
        let disk = self.disk();
        let names = match survivors {
            Survivors::Synced => &disk.synced_names,
            Survivors::AllNames => &disk.names,
        };
        // Sorted, so that a directory comes before what lies in it.
        for (path, file) in names {
            let Ok(relative) = path.strip_prefix(from) else {
                continue;
            };
            let path = to.join(relative);
            // A synced name in a directory without one is lost with it.
            if !path.parent().unwrap().is_dir() {
                continue;
            }
            match file {
                None => fs::create_dir(&path).unwrap(),
                Some(id) => {
                    fs::write(&path, disk.synced.get(id).map_or(&[][..], Vec::as_slice)).unwrap();
                }
            }
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    /// Counts an operation; an error if it is struck.
    fn step(&self) -> io::Result<()> {
        let mut disk = self.disk();
        let operation = disk.operations;
        disk.operations += 1;
        match self.fault {
            Fault::Error(kind) if operation == self.at => Err(kind.into()),
            Fault::Stop if operation >= self.at => Err(io::Error::other("stopped")),
            _ => Ok(()),
        }
    }
}

impl Storage for Double {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.create_dir(path)?;
        self.disk().names.insert(path.to_path_buf(), None);
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.step()?;
        let real = FileSystem.create(path)?;
        let mut disk = self.disk();
        let id = disk.next;
        disk.next += 1;
        disk.names.insert(path.to_path_buf(), Some(id));
        Ok(Box::new(DoubleFile {
            double: self.clone(),
            id,
            bytes: Vec::new(),
            real,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.rename(from, to)?;
        let mut disk = self.disk();
        let file = disk.names.remove(from).unwrap();
        disk.names.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let disk = &mut *self.disk();
        let inside = |name: &Path| name.parent() == Some(path);
        disk.synced_names.retain(|name, _| !inside(name));
        let current = disk.names.iter().filter(|(name, _)| inside(name));
        disk.synced_names
            .extend(current.map(|(name, file)| (name.clone(), *file)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        FileSystem.remove(path)?;
        self.disk().names.remove(path);
        Ok(())
    }

    fn remove_if_abandoned(&self, path: &Path) -> io::Result<bool> {
        self.step()?;
        let gone = FileSystem.remove_if_abandoned(path)?;
        if gone {
            self.disk().names.remove(path);
        }
        Ok(gone)
    }
}

impl StorageFile for DoubleFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (bytes, outcome) = match self.double.step() {
            Ok(()) => (bytes, Ok(())),
            Err(error) => (&bytes[..bytes.len() / 2], Err(error)),
        };
        self.bytes.extend_from_slice(bytes);
        self.real.write(bytes)?;
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        // What was synced is known without asking the real disk, which would only take time.
        self.double.step()?;
        self.double
            .disk()
            .synced
            .insert(self.id, self.bytes.clone());
        Ok(())
    }
}
