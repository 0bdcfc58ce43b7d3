//! Models held against digests that were kept.

use super::digest::{Digest, root};
use super::{Model, SCHEMA, Tensor};
use crate::error::{Error, Result};
use crate::small_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest document of digests that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Digests that were kept: a document that [`Hashes`](super::Hashes) is written as.
#[derive(Debug, Clone)]
pub struct Expected {
    path: PathBuf,
    models: Vec<Kept>,
}

#[derive(Debug, Deserialize)]
struct Version {
    schema: String,
}

#[derive(Debug, Deserialize)]
struct Document {
    models: Vec<Kept>,
}

/// One model of the document.
#[derive(Debug, Clone, Deserialize)]
struct Kept {
    name: String,
    root: Option<Digest>,
    tensors: Vec<KeptTensor>,
    unread: Vec<KeptUnread>,
}

#[derive(Debug, Clone, Deserialize)]
struct KeptTensor {
    name: String,
    dtype: String,
    shape: Vec<u64>,
    #[serde(flatten)]
    digest: Digest,
}

#[derive(Debug, Clone, Deserialize)]
struct KeptUnread {
    tensor: String,
}

/// What holding models against kept digests gave.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The document.
    #[serde(serialize_with = "crate::path::serialize")]
    pub file: PathBuf,
    /// Of all models together: the worst.
    pub verdict: Verdict,
    /// Each model, in the same order.
    pub models: Vec<Against>,
}

/// One model held against its kept digests.
#[derive(Debug, Clone, Serialize)]
pub struct Against {
    /// The model.
    pub name: String,
    /// What the kept one was called.
    pub expected: String,
    /// Whether they are the same tensors.
    pub verdict: Verdict,
    /// Tensors that both have by name, and that are not the same.
    pub changed: Vec<Changed>,
    /// Tensors that are there under another name.
    pub renamed: Vec<Renamed>,
    /// Tensors that only the kept one has.
    pub missing: Vec<String>,
    /// Tensors that only the model has.
    pub added: Vec<String>,
    /// Tensors of which one of the two has no digest, since they could not be read.
    pub unknown: Vec<String>,
}

/// A tensor that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// In what: `type`, `shape` or `values`.
    pub what: &'static str,
}

/// A tensor under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// Its name in the kept model.
    pub from: String,
    /// Its name now.
    pub to: String,
}

/// Whether a model is the one that digests were kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same tensors, bit for bit, under the same names.
    Same,
    /// What could be read is the same; some tensors could not be.
    CannotTell,
    /// They are not the same.
    Differs,
}

