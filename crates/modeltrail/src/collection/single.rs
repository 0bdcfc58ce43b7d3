//! One checkpoint with all its weights, for a comparison of two: in memory if it is small.

mod held;
mod onto;

use super::Options;
use super::layout::elements;
use super::listing::Opened;
use super::source::Source;
use super::stored::Stored;
use crate::coverage::{LeftOut, Unread};
use crate::error::{Error, Result};
use crate::printable::printable;
use crate::remote;
use crate::source::{TensorSource, sides};
use checkpoint_store::foreign::{Adapter, Element, ForeignCheckpoint, Format, Role};
use checkpoint_store::{Store, TensorShape};
use held::Held;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use weightspace::compare::Tensor;

/// One checkpoint, its weights in memory or where they lie.
#[derive(Debug)]
pub struct Single {
    /// What to call it.
    pub name: String,
    /// What it holds beside weights.
    pub left_out: LeftOut,
    /// Tensors that could not be read.
    pub unread: Vec<Unread>,
    /// What it is to the model that it changes, if it is an adapter, or holds one that was not merged.
    pub adapter: Option<Box<Adapter>>,
    /// The type that most of its weights are stored in, if it is known.
    pub(crate) stored_as: Option<String>,
    /// The format of its file, if it is one of another program.
    pub(crate) format: Option<Format>,
    /// The types that weights are stored in, by name, if they are known.
    pub(crate) elements: BTreeMap<String, Element>,
    tensors: Vec<Values>,
    /// Most memory, in bytes, that its weights may take.
    memory: u64,
    /// What f32 does not show, by tensor.
    stored: BTreeMap<String, Stored>,
    buffers: BTreeMap<String, Buffer>,
}

/// What is no weight: running statistics, counters, masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Its numbers as bits of f32, to which they are rounded; none if they are not read.
    pub bits: Option<Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Values {
    name: String,
    shape: Vec<usize>,
    values: Held,
}

impl Single {
    /// One that its owner holds, and whose values are read from there when they are asked for.
    ///
    /// # Errors
    /// When a tensor is larger than memory can be.
    pub(crate) fn of(name: String, source: Arc<dyn TensorSource>, memory: u64) -> Result<Self> {
        Ok(Self {
            name,
            left_out: LeftOut::default(),
            unread: Vec::new(),
            adapter: None,
            stored_as: None,
            format: None,
            elements: BTreeMap::new(),
            tensors: values(&source, memory)?,
            memory,
            stored: BTreeMap::new(),
            buffers: BTreeMap::new(),
        })
    }

    /// Its tensors, in its own order; none if they are not in memory.
    pub fn tensors(&self) -> Option<Vec<Tensor<'_>>> {
        let tensors = self.tensors.iter();
        let tensors = tensors.map(|tensor| match &tensor.values {
            Held::Here(values) => Some(Tensor {
                name: &tensor.name,
                shape: &tensor.shape,
                values,
            }),
            _ => None,
        });
        tensors.collect()
    }

    /// Whether all its values are in memory.
    pub(crate) fn is_here(&self) -> bool {
        self.tensors.iter().all(|tensor| tensor.values.is_here())
    }

    /// Most memory, in bytes, that its weights may take.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// Names and shapes, in its own order.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        let tensors = self.tensors.iter();
        tensors.map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
    }

    /// The values of a tensor at these places, row-major.
    ///
    /// # Errors
    /// When they cannot be read, or there is no such tensor.
    pub(crate) fn values(&self, tensor: usize, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let held = self.tensors.get(tensor);
        held.ok_or(Error::NoSuchTensor { index: tensor })?
            .values
            .range(range)
    }

    /// Appends the values of a tensor at these places.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub(crate) fn add_to(
        &self,
        values: &mut Vec<f32>,
        tensor: usize,
        range: Range<usize>,
    ) -> Result<()> {
        let held = self.tensors.get(tensor);
        held.ok_or(Error::NoSuchTensor { index: tensor })?
            .values
            .add_to(values, range)
    }

    /// All values of a tensor.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub(crate) fn all_values(&self, tensor: usize) -> Result<Cow<'_, [f32]>> {
        let held = self.tensors.get(tensor);
        held.ok_or(Error::NoSuchTensor { index: tensor })?
            .values
            .all()
    }

    /// Streams the values of a tensor.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub(crate) fn stream(&self, tensor: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let held = self.tensors.get(tensor);
        held.ok_or(Error::NoSuchTensor { index: tensor })?
            .values
            .stream(sink)
    }

    /// How many values of each tensor are such, in its own order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn count(&self, is_such: impl Fn(f32) -> bool + Sync) -> Result<Vec<u64>> {
        let counts = self.tensors.par_iter().with_max_len(1).map(|tensor| {
            let mut count = 0;
            tensor.values.stream(&mut |values| {
                count += values.iter().filter(|value| is_such(**value)).count() as u64;
            })?;
            Ok(count)
        });
        counts.collect()
    }

    /// Their names, in the same order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tensors
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect()
    }

    /// The bytes of tensors that could not be read, and of f64, as hashes by name.
    pub(crate) fn stored(&self) -> &BTreeMap<String, Stored> {
        &self.stored
    }

    /// What is no weight, by name.
    pub fn buffers(&self) -> &BTreeMap<String, Buffer> {
        &self.buffers
    }
}

