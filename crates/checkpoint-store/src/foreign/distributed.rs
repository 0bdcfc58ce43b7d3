//! Folders that `torch.distributed.checkpoint` writes: `.metadata`, and the parts of the tensors.
//!
//! `.metadata` is a pickle that says of each tensor how large it is, into which chunks it is cut,
//! and where each chunk lies: a whole file of `torch.save`, at some place in a `.distcp` file. Chunks
//! may be cut along any dimensions, as FSDP and tensor parallelism cut them, as long as they form a grid.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::contents::Contents;
use super::pickle::{self, Value, Values};
use super::place::Container;
use super::shape::count;
use super::source::{Source, foreign, quoted};
use super::stored::{Made, Piece, Stored};
use super::tensor::{Declared, LeftOut, Unread, role};
use super::tiles::{self, Gap};
use super::{state_dict, torch};
use crate::files;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Fault, Result};

/// The file that describes a folder.
pub(super) const METADATA: &str = ".metadata";

/// Where a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct At {
    file: usize,
    offset: u64,
    len: u64,
}

/// Whether an index is that of such a folder.
pub(super) fn is_metadata(index: &Path) -> bool {
    index.file_name().unwrap_or_default() == METADATA
}

/// Reads what a folder holds, whose `.distcp` files these are.
///
/// # Errors
/// [`Fault::Missing`] for a file that `.metadata` names and that is not there, [`Fault::Code`] if that
/// name is a path; [`Fault::Damaged`] for what contradicts itself.
pub(super) fn open(metadata: &Path, sources: &[Source], limits: &Limits) -> Result<Contents> {
    let source = Source::open(metadata)?;
    let (values, root, _) = pickle::read(&source, 0, source.len(), limits)?;
    let wrong = |what: &str| source.damaged(format!("it {what}"));
    let tensors = values
        .get(root, "state_dict_metadata")
        .and_then(|tensors| values.mapping(tensors))
        .ok_or_else(|| wrong("does not list the tensors of a distributed checkpoint"))?;
    let storage = storage(&source, &values, root, sources)?;
    let paths = values.get(root, "planner_data").unwrap_or(Value::Nothing);
    let total = sources.iter().map(Source::len).fold(0, u64::saturating_add);
    let mut folder = Folder {
        source: &source,
        sources,
        limits,
        parts: HashMap::new(),
        contents: Contents::default(),
        left: limits.unpacked_for(total),
    };
    for &(key, described) in tensors {
        let Value::Text(key) = key else { continue };
        let fqn = values.text(key);
        if folder.contents.count() >= limits.most_tensors {
            let most = limits.most_tensors as u64;
            return Err(source.too_large("the number of tensors", most + 1, most));
        }
        let name = model_name(&values, paths, fqn);
        let (Some(name), Some(size)) = (name, values.get(described, "size")) else {
            // Of the optimiser, or an object that is no tensor.
            if folder.contents.left_out.len() < limits.most_tensors {
                folder.contents.left_out.push(LeftOut {
                    name: fqn.to_owned(),
                    why: "is no part of the model".to_owned(),
                });
            }
            continue;
        };
        let shape = numbers(&values, size);
        let shape = shape.filter(|shape| shape.len() <= MAX_FOREIGN_DIMENSIONS);
        let shape = shape.ok_or_else(|| wrong("has a tensor with dimensions that are none"))?;
        let chunks = values.get(described, "chunks");
        let chunks = chunks.and_then(|chunks| values.sequence(chunks));
        let mut pieces = Vec::new();
        for &chunk in chunks.unwrap_or_default() {
            let field = |name| {
                values
                    .get(chunk, name)
                    .and_then(|field| numbers(&values, field))
            };
            let (Some(offsets), Some(sizes)) = (field("offsets"), field("sizes")) else {
                return Err(wrong("has a chunk without a place"));
            };
            let at = storage.get(&(fqn, offsets.clone())).copied();
            let at = at.ok_or_else(|| wrong("has a chunk that lies in no file"))?;
            pieces.push((offsets, sizes, at));
        }
        folder.add(name, shape, pieces)?;
    }
    Ok(folder.contents)
}

