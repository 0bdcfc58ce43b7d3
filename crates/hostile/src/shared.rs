//! A store that several write and read at once, whose weights say of which run and epoch they are.

use std::collections::BTreeMap;
use std::path::Path;

use checkpoint_store::{Checkpoint, Checkpoints, Result, Store, TensorShape};

/// What every writer puts into the store: a shard of runs, epoch by epoch.
#[derive(Debug, Clone, Copy)]
pub struct Shared {
    /// Weights of a checkpoint.
    pub parameters: usize,
    /// Runs of a shard.
    pub runs: u64,
}

/// Each weight of this checkpoint.
fn weight(run: u64, epoch: u32) -> f32 {
    (run * 100) as f32 + epoch as f32
}

impl Shared {
    /// Opens the store, as each process does for itself; makes it if there is none.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn open(&self, directory: &Path) -> Result<Store> {
        let layout = [TensorShape::new("w", [self.parameters as u64])];
        Store::create(directory, "lr = 1", &layout)
    }

    /// Publishes an epoch of all runs of a shard.
    ///
    /// # Errors
    /// As [`Store::publish`].
    pub fn publish(&self, store: &Store, shard: u32, epoch: u32) -> Result<()> {
        let first = u64::from(shard) * self.runs;
        let runs = first..first + self.runs;
        let labels: Vec<Checkpoint> = runs
            .clone()
            .map(|run| Checkpoint::new(run, epoch))
            .collect();
        let columns: Vec<f32> = runs
            .flat_map(|run| vec![weight(run, epoch); self.parameters])
            .collect();
        store.publish(shard, epoch, &labels, &columns).map(drop)
    }

    /// Checks what was loaded: whole epochs of a shard only, each checkpoint once and with its own
    /// weights. Returns how many there are.
    ///
    /// # Errors
    /// What is not so, in words.
    pub fn check(&self, loaded: &Checkpoints) -> Result<usize, String> {
        let labels = loaded.checkpoints();
        for (label, column) in labels.iter().zip(loaded.matrix().column_iter()) {
            let wanted = weight(label.run, label.epoch);
            if !column.iter().all(|&weight| weight == wanted) {
                return Err(format!("{label:?} has other weights"));
            }
        }
        if !labels.windows(2).all(|pair| pair[0].key() < pair[1].key()) {
            return Err("one stands twice".to_owned());
        }
        let mut epochs: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        for label in labels {
            *epochs
                .entry((label.run / self.runs, label.epoch))
                .or_default() += 1;
        }
        match epochs.iter().find(|&(_, &runs)| runs != self.runs) {
            Some(((shard, epoch), _)) => Err(format!("epoch {epoch} of shard {shard} in part")),
            None => Ok(labels.len()),
        }
    }
}
