//! One foreign checkpoint, open for reading.

use std::ops::Range;
use std::path::Path;

use super::adapter::Adapter;
use super::claimed::Claimed;
use super::description::Description;
use super::element::Element;
use super::format::Format;
use super::found::Found;
use super::place::Place;
use super::product;
use super::shape::count;
use super::source::Source;
use super::stored::{Made, Stored};
use super::stream::{self, Widened};
use super::tensor::{ForeignTensor, LeftOut, Unread};
use super::tiles;
use crate::files;
use crate::limits::Limits;
use crate::{Error, Result};

/// A foreign checkpoint: its tensors described, its values ready to be streamed.
///
/// It holds its files open, and shares freely between threads: every read brings its own buffer.
#[derive(Debug)]
pub struct ForeignCheckpoint {
    description: Description,
    sources: Vec<Source>,
}

/// A tensor, and where its values lie.
struct Laid<'a> {
    element: Element,
    shape: &'a [u64],
    place: &'a Place,
    made: &'a Made,
}

impl Found {
    /// Reads what the checkpoint holds, and closes its files again.
    ///
    /// Costs one pass over the headers; values are not touched. Memory stays within 64 MiB plus
    /// four times the size of the files, whatever they hold.
    ///
    /// # Errors
    /// [`Error::Foreign`] with what is wrong with the file and the way out; [`Error::Io`].
    pub fn describe(&self, limits: &Limits) -> Result<Description> {
        Ok(self.read(limits)?.0)
    }

    fn read(&self, limits: &Limits) -> Result<(Description, Vec<Source>)> {
        let read = Description::read(self, limits);
        if read.is_err() {
            self.files.iter().for_each(|file| files::confirm(file));
        }
        // Whatever a reader made of what did not come, that is what happened.
        match files::failure(&self.path) {
            Some(error) => Err(error),
            None => read,
        }
    }
}

impl Description {
    /// Opens the files for reading values. They are not parsed again; only that they are still
    /// the same, by their lengths and the times of their last changes, is looked at.
    ///
    /// # Errors
    /// [`Fault::Changed`](crate::Fault::Changed) if a file is another one by now; [`Error::Io`].
    pub fn open(&self) -> Result<ForeignCheckpoint> {
        let sources: Result<_> = self.files.iter().map(|file| file.reopen()).collect();
        Ok(ForeignCheckpoint {
            sources: sources?,
            description: self.clone(),
        })
    }
}

impl ForeignCheckpoint {
    /// Opens a checkpoint that [`discover`](super::discover) found: reads its description, and
    /// keeps its files open.
    ///
    /// # Errors
    /// As [`Found::describe`].
    pub fn open(found: &Found, limits: &Limits) -> Result<Self> {
        let (description, sources) = found.read(limits)?;
        Ok(Self {
            description,
            sources,
        })
    }

