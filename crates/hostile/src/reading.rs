//! Reading foreign files as a command does, one after the other under the same name.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fuzzed::Target;
use checkpoint_store::Result;
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};

/// Finds, opens and reads everything that a path stands for. Returns the number of values that were read
/// as numbers; the bytes of others are read too.
///
/// # Errors
/// The first one. What comes after it is read nevertheless, but for problems of finding.
pub fn weights(path: &Path, limits: &Limits) -> Result<u64> {
    let mut discovery = discover(&[path.to_path_buf()], limits);
    if let Some(problem) = discovery.problems.pop() {
        return Err(problem.error);
    }
    let mut values = 0;
    let mut outcome = Ok(());
    for found in &discovery.checkpoints {
        let checkpoint = ForeignCheckpoint::open(found, limits)?;
        for index in 0..checkpoint.tensors().len() {
            let read = checkpoint.read(index, &mut |chunk| values += chunk.len() as u64);
            outcome = outcome.and(read);
        }
        for index in 0..checkpoint.unread().len() {
            let read = checkpoint.read_unread(index, &mut |_| ());
            outcome = outcome.and(read.map(drop));
        }
    }
    outcome.map(|()| values)
}

/// A file whose bytes are replaced again and again: made once, it costs two calls of the system.
#[derive(Debug)]
pub struct Slot {
    file: File,
    path: PathBuf,
    length: usize,
}

impl Slot {
    /// Makes it, empty.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            path: path.to_path_buf(),
            length: 0,
        })
    }

    /// Puts these bytes in the place of those before; nobody may have these open any more.
    ///
    /// # Errors
    /// When there is no room.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<&Path> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)?;
        if bytes.len() < self.length {
            self.file.set_len(bytes.len() as u64)?;
        }
        self.length = bytes.len();
        Ok(&self.path)
    }
}

/// The files of a target, replaced again and again.
#[derive(Debug)]
pub struct Slots {
    target: Target,
    /// Those that are there, by name.
    slots: Vec<(PathBuf, Option<Slot>)>,
    /// What is read of them.
    path: PathBuf,
}

impl Slots {
    /// Makes them in a folder that holds nothing else, empty.
    ///
    /// # Errors
    /// When they cannot be made there.
    pub fn create(target: Target, folder: &Path) -> io::Result<Self> {
        let files = target.files();
        let slots = files.iter().map(|name| {
            let path = folder.join(name);
            Ok((path.clone(), Some(Slot::create(&path)?)))
        });
        Ok(Self {
            target,
            slots: slots.collect::<io::Result<_>>()?,
            path: match files {
                [one] => folder.join(one),
                _ => folder.to_path_buf(),
            },
        })
    }

    /// Puts what this sequence of bytes stands for in the place of what was there before. Returns what
    /// is to be read.
    ///
    /// # Errors
    /// When there is no room.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<&Path> {
        let parts = self.target.parts(bytes);
        let is_alone = parts.len() == 1;
        for ((path, slot), part) in self.slots.iter_mut().zip(parts) {
            match slot {
                // Of several files, those without bytes are not there.
                Some(_) if part.is_empty() && !is_alone => {
                    *slot = None;
                    std::fs::remove_file(path)?;
                }
                None if part.is_empty() => {}
                Some(slot) => drop(slot.put(part)?),
                None => drop(slot.insert(Slot::create(path)?).put(part)?),
            }
        }
        Ok(&self.path)
    }
}
