//! Foreign checkpoints into a store; interrupted at any moment, it continues where it stopped.

pub use super::imported::Counts;
use super::plan::{Plan, Planned};
use crate::collection::{Inventory, Options, only};
use crate::coverage::Coverage;
use crate::error::{Error, Problem, Result};
use crate::text::{counted, memory, table, thousands};
use checkpoint_store::{Checkpoint, Store};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Weights that are gathered before they are published, in bytes: 64 MiB, or one checkpoint if that is
/// larger.
const SEGMENT_BYTES: usize = 64 << 20;

/// Most runs that the text shows.
const SHOWN: usize = 20;

/// What is in the store afterwards.
#[derive(Debug)]
pub struct Import {
    store: Store,
    out: PathBuf,
    counts: Counts,
    runs: Vec<ImportedRun>,
    added: usize,
    there: usize,
    blake3: String,
    not_finite: Vec<String>,
    problems: Vec<Problem>,
    coverage: Coverage,
}

/// A run in the store.
#[derive(Debug, Serialize)]
pub struct ImportedRun {
    /// Its number in the store.
    pub run: u64,
    /// What it was called.
    pub name: Option<String>,
    /// How many checkpoints of it there are.
    pub checkpoints: usize,
}

impl Import {
    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The hash of everything in the store.
    pub fn blake3(&self) -> &str {
        &self.blake3
    }

    /// What the epochs of its labels count.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The runs, by their numbers.
    pub fn runs(&self) -> &[ImportedRun] {
        &self.runs
    }

    /// Checkpoints that came in, and those that were there before and were not read again.
    pub fn added_and_there(&self) -> (usize, usize) {
        (self.added, self.there)
    }

    /// Checkpoints with weights that are NaN or infinite: kept as they are, and marked.
    pub fn not_finite(&self) -> &[String] {
        &self.not_finite
    }

    /// What could not be read, at the first look or later; the rest came in.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How much of the checkpoints was read, this time or before.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(serialize_with = "crate::path::serialize")]
    out: &'a Path,
    parameters: usize,
    epochs_count: Counts,
    added: usize,
    there_before: usize,
    blake3: &'a str,
    runs: &'a [ImportedRun],
    not_finite: &'a [String],
    problems: &'a [Problem],
    coverage: &'a Coverage,
}

impl Serialize for Import {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = Document {
            schema: "modeltrail.import/1",
            out: &self.out,
            parameters: self.store.parameters(),
            epochs_count: self.counts,
            added: self.added,
            there_before: self.there,
            blake3: &self.blake3,
            runs: &self.runs,
            not_finite: &self.not_finite,
            problems: &self.problems,
            coverage: &self.coverage,
        };
        document.serialize(serializer)
    }
}

impl std::fmt::Display for Import {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.runs.iter().take(SHOWN).map(|run| {
            [
                run.run.to_string(),
                run.name.clone().unwrap_or_else(|| "–".to_owned()),
                run.checkpoints.to_string(),
            ]
        });
        write!(
            formatter,
            "{}: {} of {} weights added, {} there before; labels count {}\n{}",
            self.out.display(),
            counted(self.added, "checkpoint"),
            thousands(self.store.parameters() as u64),
            self.there,
            self.counts.description(),
            table(["run", "called", "checkpoints"], rows)
        )?;
        match self.runs.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, "\n… and {more} more"),
        }
    }
}

/// How checkpoints are taken into a store.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions {
    /// Whether the files of each run are counted in the order of their names, whatever they claim.
    pub by_name: bool,
    /// Whether checkpoints may come in without tensors that could not be read.
    pub allow_unread: bool,
    /// Most memory, in bytes, that the weights of a checkpoint may take: it is held while it is written.
    pub memory: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            by_name: false,
            allow_unread: false,
            memory: Options::default().memory,
        }
    }
}

/// Brings all checkpoints, which must have the same tensors, into the store at `out`, those that are
/// not there yet, and compacts it.
///
/// Labels are what the checkpoints claim, or, `by_name`, numbers in the order of their names. Tensors
/// that could not be read are lost only where the options allow that. Costs a
/// pass over the weights, and one over the store; memory: 64 MiB and a checkpoint. Killed at any moment
/// and called again, it ends with the same bytes.
///
/// # Errors
/// Before anything is written: when a tensor could not be read, when labels are missing, stand twice or do not fit, or `out` holds
/// something else. When the disk fails; what was published before stays.
pub fn import(inventory: &Inventory, options: &ImportOptions, out: &Path) -> Result<Import> {
    super::refuse_losses(&inventory.unread, options.allow_unread)?;
    let by_name = options.by_name;
    let group = only(&inventory.groups, "a store")?;
    let needed = group.parameters().saturating_mul(4);
    if needed > options.memory {
        return Err(Error::Unsuitable {
            path: out.to_owned(),
            what: format!(
                "a checkpoint takes {} as a store holds it, and {} may be used",
                memory(needed),
                memory(options.memory)
            ),
            way_out: "Allow more memory",
        });
    }
    let plan = Plan::of(group, by_name)?;
    let recipe = plan.imported.to_toml();
    let recipe = recipe.map_err(|error| Error::Unsuitable {
        path: out.to_owned(),
        what: format!("the names of the runs cannot be stored ({error})"),
        way_out: "Rename the folders of the runs",
    })?;
    let store = Store::create(out, &recipe, &group.layout)?;
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
    let (mut added, mut problems, mut not_finite) = (0, inventory.problems.clone(), Vec::new());
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
    let mut in_runs: BTreeMap<u64, usize> = plan.runs.keys().map(|run| (*run, 0)).collect();
    for label in store.checkpoints()? {
        *in_runs.entry(label.run).or_default() += 1;
    }
    let name = |run: &u64| plan.runs.get(run).copied().flatten().map(str::to_owned);
    let runs = in_runs.into_iter().map(|(run, checkpoints)| ImportedRun {
        name: name(&run),
        run,
        checkpoints,
    });
    let there = plan.checkpoints.len() - missing.len();
    let own = super::coverage(inventory);
    let weights = |checkpoints: usize| group.parameters() * checkpoints as u64;
    Ok(Import {
        out: out.to_owned(),
        counts: plan.counts,
        runs: runs.collect(),
        added,
        there,
        blake3: store.hash()?,
        not_finite,
        problems,
        coverage: Coverage {
            weights_read: weights(added + there),
            weights_in_all: own.weights_in_all + weights(plan.checkpoints.len()),
            ..own
        },
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
