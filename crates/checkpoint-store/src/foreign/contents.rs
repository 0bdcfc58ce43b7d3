//! What a reader makes of one file.

use super::claimed::Claimed;
use super::cut::Part;
use super::metadata::Metadata;
use super::place::Place;
use super::product::Product;
use super::tensor::{ForeignTensor, LeftOut, Unread};

/// What a format's reader makes of a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tensors: Vec<Stored>,
    pub(super) unread: Vec<Raw>,
    pub(super) left_out: Vec<LeftOut>,
    /// Parts of tensors, which the files of other processes have the rest of.
    pub(super) parts: Vec<Part>,
    /// What its own fields say of its run and step.
    pub(super) claimed: Claimed,
    /// What the settings of the training in it say, which count where nothing else does.
    pub(super) settings: Claimed,
    /// Texts and numbers in it, for whoever asks what is there.
    pub(super) metadata: Metadata,
}

/// A tensor, and where its values lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) tensor: ForeignTensor,
    /// Where it lies; of one that is not whole, where its first part does.
    pub(super) place: Place,
    pub(super) made: Made,
}

/// How a tensor is made of what lies in the files.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Made {
    /// It lies at its place as it is.
    #[default]
    Whole,
    /// It was cut into these pieces, which [`tiles::arrange`](super::tiles::arrange) has looked at.
    Pieces(Vec<Piece>),
    /// It is the product of two smaller ones.
    Product(Box<Product>),
}

/// A part of a tensor: of its dimensions, or of all its values in row-major order, of which it then is
/// one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) place: Place,
    /// Where it begins along each dimension.
    pub(super) at: Vec<u64>,
    pub(super) shape: Vec<u64>,
}

/// A tensor that is not read, and where its bytes lie, if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) unread: Unread,
    pub(super) bytes: Option<RawBytes>,
}

/// Bytes of a tensor whose numbers are not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawBytes {
    pub(super) place: Place,
    /// Bytes of one element; 1 where they are not known, and the shape is then that of the bytes.
    pub(super) size: u64,
    pub(super) shape: Vec<u64>,
}

/// Why a number type is not read, for whoever asks.
pub(super) const NOT_SUPPORTED: &str = "its number type is not supported";

impl Stored {
    /// Notes in which of a checkpoint's files it lies.
    fn lies_in(&mut self, file: usize) {
        self.place.file = file;
    }

    /// The same tensor as one that is not read, for this reason.
    pub(super) fn unread(self, reason: &str) -> Raw {
        let elements = self.tensor.elements();
        let size = self.tensor.element.bytes();
        let is_whole = self.made == Made::Whole;
        Raw {
            unread: Unread {
                dtype: self.tensor.element.to_string(),
                elements: Some(elements),
                bytes: elements.checked_mul(size).filter(|_| is_whole),
                reason: reason.to_owned(),
                name: self.tensor.name,
                shape: Some(self.tensor.shape.clone()),
            },
            bytes: is_whole.then_some(RawBytes {
                place: self.place,
                size,
                shape: self.tensor.shape,
            }),
        }
    }
}

impl Contents {
    /// Notes in which of a checkpoint's files everything lies.
    pub(super) fn lies_in(&mut self, file: usize) {
        for stored in &mut self.tensors {
            stored.lies_in(file);
        }
        for part in &mut self.parts {
            part.stored.lies_in(file);
            part.file = file;
        }
        for bytes in self.unread.iter_mut().filter_map(|raw| raw.bytes.as_mut()) {
            bytes.place.file = file;
        }
    }

    /// How many tensors there are, read or not; each part of one counts.
    pub(super) fn count(&self) -> usize {
        let whole = self.tensors.len().saturating_add(self.unread.len());
        whole.saturating_add(self.parts.len())
    }

    /// The names of all tensors, read or not.
    pub(super) fn names(&mut self) -> Vec<&mut String> {
        let read = self
            .tensors
            .iter_mut()
            .map(|stored| &mut stored.tensor.name);
        let unread = self.unread.iter_mut().map(|raw| &mut raw.unread.name);
        read.chain(unread).collect()
    }
}
