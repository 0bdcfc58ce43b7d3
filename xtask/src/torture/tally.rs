//! Counting what was tried and what failed.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Failures that are shown; the others are counted.
const SHOWN: usize = 5;

/// A line of the table.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) promise: String,
    pub(crate) what: String,
    pub(crate) tried: u64,
    pub(crate) failed: u64,
}

/// What came of trying something many times.
#[derive(Serialize, Deserialize)]
pub(crate) struct Tally {
    what: String,
    tried: u64,
    failed: u64,
    failures: Vec<String>,
    notes: Vec<String>,
}

impl Tally {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            tried: 0,
            failed: 0,
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Tries every case, on all threads. A panic is a failure.
    pub(crate) fn over<T: Send>(
        what: impl Into<String>,
        cases: impl IntoIterator<Item = T>,
        attempt: impl Fn(T) -> Result<(), String> + Sync,
    ) -> Self {
        let cases: Vec<T> = cases.into_iter().collect();
        let outcomes: Vec<Result<(), String>> = cases
            .into_par_iter()
            .map(|case| guarded(|| attempt(case)))
            .collect();
        let mut tally = Self::new(what);
        for outcome in outcomes {
            tally.count(outcome);
        }
        tally
    }

    pub(crate) fn count(&mut self, outcome: Result<(), String>) {
        self.tried += 1;
        if let Err(failure) = outcome {
            self.fail(failure);
        }
    }

    /// Counts so many that went well.
    pub(crate) fn add(&mut self, tried: u64) {
        self.tried += tried;
    }

    pub(crate) fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < SHOWN {
            self.failures.push(failure);
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn tried(&self) -> u64 {
        self.tried
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// The same under another description.
    pub(crate) fn called(self, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ..self
        }
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.failures.iter()
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = &String> {
        self.notes.iter()
    }

    pub(crate) fn row(&self, promise: &str) -> Row {
        Row {
            promise: promise.to_owned(),
            what: self.what.clone(),
            tried: self.tried,
            failed: self.failed,
        }
    }
}

/// Does something; a panic is an error.
pub(crate) fn guarded<T>(attempt: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Any error, in words.
pub(crate) fn described(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Tally {
    /// Several as one.
    pub(crate) fn joined(what: impl Into<String>, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::new(what);
        for part in parts {
            whole.tried += part.tried;
            whole.failed += part.failed;
            whole.failures.extend(part.failures);
            whole.notes.extend(part.notes);
        }
        whole.failures.truncate(SHOWN);
        whole
    }
}
