//! Checkpoints that a command passes on one by one: what `import` and `export` are pointed at.

use super::limits::Reading;
use super::{beside_weights, report_unread, tell};
use anyhow::Result;
use clap::Args;
use modeltrail::collection::Inventory;
use std::path::PathBuf;

/// Which checkpoints, and how they are read.
#[derive(Args)]
pub(super) struct Passed {
    /// Stores, files, folders and globs.
    #[arg(required = true, value_name = "PATHS")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Passed {
    /// What is there. Says on stderr what could not be read, and what is beside weights and so
    /// `not` passed on, in words.
    ///
    /// # Errors
    /// When stderr cannot be written to.
    pub(super) fn inventory(&self, not: &str) -> Result<Inventory> {
        let inventory = Inventory::of(&self.paths, &self.reading.options());
        report_unread(&inventory.problems)?;
        if let Some(note) = beside_weights(inventory.left_out, inventory.passed_over) {
            tell(&format!("note: {}", note.replacen("not compared", not, 1)))?;
        }
        Ok(inventory)
    }
}
