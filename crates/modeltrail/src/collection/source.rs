//! Where the weights of one checkpoint lie, and reading them tensor by tensor.

use super::layout::elements;
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::mapping::{View, hash_of};
use crate::source::{TensorSource, Tensors, sides};
use checkpoint_store::foreign::{Description, Element, ForeignCheckpoint, ForeignTensor, Role};
use checkpoint_store::{Checkpoints, TensorShape};
use rayon::prelude::*;
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
    /// In one of these, shown with other names and shapes.
    Mapped(Arc<View>, Box<Source>),
}

impl Source {
    pub(crate) fn is_sketch(&self) -> bool {
        matches!(self, Self::Sketch(_))
    }

    /// How it is shown, if that is not as it is stored.
    pub(crate) fn view(&self) -> Option<&Arc<View>> {
        match self {
            Self::Mapped(view, _) => Some(view),
            _ => None,
        }
    }

    /// Opens it for reading tensors of this layout, for whoever keeps it open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn shared(self, layout: &[TensorShape]) -> Result<Arc<dyn TensorSource>> {
        if let Self::Own(source) = &self
            && source.tensors() == layout
        {
            return Ok(Arc::clone(source));
        }
        if let Self::Foreign(description) = &self {
            let source = ForeignSource::open(description)?;
            return Ok(Arc::new(source.with(layout).ok_or_else(|| {
                Error::Changed {
                    path: description.path().to_path_buf(),
                }
            })?));
        }
        // Others are small, or already in memory.
        let reader = self.open(layout)?;
        let mut tensors = Tensors::new();
        for (index, tensor) in layout.iter().enumerate() {
            let mut values = Vec::new();
            reader.read(index, &mut |part| values.extend_from_slice(part))?;
            tensors.add(tensor.name.as_str(), &sides(tensor)?, values)?;
        }
        Ok(Arc::new(tensors))
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
            Self::Mapped(view, inner) => Opened::Mapped(Box::new(MappedSource {
                inner: inner.open(view.own())?,
                view,
            })),
            Self::Sketch(_) => return Err(Error::SketchOnly),
        };
        let places = places(source.get().tensors(), layout);
        let stored = match self {
            Self::Mapped(_, inner) => inner.as_ref(),
            other => other,
        };
        let places = places.ok_or_else(|| match stored {
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
    /// not be read, and of those of f64 with numbers that no f32 is. Empty for most checkpoints.
    ///
    /// # Errors
    /// When the files cannot be read, or changed since they were listed.
    pub(crate) fn beyond_f32(&self) -> Result<BTreeMap<String, Stored>> {
        let description = match self {
            Self::Foreign(description) => description,
            Self::Mapped(view, inner) => return Ok(view.stored(inner.beyond_f32()?)),
            _ => return Ok(BTreeMap::new()),
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
            let one = Stored {
                dtype: tensor.dtype.clone(),
                hash,
                is_unread: true,
            };
            stored.insert(tensor.name.clone(), one);
        }
        let tensors = description.tensors().iter().enumerate();
        for (index, tensor) in tensors.filter(|(_, tensor)| is_wide(tensor)) {
            let mut hasher = blake3::Hasher::new();
            let mut has_more = false;
            checkpoint.read_stored(index, &mut |bytes| {
                hasher.update(bytes);
                has_more |= has_more_digits(bytes);
            })?;
            if has_more {
                let hash = Some(hasher.finalize());
                let one = Stored {
                    dtype: "f64".to_owned(),
                    hash,
                    is_unread: false,
                };
                stored.insert(tensor.name.clone(), one);
            }
        }
        Ok(stored)
    }

    /// Its sketch: as it was kept, or made of its weights. Costs no more memory than a buffer.
    ///
    /// # Errors
    /// When the weights cannot be read.
    pub(crate) fn sketch(&self, layout: &[TensorShape], parameters: Parameters) -> Result<Sketch> {
        match self {
            Self::Sketch(sketch) => Ok(Sketch::clone(sketch)),
            _ => self.open(layout)?.sketch(parameters),
        }
    }
}

/// Whether some of these numbers of f64, little-endian, are no f32.
fn has_more_digits(bytes: &[u8]) -> bool {
    let (numbers, rest) = bytes.as_chunks::<8>();
    !rest.is_empty()
        || numbers.iter().any(|bytes| {
            let number = f64::from_le_bytes(*bytes);
            f64::from(number as f32).to_bits() != number.to_bits() && !number.is_nan()
        })
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

/// Tensors whose sketches are held until they are added up.
const AT_ONCE: usize = 64;

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
    Mapped(Box<MappedSource<'a>>),
}

impl Opened<'_> {
    fn get(&self) -> &dyn TensorSource {
        match self {
            Self::Foreign(source) => source.as_ref(),
            Self::Column(source) => source,
            Self::Own(source) => *source,
            Self::Mapped(source) => source.as_ref(),
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

    /// What it stores and does not show with the tensors of the layout, as hashes by name, with the
    /// number of weights. A tensor that is another one of the checkpoint again is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn beside(&self) -> Result<Vec<(String, blake3::Hash)>> {
        let Opened::Mapped(mapped) = &self.source else {
            return Ok(Vec::new());
        };
        let mut beside = Vec::new();
        for (place, tensor) in mapped.view.beside() {
            let hash = hash_of(&mapped.inner, place)?;
            let same = mapped.view.tie(place);
            let same = same.map(|same| hash_of(&mapped.inner, same)).transpose()?;
            if same != Some(hash) {
                beside.push((tensor.name.clone(), hash));
            }
        }
        Ok(beside)
    }

    /// Sketches all tensors of the layout, several at a time.
    ///
    /// # Errors
    /// When they cannot be read, or two have one name.
    pub(crate) fn sketch(&self, parameters: Parameters) -> Result<Sketch> {
        let mut sketcher = Sketcher::new(parameters)?;
        let tensors: Vec<(usize, &TensorShape)> = self.layout.iter().enumerate().collect();
        for some in tensors.chunks(AT_ONCE) {
            let parts = some.par_iter().with_max_len(1).map(|(index, tensor)| {
                let mut part = sketcher.tensor(&tensor.name, &sides(tensor)?);
                self.read(*index, &mut |values| part.feed(values))?;
                Ok(part.finish())
            });
            // Always added in one order.
            for part in parts.collect::<Result<Vec<_>>>()? {
                sketcher.add(part)?;
            }
        }
        Ok(sketcher.finish())
    }
}

impl TensorSource for Reader<'_> {
    fn tensors(&self) -> &[TensorShape] {
        self.layout
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        Reader::read(self, index, sink)
    }

    fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let place = self.places.get(index);
        let place = place.ok_or(Error::NoSuchTensor { index })?;
        self.source.get().read_range(*place, range, sink)
    }
}

/// A checkpoint that is shown with other names and shapes.
#[derive(Debug)]
struct MappedSource<'a> {
    inner: Reader<'a>,
    view: &'a View,
}

impl TensorSource for MappedSource<'_> {
    fn tensors(&self) -> &[TensorShape] {
        self.view.layout()
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        self.view.read(index, &self.inner, sink)
    }

    fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        self.view.read_range(index, &self.inner, range, sink)
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

    /// With only the tensors of this layout, in its order; none if one is not there.
    fn with(self, layout: &[TensorShape]) -> Option<Self> {
        let places = places(&self.weights, layout)?;
        let places = places
            .into_iter()
            .map(|place| self.places.get(place).copied());
        Some(Self {
            places: places.collect::<Option<Vec<_>>>()?,
            weights: layout.to_vec(),
            ..self
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

    fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let place = self.places.get(index).copied().unwrap_or(usize::MAX);
        Ok(self.checkpoint.read_range(place, range, sink)?)
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
            let length = usize::try_from(elements(tensor)).unwrap_or(usize::MAX);
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
