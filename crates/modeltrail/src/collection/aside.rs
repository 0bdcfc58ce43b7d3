//! Checkpoints that stand beside a run rather than in it: averages of its weights, and copies of its
//! best, last or final state.
//!
//! An average lies on no step of a run, and a copy repeats one of its checkpoints, so that neither has
//! a place in an order. They are known by their names (`model_ema.pt`, `best.pt`), or by what the file
//! holds. Where there is nothing but such checkpoints, they are what there is, and none stands beside.

use super::From;
use super::listing::Entry;
use checkpoint_store::foreign::{self, Claim};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Fewest checkpoints beside which another one stands.
const FEWEST: usize = 2;

/// What a checkpoint is that stands beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aside {
    /// Weights averaged along the run, the newest most.
    Ema,
    /// Weights averaged over several checkpoints.
    Average,
    /// A copy of the best checkpoint.
    Best,
    /// A copy of the last checkpoint.
    Last,
    /// What was saved when the training ended.
    Final,
}

/// What a checkpoint claims to be beside a run, and where that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideClaim {
    /// What it is.
    pub value: Aside,
    /// Where that stands.
    pub from: From,
}

impl Aside {
    /// What it is, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Ema => "a moving average of the weights (EMA)",
            Self::Average => "an average of the weights (SWA)",
            Self::Best => "the best checkpoint so far",
            Self::Last => "the last checkpoint so far",
            Self::Final => "the final save",
        }
    }
}

impl AsideClaim {
    pub(crate) fn of(claim: &Claim<foreign::Aside>) -> Self {
        Self {
            value: match claim.value {
                foreign::Aside::Ema => Aside::Ema,
                foreign::Aside::Average => Aside::Average,
                foreign::Aside::Best => Aside::Best,
                foreign::Aside::Last => Aside::Last,
                foreign::Aside::Final => Aside::Final,
            },
            from: claim.from.into(),
        }
    }
}

impl std::fmt::Display for AsideClaim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = match self.from {
            From::Metadata | From::Beside | From::Store => "what the file holds",
            From::FileName => "its name",
            From::FolderName => "the name of its folder",
        };
        write!(formatter, "{}, by {by}", self.value.description())
    }
}

/// Sets aside, of entries with the same tensors, those that claim to be a copy or an average and lie
/// with at least two that do not: in their folder, or in the one above it.
pub(super) fn set_aside(entries: &mut [Entry]) {
    let places: Vec<PathBuf> = entries.iter().map(Entry::place).collect();
    let mut plain: HashMap<PathBuf, usize> = HashMap::new();
    for (entry, place) in entries.iter().zip(&places) {
        if entry.claims.aside.is_none() {
            for folder in place.ancestors().skip(1).take(2) {
                *plain.entry(folder.to_path_buf()).or_default() += 1;
            }
        }
    }
    for (entry, place) in entries.iter_mut().zip(&places) {
        entry.aside = entry
            .claims
            .aside
            .filter(|claim| plain.get(home(place, *claim)).is_some_and(|&c| c >= FEWEST));
    }
}

/// The folder of the run that a checkpoint stands beside: its own, or the one above if its folder
/// says what it is.
fn home(place: &Path, claim: AsideClaim) -> &Path {
    let folder = place.parent().unwrap_or(Path::new(""));
    match claim.from {
        From::FolderName => folder.parent().unwrap_or(folder),
        _ => folder,
    }
}