/// Reads one checkpoint: a file, an index of shards, a folder with one checkpoint in it, or
/// `STORE:RUN/EPOCH`.
///
/// # Errors
/// When the path stands for none or several, or it cannot be read.
pub fn single(path: &Path, options: &Options) -> Result<Single> {
    let path = remote::shown(path);
    let path = path.as_path();
    let shown = printable(&path.to_string_lossy());
    let is_held = options.in_memory.has(path);
    if !is_held
        && !remote::is_remote(path)
        && !path.exists()
        && let Some((store, run, epoch)) = in_store(&path.to_string_lossy())
    {
        let store = Store::open(store)?;
        let checkpoints = store.load()?;
        let labels = checkpoints.checkpoints().iter();
        let column = labels
            .zip(0..)
            .find(|(label, _)| (label.run, label.epoch) == (run, epoch));
        let (_, column) = column.ok_or_else(|| Error::Unsuitable {
            path: path.to_path_buf(),
            what: "the store has no such run and epoch".to_owned(),
            way_out: "List what the store holds, and name one of its runs and epochs",
        })?;
        let layout = store.layout().to_vec();
        let source = Source::Store(Arc::new(checkpoints), column, layout.clone().into());
        return read(shown, LeftOut::default(), source, &layout, options.memory);
    }
    if !is_held && path.is_dir() && Store::open(path).is_ok() {
        return Err(Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it is a store, and one of its checkpoints is needed: {shown}:RUN/EPOCH"),
            way_out: "Name the run and the epoch",
        });
    }
    let mut discovery = options.discover(&[path.to_path_buf()]);
    if let (2.., Some(latest)) = (discovery.checkpoints.len(), latest(path)) {
        discovery = options.discover(&[latest]);
    }
    if let Some(problem) = discovery.problems.into_iter().next() {
        return Err(problem.error.into());
    }
    let count = discovery.checkpoints.len();
    let (Some(found), 1) = (discovery.checkpoints.pop(), count) else {
        return Err(Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it holds {count} checkpoints, and a comparison needs one"),
            way_out: "Name its file",
        });
    };
    let opened = Opened::of(&found, &options.limits)?;
    let checkpoint = Arc::new(opened.description.open()?);
    let buffers = buffers(&checkpoint);
    let unread = opened.unread(&shown).collect();
    let (stored_as, format) = (stored_as(&checkpoint), checkpoint.format());
    let elements = types(&checkpoint);
    let adapter = opened.description.adapter().cloned().map(Box::new);
    let source = Source::Foreign(Box::new(opened.description));
    let memory = options.memory;
    let single = match adapter.as_deref() {
        // What is only added to another model is not kept.
        Some(adapter) if !adapter.has_base => Single {
            name: shown,
            left_out: opened.left_out,
            unread: Vec::new(),
            adapter: None,
            stored_as: None,
            format: None,
            elements: BTreeMap::new(),
            stored: source.beyond_f32()?,
            tensors: values(&source.shared(&opened.layout)?, 0)?,
            memory,
            buffers: BTreeMap::new(),
        },
        _ => read(shown, opened.left_out, source, &opened.layout, memory)?,
    };
    Ok(Single {
        buffers,
        unread,
        adapter,
        stored_as,
        format: Some(format),
        elements,
        ..single
    })
}

