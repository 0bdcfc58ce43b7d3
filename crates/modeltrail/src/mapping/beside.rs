//! What stands beside the numbers that are compared: tensors that could not be read, and digits that
//! f32 does not hold. Where both checkpoints hold the same type, their bytes are compared.

use super::Mapping;
use crate::checkpoint::Checkpoint;
use crate::collection::{Single, Stored};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Tensors that are compared byte by byte, by the names that they have in the first checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ComparedBytes {
    /// Of those that could not be read.
    pub unread: UnreadBytes,
    /// Tensors of f64 that are the same as f32 and not as they are stored.
    pub more_digits: Vec<String>,
    /// Tensors of f64 of which that is not known, since they are stored in another way.
    pub unknown_digits: Vec<String>,
}

/// Tensors that could not be read, by what their bytes say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnreadBytes {
    /// Of the same type and the same bytes: they are equal.
    pub same: Vec<String>,
    /// Of the same type, with other bytes: they changed, nobody knows how far.
    pub changed: Vec<String>,
    /// Only one has it, it could be read in one of them, the types differ, or it is not known where
    /// the bytes lie.
    pub unknown: Vec<String>,
}

impl ComparedBytes {
    /// Compares two checkpoints, whose weights were matched.
    pub(crate) fn between(a: &Checkpoint, b: &Checkpoint, mapping: Option<&Mapping>) -> Self {
        let mut found = Self {
            unread: unread(a, b, mapping),
            ..Self::default()
        };
        if let (Some(a), Some(b), Some(mapping)) = (a.weights(), b.weights(), mapping) {
            found.digits(a, b, mapping);
        }
        found
    }

    /// Digits beyond f32 of tensors that are read.
    fn digits(&mut self, a: &Single, b: &Single, mapping: &Mapping) {
        let (own, others) = (a.names(), b.names());
        let name = |names: &[&str], place: usize| names.get(place).map(|name| (*name).to_owned());
        for pair in &mapping.pairs {
            let Some(own) = name(&own, pair.a) else {
                continue;
            };
            let parts = pair.b.tensors().into_iter();
            let theirs: Vec<Option<&Stored>> = parts
                .filter_map(|place| others.get(place))
                .map(|name| b.stored().get(*name))
                .collect();
            let is_as_stored = pair.b.as_stored().is_some() && pair.rows.is_none();
            match (a.stored().get(&own), theirs.as_slice()) {
                (None, theirs) if theirs.iter().all(Option::is_none) => {}
                (Some(a), [Some(b)]) if is_as_stored => match a.is_same(b) {
                    Some(true) => {}
                    Some(false) => self.more_digits.push(own),
                    None => self.unknown_digits.push(own),
                },
                // One has digits that no f32 has, and the other is of f32.
                (Some(_), [None]) | (None, [Some(_)]) if is_as_stored => {
                    self.more_digits.push(own);
                }
                _ => self.unknown_digits.push(own),
            }
        }
    }

    /// Whether what could not be read is known to be the same: true where everything was read.
    pub(crate) fn is_unread_same(&self) -> bool {
        self.unread.changed.is_empty() && self.unread.unknown.is_empty()
    }

    /// Whether everything is known to be the same.
    pub(crate) fn is_same(&self) -> bool {
        self.is_unread_same() && self.more_digits.is_empty() && self.unknown_digits.is_empty()
    }

    /// Whether there was nothing to compare byte by byte.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn unread(a: &Checkpoint, b: &Checkpoint, mapping: Option<&Mapping>) -> UnreadBytes {
    let own: BTreeMap<&str, Option<&Stored>> = a
        .unread()
        .iter()
        .map(|tensor| (tensor.tensor.as_str(), stored(a, &tensor.tensor)))
        .collect();
    let others: BTreeMap<String, Option<&Stored>> = b
        .unread()
        .iter()
        .map(|tensor| {
            let name = tensor.tensor.as_str();
            let known = Some(name).filter(|name| own.contains_key(name));
            let known = known.map(str::to_owned);
            let mapped = || mapping.and_then(|mapping| mapping.name_in_a(name));
            let in_a = known.or_else(mapped).unwrap_or_else(|| name.to_owned());
            (in_a, stored(b, name))
        })
        .collect();
    let names: BTreeSet<&str> = own
        .keys()
        .copied()
        .chain(others.keys().map(String::as_str))
        .collect();
    let mut found = UnreadBytes::default();
    for name in names {
        let both = own.get(name).copied().flatten();
        let both = both.zip(others.get(name).copied().flatten());
        let list = match both.and_then(|(a, b)| a.is_same(b)) {
            Some(true) => &mut found.same,
            Some(false) => &mut found.changed,
            None => &mut found.unknown,
        };
        list.push(name.to_owned());
    }
    found
}

/// The bytes of a tensor that could not be read, if they are known.
fn stored<'a>(checkpoint: &'a Checkpoint, name: &str) -> Option<&'a Stored> {
    checkpoint.weights()?.stored().get(name)
}

/// Names of tensors that could not be read.
#[derive(Debug)]
pub(crate) struct Unreads<'a>(BTreeSet<&'a str>);

impl<'a> Unreads<'a> {
    /// Those of both.
    pub(crate) fn of(a: &'a Checkpoint, b: &'a Checkpoint) -> Self {
        let both = a.unread().iter().chain(b.unread());
        Self(both.map(|tensor| tensor.tensor.as_str()).collect())
    }

    /// Whether one of the two could not read a tensor of this name: then it is not missing there.
    pub(crate) fn has(&self, name: &str, in_a: Option<&str>) -> bool {
        self.0.contains(name) || in_a.is_some_and(|name| self.0.contains(name))
    }
}
