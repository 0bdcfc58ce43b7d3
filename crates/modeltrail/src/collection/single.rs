//! One checkpoint with all its weights, for a comparison of two.

mod held;
mod onto;

use super::Options;
use super::listing::Opened;
use super::source::Source;
use super::stored::Stored;
use crate::coverage::{LeftOut, Unread};
use crate::error::{Error, Result};
use crate::printable::printable;
use crate::source::{TensorSource, sides};
use checkpoint_store::foreign::{Adapter, Element, ForeignCheckpoint, Role, discover_only};
use checkpoint_store::{Store, TensorShape};
use held::Held;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use weightspace::compare::Tensor;

/// One checkpoint in memory.
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
    /// The types that weights are stored in, by name, if they are known.
    pub(crate) elements: BTreeMap<String, Element>,
    tensors: Vec<Values>,
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
    /// One that its owner holds.
    ///
    /// # Errors
    /// When a tensor cannot be read, or is larger than memory can be.
    pub(crate) fn of(name: String, source: &dyn TensorSource) -> Result<Self> {
        let mut tensors = Vec::with_capacity(source.tensors().len());
        for (index, tensor) in source.tensors().iter().enumerate() {
            let mut values = Vec::new();
            source.read(index, &mut |slice| values.extend_from_slice(slice))?;
            tensors.push(Values {
                name: tensor.name.clone(),
                shape: sides(tensor)?,
                values: Held::here(values),
            });
        }
        Ok(Self {
            name,
            left_out: LeftOut::default(),
            unread: Vec::new(),
            adapter: None,
            stored_as: None,
            elements: BTreeMap::new(),
            tensors,
            stored: BTreeMap::new(),
            buffers: BTreeMap::new(),
        })
    }

    /// Its tensors, in its own order.
    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let tensors = self.tensors.iter();
        tensors
            .map(|tensor| Tensor {
                name: &tensor.name,
                shape: &tensor.shape,
                values: tensor.values.slice(),
            })
            .collect()
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
    let shown = printable(&path.to_string_lossy());
    if !path.exists()
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
        return read(shown, LeftOut::default(), &source, &layout);
    }
    if path.is_dir() && Store::open(path).is_ok() {
        return Err(Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it is a store, and one of its checkpoints is needed: {shown}:RUN/EPOCH"),
            way_out: "Name the run and the epoch",
        });
    }
    let only = options.only.as_ref();
    let mut discovery = discover_only(&[path.to_path_buf()], only, &options.limits);
    if let (2.., Some(latest)) = (discovery.checkpoints.len(), latest(path)) {
        discovery = discover_only(&[latest], only, &options.limits);
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
    let stored_as = stored_as(&checkpoint);
    let elements = elements(&checkpoint);
    let adapter = opened.description.adapter().cloned().map(Box::new);
    let source = Source::Foreign(Box::new(opened.description));
    let single = match adapter.as_deref() {
        // What is only added to another model is not kept.
        Some(adapter) if !adapter.has_base => Single {
            name: shown,
            left_out: opened.left_out,
            unread: Vec::new(),
            adapter: None,
            stored_as: None,
            elements: BTreeMap::new(),
            tensors: changes(&checkpoint, adapter, &opened.layout)?,
            stored: source.beyond_f32()?,
            buffers: BTreeMap::new(),
        },
        _ => read(shown, opened.left_out, &source, &opened.layout)?,
    };
    Ok(Single {
        buffers,
        unread,
        adapter,
        stored_as,
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
fn elements(checkpoint: &ForeignCheckpoint) -> BTreeMap<String, Element> {
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

/// The weights of an adapter: what it adds is read when it is asked for.
fn changes(
    checkpoint: &Arc<ForeignCheckpoint>,
    adapter: &Adapter,
    layout: &[TensorShape],
) -> Result<Vec<Values>> {
    let weights = checkpoint.tensors().iter().enumerate();
    let weights = weights.filter(|(_, tensor)| tensor.role == Role::Weight);
    weights
        .zip(layout)
        .map(|((index, tensor), layout)| {
            let shape = sides(layout)?;
            let values = if adapter.added.contains_key(&tensor.name) {
                Held::later(checkpoint, index, shape.iter().product())
            } else {
                let mut values = Vec::new();
                checkpoint.read(index, &mut |part| values.extend_from_slice(part))?;
                Held::here(values)
            };
            Ok(Values {
                name: tensor.name.clone(),
                shape,
                values,
            })
        })
        .collect()
}

fn read(
    name: String,
    left_out: LeftOut,
    source: &Source,
    layout: &[TensorShape],
) -> Result<Single> {
    let reader = source.open(layout)?;
    let mut tensors = Vec::with_capacity(layout.len());
    for (index, tensor) in layout.iter().enumerate() {
        let mut values = Vec::new();
        reader.read(index, &mut |chunk| values.extend_from_slice(chunk))?;
        let shape = sides(tensor)?;
        tensors.push(Values {
            name: tensor.name.clone(),
            shape,
            values: Held::here(values),
        });
    }
    Ok(Single {
        name,
        left_out,
        unread: Vec::new(),
        adapter: None,
        stored_as: None,
        elements: BTreeMap::new(),
        stored: source.beyond_f32()?,
        tensors,
        buffers: BTreeMap::new(),
    })
}

/// The parts of `STORE:RUN/EPOCH`.
fn in_store(path: &str) -> Option<(&str, u64, u32)> {
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
