//! Checkpoints in several files, and the index that says which tensor is where.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::contents::Contents;
use super::source::{Source, damaged, foreign, quoted, too_large};
use super::tensor::LeftOut;
use crate::files;
use crate::limits::Limits;
use crate::{Fault, Result};

/// An index of shards, as Hugging Face writes it.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The file names of the shards.
    shards: Vec<String>,
    /// Each tensor, and the number of its shard.
    tensors: Vec<(String, usize)>,
}

impl Index {
    /// Reads an index; no shard is looked at.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if it is not as it should be, [`Fault::Code`] if a shard's name is a path
    /// that could lead elsewhere.
    pub(super) fn read(path: &Path, limits: &Limits) -> Result<Self> {
        let source = Source::open(path)?;
        let bytes = source.read_description("the index", 0, source.len(), limits)?;
        let mut parser = serde_json::Deserializer::from_slice(&bytes);
        let index = IndexSeed {
            most: limits.most_tensors,
        }
        .deserialize(&mut parser)
        .and_then(|index| parser.end().map(|()| index))
        .map_err(|error| source.damaged(format!("the index is not as it should be: {error}")))?;
        if index.tensors.len() > limits.most_tensors {
            return Err(too_large(
                path,
                "the number of tensors",
                index.tensors.len() as u64,
                limits.most_tensors as u64,
            ));
        }
        for shard in &index.shards {
            let is_plain = !shard.is_empty()
                && shard != "."
                && shard != ".."
                && !shard.contains(['/', '\\', '\0', ':']);
            if !is_plain {
                return Err(foreign(
                    path,
                    Fault::Code,
                    format!("it names a shard {}, which is a path", quoted(shard)),
                    "The shards of an index lie beside it: correct the index, if you trust it",
                ));
            }
        }
        if index.shards.is_empty() {
            return Err(source.damaged("the index names no shard"));
        }
        Ok(index)
    }

    /// The paths of the shards, sorted.
    ///
    /// # Errors
    /// [`Fault::Missing`] naming the first that is not there.
    pub(super) fn files(&self, path: &Path) -> Result<Vec<PathBuf>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files: Vec<PathBuf> = self.shards.iter().map(|name| folder.join(name)).collect();
        files.sort();
        let missing: Vec<&PathBuf> = files.iter().filter(|file| !files::exists(file)).collect();
        match missing.first() {
            Some(first) => Err(missing_shard(
                path,
                &first.file_name().unwrap_or_default().to_string_lossy(),
                missing.len(),
                files.len(),
            )),
            None => Ok(files),
        }
    }

    /// Those of its shards that are there.
    pub(super) fn present(&self, path: &Path) -> Vec<PathBuf> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let all: Vec<PathBuf> = self.shards.iter().map(|name| folder.join(name)).collect();
        files::warm(all.iter().map(PathBuf::as_path));
        all.into_iter().filter(|file| files::exists(file)).collect()
    }
}

/// The error for shards that are not there.
pub(super) fn missing_shard(path: &Path, first: &str, missing: usize, of: usize) -> crate::Error {
    foreign(
        path,
        Fault::Missing,
        format!(
            "{missing} of its {of} shards are missing, the first of them {}",
            quoted(first)
        ),
        "Copy them beside the others",
    )
}

/// Why a tensor is not read that its index does not name: a program that follows the index would
/// not load it either.
const NOT_INDEXED: &str = "the index of the shards does not name it there";

/// Compares what the shards hold with their index: a tensor that the index lacks is not read.
///
/// # Errors
/// [`Fault::Mismatch`] naming a tensor that is not in the shard that the index says.
pub(super) fn check_index(
    path: &Path,
    files: &[PathBuf],
    contents: &mut Contents,
    limits: &Limits,
) -> Result<()> {
    let index = Index::read(path, limits)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // From the number of a shard to that of its file.
    let shards: Vec<Option<usize>> = index
        .shards
        .iter()
        .map(|name| files.iter().position(|file| *file == folder.join(name)))
        .collect();
    let mut wanted: HashMap<&str, Option<usize>> = HashMap::with_capacity(index.tensors.len());
    for (name, shard) in &index.tensors {
        let file = shards.get(*shard).copied().flatten();
        if wanted.insert(name, file).is_some() {
            return Err(damaged(
                path,
                format!("the index names the tensor {} twice", quoted(name)),
            ));
        }
    }
    let mut is_named = |name: &str, file: usize| {
        let is_named = wanted.get(name) == Some(&Some(file));
        if is_named {
            wanted.remove(name);
        }
        is_named
    };
    let mut tensors = Vec::with_capacity(contents.tensors.len());
    contents.unread.retain_mut(|raw| {
        let file = raw.bytes.as_ref().map_or(0, |bytes| bytes.place.file);
        if !is_named(&raw.unread.name, file) {
            raw.unread.reason = NOT_INDEXED.to_owned();
        }
        true
    });
    for stored in std::mem::take(&mut contents.tensors) {
        if is_named(&stored.tensor.name, stored.place.file) {
            tensors.push(stored);
        } else {
            contents.unread.push(stored.unread(NOT_INDEXED));
        }
    }
    contents.tensors = tensors;
    leave_out_copies(contents);
    let Some(first) = wanted.keys().min() else {
        return Ok(());
    };
    let file_of = |name: &str| {
        let raw = contents.unread.iter().find(|raw| raw.unread.name == name)?;
        files.get(raw.bytes.as_ref()?.place.file)?.file_name()
    };
    let (what, way_out) = match file_of(first) {
        Some(file) => (
            format!(
                "the index names the wrong shard for {} tensors, the first of them {}, which lies in {}",
                wanted.len(),
                quoted(first),
                quoted(&file.to_string_lossy())
            ),
            "Correct the index, or remove it: the shards are then put together by their names",
        ),
        None => (
            format!(
                "{} tensors of the index are not in its shards, the first of them {}",
                wanted.len(),
                quoted(first)
            ),
            "The index and its shards do not belong together: copy them again from one place",
        ),
    };
    Err(foreign(path, Fault::Mismatch, what, way_out))
}

