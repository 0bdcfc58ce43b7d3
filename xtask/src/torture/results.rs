//! What came of the promises, in three files: rows, the same as a page, and what each was tried on.
//!
//! Promises that are tried again take the place of what was said of them before; the others stay.

use super::tally::{Row, Tally};
use crate::files::{write, write_json};
use crate::machine::Machine;
use anyhow::{Context, Result};
use report::table::{Column, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How a promise was tried, which may be another time and place for each.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) promise: String,
    pub(super) command: String,
    pub(super) machine: Machine,
    pub(super) threads: usize,
    pub(super) seconds: f64,
    /// Most memory that the command itself has held, for its other promises too.
    pub(super) peak_memory_mib: Option<u64>,
    /// The first failures of each row.
    pub(super) failures: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The three files in a folder.
pub(super) struct Results {
    folder: PathBuf,
    /// Promises, in the order of the table.
    order: Vec<&'static str>,
    rows: Vec<Row>,
    attempts: Vec<Attempt>,
}

impl Results {
    /// What is in the folder, of these promises in this order.
    ///
    /// # Errors
    /// When it is not of this form, unless all of it `is_replaced` now.
    pub(super) fn read(folder: &Path, names: &[&'static str], is_replaced: bool) -> Result<Self> {
        let mut results = Self {
            folder: folder.to_path_buf(),
            order: names.to_vec(),
            rows: Vec::new(),
            attempts: Vec::new(),
        };
        if results.path("summary.json").exists() {
            let rows = read_json(&results.path("summary.json"));
            let attempts = read_json(&results.path("manifest.json"));
            if !is_replaced || (rows.is_ok() && attempts.is_ok()) {
                (results.rows, results.attempts) = (rows?, attempts?);
            }
        }
        results
            .rows
            .retain(|row| names.contains(&row.promise.as_str()));
        let is_known = |attempt: &Attempt| names.contains(&attempt.promise.as_str());
        results.attempts.retain(is_known);
        Ok(results)
    }

    /// Puts these in the place of what was known of the promise.
    pub(super) fn replace(&mut self, attempt: Attempt, tallies: &[Tally]) {
        let is_other = |promise: &String| *promise != attempt.promise;
        self.rows.retain(|row| is_other(&row.promise));
        self.attempts.retain(|before| is_other(&before.promise));
        let rows = tallies.iter().map(|tally| tally.row(&attempt.promise));
        self.rows.extend(rows);
        self.attempts.push(attempt);
        let place = |promise: &String| self.order.iter().position(|name| name == promise);
        self.rows.sort_by_key(|row| place(&row.promise));
        self.attempts.sort_by_key(|attempt| place(&attempt.promise));
    }

    /// Writes all three.
    ///
    /// # Errors
    /// When there is no room for them, or no permission.
    pub(super) fn write(&self) -> Result<()> {
        write_json(&self.path("summary.json"), &self.rows)?;
        write(&self.path("summary.md"), self.page())?;
        write_json(&self.path("manifest.json"), &self.attempts)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn page(&self) -> String {
        let table = Table {
            caption: String::new(),
            columns: vec![
                Column::text("promise"),
                Column::text("what"),
                Column::number("", "tried"),
                Column::number("", "failed"),
            ],
            rows: self
                .rows
                .iter()
                .map(|row| {
                    let [tried, failed] = [row.tried, row.failed].map(|number| number.to_string());
                    vec![row.promise.clone(), row.what.clone(), tried, failed]
                })
                .collect(),
        };
        let mut page = format!(
            "# What was tried, and what failed\n\nBy `cargo xtask torture`; the rows called harness break \
             something on purpose, and fail where that is not caught. manifest.json says of each promise \
             by which command, from which commit and on what it was tried, and how long that took.\n\n{}",
            table.to_markdown()
        );
        for attempt in &self.attempts {
            for note in &attempt.notes {
                page.push_str(&format!("\n{}: {note}\n", attempt.promise));
            }
        }
        page
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let read = || anyhow::Ok(serde_json::from_slice(&std::fs::read(path)?)?);
    read().with_context(|| {
        format!(
            "{} holds no earlier results to keep; try all promises, or give another --out",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(results: &mut Results, promise: &str, command: &str, whats: &[&str]) {
        let attempt = Attempt {
            promise: promise.to_owned(),
            command: command.to_owned(),
            machine: Machine::this(),
            threads: 2,
            seconds: 0.1,
            peak_memory_mib: None,
            failures: Vec::new(),
            notes: vec![format!("a note of {command}")],
        };
        let tallies: Vec<Tally> = whats.iter().map(|what| Tally::new(*what)).collect();
        results.replace(attempt, &tallies);
    }

    #[test]
    fn promises_tried_again_take_the_place_of_what_was_said_before_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let order = ["R1", "R2", "R10"];
        let mut results = Results::read(folder.path(), &order, false).unwrap();
        for promise in ["R10", "R1", "R2"] {
            tried(&mut results, promise, "all", &["one", "two"]);
        }
        results.write().unwrap();
        let mut results = Results::read(folder.path(), &order, false).unwrap();
        tried(&mut results, "R2", "only", &["three"]);
        results.write().unwrap();

        let results = Results::read(folder.path(), &order, false).unwrap();
        let rows: Vec<(&str, &str)> = results
            .rows
            .iter()
            .map(|row| (row.promise.as_str(), row.what.as_str()))
            .collect();
        let wanted = [
            ("R1", "one"),
            ("R1", "two"),
            ("R2", "three"),
            ("R10", "one"),
            ("R10", "two"),
        ];
        assert_eq!(rows, wanted);
        let commands = results.attempts.iter().map(|attempt| &attempt.command);
        assert_eq!(commands.collect::<Vec<_>>(), ["all", "only", "all"]);
        let page = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
        assert!(page.contains("R2: a note of only") && !page.contains("R2: a note of all"));
    }

    #[test]
    fn results_of_another_form_are_named_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("summary.json"), "[]").unwrap();
        std::fs::write(folder.path().join("manifest.json"), "{}").unwrap();
        let error = Results::read(folder.path(), &["R1"], false).err().unwrap();
        assert!(error.to_string().contains("manifest.json"), "{error}");
        assert!(Results::read(folder.path(), &["R1"], true).is_ok());
    }
}
