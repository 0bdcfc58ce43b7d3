//! Which buffers changed: they count in no distance, but a model computes with them.

use super::Checkpoint;
use crate::collection::{Buffer, Single, printable};
use serde::Serialize;
use std::collections::BTreeSet;

/// The buffers of two checkpoints, compared bit by bit as f32.
#[derive(Debug, Serialize)]
pub struct Buffers {
    /// Whether both are known; a sketch keeps none.
    pub compared: bool,
    /// How many there are, in either.
    pub count: usize,
    /// Those that changed, by name.
    pub changed: Vec<ChangedBuffer>,
    /// The names of all.
    #[serde(skip)]
    pub names: Vec<String>,
}

/// A buffer that is not the same bits in both.
#[derive(Debug, Serialize)]
pub struct ChangedBuffer {
    /// Its name.
    pub buffer: String,
    /// In what.
    pub why: String,
}

impl Buffers {
    /// Compares two checkpoints with all that they hold.
    fn of_weights(a: &Single, b: &Single) -> Self {
        let (ours, theirs) = (a.buffers(), b.buffers());
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let changed = names.iter().filter_map(|&name| {
            let why = match (ours.get(name), theirs.get(name)) {
                (Some(a), Some(b)) => difference(a, b)?,
                (Some(_), None) => "only the first has it".to_owned(),
                (None, _) => "only the second has it".to_owned(),
            };
            let buffer = name.clone();
            Some(ChangedBuffer { buffer, why })
        });
        Self {
            compared: true,
            count: names.len(),
            changed: changed.collect(),
            names: names.iter().map(|&name| name.clone()).collect(),
        }
    }

    /// Compares two checkpoints, if both are more than sketches.
    pub(crate) fn between(a: &Checkpoint, b: &Checkpoint) -> Self {
        if let (Some(a), Some(b)) = (a.weights(), b.weights()) {
            return Self::of_weights(a, b);
        }
        Self {
            compared: false,
            count: 0,
            changed: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Which changed, in words, if any did: the first few by name.
    pub(crate) fn to_note(&self) -> Option<String> {
        const SHOWN: usize = 4;
        if self.changed.is_empty() {
            return None;
        }
        let named = self.changed.iter().take(SHOWN);
        let named: Vec<String> = named.map(|one| printable(&one.buffer)).collect();
        let more = match self.changed.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "buffers changed: {} of {} ({}{more}); they count in no distance",
            self.changed.len(),
            self.count,
            named.join(", ")
        ))
    }
}

/// None if they are the same.
fn difference(a: &Buffer, b: &Buffer) -> Option<String> {
    if a.shape != b.shape {
        return Some("its shape changed".to_owned());
    }
    let (Some(a), Some(b)) = (&a.bits, &b.bits) else {
        return Some("its numbers are not read, so nothing is known".to_owned());
    };
    let changed = std::iter::zip(a, b).filter(|(a, b)| a != b).count();
    let count = a.len();
    (changed > 0 || count != b.len()).then(|| format!("{changed} of {count} values changed"))
}
