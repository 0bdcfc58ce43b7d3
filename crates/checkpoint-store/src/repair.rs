//! A damaged store, made one that opens again: nothing is deleted, nothing made up.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::names::{self, Name};
use crate::new_file::sync_dir;
use crate::segment::Segment;
use crate::storage::{FileSystem, Storage};
use crate::store::describe;
use crate::verify::{FileReport, Status, verify};

/// The folder in a store that damaged files are moved to.
pub const ASIDE: &str = "damaged";

/// What [`repair`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// Files that were moved, and their names in [`ASIDE`].
    pub moved: Vec<Moved>,
    /// Whether the description was written anew, from what a sound segment says.
    pub described: bool,
}

/// A file that was moved aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// What it was called.
    pub name: String,
    /// What it is called now, in the store's directory.
    pub to: String,
}

/// Moves aside what is damaged in a store, or belongs to another one, so that it opens and whoever
/// filled it can fill the gap.
///
/// With a segment go all training states, sound or not: a training that went on from one would
/// not come back for what is missing. A description that is damaged or missing is written anew if a
/// sound segment tells what was in it. Files that cannot be read or are of a newer version stay.
/// Killed at any moment and run again, it goes on.
///
/// # Errors
/// [`Error::NotAStore`]; [`Error::Io`], [`Error::StorageFull`]. What was moved stays moved.
pub fn repair(directory: impl AsRef<Path>) -> Result<Repair> {
    repair_on(Arc::new(FileSystem), directory)
}

/// [`repair`] on any [`Storage`].
///
/// # Errors
/// As [`repair`].
pub fn repair_on(storage: Arc<dyn Storage>, directory: impl AsRef<Path>) -> Result<Repair> {
    let directory = directory.as_ref();
    let report = verify(directory)?;
    let is_bad =
        |status: &Status| matches!(status, Status::Damaged { .. } | Status::Foreign { .. });
    let is_segment = |name: &str| names::parse(name) == Name::Segment;
    let gap = report
        .files
        .iter()
        .any(|file| is_segment(&file.name) && is_bad(&file.status));
    let goes = report.files.iter().filter(|file| {
        is_bad(&file.status) || (gap && matches!(names::parse(&file.name), Name::State { .. }))
    });
    let mut done = Repair::default();
    let mut goes: Vec<&FileReport> = goes.collect();
    // A repair that was killed is run again as long as the segments are where they were, so they
    // go last.
    goes.sort_by_key(|file| is_segment(&file.name));
    if !goes.is_empty() {
        // Durable before anything is in it: a file moved into a folder that is lost is lost.
        let folder = directory.join(ASIDE);
        storage
            .create_dir(&folder)
            .map_err(|source| Error::io("create the directory", &folder, source))?;
        sync_dir(storage.as_ref(), directory)?;
    }
    for file in goes {
        done.moved
            .push(move_aside(storage.as_ref(), directory, &file.name)?);
    }
    if !directory.join(names::DESCRIPTION).exists() {
        let sound = report
            .files
            .iter()
            .find(|file| is_segment(&file.name) && matches!(file.status, Status::Ok { .. }));
        if let Some(file) = sound {
            let segment = Segment::open(directory.join(&file.name))?;
            let header = segment.header();
            describe(&storage, directory, &header.recipe, &header.layout)?;
            done.described = true;
        }
    }
    Ok(done)
}

fn move_aside(storage: &dyn Storage, directory: &Path, name: &str) -> Result<Moved> {
    let folder = directory.join(ASIDE);
    let mut to = folder.join(name);
    let mut copy = 2;
    // A gap may be damaged again after it was filled.
    while to.exists() {
        to = folder.join(format!("{name}.{copy}"));
        copy += 1;
    }
    let from = directory.join(name);
    storage
        .rename(&from, &to)
        .map_err(|source| Error::io("move aside", &from, source))?;
    // The new name first: with neither durable, the file is where it was.
    sync_dir(storage, &folder)?;
    sync_dir(storage, directory)?;
    let to = to.strip_prefix(directory).unwrap_or(&to);
    Ok(Moved {
        name: name.to_owned(),
        to: to.to_string_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, Store, TensorShape, TrainingState};
    use std::fs;

    fn store(directory: &Path) -> Store {
        let layout = [TensorShape::new("w", [2])];
        let store = Store::create(directory, "lr = 0.03", &layout).unwrap();
        for epoch in 0..3 {
            let labels = [Checkpoint::new(1, epoch)];
            store
                .publish(0, epoch, &labels, &[epoch as f32, 1.0])
                .unwrap();
        }
        let state = TrainingState {
            shard: 0,
            next_epoch: 3,
            runs: vec![1],
            weights: vec![2.0, 1.0],
            velocity: vec![0.0, 0.0],
        };
        store.save_state(&state).unwrap();
        store
    }

    fn flip(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let last = bytes.len() - 40;
        bytes[last] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_damaged_segment_goes_aside_with_the_states_and_can_be_published_again() {
        let root = tempfile::tempdir().unwrap();
        let whole = store(root.path()).hash().unwrap();
        let bad = "shard-00000-epoch-000001.segment";
        flip(&root.path().join(bad));
        assert!(Store::open(root.path()).unwrap().load().is_err());
        let done = repair(root.path()).unwrap();
        let names: Vec<&str> = done.moved.iter().map(|moved| moved.name.as_str()).collect();
        assert_eq!(names, ["shard-00000-next-000003.state", bad]);
        assert!(root.path().join(ASIDE).join(bad).exists());
        assert!(verify(root.path()).unwrap().is_sound());
        let again = Store::open(root.path()).unwrap();
        assert_eq!(again.checkpoints().unwrap().len(), 2);
        assert_eq!(again.load_state(0).unwrap(), None);
        store(root.path());
        assert_eq!(again.hash().unwrap(), whole);
        // And once more.
        flip(&root.path().join(bad));
        assert_eq!(
            repair(root.path()).unwrap().moved[1].to,
            format!("{ASIDE}/{bad}.2")
        );
    }

    #[test]
    fn a_damaged_or_missing_description_is_written_anew_with_the_same_bytes() {
        let root = tempfile::tempdir().unwrap();
        store(root.path());
        let path = root.path().join(names::DESCRIPTION);
        let before = fs::read(&path).unwrap();
        flip(&path);
        let done = repair(root.path()).unwrap();
        assert!(done.described);
        assert_eq!(done.moved.len(), 1);
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
        assert!(repair(root.path()).unwrap().described);
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_sound_store_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        store(root.path());
        assert_eq!(repair(root.path()).unwrap(), Repair::default());
        assert!(!root.path().join(ASIDE).exists());
    }
}
