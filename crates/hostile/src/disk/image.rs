//! The states that a loss of power can leave.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{FileId, Operation};

/// Which of the operations that were not safe reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// None.
    Nothing,
    /// All, whole.
    Everything,
    /// Of the names each by chance; of the contents each sector of 512 bytes by chance, zeros in
    /// place of the others.
    Subset {
        /// Decides.
        seed: u64,
    },
    /// All names; the contents of each file up to a multiple of so many bytes, chosen by chance.
    Torn {
        /// 512 or 4096.
        unit: usize,
        /// Decides.
        seed: u64,
    },
}

const SECTOR: usize = 512;

/// Bytes of a file, as far as they reached the disk.
#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
}

impl Content {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        if self.bytes.len() < at + bytes.len() {
            self.bytes.resize(at + bytes.len(), 0);
        }
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Image {
    /// Files with their contents and directories without, by path, a directory before what is in it.
    pub(super) fn left_of(
        self,
        root: &Path,
        first: &BTreeMap<PathBuf, Option<Vec<u8>>>,
        journal: &[Operation],
    ) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut chance = Chance(match self {
            Self::Subset { seed } | Self::Torn { seed, .. } => seed,
            _ => 0,
        });
        let mut names: BTreeMap<PathBuf, Option<FileId>> = BTreeMap::new();
        let mut contents: HashMap<FileId, Content> = HashMap::new();
        let mut id = 0;
        for (path, bytes) in first {
            names.insert(path.clone(), bytes.as_ref().map(|_| id));
            if let Some(bytes) = bytes {
                contents.entry(id).or_default().put(0, bytes);
                id += 1;
            }
        }
        for (index, operation) in journal.iter().enumerate() {
            let later = journal.get(index + 1..).unwrap_or_default();
            let is_safe = is_safe(operation, later);
            if let Operation::Write(id, at, bytes) = operation {
                let content = contents.entry(*id).or_default();
                if is_safe {
                    content.put(*at, bytes);
                } else {
                    self.put_in_part(content, *at, bytes, &mut chance);
                }
                continue;
            }
            let happened = is_safe
                || match self {
                    Self::Nothing => false,
                    Self::Everything | Self::Torn { .. } => true,
                    Self::Subset { .. } => chance.draw().is_multiple_of(2),
                };
            if happened {
                apply(operation, &mut names);
            }
        }
        // What lies in a directory without a name is lost with it.
        let mut left: BTreeMap<PathBuf, Option<Vec<u8>>> = BTreeMap::new();
        for (path, id) in names {
            let parent = path.parent();
            if parent == Some(root) || parent.is_some_and(|parent| left.contains_key(parent)) {
                let bytes = |id| contents.get(&id).map_or(Vec::new(), |c| c.bytes.clone());
                left.insert(path, id.map(bytes));
            }
        }
        left
    }

    fn put_in_part(self, content: &mut Content, at: usize, bytes: &[u8], chance: &mut Chance) {
        match self {
            Self::Nothing => {}
            Self::Everything => content.put(at, bytes),
            Self::Subset { .. } => {
                for (sector, bytes) in bytes.chunks(SECTOR).enumerate() {
                    if chance.draw().is_multiple_of(2) {
                        content.put(at + sector * SECTOR, bytes);
                    }
                }
            }
            Self::Torn { unit, .. } => {
                let units = bytes.len() / unit + 1;
                let cut = unit * (chance.draw() % units as u64) as usize;
                content.put(at, &bytes[..cut.min(bytes.len())]);
            }
        }
    }
}

/// Whether an operation must have happened, given those that came later.
fn is_safe(operation: &Operation, later: &[Operation]) -> bool {
    let directory_synced = |path: &Path| {
        later
            .iter()
            .any(|operation| matches!(operation, Operation::SyncDir(of) if Some(of.as_path()) == path.parent()))
    };
    match operation {
        Operation::CreateDir(path) | Operation::Create(path, _) | Operation::Remove(path, _) => {
            directory_synced(path)
        }
        Operation::Rename(from, to, _) => directory_synced(from) || directory_synced(to),
        Operation::Write(id, ..) => later
            .iter()
            .any(|operation| matches!(operation, Operation::SyncFile(of) if of == id)),
        Operation::SyncFile(_) | Operation::SyncDir(_) => true,
    }
}

fn apply(operation: &Operation, names: &mut BTreeMap<PathBuf, Option<FileId>>) {
    match operation {
        Operation::CreateDir(path) => {
            names.insert(path.clone(), None);
        }
        Operation::Create(path, id) => {
            names.insert(path.clone(), Some(*id));
        }
        Operation::Rename(from, to, id) => {
            if names.get(from) == Some(&Some(*id)) {
                names.remove(from);
            }
            names.insert(to.clone(), Some(*id));
        }
        Operation::Remove(path, id) => {
            if names.get(path) == Some(&Some(*id)) {
                names.remove(path);
            }
        }
        Operation::Write(..) | Operation::SyncFile(_) | Operation::SyncDir(_) => {}
    }
}

/// A sequence of numbers that looks random (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
