//! Lives of a store, of a repair and of a written file, and what must hold after any of them ended early.
//!
//! Everything that was acknowledged is there, bit for bit; nothing is there in part or twice; and
//! living on ends with the same bytes as a life that nothing disturbed, without a stray file.

mod stores;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use checkpoint_store::{Error, Result};

use crate::disk::{Disk, Fault, Image, Sabotage};

/// What is done to a disk, from wherever it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// A store is created, filled by two shards, and compacted.
    Store,
    /// A store with a damaged segment is repaired, filled again, and compacted.
    Repair,
    /// A file is written in the place of an older one, and another one beside it.
    Written,
}

/// Names of what was acknowledged, each with the number of operations before it.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged(Arc<Mutex<Vec<(usize, Fact)>>>);

/// Something that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Checkpoint { run: u64, epoch: u32 },
    State { shard: u32, next_epoch: u32 },
    Compacted,
    Written { file: usize },
}

impl Acknowledged {
    fn note(&self, disk: &Disk, fact: Fact) {
        let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        facts.push((disk.moments(), fact));
    }

    /// What was acknowledged within so many operations.
    fn within(&self, operations: usize) -> Vec<Fact> {
        let facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let early = facts.iter().filter(|(at, _)| *at <= operations);
        early.map(|(_, fact)| *fact).collect()
    }
}

/// The files below a folder, by their names in it.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A life that nothing disturbed.
#[derive(Debug)]
pub struct Undisturbed {
    life: Life,
    /// What it ends with.
    files: Files,
    disk: Disk,
    acknowledged: Acknowledged,
}

/// How long lives with an error or a kill are; as many as there are operations to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Struck {
    /// Whether it was the operation that was to be struck, and not beyond the end.
    pub happened: bool,
}

impl Life {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Store, Self::Repair, Self::Written];

    /// Lives it without a disturbance, as a program would that makes this mistake.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn undisturbed(self, sabotage: Option<Sabotage>) -> Reported<Undisturbed> {
        let root = temporary()?;
        self.prepare(root.path()).map_err(described)?;
        let disk = Disk::new(root.path())
            .map_err(described)?
            .sabotaged(sabotage);
        let acknowledged = Acknowledged::default();
        self.live(&disk, root.path(), &acknowledged)
            .map_err(described)?;
        let files = files_below(root.path())?;
        self.check(root.path(), &acknowledged.within(usize::MAX))?;
        Ok(Undisturbed {
            life: self,
            files,
            disk,
            acknowledged,
        })
    }

    /// Puts there what the life begins with.
    fn prepare(self, root: &Path) -> Result<()> {
        match self {
            Self::Store => Ok(()),
            Self::Repair => stores::prepare_damaged(root),
            Self::Written => written::prepare(root),
        }
    }

    fn live(self, disk: &Disk, root: &Path, acknowledged: &Acknowledged) -> Result<()> {
        match self {
            Self::Store => stores::live(disk, root, acknowledged),
            Self::Repair => stores::repair(disk, root, acknowledged),
            Self::Written => written::live(disk, root, acknowledged),
        }
    }

    /// Checks that everything acknowledged is there, whole, once.
    fn check(self, root: &Path, acknowledged: &[Fact]) -> Reported<()> {
        match self {
            Self::Store => stores::check(root, acknowledged),
            Self::Repair => stores::check_repair(root, acknowledged),
            Self::Written => written::check(root, acknowledged),
        }
    }
}

/// What went wrong, in words.
pub type Reported<T> = std::result::Result<T, String>;