/// The shards beside an index that belong to it by their names, though it names only others of them.
pub(super) fn unnamed(path: &Path, named: &[PathBuf]) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for file in named {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some((stem, _, of, extension)) = shard_name(&name) else {
            continue;
        };
        // As many as a folder may hold; a name may claim any number.
        if of > named.len().saturating_mul(64) as u64 {
            continue;
        }
        for number in 1..=of {
            let width = name.len() - stem.len() - extension.len() - "--of-.".len();
            let width = width / 2;
            let other = folder.join(format!(
                "{stem}-{number:0width$}-of-{of:0width$}.{extension}"
            ));
            if !named.contains(&other) && !found.contains(&other) && files::is_file(&other) {
                found.push(other);
            }
        }
    }
    found
}

/// A tensor that the index does not name is no loss where it names another one of that name.
fn leave_out_copies(contents: &mut Contents) {
    let names = contents.tensors.iter().map(|stored| &stored.tensor.name);
    let names: HashSet<&String> = names.collect();
    let left_out = &mut contents.left_out;
    contents.unread.retain(|raw| {
        let is_copy = raw.unread.reason == NOT_INDEXED && names.contains(&raw.unread.name);
        if is_copy {
            left_out.push(LeftOut {
                name: raw.unread.name.clone(),
                why: "a second copy, which the index of the shards does not name".to_owned(),
            });
        }
        !is_copy
    });
}

/// The parts of a shard's name such as `model-00002-of-00003.safetensors`: what comes before
/// and after its number, its number and how many there are.
pub(super) fn shard_name(name: &str) -> Option<(&str, u64, u64, &str)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let (stem, of) = stem.rsplit_once("-of-")?;
    let (stem, number) = stem.rsplit_once('-')?;
    let parse = |digits: &str| -> Option<u64> {
        let is_number = digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok())?
    };
    let (number, of) = (parse(number)?, parse(of)?);
    (1..=of)
        .contains(&number)
        .then_some((stem, number, of, extension))
}

/// Reads an index without building what is not of use.
#[derive(Clone, Copy)]
struct IndexSeed {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for IndexSeed {
    type Value = Index;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Index, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IndexSeed {
    type Value = Index;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an index of shards")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Index, A::Error> {
        let mut index = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "weight_map" {
                map.next_value::<IgnoredAny>()?;
            } else if index.is_some() {
                return Err(A::Error::custom("`weight_map` stands there twice"));
            } else {
                index = Some(map.next_value_seed(WeightMapSeed { most: self.most })?);
            }
        }
        index.ok_or_else(|| A::Error::custom("`weight_map` is missing"))
    }
}

struct WeightMapSeed {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for WeightMapSeed {
    type Value = Index;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Index, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WeightMapSeed {
    type Value = Index;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("file names by the names of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Index, A::Error> {
        let mut index = Index::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        while let Some((name, shard)) = map.next_entry::<String, String>()? {
            // One more than allowed is enough to be refused with the right words.
            if index.tensors.len() > self.most {
                continue;
            }
            let number = match numbers.get(&shard) {
                Some(&number) => number,
                None => {
                    let number = index.shards.len();
                    index.shards.push(shard.clone());
                    numbers.insert(shard, number);
                    number
                }
            };
            index.tensors.push((name, number));
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_shards_are_taken_apart() {
        assert_eq!(
            shard_name("model-00002-of-00003.safetensors"),
            Some(("model", 2, 3, "safetensors"))
        );
        for name in [
            "model.safetensors",
            "model-00004-of-00003.safetensors",
            "model-00000-of-00003.safetensors",
            "model-2-of-3",
            "a-b-of-c.bin",
        ] {
            assert_eq!(shard_name(name), None, "{name}");
        }
    }
}