impl Expected {
    /// Reads a document of digests.
    ///
    /// # Errors
    /// When it cannot be read, is something else, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &small_file::read(path, LARGEST)?)
    }

    /// The same, of a document in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_json(text: &str) -> Result<Self> {
        Self::parse(Path::new("the kept digests"), text.as_bytes())
    }

    fn parse(path: &Path, text: &[u8]) -> Result<Self> {
        const MAKE: &str = "Hash the model again, and keep the JSON document";
        let unsuitable = |what: String| Error::Unsuitable {
            path: path.to_path_buf(),
            what,
            way_out: MAKE,
        };
        let no_digests = |error| unsuitable(format!("it is no document of digests ({error})"));
        let version: Version = serde_json::from_slice(text).map_err(no_digests)?;
        if version.schema != SCHEMA {
            return Err(Error::Version {
                path: path.to_path_buf(),
                found: version.schema,
                supported: SCHEMA,
                way_out: MAKE,
            });
        }
        let document: Document = serde_json::from_slice(text).map_err(no_digests)?;
        if document.models.is_empty() {
            return Err(unsuitable("it holds the digests of no model".to_owned()));
        }
        for model in &document.models {
            let names: BTreeSet<&str> = model.tensors.iter().map(|one| one.name.as_str()).collect();
            let own = root(
                model
                    .tensors
                    .iter()
                    .map(|one| (one.name.as_str(), one.digest)),
            );
            let is_sound = match model.root {
                Some(root) => root == own && model.unread.is_empty(),
                None => !model.unread.is_empty(),
            };
            if !is_sound || names.len() != model.tensors.len() {
                return Err(unsuitable(format!(
                    "what it says of {:?} was changed: its root is not that of its tensors",
                    model.name
                )));
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            models: document.models,
        })
    }

    /// Holds every model against the only one that was kept, or that of its name.
    pub(super) fn check(&self, models: &[Model]) -> Result<Check> {
        let models = models.iter().map(|model| {
            let kept = match self.models.as_slice() {
                [only] => Some(only),
                several => several.iter().find(|kept| kept.name == model.name),
            };
            let kept = kept.ok_or_else(|| Error::Unsuitable {
                path: self.path.clone(),
                what: format!(
                    "it holds the digests of {} models, and none of them is called {:?}",
                    self.models.len(),
                    model.name
                ),
                way_out: "Keep the digests of one model a file, or name models as they were named",
            })?;
            Ok(against(model, kept))
        });
        let models = models.collect::<Result<Vec<Against>>>()?;
        Ok(Check {
            file: self.path.clone(),
            verdict: models
                .iter()
                .map(|model| model.verdict)
                .max()
                .unwrap_or(Verdict::CannotTell),
            models,
        })
    }
}

fn against(model: &Model, kept: &Kept) -> Against {
    let own: BTreeMap<&str, &Tensor> = by_name(&model.tensors, |one| &one.name);
    let theirs: BTreeMap<&str, &KeptTensor> = by_name(&kept.tensors, |one| &one.name);
    let own_unread: BTreeSet<&str> = model.unread.iter().map(|one| &*one.tensor).collect();
    let their_unread: BTreeSet<&str> = kept.unread.iter().map(|one| &*one.tensor).collect();
    let changed = own.iter().filter_map(|(name, own)| {
        let theirs = theirs.get(name)?;
        let what = if own.dtype != theirs.dtype {
            "type"
        } else if own.shape != theirs.shape {
            "shape"
        } else if own.digest != theirs.digest {
            "values"
        } else {
            return None;
        };
        let name = (*name).to_owned();
        Some(Changed { name, what })
    });
    let changed: Vec<Changed> = changed.collect();
    let mut added: Vec<&Tensor> = own
        .values()
        .filter(|one| !theirs.contains_key(&*one.name) && !their_unread.contains(&*one.name))
        .copied()
        .collect();
    let mut renamed = Vec::new();
    let mut missing = Vec::new();
    let gone = theirs.values();
    for gone in gone.filter(|one| !own.contains_key(&*one.name) && !own_unread.contains(&*one.name))
    {
        match added.iter().position(|one| one.digest == gone.digest) {
            Some(place) => renamed.push(Renamed {
                from: gone.name.clone(),
                to: added.remove(place).name.clone(),
            }),
            None => missing.push(gone.name.clone()),
        }
    }
    let added: Vec<String> = added.into_iter().map(|one| one.name.clone()).collect();
    let unknown = own_unread.union(&their_unread);
    let unknown: Vec<String> = unknown.map(|&name| name.to_owned()).collect();
    let is_other =
        !(changed.is_empty() && renamed.is_empty() && missing.is_empty() && added.is_empty());
    Against {
        name: model.name.clone(),
        expected: kept.name.clone(),
        verdict: match (is_other, unknown.is_empty()) {
            (true, _) => Verdict::Differs,
            (false, true) => Verdict::Same,
            (false, false) => Verdict::CannotTell,
        },
        changed,
        renamed,
        missing,
        added,
        unknown,
    }
}

fn by_name<T>(all: &[T], name: impl Fn(&T) -> &str) -> BTreeMap<&str, &T> {
    all.iter().map(|one| (name(one), one)).collect()
}