struct Folder<'a> {
    source: &'a Source,
    sources: &'a [Source],
    limits: &'a Limits,
    /// Chunks that were read, since a hostile file may name one any number of times.
    parts: HashMap<At, Stored>,
    contents: Contents,
    /// Bytes that all tensors may still take.
    left: u64,
}

impl Folder<'_> {
    /// Adds a tensor of this shape in these pieces.
    fn add(
        &mut self,
        name: String,
        shape: Vec<u64>,
        pieces: Vec<(Vec<u64>, Vec<u64>, At)>,
    ) -> Result<()> {
        let wrong = |what: &str| {
            self.source
                .damaged(format!("the tensor {} {what}", quoted(&name)))
        };
        let elements = count(&shape).ok_or_else(|| wrong("is too large"))?;
        let mut parts = Vec::with_capacity(pieces.len());
        for (offsets, sizes, at) in pieces {
            match self.part(at, &sizes)? {
                Ok(part) => parts.push((offsets, part)),
                Err(unread) => {
                    let (dtype, reason) = (unread.dtype, unread.reason);
                    self.unread(name, shape, dtype, reason);
                    return Ok(());
                }
            }
        }
        let Some((_, first)) = parts.first().cloned() else {
            return Err(wrong("has no chunk"));
        };
        let element = first.tensor.element;
        if parts.iter().any(|(_, part)| part.tensor.element != element) {
            return Err(wrong("has chunks of different types"));
        }
        let mut pieces: Vec<Piece> = parts
            .into_iter()
            .map(|(at, part)| Piece {
                place: part.place,
                at,
                shape: part.tensor.shape,
            })
            .collect();
        match tiles::arrange(&shape, &mut pieces) {
            Ok(()) => {}
            Err(Gap::NotWhole) => {
                return Err(wrong("is not whole: its chunks have more or fewer values"));
            }
            Err(gap) => {
                self.unread(name, shape, element.to_string(), gap.reason().to_owned());
                return Ok(());
            }
        }
        let bytes = elements.saturating_mul(element.bytes());
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let limit = self.left;
            self.source
                .too_large("the size of all its tensors, in bytes,", bytes, limit)
        })?;
        let mut tensor = first.tensor;
        tensor.role = role(&name, &shape, element, Declared::Nothing);
        tensor.name = name;
        tensor.shape = shape;
        let place = pieces
            .first()
            .map_or(first.place, |piece| piece.place.clone());
        self.contents.tensors.push(Stored {
            tensor,
            place,
            made: match pieces.len() {
                0 | 1 => Made::Whole,
                _ => Made::Pieces(pieces),
            },
        });
        Ok(())
    }

    fn unread(&mut self, name: String, shape: Vec<u64>, dtype: String, reason: String) {
        self.contents.unread.push(super::stored::Raw {
            unread: Unread {
                name,
                dtype,
                elements: count(&shape),
                shape: Some(shape),
                bytes: None,
                reason,
            },
            bytes: None,
        });
    }

    /// The tensor that a chunk is, or what it is if it is not read.
    fn part(&mut self, at: At, sizes: &[u64]) -> Result<std::result::Result<Stored, Unread>> {
        let source = self.sources.get(at.file);
        let source = source.ok_or_else(|| self.source.damaged("a chunk lies in no file"))?;
        let part = match self.parts.get(&at) {
            Some(part) => part.clone(),
            None => {
                source.check_inside("a chunk of a tensor", at.offset, at.len)?;
                let within = source.part(at.offset, at.len);
                let archive = Archive::read(&within, self.limits)?;
                let mut contents = torch::open(&within, &archive, self.limits)?;
                if contents.count() != 1 {
                    return Err(source.damaged("a chunk holds something else than one tensor"));
                }
                if let Some(raw) = contents.unread.pop() {
                    return Ok(Err(raw.unread));
                }
                let part = contents.tensors.pop();
                let mut part = part.ok_or_else(|| source.damaged("a chunk holds no tensor"))?;
                part.place.file = at.file;
                if let Container::File { offset } = &mut part.place.container {
                    *offset = offset.saturating_add(at.offset);
                }
                self.parts.insert(at, part.clone());
                part
            }
        };
        if part.tensor.shape != sizes {
            return Err(source.damaged("a chunk has another shape than `.metadata` says"));
        }
        Ok(Ok(part))
    }
}

