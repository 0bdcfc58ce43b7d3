//! Where the weights of one checkpoint lie, and reading them tensor by tensor.

use crate::error::{Error, Result};
use crate::source::{TensorSource, sides};
use checkpoint_store::foreign::{Description, Element, ForeignCheckpoint, ForeignTensor, Role};
use checkpoint_store::{Checkpoints, TensorShape};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// Where the weights of one checkpoint lie.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In files of another program, whose description was read.
    Foreign(Box<Description>),
    /// In a column of a store, with these tensors.
    Store(Arc<Checkpoints>, usize, Arc<[TensorShape]>),
    /// Wherever their owner has them.
    Own(Arc<dyn TensorSource>),
    /// They are gone; a sketch is left.
    Sketch(Arc<Sketch>),
}

impl Source {
    pub(crate) fn is_sketch(&self) -> bool {
        matches!(self, Self::Sketch(_))
    }

    /// Opens it for reading tensors of this layout.
    ///
    /// # Errors
    /// When a file cannot be read, or changed since it was listed.
    pub(crate) fn open<'a>(&'a self, layout: &'a [TensorShape]) -> Result<Reader<'a>> {
        let source: Opened<'a> = match self {
            Self::Foreign(description) => {
                Opened::Foreign(Box::new(ForeignSource::open(description)?))
            }
            Self::Store(checkpoints, column, own) => {
                Opened::Column(StoreColumn::new(checkpoints, *column, own))
            }
            Self::Own(source) => Opened::Own(source.as_ref()),
            Self::Sketch(_) => return Err(Error::SketchOnly),
        };
        let places = places(source.get().tensors(), layout);
        let places = places.ok_or_else(|| match self {
            Self::Foreign(description) => Error::Changed {
                path: description.path().to_path_buf(),
            },
            _ => Error::NoSuchTensor { index: 0 },
        })?;
        Ok(Reader {
            source,
            places,
            layout,
        })
    }

    /// What of a checkpoint its values as f32 do not show, by tensor: the bytes of tensors that could
    /// not be read, and of f64. Empty for most checkpoints.
    ///
    /// # Errors
    /// When the files cannot be read, or changed since they were listed.
    pub(crate) fn beyond_f32(&self) -> Result<BTreeMap<String, Stored>> {
        let Self::Foreign(description) = self else {
            return Ok(BTreeMap::new());
        };
        let is_wide =
            |tensor: &ForeignTensor| tensor.role == Role::Weight && tensor.element == Element::F64;
        let has_wide = description.tensors().iter().any(is_wide);
        if description.unread().is_empty() && !has_wide {
            return Ok(BTreeMap::new());
        }
        let checkpoint = description.open()?;
        let mut stored = BTreeMap::new();
        for (index, tensor) in description.unread().iter().enumerate() {
            let mut hasher = blake3::Hasher::new();
            let is_known = checkpoint.read_unread(index, &mut |bytes| {
                hasher.update(bytes);
            })?;
            let hash = is_known.then(|| hasher.finalize());
            let dtype = tensor.dtype.clone();
            stored.insert(tensor.name.clone(), Stored { dtype, hash });
        }
        let tensors = description.tensors().iter().enumerate();
        for (index, tensor) in tensors.filter(|(_, tensor)| is_wide(tensor)) {
            let mut hasher = blake3::Hasher::new();
            checkpoint.read_stored(index, &mut |bytes| {
                hasher.update(bytes);
            })?;
            let hash = Some(hasher.finalize());
            let dtype = "f64".to_owned();
            stored.insert(tensor.name.clone(), Stored { dtype, hash });
        }
        Ok(stored)
    }

    /// Its sketch: as it was kept, or made of its weights. Costs no more memory than a buffer.
    ///
    /// # Errors
    /// When the weights cannot be read.
    pub(crate) fn sketch(&self, layout: &[TensorShape]) -> Result<Sketch> {
        match self {
            Self::Sketch(sketch) => Ok(Sketch::clone(sketch)),
            _ => self.open(layout)?.sketch(),
        }
    }
}

/// A tensor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its number type, as the file names it.
    pub(crate) dtype: String,
    /// Of its bytes; none where it is not known where they lie.
    pub(crate) hash: Option<blake3::Hash>,
}

impl Stored {
    /// Whether it is known to be the same bits as another of its type; none if that cannot be told.
    pub(crate) fn is_same(&self, other: &Self) -> Option<bool> {
        let same = self.hash.zip(other.hash).map(|(own, other)| own == other);
        same.filter(|_| self.dtype == other.dtype)
    }
}

