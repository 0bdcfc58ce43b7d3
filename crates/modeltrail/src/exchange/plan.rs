//! Which labels foreign checkpoints get in a store.

use super::imported::{Counts, Imported};
use crate::collection::{Alike, Item};
use crate::error::LabelError;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What would be imported, and as what.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) imported: Imported,
    pub(super) counts: Counts,
    /// The numbers of the runs, and what they were called, ascending.
    pub(super) runs: BTreeMap<u64, Option<&'a str>>,
    /// The checkpoints, ascending by (epoch, run).
    pub(super) checkpoints: Vec<Planned<'a>>,
}

/// One checkpoint, and its label.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub(super) run: u64,
    pub(super) epoch: u32,
    pub(super) item: &'a Item,
}

impl<'a> Plan<'a> {
    /// Labels for the checkpoints of a group: as claimed, or numbered in the order of their names.
    ///
    /// The same checkpoints get the same labels, whatever is in the store already.
    ///
    /// # Errors
    /// When a checkpoint claims no position, one that another claims too, or one that a store has no
    /// room for.
    pub(super) fn of(group: &'a Alike, by_name: bool) -> Result<Self, LabelError> {
        let items = &group.checkpoints;
        let numbers = number_runs(items);
        let counts = if by_name {
            Counts::File
        } else {
            counts(items)?
        };
        let mut seen: HashMap<(u64, u64), &Item> = HashMap::new();
        let mut files: HashMap<u64, u64> = HashMap::new();
        let mut checkpoints = Vec::with_capacity(items.len());
        for item in items {
            let run = numbers.get(&run_of(item)).copied().unwrap_or_default();
            let file = files.entry(run).or_default();
            *file += 1;
            let position = match counts {
                Counts::Epoch => item.labels.epoch,
                Counts::Step => item.labels.step,
                Counts::File => Some(*file),
            };
            // Where one is missing, `counts` has told.
            let position = position.unwrap_or_default();
            if let Some(other) = seen.insert((run, position), item) {
                return Err(LabelError::Same {
                    first: other.name.clone(),
                    second: item.name.clone(),
                    position: format!("{} {position}", counts.name()),
                    run: run_of(item)
                        .map_or_else(|| "one run".to_owned(), |run| format!("run {run}")),
                });
            }
            let Ok(epoch) = u32::try_from(position) else {
                return Err(LabelError::TooLarge {
                    checkpoint: item.name.clone(),
                    position: format!("{} {position}", counts.name()),
                });
            };
            checkpoints.push(Planned { run, epoch, item });
        }
        checkpoints.sort_by_key(|planned| (planned.epoch, planned.run));
        let runs: BTreeMap<u64, Option<&str>> = numbers
            .into_iter()
            .map(|(name, number)| (number, name))
            .collect();
        let named = runs
            .iter()
            .filter_map(|(number, name)| Some((*number, (*name)?)));
        Ok(Self {
            imported: Imported::new(counts, named, items.iter().map(|item| item.name.as_str())),
            counts,
            runs,
            checkpoints,
        })
    }
}

fn run_of(item: &Item) -> Option<&str> {
    item.labels.run.as_deref()
}

/// What all claim: epochs, if no two of a run claim the same, since a store counts epochs; else steps.
fn counts(items: &[Item]) -> Result<Counts, LabelError> {
    let all =
        |position: fn(&Item) -> Option<u64>| items.iter().all(|item| position(item).is_some());
    let mut epochs = BTreeSet::new();
    let distinct = items
        .iter()
        .all(|item| epochs.insert((run_of(item), item.labels.epoch)));
    let has_epochs = all(|item| item.labels.epoch);
    let has_steps = all(|item| item.labels.step);
    if has_epochs && (distinct || !has_steps) {
        return Ok(Counts::Epoch);
    }
    if has_steps {
        return Ok(Counts::Step);
    }
    let silent = |item: &&Item| item.labels.epoch.or(item.labels.step).is_none();
    Err(match items.iter().find(silent) {
        Some(item) => LabelError::Missing {
            checkpoint: item.name.clone(),
        },
        None => LabelError::Mixed,
    })
}

/// A number for each run: the one that its name ends in, if that tells all runs apart; else 0, 1, …
/// in the order of the names.
fn number_runs(items: &[Item]) -> BTreeMap<Option<&str>, u64> {
    let names: BTreeSet<Option<&str>> = items.iter().map(run_of).collect();
    let last: Option<BTreeSet<u64>> = names.iter().map(|name| last_number((*name)?)).collect();
    let tells = last.is_some_and(|numbers| numbers.len() == names.len());
    let numbered = names.into_iter().zip(0..);
    numbered
        .map(|(name, place)| {
            let number = name.and_then(last_number).filter(|_| tells);
            (name, number.unwrap_or(place))
        })
        .collect()
}

/// The number that a name ends in.
fn last_number(name: &str) -> Option<u64> {
    let stem = name.trim_end_matches(|sign: char| sign.is_ascii_digit());
    name.get(stem.len()..)?.parse().ok()
}
