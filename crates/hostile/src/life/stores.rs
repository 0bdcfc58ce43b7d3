//! A store that two shards fill, and one that was damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use checkpoint_store::{
    ASIDE, Checkpoint, Error, Result, Status, Store, TensorShape, TrainingState, repair_on, verify,
};

use super::{Acknowledged, Fact, PLANTED, Reported, described};
use crate::disk::Disk;

const RECIPE: &str = "lr = 0.03\n";
/// Two columns of them are some sectors of a disk, and no whole number of pages.
const PARAMETERS: usize = 700;
const SHARDS: [[u64; 2]; 2] = [[0, 1], [2, 3]];
const EPOCHS: u32 = 3;
/// What is damaged before it is repaired.
const DAMAGED: &str = "shard-00001-epoch-000001.segment";

fn directory(root: &Path) -> PathBuf {
    root.join("new").join("zoo")
}

fn column(run: u64, epoch: u32) -> Vec<f32> {
    let value = |row: usize| run as f32 + epoch as f32 / 8.0 + row as f32 / 1024.0;
    (0..PARAMETERS).map(value).collect()
}

fn columns(runs: [u64; 2], epoch: u32) -> Vec<f32> {
    runs.iter().flat_map(|&run| column(run, epoch)).collect()
}

fn state(shard: u32, next_epoch: u32) -> TrainingState {
    let runs = SHARDS.get(shard as usize).copied().unwrap_or_default();
    TrainingState {
        shard,
        next_epoch,
        runs: runs.to_vec(),
        weights: columns(runs, next_epoch - 1),
        velocity: vec![next_epoch as f32; 2 * PARAMETERS],
    }
}

fn open(disk: &Disk, root: &Path) -> Result<Store> {
    let layout = [TensorShape::new("w", [PARAMETERS as u64])];
    Store::create_on(Arc::new(disk.clone()), directory(root), RECIPE, &layout)
}

/// Trains, stores and compacts, from wherever it was interrupted.
pub(super) fn live(disk: &Disk, root: &Path, acknowledged: &Acknowledged) -> Result<()> {
    open(disk, root)?;
    // What a writer that was killed long ago left behind; if that fails, nothing is tested less.
    let _ = fs::write(directory(root).join(PLANTED), b"torn");
    let store = open(disk, root)?;
    fill(disk, &store, acknowledged)?;
    let runs = SHARDS.concat();
    store.compact(0..EPOCHS, &runs)?;
    acknowledged.note(disk, Fact::Compacted);
    Ok(())
}

fn fill(disk: &Disk, store: &Store, acknowledged: &Acknowledged) -> Result<()> {
    let already = store.checkpoints()?;
    for epoch in 0..EPOCHS {
        for (shard, runs) in (0..).zip(SHARDS) {
            let is_there = already
                .iter()
                .any(|label| (label.run, label.epoch) == (runs[0], epoch));
            let next_epoch = store.load_state(shard)?.map(|state| state.next_epoch);
            if is_there && next_epoch.is_some_and(|next| next > epoch) {
                continue;
            }
            let labels = runs.map(|run| Checkpoint::new(run, epoch));
            store.publish(shard, epoch, &labels, &columns(runs, epoch))?;
            for run in runs {
                acknowledged.note(disk, Fact::Checkpoint { run, epoch });
            }
            let next_epoch = epoch + 1;
            store.save_state(&state(shard, next_epoch))?;
            acknowledged.note(disk, Fact::State { shard, next_epoch });
        }
    }
    Ok(())
}

/// Checks that everything acknowledged is there, whole, once.
pub(super) fn check(root: &Path, acknowledged: &[Fact]) -> Reported<()> {
    let directory = directory(root);
    let store = match Store::open(&directory) {
        Err(Error::NotAStore { .. }) if acknowledged.is_empty() => return Ok(()),
        other => other.map_err(described)?,
    };
    let report = verify(&directory).map_err(described)?;
    if !report.is_sound() {
        return Err(format!("it is not sound: {report:?}"));
    }
    check_content(&store, acknowledged)
}

