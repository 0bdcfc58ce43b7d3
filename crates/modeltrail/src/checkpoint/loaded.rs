//! A checkpoint to be compared: how it is opened, and what is known of it.

use crate::collection::sketches::{self, Kept};
use crate::collection::{Options, Single, single};
use crate::coverage::{Coverage, LeftOut, Unread};
use crate::error::{Error, Result};
use crate::printable::printable;
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::Element;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weightspace::compare::Tensor;
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// One checkpoint, in memory if it is small.
///
/// [`diff`](crate::diff()), [`Budget::judge`](crate::gate::Budget::judge) and
/// [`lineage`](crate::lineage()) compare such checkpoints. Only sums that sketches keep are known of
/// one that was sketched.
#[derive(Debug)]
pub struct Checkpoint {
    pub(super) name: String,
    pub(super) contents: Contents,
    pub(super) unread: Vec<Unread>,
}

/// What is known of the weights.
#[derive(Debug)]
pub(crate) enum Contents {
    /// All of them.
    Weights(Arc<Single>),
    /// A sketch.
    Sketch(Box<Sketch>),
}

impl Checkpoint {
    /// Reads one checkpoint: a file, an index of shards, a folder with one checkpoint in it,
    /// `STORE:RUN/EPOCH`, a file of sketches with one in it, or `FILE.json:NAME` for one of several; or
    /// what the options hold in memory under this name.
    ///
    /// # Errors
    /// When the path stands for none or several, or it cannot be read.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        if let Some(kept) = options.in_memory.sketch(path) {
            return Self::sketched_as(path, kept.clone());
        }
        let is_held = options.in_memory.has(path);
        let Some((file, wanted)) = sketch_in(path).filter(|_| !is_held) else {
            let single = single(path, options)?;
            return Ok(Self {
                name: single.name.clone(),
                unread: single.unread.clone(),
                contents: Contents::Weights(Arc::new(single)),
            });
        };
        let mut sketches = sketches::read(&file)?.checkpoints;
        if let Some(wanted) = &wanted {
            sketches.retain(|one| one.name == *wanted);
        }
        let count = sketches.len();
        let (Some(one), 1) = (sketches.pop(), count) else {
            return Err(Error::Unsuitable {
                path: path.to_path_buf(),
                what: format!("it holds {count} sketches, and one is needed"),
                way_out: "Name it, as FILE.json:NAME",
            });
        };
        Self::sketched_as(path, one)
    }

    /// What is left of a checkpoint that was sketched.
    fn sketched_as(path: &Path, one: Kept) -> Result<Self> {
        let names: HashSet<&str> = one.sketch.tensors.iter().map(|t| t.name.as_str()).collect();
        if names.is_empty() || names.len() != one.sketch.tensors.len() {
            return Err(Error::Unsuitable {
                path: path.to_path_buf(),
                what: "its sketch has no tensors, or two of one name".to_owned(),
                way_out: "Sketch the checkpoint anew",
            });
        }
        Ok(Self {
            name: printable(&path.to_string_lossy()),
            contents: Contents::Sketch(Box::new(one.sketch)),
            unread: one.unread,
        })
    }

    /// A checkpoint wherever its owner has it. It is read from there whenever an answer needs it, and
    /// copied if it takes no more than a share of the memory.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn from_source(
        name: impl Into<String>,
        source: Arc<dyn TensorSource>,
        options: &Options,
    ) -> Result<Self> {
        let single = Single::of(name.into(), source, options.memory)?;
        Ok(Self {
            name: single.name.clone(),
            contents: Contents::Weights(Arc::new(single)),
            unread: Vec::new(),
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format that it was converted from, as a sentence, where that is none that trainings save: what is
    /// compared are then the values that the file stands for.
    pub fn read_as(&self) -> Option<String> {
        let format = self
            .weights()?
            .format
            .filter(|format| format.is_converted())?;
        Some(format!("{} is read as {format}", self.name))
    }

    /// Whether only a sketch is left of it.
    pub fn is_sketch(&self) -> bool {
        matches!(self.contents, Contents::Sketch(_))
    }

    /// Its tensors in its own order, row-major; none if they are not in memory: it is large, or only a
    /// sketch is left.
    pub fn tensors(&self) -> Option<Vec<Tensor<'_>>> {
        self.weights().and_then(Single::tensors)
    }

    /// All values of the tensors of a layout, one after the other; none if one is not there.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn point(&self, layout: &[TensorShape]) -> Result<Option<Vec<f32>>> {
        let Some(single) = self.weights() else {
            return Ok(None);
        };
        let names = single.names().into_iter().enumerate();
        let places: HashMap<&str, usize> = names.map(|(place, name)| (name, place)).collect();
        let mut point = Vec::new();
        for tensor in layout {
            let Some(&place) = places.get(tensor.name.as_str()) else {
                return Ok(None);
            };
            single.stream(place, &mut |values| point.extend_from_slice(values))?;
        }
        Ok(Some(point))
    }

    /// How much of it was read.
    pub fn coverage(&self) -> Coverage {
        let sizes = self.shapes().into_values();
        let read: u64 = sizes
            .map(|shape| shape.iter().product::<usize>() as u64)
            .sum();
        let unread = self.unread.iter().filter_map(|tensor| tensor.elements);
        Coverage {
            weights_read: read,
            weights_in_all: read + unread.sum::<u64>(),
            unread: self.unread.clone(),
            skipped: self.left_out().skipped(0),
            not_compared: Vec::new(),
        }
    }

    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(crate) fn weights(&self) -> Option<&Single> {
        match &self.contents {
            Contents::Weights(single) => Some(single),
            Contents::Sketch(_) => None,
        }
    }

    /// What is known to be there beside weights; nothing is known of what was sketched.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.weights()
            .map_or_else(LeftOut::default, |single| single.left_out)
    }

    /// The type that most of its weights are stored in, if it is known.
    pub(crate) fn stored_as(&self) -> Option<String> {
        self.weights()?.stored_as.clone()
    }

    /// The type that a weight is stored in, if it is known.
    pub(crate) fn element(&self, name: &str) -> Option<Element> {
        self.weights()?.elements.get(name).copied()
    }

    /// Tensors by name, with shapes.
    pub(crate) fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.in_order().into_iter().collect()
    }

    /// Tensors with their shapes, in its own order.
    pub(crate) fn in_order(&self) -> Vec<(&str, &[usize])> {
        match &self.contents {
            Contents::Weights(single) => single.shapes().collect(),
            Contents::Sketch(sketch) => {
                let tensors = sketch.tensors.iter();
                tensors
                    .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
                    .collect()
            }
        }
    }

    /// Tensors with values that are NaN or infinite, and how many.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn not_finite(&self) -> Result<Vec<(String, u64)>> {
        let counts: Vec<(&str, u64)> = match &self.contents {
            Contents::Weights(single) => {
                let names = single.names().into_iter();
                names
                    .zip(single.count(|value| !value.is_finite())?)
                    .collect()
            }
            Contents::Sketch(sketch) => {
                let tensors = sketch.tensors.iter();
                tensors
                    .map(|tensor| (tensor.name.as_str(), tensor.non_finite))
                    .collect()
            }
        };
        let bad = counts.into_iter().filter(|(_, count)| *count > 0);
        Ok(bad.map(|(name, count)| (name.to_owned(), count)).collect())
    }

    /// Its sketch: as it was kept, or made of the weights.
    ///
    /// # Errors
    /// When they cannot be read, or two tensors have one name.
    pub(crate) fn sketch(&self) -> Result<Cow<'_, Sketch>> {
        let single = match &self.contents {
            Contents::Sketch(sketch) => return Ok(Cow::Borrowed(sketch)),
            Contents::Weights(single) => single,
        };
        let mut sketcher = Sketcher::new(Parameters::default())?;
        for (index, (name, shape)) in single.shapes().enumerate() {
            let mut part = sketcher.tensor(name, shape);
            single.stream(index, &mut |values| part.feed(values))?;
            sketcher.add(part.finish())?;
        }
        Ok(Cow::Owned(sketcher.finish()))
    }

    /// Tensors that could not be read.
    pub(crate) fn unread(&self) -> &[Unread] {
        &self.unread
    }
}