/// The folder of the newest checkpoint, of several that DeepSpeed wrote: it leaves a file that names it.
fn latest(path: &Path) -> Option<PathBuf> {
    /// More than the name of a folder has.
    const MOST_BYTES: u64 = 512;
    let file = path.join("latest");
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let name = Path::new(text.trim());
    let is_plain = matches!(
        name.components().collect::<Vec<_>>()[..],
        [Component::Normal(_)]
    );
    let folder = path.join(name);
    (is_plain && folder.is_dir()).then_some(folder)
}

/// The type that most of the weights are stored in.
fn stored_as(checkpoint: &ForeignCheckpoint) -> Option<String> {
    let mut weights: BTreeMap<String, u64> = BTreeMap::new();
    for tensor in checkpoint
        .tensors()
        .iter()
        .filter(|tensor| tensor.role == Role::Weight)
    {
        *weights.entry(tensor.element.to_string()).or_default() += tensor.elements();
    }
    let most = weights.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(element, _)| element)
}

/// The types of the weights, by name.
fn types(checkpoint: &ForeignCheckpoint) -> BTreeMap<String, Element> {
    let tensors = checkpoint.tensors().iter();
    let weights = tensors.filter(|tensor| tensor.role == Role::Weight);
    weights
        .map(|tensor| (tensor.name.clone(), tensor.element))
        .collect()
}

fn buffers(checkpoint: &ForeignCheckpoint) -> BTreeMap<String, Buffer> {
    let tensors = checkpoint.tensors().iter().enumerate();
    let buffers = tensors.filter(|(_, tensor)| tensor.role != Role::Weight);
    buffers
        .map(|(place, tensor)| {
            let mut bits = Vec::new();
            let read = checkpoint.read(place, &mut |chunk| {
                bits.extend(chunk.iter().map(|value| value.to_bits()));
            });
            let buffer = Buffer {
                shape: tensor.shape.clone(),
                bits: read.is_ok().then_some(bits),
            };
            (tensor.name.clone(), buffer)
        })
        .collect()
}

/// The share of memory that one checkpoint may take: two are compared, and there is work to be done.
const SHARE: u64 = 4;

/// The tensors of a source: in memory where they take no more than a share of it, and else there.
fn values(source: &Arc<dyn TensorSource>, memory: u64) -> Result<Vec<Values>> {
    let tensors = source.tensors();
    let bytes = tensors.iter().fold(0_u64, |all, tensor| {
        all.saturating_add(elements(tensor).saturating_mul(4))
    });
    let is_small = bytes <= memory / SHARE;
    let each = tensors.iter().enumerate().map(|(index, tensor)| {
        let shape = sides(tensor)?;
        let values = if is_small {
            let mut values = Vec::new();
            source.read(index, &mut |part| values.extend_from_slice(part))?;
            Held::here(values)
        } else {
            Held::There {
                source: Arc::clone(source),
                index,
                elements: shape.iter().product(),
            }
        };
        Ok(Values {
            name: tensor.name.clone(),
            shape,
            values,
        })
    });
    each.collect()
}

fn read(
    name: String,
    left_out: LeftOut,
    source: Source,
    layout: &[TensorShape],
    memory: u64,
) -> Result<Single> {
    Ok(Single {
        left_out,
        stored: source.beyond_f32()?,
        ..Single::of(name, source.shared(layout)?, memory)?
    })
}

/// The parts of `STORE:RUN/EPOCH`.
pub(crate) fn in_store(path: &str) -> Option<(&str, u64, u32)> {
    let (store, label) = path.rsplit_once(':')?;
    let (run, epoch) = label.split_once('/')?;
    Some((store, run.parse().ok()?, epoch.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_of_a_store_are_named_by_run_and_epoch() {
        assert_eq!(in_store("zoos/a:b:10/3"), Some(("zoos/a:b", 10, 3)));
        assert_eq!(in_store("a.pt"), None);
        assert_eq!(in_store("a:10"), None);
    }
}
