//! What lies in files and folders: formats, tensors, claims, and what is skipped and why. No weights are
//! read.

mod described;
mod text;

pub use described::{Claim, Contents, File, Inspected, Kind, Role, Tensor};

use crate::collection::listing::{WITHOUT_MODEL, is_without_model};
use crate::collection::{Companion, Options, OtherFormat, sketches};
use crate::coverage::{Coverage, Unread};
use crate::error::{Error, Problem, Result};
use crate::remote;
use checkpoint_store::foreign::{Discovery, natural};
use checkpoint_store::{Error as Store, Fault};
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.inspect/1";

/// What was found.
#[derive(Debug, Serialize)]
pub struct Inspection {
    schema: &'static str,
    checkpoints: Vec<Inspected>,
    other_formats: Vec<Other>,
    skipped: Vec<SkippedFile>,
    problems: Vec<Problem>,
    coverage: Coverage,
}

/// Files of a format that is known and not supported.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    /// What they are.
    pub what: String,
    /// What to do to have them read.
    pub way_out: String,
    /// The first of them.
    #[serde(serialize_with = "crate::path::serialize")]
    pub first: PathBuf,
    /// How many there are.
    pub count: usize,
}

/// A file that lies beside checkpoints and is none.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedFile {
    /// The file.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// What it is.
    pub reason: String,
}

impl Inspection {
    /// The checkpoints, sorted as a person sorts their paths; stores and files of sketches first.
    pub fn checkpoints(&self) -> &[Inspected] {
        &self.checkpoints
    }

    /// Files of formats that are known and not supported.
    pub fn other_formats(&self) -> &[Other] {
        &self.other_formats
    }

    /// Files beside the checkpoints that are none.
    pub fn skipped(&self) -> &[SkippedFile] {
        &self.skipped
    }

    /// What could not be described; the rest was.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many weights can be read, and which tensors cannot.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// Lists what the paths stand for. Costs a look at the description of every checkpoint.
///
/// # Errors
/// When there is nothing at all: no checkpoint, no file of a known format, and no trouble to name.
pub fn inspect(paths: &[PathBuf], options: &Options) -> Result<Inspection> {
    let mut found = Inspection {
        schema: SCHEMA,
        checkpoints: Vec::new(),
        other_formats: Vec::new(),
        skipped: Vec::new(),
        problems: Vec::new(),
        coverage: Coverage::default(),
    };
    let paths = remote::all_shown(paths);
    let mut others = Vec::new();
    let mut fruitful = Vec::new();
    for path in &paths {
        if options.in_memory.has(path) {
            match options.in_memory.sketch(path) {
                Some(kept) => {
                    let kept = std::slice::from_ref(kept);
                    found.checkpoints.push(described::kept(path, kept));
                }
                None => others.push(path.clone()),
            }
            continue;
        }
        let own = found.checkpoints.len() + found.problems.len();
        for store in described::stores(path) {
            let described = described::store(&store);
            found.take(&store, described);
        }
        let named = sketches::named(path);
        let is_sketch = sketches::is_named_so(path) && !named.is_empty();
        for file in named {
            let described = described::sketches(&file);
            found.take(&file, described);
        }
        if found.checkpoints.len() + found.problems.len() > own {
            fruitful.push(path.clone());
        }
        if !is_sketch {
            others.push(path.clone());
        }
    }
    if !others.is_empty() {
        let discovery = options.discover(&others);
        found.add(discovery, options, &others, &fruitful);
    }
    found.problems.sort_by(|a, b| natural(&a.path, &b.path));
    found.skipped.sort_by(|a, b| natural(&a.path, &b.path));
    found.coverage = coverage(&found.checkpoints);
    let is_nothing =
        found.checkpoints.is_empty() && found.other_formats.is_empty() && found.problems.is_empty();
    if is_nothing {
        return Err(Error::NothingRead);
    }
    Ok(found)
}

impl Inspection {
    fn take(&mut self, path: &Path, described: Result<Inspected>) {
        match described {
            Ok(described) => self.checkpoints.push(described),
            Err(error) => self.problems.push(Problem::new(path, &error)),
        }
    }

    /// Adds what was found below the named paths; some of these gave something else already.
    fn add(
        &mut self,
        discovery: Discovery,
        options: &Options,
        named: &[PathBuf],
        fruitful: &[PathBuf],
    ) {
        let described: Vec<Result<Inspected>> = discovery
            .checkpoints
            .par_iter()
            .map(|found| described::foreign(found, &options.limits))
            .collect();
        for (found, described) in discovery.checkpoints.iter().zip(described) {
            match remote::sound(&found.path, described) {
                Err(error) if is_without_model(&error) && !named.contains(&found.path) => {
                    let (path, reason) = (found.path.clone(), WITHOUT_MODEL.to_owned());
                    self.skipped.push(SkippedFile { path, reason });
                }
                described => self.take(&found.path, described),
            }
        }
        for OtherFormat {
            what,
            way_out,
            first,
            count,
        } in discovery.others
        {
            self.other_formats.push(Other {
                what: what.to_string(),
                way_out: way_out.to_string(),
                first,
                count,
            });
        }
        for Companion { path, what } in discovery.companions {
            let reason = what.to_owned();
            self.skipped.push(SkippedFile { path, reason });
        }
        for problem in discovery.problems {
            // That a folder has no checkpoint is no trouble where something else is listed.
            let is_nothing =
                matches!(&problem.error, Store::Foreign { fault, .. } if *fault == Fault::Missing);
            let is_folder = checkpoint_store::files::is_folder(&problem.path);
            let has_other = fruitful.contains(&problem.path) || !self.other_formats.is_empty();
            if !(is_nothing && is_folder && has_other) {
                let error = problem.error.into();
                self.problems.push(Problem::new(&problem.path, &error));
            }
        }
    }
}

/// How many weights can be read, and which tensors cannot.
fn coverage(checkpoints: &[Inspected]) -> Coverage {
    let mut coverage = Coverage::default();
    for checkpoint in checkpoints {
        let unread = checkpoint.unread().map(|tensor| Unread {
            checkpoint: checkpoint.name.clone(),
            tensor: tensor.name.clone(),
            dtype: tensor.dtype.clone(),
            elements: tensor.elements,
            reason: tensor.reason.clone().unwrap_or_default(),
        });
        coverage.add(&Coverage::of_one(checkpoint.weights, unread.collect()));
    }
    coverage
}