    /// What it holds, to be kept while the files are closed.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The path it was found at.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.description.path()
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.description.format()
    }

    /// Its tensors: see [`Description::tensors`].
    #[must_use]
    pub fn tensors(&self) -> &[ForeignTensor] {
        self.description.tensors()
    }

    /// Its tensors that cannot be read: see [`Description::unread`].
    #[must_use]
    pub fn unread(&self) -> &[Unread] {
        self.description.unread()
    }

    /// What else the files hold: see [`Description::left_out`].
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        self.description.left_out()
    }

    /// What it is to the model that it changes, if it is an adapter: see [`Description::adapter`].
    #[must_use]
    pub fn adapter(&self) -> Option<&Adapter> {
        self.description.adapter()
    }

    /// What it says of its run and step: see [`Description::claimed`].
    #[must_use]
    pub fn claimed(&self) -> &Claimed {
        self.description.claimed()
    }

    /// Streams the values of the tensor at this index of [`tensors`](Self::tensors): f32, in
    /// row-major order, in slices of at most 262,144 values, none of them empty.
    ///
    /// f32, f16, bf16 and floats of eight bits come exactly as they are stored; f64 and integers
    /// are rounded to the nearest f32, and booleans are 0 and 1. Packed weights come as their program
    /// unpacks them. What was read before an error was
    /// handed over.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the file changed or does not hold what it said; [`Error::Invalid`] if
    /// there is no such tensor; [`Error::Io`].
    pub fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        self.values(&self.tensor(index)?, sink)
    }

    /// As [`read`](Self::read), but only the values at these places of the row-major order. What lies
    /// uncompressed in a file is read from there on; of everything else what stands before is read too,
    /// and passed over.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let tensor = self.tensor(index)?;
        let is_there = range.end <= count(tensor.shape).unwrap_or_default();
        let before = range.start.checked_mul(tensor.element.bytes());
        let place = before.and_then(|before| tensor.place.after(before));
        if let (Some(place), Made::Whole, true) = (place, tensor.made, is_there) {
            let part = Laid {
                shape: &[range.end.saturating_sub(range.start)],
                place: &place,
                ..tensor
            };
            return self.values(&part, sink);
        }
        let mut at = 0_u64;
        self.values(&tensor, &mut |values| {
            let end = at.saturating_add(values.len() as u64);
            let from = range.start.clamp(at, end) - at;
            let to = range.end.clamp(at, end) - at;
            at = end;
            if let Some(part) = values.get(from as usize..to as usize)
                && !part.is_empty()
            {
                sink(part);
            }
        })
    }

    /// Streams the bytes of the tensor at this index of [`tensors`](Self::tensors) as they are
    /// stored, but little-endian and in row-major order: what tells apart values that round to the
    /// same f32. Packed weights come as the f32 that they mean. Slices have at most 262,144 values, and
    /// hold whole elements.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_stored(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let tensor = self.tensor(index)?;
        let is_made = match tensor.made {
            Made::Product(_) | Made::Packed(_) => true,
            Made::Decoded(decoded) => decoded.is_other(tensor.element),
            Made::Whole | Made::Pieces(_) => false,
        };
        if is_made {
            return self.values(&tensor, &mut |values| sink(bytemuck::cast_slice(values)));
        }
        let size = usize::try_from(tensor.element.bytes()).unwrap_or(1);
        self.words(&tensor, &mut |words, count| {
            let bytes: &[u8] = bytemuck::cast_slice(words);
            sink(bytes.get(..count * size).unwrap_or_default());
        })
    }

    /// Streams the bytes of the tensor at this index of [`unread`](Self::unread) as they are
    /// stored, so that two of the same type can be compared bit for bit. Returns false where it is
    /// not known where they lie: [`Unread::bytes`] is then none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_unread(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let raw = &self.description.table.raw;
        let bytes = raw
            .get(index)
            .ok_or_else(|| self.no_such(index, raw.len()))?;
        let Some(bytes) = bytes else {
            return Ok(false);
        };
        let source = self.source(bytes.place.file)?;
        let numbers = (bytes.size, bytes.shape.as_slice());
        let limits = &self.description.limits;
        self.sound(stream::bytes(source, &bytes.place, numbers, limits, sink))?;
        Ok(true)
    }

    /// What is known of the tensor at this index.
    fn tensor(&self, index: usize) -> Result<Laid<'_>> {
        let table = &self.description.table;
        let tensor = table.tensors.get(index).zip(table.places.get(index));
        let (tensor, place) = tensor.ok_or_else(|| self.no_such(index, table.tensors.len()))?;
        Ok(Laid {
            element: tensor.element,
            shape: &tensor.shape,
            place,
            made: table.made.get(&index).unwrap_or(&Made::Whole),
        })
    }

    /// What came of reading; whatever a reader made of bytes that did not come, that is what happened.
    fn sound<T>(&self, read: Result<T>) -> Result<T> {
        read.map_err(|error| files::failure(self.path()).unwrap_or(error))
    }

    /// Streams values as f32, row-major.
    fn values(&self, tensor: &Laid<'_>, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        self.sound(self.unchecked_values(tensor, sink))
    }

    fn unchecked_values(&self, tensor: &Laid<'_>, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        if let Made::Product(product) = tensor.made {
            let up = self.whole(&product.up)?;
            let down = product.down.as_ref().map(|down| self.whole(down));
            product::stream(product, &up, down.transpose()?.as_deref(), sink);
            return Ok(());
        }
        if let Made::Packed(packed) = tensor.made {
            return packed.stream(&self.sources, &self.description.limits, sink);
        }
        if let Made::Decoded(decoded) = tensor.made {
            let source = self.source(tensor.place.file)?;
            let limits = &self.description.limits;
            return decoded.stream(source, (tensor.place, tensor.element), limits, sink);
        }
        let mut widened = Widened::new(tensor.element);
        self.words(tensor, &mut |words, count| widened.hand(words, count, sink))
    }

    /// Streams the words that hold the elements of what is no product.
    fn words(&self, tensor: &Laid<'_>, sink: &mut dyn FnMut(&[u64], usize)) -> Result<()> {
        self.sound(self.unchecked_words(tensor, sink))
    }

    fn unchecked_words(
        &self,
        tensor: &Laid<'_>,
        sink: &mut dyn FnMut(&[u64], usize),
    ) -> Result<()> {
        let limits = &self.description.limits;
        let size = tensor.element.bytes();
        match tensor.made {
            Made::Pieces(pieces) => {
                // Pieces of its dimensions, or runs of its values.
                let all = [count(tensor.shape).unwrap_or(u64::MAX)];
                let is_flat = pieces
                    .first()
                    .is_some_and(|piece| piece.at.len() != tensor.shape.len());
                let shape = if is_flat { &all } else { tensor.shape };
                tiles::stream(&self.sources, pieces, (size, shape), limits, sink)
            }
            Made::Decoded(decoded) => {
                let source = self.source(tensor.place.file)?;
                let numbers = (size, decoded.units.as_slice());
                stream::chunks(source, tensor.place, numbers, limits, sink)
            }
            Made::Whole | Made::Product(_) | Made::Packed(_) => {
                let source = self.source(tensor.place.file)?;
                stream::chunks(source, tensor.place, (size, tensor.shape), limits, sink)
            }
        }
    }

    /// A factor of a product, in memory.
    fn whole(&self, factor: &Stored) -> Result<Vec<f32>> {
        let source = self.source(factor.place.file)?;
        let elements = factor.tensor.elements();
        let bytes = elements.saturating_mul(4);
        let limit = self.description.limits.memory_for(source.len());
        if bytes > limit {
            let what = "the size in bytes of a factor of a change";
            return Err(source.too_large(what, bytes, limit));
        }
        let mut all = Vec::new();
        let laid = Laid {
            element: factor.tensor.element,
            shape: &factor.tensor.shape,
            place: &factor.place,
            made: &factor.made,
        };
        self.values(&laid, &mut |values| all.extend_from_slice(values))?;
        Ok(all)
    }

    fn source(&self, file: usize) -> Result<&Source> {
        let source = self.sources.get(file);
        source.ok_or_else(|| Error::invalid("a tensor lies in a file that is not open"))
    }

    fn no_such(&self, index: usize, of: usize) -> Error {
        let path = self.path().display();
        Error::invalid(format!("there is no tensor {index} of {of} in {path}"))
    }
}
