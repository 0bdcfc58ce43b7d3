//! Checkpoints that stand beside a run rather than in it: averages of its weights, and copies of its
//! best, last or final state.
//!
//! An average lies on no step of a run, and a copy repeats one of its checkpoints, so that neither has
//! a place in an order. They are known by their names (`model_ema.pt`, `best.pt`), or by what the file
//! holds. Where there is nothing but such checkpoints, they are what there is, and none stands beside.

use super::claims::{AsideClaim, From};
use super::listing::{Entry, Listing};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Fewest checkpoints beside which another one stands.
const FEWEST: usize = 2;

impl Listing {
    /// Sets aside what stands beside runs rather than in them.
    pub(super) fn set_aside(&mut self) {
        for group in &mut self.groups {
            set_aside(&mut group.entries);
        }
    }
}

/// Sets aside, of entries with the same tensors, those that claim to be a copy or an average and lie
/// with at least two that do not: in their folder, or in the one above it.
fn set_aside(entries: &mut [Entry]) {
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
