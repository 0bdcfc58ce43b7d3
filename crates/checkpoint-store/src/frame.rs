//! The bytes of one file: preamble, header, padding, weights, digest.
//!
//! docs/format.md has the table of offsets. Nothing here touches a file, nor does `preamble`,
//! which reads what this writes: all of it can be tested and fuzzed without a disk.

use std::ops::Range;

use blake3::{Hash, Hasher};

use crate::error::{Error, Result};
use crate::limits::{MAX_CHECKPOINTS, WEIGHTS_ALIGNMENT};

#[cfg(target_endian = "big")]
compile_error!("weights are mapped as little-endian f32, so a big-endian machine cannot read them");

/// The version of the format that this crate writes, and the latest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first eight bytes of every file. Not text, and broken by anything that converts line ends.
pub(crate) const MAGIC: [u8; 8] = *b"\x89MTW\r\n\x1a\n";

/// Bytes before the header.
pub(crate) const PREAMBLE_BYTES: usize = 96;

/// Bytes of the preamble that the header's digest covers besides the header: all before itself.
pub(crate) const PREAMBLE_HASHED: usize = 64;

/// Bytes after the weights.
pub(crate) const DIGEST_BYTES: usize = 32;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The recipe and layout that a store was created with; no weights.
    Description = 1,
    /// Checkpoints.
    Segment = 2,
    /// The state from which a training goes on.
    State = 3,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Description => "store description",
            Self::Segment => "segment",
            Self::State => "training state",
        }
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        [Self::Description, Self::Segment, Self::State]
            .into_iter()
            .find(|&kind| kind as u32 == code)
    }
}

/// A file about to be written: everything but the weights, and where the weights are.
///
/// Building one reads all weights once, for the digest; they are never copied.
pub(crate) struct Frame<'a> {
    /// Preamble, header and padding.
    front: Vec<u8>,
    weights: Vec<&'a [f32]>,
    digest: Hash,
}

impl<'a> Frame<'a> {
    /// A frame of `rows` parameters by as many columns as `weights` hold, piece after piece.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the file's length exceeds a `u64`, [`Error::Invalid`] if the weights
    /// are no whole number of columns.
    pub(crate) fn new(
        kind: Kind,
        header: &[u8],
        rows: u64,
        weights: Vec<&'a [f32]>,
    ) -> Result<Self> {
        let values: u64 = weights.iter().map(|piece| piece.len() as u64).sum();
        if rows == 0 || !values.is_multiple_of(rows) {
            return Err(Error::invalid(format!(
                "{values} weights are no whole number of columns of {rows} parameters"
            )));
        }
        let columns = values / rows;
        if columns > MAX_CHECKPOINTS {
            return Err(Error::TooLarge {
                what: "the number of columns in a file",
                found: columns,
                limit: MAX_CHECKPOINTS,
            });
        }
        let extent = Extent::new(header.len() as u64, rows, columns).ok_or(Error::TooLarge {
            what: "the number of weights in a file",
            found: values,
            limit: u64::MAX / 8,
        })?;

        let mut front = Vec::with_capacity(usize::try_from(extent.weights.start).unwrap_or(0));
        front.extend_from_slice(&MAGIC);
        front.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        front.extend_from_slice(&(kind as u32).to_le_bytes());
        for field in [
            header.len() as u64,
            extent.weights.start,
            rows,
            columns,
            extent.file,
            0,
        ] {
            front.extend_from_slice(&field.to_le_bytes());
        }
        let header_digest = hash_header(&front, header);
        front.extend_from_slice(header_digest.as_bytes());
        front.extend_from_slice(header);
        front.resize(front.len().next_multiple_of(WEIGHTS_ALIGNMENT as usize), 0);

        let mut hasher = Hasher::new();
        hasher.update(&front);
        for piece in &weights {
            hasher.update(bytemuck::cast_slice(piece));
        }
        Ok(Self {
            front,
            weights,
            digest: hasher.finalize(),
        })
    }

    /// The BLAKE3 of everything before it.
    pub(crate) fn digest(&self) -> Hash {
        self.digest
    }

    /// The bytes of the file, in order, in pieces that are never copied together.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.front.as_slice())
            .chain(self.weights.iter().map(|piece| bytemuck::cast_slice(piece)))
            .chain(std::iter::once(self.digest.as_bytes().as_slice()))
    }
}

/// Where the parts of a file begin and end.
pub(crate) struct Extent {
    pub(crate) header: Range<u64>,
    pub(crate) weights: Range<u64>,
    pub(crate) file: u64,
}

impl Extent {
    /// `None` if a length exceeds a `u64`.
    pub(crate) fn new(header_bytes: u64, rows: u64, columns: u64) -> Option<Self> {
        let start = PREAMBLE_BYTES as u64;
        let header = start..start.checked_add(header_bytes)?;
        let begin = header.end.checked_next_multiple_of(WEIGHTS_ALIGNMENT)?;
        let bytes = rows
            .checked_mul(columns)?
            .checked_mul(size_of::<f32>() as u64)?;
        let weights = begin..begin.checked_add(bytes)?;
        let file = weights.end.checked_add(DIGEST_BYTES as u64)?;
        Some(Self {
            header,
            weights,
            file,
        })
    }
}

/// The digest of a header and of the preamble before that digest.
pub(crate) fn hash_header(preamble: &[u8], header: &[u8]) -> Hash {
    let mut hasher = Hasher::new();
    hasher.update(&preamble[..PREAMBLE_HASHED]).update(header);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_column_is_refused() {
        assert!(Frame::new(Kind::Segment, b"", 4, vec![&[0.0; 6]]).is_err());
        assert!(Frame::new(Kind::Segment, b"", 0, vec![]).is_err());
    }
}
