//! Digests of models: the same for the same tensors in whatever container, shards or order they lie.
//!
//! What is hashed is written down to the byte in `docs/hash.md`, so that a digest can be computed, and
//! held against another, without this library.
//!
//! | submodule | does |
//! |---|---|
//! | [`digest`] | the bytes of a tensor and of a model that are hashed |
//! | `read` | streams tensors of files and stores through the hashes |
//! | [`held`] | holds models against digests that were kept |

pub mod digest;
pub mod held;
mod read;
mod text;

pub use digest::{Digest, Hex};
pub use held::{Against, Check, Expected, Verdict};

use crate::collection::Options;
use crate::coverage::{Coverage, Unread};
use crate::error::{Error, Problem, Result};
use crate::progress::Progress;
use serde::Serialize;
use std::path::PathBuf;

/// What this document is; a change that breaks readers, or any digest, gets another number.
pub const SCHEMA: &str = "modeltrail.hash/1";

/// Digests of models, and what they were held against.
#[derive(Debug, Serialize)]
pub struct Hashes {
    schema: &'static str,
    models: Vec<Model>,
    /// None if they were held against nothing.
    check: Option<Check>,
    problems: Vec<Problem>,
    coverage: Coverage,
}

/// The digests of one model.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// What it is called: its path, or `STORE:RUN/EPOCH`.
    pub name: String,
    /// The file or folder.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// Its format, in words.
    pub format: String,
    /// The root, over all of its tensors; none if one of them could not be read.
    pub root: Option<Digest>,
    /// Its tensors by their names, in the order of these as bytes.
    pub tensors: Vec<Tensor>,
    /// Tensors that could not be read, and are in no digest.
    pub unread: Vec<Unread>,
    /// Weights among the tensors.
    #[serde(skip)]
    pub(crate) weights: u64,
}

/// The digest of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its number type.
    pub dtype: String,
    /// Its sides, the slowest first; none for a scalar.
    pub shape: Vec<u64>,
    /// Of its type, shape and values, and not of its name.
    #[serde(flatten)]
    pub digest: Digest,
}

/// Hashes every model that the paths stand for: files, folders, globs, stores, `STORE:RUN/EPOCH`.
///
/// Each tensor is streamed through both hashes once, several at a time; memory is that of some buffers.
/// A model with a tensor that cannot be read gets no root. What is no tensor of the model (the state of
/// an optimiser, an averaged copy beside it) is in no digest; buffers and integer tensors are.
///
/// # Errors
/// When nothing could be hashed: the first trouble, if there was any.
pub fn hash(paths: &[PathBuf], options: &Options, progress: &dyn Progress) -> Result<Hashes> {
    let read::Read {
        models,
        problems,
        coverage,
    } = read::all(paths, options, progress);
    if models.is_empty() {
        return Err(match problems.into_iter().next() {
            Some(problem) => Error::Unsuitable {
                path: problem.path,
                what: format!("no model could be hashed: {}", problem.message),
                way_out: "Give at least one that can be read",
            },
            None => Error::NothingRead,
        });
    }
    Ok(Hashes {
        schema: SCHEMA,
        models,
        check: None,
        problems,
        coverage,
    })
}

impl Hashes {
    /// The models, in the order of their paths.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// What could not be read; the rest was.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How much of the models was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What holding them against kept digests gave, if that was asked for.
    pub fn check(&self) -> Option<&Check> {
        self.check.as_ref()
    }

    /// Whether every model has a root.
    pub fn is_complete(&self) -> bool {
        self.models.iter().all(|model| model.root.is_some())
    }

    /// Holds every model against kept digests: the only one of them, or that of its name.
    ///
    /// # Errors
    /// When there are several, and none has the name of a model.
    pub fn held_against(self, expected: &Expected) -> Result<Self> {
        let check = expected.check(&self.models)?;
        Ok(Self {
            check: Some(check),
            ..self
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
