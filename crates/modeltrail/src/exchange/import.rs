//! Foreign checkpoints into a store; interrupted at any moment, it goes on where it stopped.

pub use super::imported::Counts;
use super::plan::{Plan, Planned};
use crate::collection::{Alike, Problem};
use anyhow::Result;
use checkpoint_store::{Checkpoint, Store};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Weights that are gathered before they are published, in bytes: 64 MiB, or one checkpoint if that is
/// larger.
const SEGMENT_BYTES: usize = 64 << 20;

/// What is in the store afterwards.
#[derive(Debug)]
pub struct Outcome {
    /// The store.
    pub store: Store,
    /// What the epochs of its labels count.
    pub counts: Counts,
    /// Number, name and checkpoints of each run, ascending.
    pub runs: Vec<(u64, Option<String>, usize)>,
    /// Checkpoints that came in.
    pub added: usize,
    /// Checkpoints that were there before, and were not read again.
    pub there: usize,
    /// Checkpoints with weights that are NaN or infinite: kept as they are, and marked.
    pub not_finite: Vec<String>,
    /// What could not be read; the rest came in.
    pub problems: Vec<Problem>,
}

/// Brings all checkpoints of a group into the store at `out`, those that are not there yet, and
/// compacts it.
///
/// Labels are what the checkpoints claim, or, `by_name`, numbers in the order of their names. Costs a
/// pass over the weights, and one over the store; memory: 64 MiB and a checkpoint. Killed at any moment
/// and called again, it ends with the same bytes.
///
/// # Errors
/// Before anything is written: when labels are missing, stand twice or do not fit, or `out` holds
/// something else. When the disk fails; what was published before stays.
pub fn import(group: &Alike, by_name: bool, out: &Path) -> Result<Outcome> {
    let plan = Plan::of(group, by_name)?;
    let store = Store::create(out, &plan.imported.to_toml()?, &group.layout)?;
    let labels = store.checkpoints()?;
    let there: HashSet<(u32, u64)> = labels.iter().map(Checkpoint::key).collect();
    let missing = plan.checkpoints.iter();
    let missing: Vec<&Planned<'_>> = missing
        .filter(|planned| !there.contains(&(planned.epoch, planned.run)))
        .collect();
    let shards: BTreeMap<u64, u32> = plan.runs.keys().copied().zip(0..).collect();
    let mut batch = Batch {
        store: &store,
        shards: &shards,
        labels: Vec::new(),
        columns: Vec::new(),
    };
    let (mut added, mut problems, mut not_finite) = (0, Vec::new(), Vec::new());
    for planned in &missing {
        batch.make_room_for(planned)?;
        let start = batch.columns.len();
        let columns = &mut batch.columns;
        let read = planned.item.read(&group.layout, &mut |values| {
            columns.extend_from_slice(values)
        });
        let weights = batch.columns.get(start..).unwrap_or_default();
        let finite = weights.iter().all(|weight| weight.is_finite());
        match read {
            Ok(()) => {
                added += 1;
                if !finite {
                    not_finite.push(planned.item.name.clone());
                }
                batch.labels.push(Checkpoint {
                    finite,
                    ..Checkpoint::new(planned.run, planned.epoch)
                });
            }
            Err(error) => {
                batch.columns.truncate(start);
                problems.push(Problem::new(&planned.item.path, &error));
            }
        }
    }
    batch.publish()?;
    if added + labels.len() > 0 {
        store.compact([], &[])?;
    }
    let mut counted: BTreeMap<u64, usize> = plan.runs.keys().map(|run| (*run, 0)).collect();
    for label in store.checkpoints()? {
        *counted.entry(label.run).or_default() += 1;
    }
    let name = |run: &u64| plan.runs.get(run).copied().flatten().map(str::to_owned);
    let runs = counted
        .into_iter()
        .map(|(run, count)| (run, name(&run), count));
    Ok(Outcome {
        counts: plan.counts,
        runs: runs.collect(),
        added,
        there: plan.checkpoints.len() - missing.len(),
        not_finite,
        problems,
        store,
    })
}

/// Checkpoints of one epoch that are published together.
struct Batch<'a> {
    store: &'a Store,
    /// A shard for each run.
    shards: &'a BTreeMap<u64, u32>,
    labels: Vec<Checkpoint>,
    columns: Vec<f32>,
}

impl Batch<'_> {
    fn make_room_for(&mut self, planned: &Planned<'_>) -> Result<()> {
        let is_other_epoch = self
            .labels
            .first()
            .is_some_and(|first| first.epoch != planned.epoch);
        let is_full = 4 * (self.columns.len() + self.store.parameters()) > SEGMENT_BYTES;
        if is_other_epoch || is_full {
            self.publish()?;
        }
        Ok(())
    }

    /// Publishes what is gathered, under the shard of its first run. That run was not in the store at
    /// this epoch, so no segment has this name yet, however the batches were cut before.
    fn publish(&mut self) -> Result<()> {
        if let Some(first) = self.labels.first() {
            let shard = self.shards.get(&first.run).copied().unwrap_or_default();
            self.store
                .publish(shard, first.epoch, &self.labels, &self.columns)?;
        }
        self.labels.clear();
        self.columns.clear();
        Ok(())
    }
}