/// Where each chunk lies, by the tensor and its place in it.
fn storage<'a>(
    source: &Source,
    values: &'a Values,
    root: Value,
    sources: &[Source],
) -> Result<HashMap<(&'a str, Vec<u64>), At>> {
    let wrong = |what: &str| source.damaged(format!("it {what}"));
    let entries = values
        .get(root, "storage_data")
        .and_then(|entries| values.mapping(entries))
        .ok_or_else(|| wrong("does not say where the tensors lie"))?;
    let mut storage = HashMap::with_capacity(entries.len());
    for &(key, value) in entries {
        let Some(Value::Text(fqn)) = values.get(key, "fqn") else {
            return Err(wrong("has a chunk of no tensor"));
        };
        let offsets = values.get(key, "offset");
        let offsets = offsets.and_then(|offsets| numbers(values, offsets));
        let number = |name| match values.get(value, name) {
            Some(Value::Int(number)) => u64::try_from(number).ok(),
            _ => None,
        };
        let (Some(Value::Text(path)), Some(offset), Some(len)) = (
            values.get(value, "relative_path"),
            number("offset"),
            number("length"),
        ) else {
            return Err(wrong("has a chunk without a place in a file"));
        };
        let Some(offsets) = offsets else {
            // An object that is no tensor.
            continue;
        };
        let transformed = values.get(value, "transform_descriptors");
        let transformed = transformed.and_then(|all| values.sequence(all));
        if transformed.is_some_and(|all| !all.is_empty()) {
            return Err(source.unsupported(
                "its chunks are compressed, or otherwise transformed",
                "Save it without extensions of the storage writer",
            ));
        }
        let name = values.text(path);
        if name.is_empty() || name.contains(['/', '\\', '\0', ':']) || name.starts_with("..") {
            return Err(foreign(
                source.path(),
                Fault::Code,
                format!("it names a file {}, which is a path", quoted(name)),
                "The files of a distributed checkpoint lie beside its `.metadata`",
            ));
        }
        let file = sources
            .iter()
            .position(|source| source.path().file_name().unwrap_or_default() == name);
        let Some(file) = file else {
            return Err(foreign(
                source.path(),
                Fault::Missing,
                format!("the file {} that it names is missing", quoted(name)),
                "Copy all `.distcp` files of the checkpoint beside it",
            ));
        };
        storage.insert((values.text(fqn), offsets), At { file, offset, len });
    }
    Ok(storage)
}

/// The name in the model; none if the entry is no part of it.
fn model_name(values: &Values, paths: Value, fqn: &str) -> Option<String> {
    let path = values
        .get(paths, fqn)
        .and_then(|path| values.sequence(path));
    let parts: Option<Vec<String>> = path.map(|path| {
        let parts = path.iter().map(|part| match part {
            Value::Text(part) => values.text(*part).to_owned(),
            Value::Int(part) => part.to_string(),
            _ => String::new(),
        });
        parts.collect()
    });
    let parts = parts.unwrap_or_else(|| vec![fqn.to_owned()]);
    let (first, rest) = parts.split_first()?;
    if rest.is_empty() {
        // A flat dictionary: what is of the optimiser shows by the first part of its name.
        let first = first.split('.').next().unwrap_or_default();
        return (!state_dict::is_other(first)).then(|| fqn.to_owned());
    }
    if state_dict::is_other(first) {
        return None;
    }
    if state_dict::is_model_key(first) {
        return Some(rest.join("."));
    }
    Some(parts.join("."))
}

fn numbers(values: &Values, value: Value) -> Option<Vec<u64>> {
    let numbers = values.sequence(value)?.iter().map(|value| match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    });
    numbers.collect()
}

/// The `.distcp` files of a folder that has a `.metadata`, sorted; none for another folder.
pub(super) fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    if !files::is_file(&folder.join(METADATA)) {
        return None;
    }
    let entries = files::list(folder).ok()?.into_iter();
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().unwrap_or_default() == "distcp")
        .collect();
    files.sort();
    (!files.is_empty()).then_some(files)
}
