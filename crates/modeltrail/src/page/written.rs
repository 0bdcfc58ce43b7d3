//! What is said of a page that was written.

use crate::coverage::Coverage;
use crate::printable::printable;
use crate::runs::CollectionRuns;
use crate::text::counted;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.report/1";

/// A page that was written, and what it shows.
#[derive(Debug, Clone, Serialize)]
pub struct PageFile {
    schema: &'static str,
    #[serde(serialize_with = "crate::path::serialize")]
    out: PathBuf,
    bytes: u64,
    groups: usize,
    checkpoints: usize,
    runs: usize,
    coverage: Coverage,
}

impl CollectionRuns {
    /// What is said of the page about it that was written to this file, of so many bytes.
    pub fn page(&self, out: &Path, bytes: u64) -> PageFile {
        let groups = self.groups();
        let checkpoints = groups.iter().map(|found| found.described().checkpoints);
        PageFile {
            schema: SCHEMA,
            out: out.to_path_buf(),
            bytes,
            groups: groups.len(),
            checkpoints: checkpoints.sum(),
            runs: groups.iter().map(|found| found.runs().len()).sum(),
            coverage: self.coverage().clone(),
        }
    }
}

impl std::fmt::Display for PageFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}: {} in {}",
            printable(&self.out.to_string_lossy()),
            counted(self.checkpoints, "checkpoint"),
            counted(self.runs, "run")
        )
    }
}