#[cfg(test)]
impl Checkpoint {
    /// A checkpoint of vectors.
    #[allow(clippy::unwrap_used)]
    pub(crate) fn of_vectors(name: &str, tensors: &[(&str, &[f32])]) -> Self {
        let mut own = crate::source::Tensors::new();
        for (tensor, values) in tensors {
            own.add(*tensor, &[values.len()], *values).unwrap();
        }
        Self::from_source(name, Arc::new(own), &Options::default()).unwrap()
    }

    /// With a tensor of ten values that could not be read.
    pub(crate) fn with_unread(mut self, tensor: &str) -> Self {
        self.unread.push(Unread {
            checkpoint: self.name.clone(),
            tensor: tensor.to_owned(),
            dtype: "F8_E4M3".to_owned(),
            elements: Some(10),
            reason: "its type is not supported".to_owned(),
        });
        self
    }

    /// What is left of it once it was sketched.
    #[allow(clippy::unwrap_used)]
    pub(crate) fn sketched(&self) -> Self {
        Self {
            name: self.name.clone(),
            contents: Contents::Sketch(Box::new(self.sketch().unwrap().into_owned())),
            unread: self.unread.clone(),
        }
    }
}

/// The file of sketches that a path names, and which of them.
pub(crate) fn sketch_in(path: &Path) -> Option<(PathBuf, Option<String>)> {
    let text = path.to_string_lossy();
    if sketches::is_named_so(path) {
        return Some((path.to_path_buf(), None));
    }
    let (file, name) = text.split_once(".json:")?;
    let file = PathBuf::from(format!("{file}.json"));
    (!path.exists() && file.exists()).then(|| (file, Some(name.to_owned())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn coverage_counts_the_weights_that_were_read_and_names_the_others() {
        let whole = Checkpoint::of_vectors("a", &[("w", &[1.0; 30])]);
        assert!(whole.coverage().is_complete());
        let coverage = whole.with_unread("v").coverage();
        assert_eq!((coverage.weights_read, coverage.weights_in_all), (30, 40));
        assert_eq!(coverage.unread.len(), 1);
    }

    #[test]
    fn sketches_are_named_by_their_file_or_by_their_name_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.json");
        std::fs::write(&file, "").unwrap();
        assert_eq!(sketch_in(&file), Some((file.clone(), None)));
        let named = folder.path().join("kept.json:v1.pt");
        assert_eq!(sketch_in(&named), Some((file, Some("v1.pt".to_owned()))));
        assert_eq!(sketch_in(&folder.path().join("none.json:v1.pt")), None);
        assert_eq!(sketch_in(&folder.path().join("v1.pt")), None);
    }
}
