//! What is there, to be read one checkpoint at a time: for commands that pass weights on.

use super::listing::{Entry, Listing, Pending};
use super::source::Source;
use super::{Options, parameters};
use crate::coverage::{LeftOut, Unread};
use crate::error::{Error, Problem, Result};
use checkpoint_store::TensorShape;
use checkpoint_store::export::Labels;
use std::path::PathBuf;

/// Everything that was found, described; no weights were read.
#[derive(Debug)]
pub struct Inventory {
    /// Checkpoints by their tensors, in the order in which they were found.
    pub groups: Vec<Alike>,
    /// What could not be read; the rest went on.
    pub problems: Vec<Problem>,
    /// What the checkpoints hold beside weights.
    pub left_out: LeftOut,
    /// Files passed over that a training writes beside the weights.
    pub passed_over: usize,
    /// Tensors that could not be read.
    pub unread: Vec<Unread>,
}

/// Checkpoints with the same tensors.
#[derive(Debug)]
pub struct Alike {
    /// The tensors, in the order of the first checkpoint.
    pub layout: Vec<TensorShape>,
    /// The checkpoints, sorted as a person sorts their names.
    pub checkpoints: Vec<Item>,
}

/// One checkpoint.
#[derive(Debug)]
pub struct Item {
    /// What to call it.
    pub name: String,
    /// The file, or the store.
    pub path: PathBuf,
    /// What it says of itself. A run that a store has only by number is `run-N`.
    pub labels: Labels,
    source: Source,
}

impl Inventory {
    /// What the paths stand for. Costs a look at the description of every checkpoint.
    pub fn of(paths: &[PathBuf], options: &Options) -> Self {
        let listing = Listing::of(paths, options);
        let group = |pending: Pending| Alike {
            layout: pending.layout,
            checkpoints: pending.entries.into_iter().map(Item::of).collect(),
        };
        Self {
            groups: listing.groups.into_iter().map(group).collect(),
            problems: listing.problems,
            left_out: listing.left_out,
            passed_over: listing.companions.len(),
            unread: listing.unread,
        }
    }
}

/// The one group there is, for what holds checkpoints of one architecture: `whole`, in words.
///
/// # Errors
/// When there are none, or several: they are named.
pub fn only<'a>(groups: &'a [Alike], whole: &'static str) -> Result<&'a Alike> {
    match groups {
        [] => Err(Error::NothingRead),
        [only] => Ok(only),
        several => {
            let groups = several.iter().map(|group| format!("\n  {group}")).collect();
            Err(Error::SeveralArchitectures { whole, groups })
        }
    }
}

impl std::fmt::Display for Alike {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} checkpoints with {} weights in {} tensors",
            self.checkpoints.len(),
            parameters(&self.layout),
            self.layout.len()
        )?;
        match self.checkpoints.as_slice() {
            [] => Ok(()),
            [only] => write!(formatter, ": {}", only.name),
            [first, .., last] => write!(formatter, ": {} to {}", first.name, last.name),
        }
    }
}

impl Alike {
    /// Number of weights of a checkpoint.
    pub fn parameters(&self) -> u64 {
        parameters(&self.layout)
    }
}

impl Item {
    fn of(entry: Entry) -> Self {
        let run = entry.claims.run.map(|run| {
            let is_number = run.value.bytes().all(|byte| byte.is_ascii_digit());
            if is_number {
                format!("run-{}", run.value)
            } else {
                run.value
            }
        });
        Self {
            name: entry.name,
            path: entry.path,
            labels: Labels {
                run,
                epoch: entry.epoch,
                step: entry.step,
            },
            source: entry.source,
        }
    }

    /// Streams all weights, in the order of the layout of its group.
    ///
    /// # Errors
    /// When they cannot be read, or only a sketch is left of them.
    pub fn read(&self, layout: &[TensorShape], sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let reader = self.source.open(layout)?;
        for tensor in 0..layout.len() {
            reader.read(tensor, sink)?;
        }
        Ok(())
    }
}
