//! Something that could not be read, as it stands in answers.

use serde::Serialize;
use std::path::PathBuf;

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The path it is about.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// What kind of trouble it is: [`Error::kind`](crate::Error::kind).
    pub kind: &'static str,
    /// What is wrong, on one line, with the path and the way out.
    pub message: String,
    /// The limit that it meets, if raising one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// A limit on reading files, and a value that allows what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Its name.
    pub name: &'static str,
    /// A value that is enough.
    pub enough: u64,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}