fn check_content(store: &Store, acknowledged: &[Fact]) -> Reported<()> {
    let labels = store.checkpoints().map_err(described)?;
    let is_there = |run: u64, epoch: u32| {
        let same = labels
            .iter()
            .filter(|label| (label.run, label.epoch) == (run, epoch));
        same.count()
    };
    for runs in SHARDS {
        for epoch in 0..EPOCHS {
            let there = runs.map(|run| is_there(run, epoch));
            if there != [0, 0] && there != [1, 1] {
                return Err(format!(
                    "epoch {epoch} is there in part or twice: {there:?}"
                ));
            }
        }
    }
    if !labels.is_empty() {
        let loaded = store.load().map_err(described)?;
        if loaded.checkpoints() != labels {
            return Err("what is loaded is not what is listed".to_owned());
        }
        for (label, weights) in labels.iter().zip(loaded.matrix().column_iter()) {
            if !weights.iter().eq(&column(label.run, label.epoch)) {
                return Err(format!("{label:?} has other weights"));
            }
        }
        if acknowledged.contains(&Fact::Compacted) && !loaded.is_mapped() {
            return Err("it is not compacted any more".to_owned());
        }
    }
    for fact in acknowledged {
        let holds = match *fact {
            Fact::Checkpoint { run, epoch } => is_there(run, epoch) == 1,
            Fact::State { shard, next_epoch } => {
                let found = store.load_state(shard).map_err(described)?;
                found.is_some_and(|found| {
                    found.next_epoch >= next_epoch && found == state(shard, found.next_epoch)
                })
            }
            Fact::Compacted | Fact::Written { .. } => true,
        };
        if !holds {
            return Err(format!("{fact:?} was acknowledged and is gone"));
        }
    }
    Ok(())
}

/// A filled store with a segment of which one bit is wrong.
pub(super) fn prepare_damaged(root: &Path) -> Result<()> {
    let layout = [TensorShape::new("w", [PARAMETERS as u64])];
    let store = Store::create(directory(root), RECIPE, &layout)?;
    for epoch in 0..EPOCHS {
        for (shard, runs) in (0..).zip(SHARDS) {
            let labels = runs.map(|run| Checkpoint::new(run, epoch));
            store.publish(shard, epoch, &labels, &columns(runs, epoch))?;
            store.save_state(&state(shard, epoch + 1))?;
        }
    }
    let path = directory(root).join(DAMAGED);
    let damage = fs::read(&path).and_then(|mut bytes| {
        if let Some(byte) = bytes.get_mut(5000) {
            *byte ^= 1;
        }
        fs::write(&path, bytes)
    });
    damage.map_err(|source| Error::Io {
        operation: "damage",
        path,
        source,
    })
}

/// Repairs, fills the gap and compacts.
pub(super) fn repair(disk: &Disk, root: &Path, acknowledged: &Acknowledged) -> Result<()> {
    repair_on(Arc::new(disk.clone()), directory(root))?;
    live(disk, root, acknowledged)
}

/// Checks that nothing but the damaged segment is missing, and that itself is somewhere still.
pub(super) fn check_repair(root: &Path, acknowledged: &[Fact]) -> Reported<()> {
    let directory = directory(root);
    let aside = [directory.clone(), directory.join(ASIDE)].map(|folder| folder.join(DAMAGED));
    let kept = aside.iter().any(|path| {
        fs::read(path).is_ok_and(|bytes| {
            // Its last digest is that of the sound segment, which its bytes do not have.
            bytes.len() > 5000 && verify_alone(path).is_err()
        })
    });
    if !kept {
        return Err("the damaged segment is gone".to_owned());
    }
    let report = verify(&directory).map_err(described)?;
    for file in &report.files {
        if file.status.is_problem() && file.name != DAMAGED {
            return Err(format!("{} is {:?}", file.name, file.status));
        }
    }
    let is_damaged = |name: &str| {
        report
            .files
            .iter()
            .any(|file| file.name == name && matches!(file.status, Status::Damaged { .. }))
    };
    let least = 2 * (u64::from(EPOCHS) * 2 - 1);
    if report.checkpoints < least {
        return Err(format!("{} of {least} checkpoints", report.checkpoints));
    }
    if is_damaged(DAMAGED) {
        // Whatever is acknowledged comes after the repair.
        return match acknowledged.first() {
            None => Ok(()),
            Some(fact) => Err(format!(
                "{fact:?} was acknowledged, and the repair is undone"
            )),
        };
    }
    let store = Store::open(&directory).map_err(described)?;
    check_content(&store, acknowledged)
}

fn verify_alone(path: &Path) -> Result<()> {
    checkpoint_store::Segment::open(path).map(drop)
}
