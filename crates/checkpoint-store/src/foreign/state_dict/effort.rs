//! How much may be looked at and kept while a model is looked for: values may be reachable by more
//! paths than can be counted, and one name may stand before any number of tensors.

use crate::foreign::source::Source;
use crate::limits::Limits;
use crate::{Error, Result};

/// Bytes of a name that cost as much to put together as a look at a value.
const NAME_PER_VISIT: usize = 64;

/// What was spent so far on one file.
pub(super) struct Effort<'a> {
    source: &'a Source,
    limits: &'a Limits,
    visits: usize,
    /// Bytes of all names that are kept.
    names: u64,
}

impl<'a> Effort<'a> {
    pub(super) fn new(source: &'a Source, limits: &'a Limits) -> Self {
        Self {
            source,
            limits,
            visits: 0,
            names: 0,
        }
    }

    /// Counts a look at a value.
    pub(super) fn visit(&mut self, depth: usize) -> Result<()> {
        self.visit_entries(1, depth)
    }

    /// Counts a look at each of so many entries, also of those that are passed over.
    pub(super) fn visit_entries(&mut self, entries: usize, depth: usize) -> Result<()> {
        self.visits = self.visits.saturating_add(entries);
        if self.visits > self.limits.most_values {
            return Err(self.source.too_large(
                "the number of values to look through",
                self.visits as u64,
                self.limits.most_values as u64,
            ));
        }
        if depth > self.limits.deepest_nesting {
            return Err(self.too_deep());
        }
        Ok(())
    }

    /// Counts the work on a part of a name; the next visit tells whether that was too much.
    pub(super) fn spell(&mut self, part: &str) {
        self.visits = self.visits.saturating_add(part.len() / NAME_PER_VISIT);
    }

    /// Counts the bytes of a name that is kept. It is copied once more on its way.
    pub(super) fn keep(&mut self, name: &str) -> Result<()> {
        let limit = self.limits.memory_for(self.source.len()) / 4;
        self.names = self.names.saturating_add(name.len() as u64);
        if self.names > limit {
            let what = "the length of the names of its tensors, in bytes,";
            return Err(self.source.too_large(what, self.names, limit));
        }
        Ok(())
    }

    pub(super) fn too_deep(&self) -> Error {
        self.source.too_large(
            "the nesting of its dictionaries",
            self.limits.deepest_nesting as u64 + 1,
            self.limits.deepest_nesting as u64,
        )
    }
}
