//! Checkpoints reduced to a few kilobytes each that keep their distances.

use crate::collection::Options;
use crate::collection::sketches::{self, Sketched};
use crate::coverage::{Coverage, LeftOut};
use crate::error::{Error, Problem, Result};
use crate::printable::printable;
use crate::text::{counted, thousands};
use serde::Serialize;
use std::path::{Path, PathBuf};
use weightspace::sketch::{Parameters, relative_error};

/// A file of sketches, and what it holds.
#[derive(Debug, Serialize)]
pub struct SketchFile {
    schema: &'static str,
    #[serde(serialize_with = "crate::path::serialize")]
    out: PathBuf,
    checkpoints: usize,
    bytes: usize,
    /// Relative standard error of distances.
    distance_error: f64,
    problems: Vec<Problem>,
    coverage: Coverage,
    #[serde(skip)]
    left_out: LeftOut,
    #[serde(skip)]
    contents: Vec<u8>,
}

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.sketch/1";

/// Sketches everything that the paths stand for, for a file that is to be called `out`.
///
/// `numbers`: how many are kept of each tensor, beside the 1,024 of all weights: 0, or a power of two up
/// to 1,024; 32 are usual, 4 bytes each.
///
/// Costs one pass over all weights; memory: the sketches.
///
/// What cannot be read is among the problems, even if that is everything.
///
/// # Errors
/// When a tensor could not be read, so that a sketch would stand for less than its checkpoint, unless
/// that is allowed: the file then says which tensors it lacks. When sketches cannot be written as JSON.
pub fn sketch(
    paths: &[PathBuf],
    options: &Options,
    out: &Path,
    allow_unread: bool,
    numbers: usize,
) -> Result<SketchFile> {
    let parameters = Parameters {
        tensor_dimensions: numbers,
        ..Parameters::default()
    };
    let Sketched {
        file,
        problems,
        left_out,
        unread,
        ..
    } = sketches::sketch(paths, options, parameters);
    super::refuse_losses(&unread, allow_unread)?;
    let weights = file
        .checkpoints
        .iter()
        .flat_map(|kept| &kept.sketch.tensors);
    let weights: u64 = weights
        .map(|tensor| {
            tensor
                .shape
                .iter()
                .map(|&side| side as u64)
                .product::<u64>()
        })
        .sum();
    let contents = serde_json::to_vec(&file).map_err(|error| Error::Unsuitable {
        path: out.to_owned(),
        what: format!("it cannot hold these sketches ({error})"),
        way_out: "Sketch the checkpoints in parts",
    })?;
    Ok(SketchFile {
        schema: SCHEMA,
        out: out.to_owned(),
        checkpoints: file.checkpoints.len(),
        bytes: contents.len(),
        distance_error: relative_error(Parameters::default().dimensions),
        problems,
        coverage: Coverage {
            skipped: left_out.skipped(0),
            ..Coverage::of_one(weights, unread)
        },
        left_out,
        contents,
    })
}

impl SketchFile {
    /// Number of checkpoints that were sketched.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints
    }

    /// What the file holds.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// What could not be read; the rest was sketched.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What the checkpoints hold beside weights.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

impl std::fmt::Display for SketchFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}: {} in {} bytes; distances to {:.1} %",
            printable(&self.out.to_string_lossy()),
            counted(self.checkpoints, "checkpoint"),
            thousands(self.bytes as u64),
            100.0 * self.distance_error
        )
    }
}