impl Undisturbed {
    /// The moments at which power can be lost: after so many operations, and none.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.disk.moments()
    }

    /// How many operations can be struck.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.disk.tried()
    }

    /// Power is lost after so many operations and leaves this image; then the life goes on.
    ///
    /// # Errors
    /// What was lost or mixed, in words.
    pub fn lose_power(&self, after: usize, image: Image) -> Reported<()> {
        let root = temporary()?;
        self.disk
            .lose_power(after, image, root.path())
            .map_err(described)?;
        self.check_and_finish(root.path(), &self.acknowledged.within(after))
            .map_err(|what| format!("power lost after {after} ({image:?}): {what}"))
    }

    /// Power is lost after so many operations; and again, at a moment chosen by `seed`, in the life
    /// that goes on from there.
    ///
    /// # Errors
    /// What was lost or mixed, in words.
    pub fn lose_power_twice(
        &self,
        after: usize,
        image: Image,
        seed: u64,
        second: Image,
    ) -> Reported<()> {
        let context = |what: String| {
            format!(
                "power lost after {after} ({image:?}), again by seed {seed} ({second:?}): {what}"
            )
        };
        let root = temporary()?;
        self.disk
            .lose_power(after, image, root.path())
            .map_err(described)?;
        let mut facts = self.acknowledged.within(after);
        let disk = Disk::new(root.path()).map_err(described)?;
        let acknowledged = Acknowledged::default();
        self.life
            .live(&disk, root.path(), &acknowledged)
            .map_err(described)
            .map_err(context)?;
        let at = (seed % (disk.moments() as u64 + 1)) as usize;
        facts.extend(acknowledged.within(at));
        let left = temporary()?;
        disk.lose_power(at, second, left.path())
            .map_err(described)?;
        self.check_and_finish(left.path(), &facts).map_err(context)
    }

    /// The operation `at` fails; then the life goes on on the same disk.
    ///
    /// # Errors
    /// What was lost, mixed, left behind or reported wrongly, in words.
    pub fn strike(&self, at: usize, fault: Fault) -> Reported<Struck> {
        let context = |what: String| format!("{fault:?} at {at}: {what}");
        let root = temporary()?;
        self.life.prepare(root.path()).map_err(described)?;
        let disk = Disk::new(root.path())
            .map_err(described)?
            .failing(at, fault);
        let acknowledged = Acknowledged::default();
        let happened = match self.life.live(&disk, root.path(), &acknowledged) {
            // Nothing depends on some operations, such as removing what another writer left.
            Ok(()) => disk.tried() > at,
            Err(error) => {
                is_reported(&error, fault).map_err(context)?;
                true
            }
        };
        if let Fault::Error(_) = fault {
            no_stray_file(root.path()).map_err(context)?;
        }
        self.check_and_finish(root.path(), &acknowledged.within(usize::MAX))
            .map_err(context)?;
        // What was acknowledged after the failure, on the same disk, is as safe as ever.
        if let Fault::Error(_) = fault {
            let image = temporary()?;
            disk.lose_power(usize::MAX, Image::Nothing, image.path())
                .map_err(described)?;
            self.life
                .check(image.path(), &acknowledged.within(usize::MAX))
                .map_err(|what| context(format!("then power lost: {what}")))?;
        }
        Ok(Struck { happened })
    }

    /// Checks what is there, lives on without a fault, and compares with a life without.
    fn check_and_finish(&self, root: &Path, facts: &[Fact]) -> Reported<()> {
        self.life.check(root, facts)?;
        let disk = Disk::new(root).map_err(described)?;
        let again = Acknowledged::default();
        self.life.live(&disk, root, &again).map_err(described)?;
        self.life.check(root, facts)?;
        self.life.check(root, &again.within(usize::MAX))?;
        let files = files_below(root)?;
        if files == self.files {
            return Ok(());
        }
        let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        Err(format!(
            "it ends with {:?}, and should with {:?}",
            names(&files),
            names(&self.files)
        ))
    }
}

/// Whether an error says what was struck.
fn is_reported(error: &Error, fault: Fault) -> Reported<()> {
    use std::io::ErrorKind;
    let wanted = match fault {
        Fault::Error(kind) => kind,
        Fault::Stop => ErrorKind::Other,
    };
    let is_full = matches!(wanted, ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    match error {
        Error::StorageFull { source, .. } if is_full && source.kind() == wanted => Ok(()),
        Error::Io { source, .. } if !is_full && source.kind() == wanted => Ok(()),
        other => Err(format!("reported as: {other}")),
    }
}

/// What was planted as left by another writer, long ago.
const PLANTED: &str = "1-00000000000000ff-0.unfinished";

fn no_stray_file(root: &Path) -> Reported<()> {
    for path in files_below(root)?.keys() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".unfinished") && name != PLANTED {
            return Err(format!("{} is left", path.display()));
        }
    }
    Ok(())
}

fn files_below(root: &Path) -> Reported<Files> {
    let mut files = Files::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(described)? {
            let path = entry.map_err(described)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).map_err(described)?.to_path_buf();
                files.insert(name, fs::read(&path).map_err(described)?);
            }
        }
    }
    Ok(files)
}

fn described(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A folder in memory, where there is one: millions of small files pass through it.
pub fn temporary() -> Reported<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.map_err(described)
}
