//! Tensors, and where their values lie in the files.

use super::packed::Packed;
use super::place::Place;
use super::tensor::{ForeignTensor, Unread};

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
    /// Its units at its place are decoded, or moved, or shifted.
    Decoded(Box<Decoded>),
    /// Its codes and scales lie in tensors of their own.
    Packed(Box<Packed>),
}

/// Values that are not numbers of their own where they lie, or not those that are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoded {
    /// The shape of what lies there, in units: blocks of packed numbers, or single ones.
    pub(super) units: Vec<u64>,
    /// What is added to each value.
    pub(super) shift: f32,
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

/// A product of two tensors, times a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Product {
    /// (rows, rank, …), read as a matrix of so many rows.
    pub(super) up: Stored,
    /// (rank, …), read as a matrix of so many rows; none where `up` alone is what is added.
    pub(super) down: Option<Stored>,
    pub(super) rank: u64,
    pub(super) scale: f64,
    /// Whether the product is stored the other way round.
    pub(super) transposed: bool,
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
    pub(super) fn lies_in(&mut self, file: usize) {
        self.place.file = file;
        if let Made::Pieces(pieces) = &mut self.made {
            pieces.iter_mut().for_each(|piece| piece.place.file = file);
        }
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
