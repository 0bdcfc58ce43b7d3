//! Which buffers changed: they count in no distance, but a model computes with them.

use super::Checkpoint;
use crate::collection::{Buffer, Single};
use crate::mapping::Mapping;
use crate::printable::printable;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    fn of_weights(a: &Single, b: &Single, mapping: Option<&Mapping>) -> Self {
        let ours = a.buffers();
        let theirs = renamed(a, b, mapping);
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let changed = names.iter().filter_map(|&name| {
            let why = match (ours.get(name), theirs.get(name).copied()) {
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

    /// Compares two checkpoints whose weights were matched, if both are more than sketches.
    pub(crate) fn between(a: &Checkpoint, b: &Checkpoint, mapping: Option<&Mapping>) -> Self {
        if let (Some(a), Some(b)) = (a.weights(), b.weights()) {
            return Self::of_weights(a, b, mapping);
        }
        Self {
            compared: false,
            count: 0,
            changed: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Whether some that both have changed.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.iter().any(|one| !one.why.ends_with(ONE_SIDED))
    }

    /// Which changed, and which only one has, in words, if there are any: the first few by name.
    pub(crate) fn to_note(&self) -> Option<String> {
        let is_one_sided = |one: &&ChangedBuffer| one.why.ends_with(ONE_SIDED);
        let (apart, changed): (Vec<_>, Vec<_>) = self.changed.iter().partition(is_one_sided);
        let mut parts = Vec::new();
        if let Some(names) = named(&changed) {
            parts.push(format!(
                "buffers changed: {} of {} ({names})",
                changed.len(),
                self.count
            ));
        }
        if let Some(names) = named(&apart) {
            parts.push(format!("buffers that only one of them has: {names}"));
        }
        (!parts.is_empty()).then(|| format!("{}; they count in no distance", parts.join("; ")))
    }
}

/// The buffers of B, by their names in A where they have one there: under the name that the weights were
/// matched by, or in the words of another library.
pub(crate) fn renamed<'b>(
    a: &Single,
    b: &'b Single,
    mapping: Option<&Mapping>,
) -> BTreeMap<String, &'b Buffer> {
    let ours = a.buffers();
    let theirs = b.buffers().iter().map(|(name, buffer)| {
        let in_a = mapping.and_then(|mapping| mapping.name_in_a(name));
        let names = [Some(name.clone()), in_a];
        let names = names.into_iter().flatten();
        let mut names = names.flat_map(|name| [Some(name.clone()), other_word(&name)]);
        let known = names.find_map(|name| name.filter(|name| ours.contains_key(name)));
        (known.unwrap_or_else(|| name.clone()), buffer)
    });
    theirs.collect()
}

/// How it is said that only one has a buffer.
const ONE_SIDED: &str = "has it";

/// The first few by name; none if there are none.
fn named(all: &[&ChangedBuffer]) -> Option<String> {
    const SHOWN: usize = 4;
    let named = all.iter().take(SHOWN);
    let named: Vec<String> = named.map(|one| printable(&one.buffer)).collect();
    let more = match all.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!all.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

/// What another library calls running statistics.
const WORDS: [(&str, &str); 2] = [
    ("running_mean", "moving_mean"),
    ("running_var", "moving_variance"),
];

/// The name with what another library calls its last part.
fn other_word(name: &str) -> Option<String> {
    WORDS.iter().find_map(|(torch, keras)| {
        let other = |from: &str, to: &str| Some(format!("{}{to}", name.strip_suffix(from)?));
        other(torch, keras).or_else(|| other(keras, torch))
    })
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