/// Where each tensor of the layout is among those of a source; none if one is missing or has
/// another shape.
fn places(own: &[TensorShape], layout: &[TensorShape]) -> Option<Vec<usize>> {
    let places: HashMap<&str, usize> = own
        .iter()
        .enumerate()
        .map(|(index, tensor)| (tensor.name.as_str(), index))
        .collect();
    let place = |wanted: &TensorShape| {
        let index = *places.get(wanted.name.as_str())?;
        (own.get(index)?.shape == wanted.shape).then_some(index)
    };
    layout.iter().map(place).collect()
}

/// A checkpoint that is open for reading.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: Opened<'a>,
    /// Indices into its tensors, in the order of the layout.
    places: Vec<usize>,
    layout: &'a [TensorShape],
}

#[derive(Debug)]
enum Opened<'a> {
    Foreign(Box<ForeignSource>),
    Column(StoreColumn<'a>),
    Own(&'a dyn TensorSource),
}

impl Opened<'_> {
    fn get(&self) -> &dyn TensorSource {
        match self {
            Self::Foreign(source) => source.as_ref(),
            Self::Column(source) => source,
            Self::Own(source) => *source,
        }
    }
}

impl Reader<'_> {
    /// Streams the values of a tensor of the layout, row-major.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&self, tensor: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let place = self.places.get(tensor);
        let place = place.ok_or(Error::NoSuchTensor { index: tensor })?;
        self.source.get().read(*place, sink)
    }

    /// Sketches all tensors of the layout.
    ///
    /// # Errors
    /// When they cannot be read, or two have one name.
    pub(crate) fn sketch(&self) -> Result<Sketch> {
        let mut sketcher = Sketcher::new(Parameters::default())?;
        for (index, tensor) in self.layout.iter().enumerate() {
            let mut part = sketcher.tensor(&tensor.name, &sides(tensor)?);
            self.read(index, &mut |values| part.feed(values))?;
            sketcher.add(part.finish())?;
        }
        Ok(sketcher.finish())
    }
}

/// The weights of a foreign checkpoint.
#[derive(Debug)]
struct ForeignSource {
    checkpoint: ForeignCheckpoint,
    weights: Vec<TensorShape>,
    /// Where each is among the tensors of the checkpoint.
    places: Vec<usize>,
}

impl ForeignSource {
    fn open(description: &Description) -> Result<Self> {
        let (places, weights) = weights(description).unzip();
        Ok(Self {
            checkpoint: description.open()?,
            weights,
            places,
        })
    }
}

/// The weights among the tensors of a checkpoint, with their places.
pub(crate) fn weights(description: &Description) -> impl Iterator<Item = (usize, TensorShape)> {
    let tensors = description.tensors().iter().enumerate();
    tensors
        .filter(|(_, tensor)| tensor.role == Role::Weight)
        .map(|(place, tensor)| {
            let shape = TensorShape::new(tensor.name.clone(), tensor.shape.clone());
            (place, shape)
        })
}

impl TensorSource for ForeignSource {
    fn tensors(&self) -> &[TensorShape] {
        &self.weights
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        // One that is not there is refused by the checkpoint.
        let place = self.places.get(index).copied().unwrap_or(usize::MAX);
        Ok(self.checkpoint.read(place, sink)?)
    }
}

/// A column of a store, where it is: mapped, if the store is.
#[derive(Debug)]
struct StoreColumn<'a> {
    layout: &'a [TensorShape],
    /// Where each tensor is in the column.
    ranges: Vec<Range<usize>>,
    checkpoints: &'a Checkpoints,
    column: usize,
}

impl<'a> StoreColumn<'a> {
    fn new(checkpoints: &'a Checkpoints, column: usize, layout: &'a [TensorShape]) -> Self {
        let mut end = 0_usize;
        let ranges = layout.iter().map(|tensor| {
            let length = usize::try_from(super::elements(tensor)).unwrap_or(usize::MAX);
            let start = end;
            end = start.saturating_add(length);
            start..end
        });
        Self {
            ranges: ranges.collect(),
            layout,
            checkpoints,
            column,
        }
    }
}

impl TensorSource for StoreColumn<'_> {
    fn tensors(&self) -> &[TensorShape] {
        self.layout
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let matrix = self.checkpoints.matrix();
        let column = matrix.column(self.column);
        let range = self.ranges.get(index).cloned();
        let values = range.and_then(|range| column.as_slice().get(range));
        let values = values.ok_or(Error::NoSuchTensor { index })?;
        if !values.is_empty() {
            sink(values);
        }
        Ok(())
    }
}
