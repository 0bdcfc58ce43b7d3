//! Pieces that are read as their values are asked for, and the chunks that those go into.

use crate::Result;
use crate::foreign::element::swap_bytes;
use crate::foreign::place::Order;
use crate::foreign::shape::count;
use crate::foreign::source::Source;
use crate::foreign::stored::Piece;
use crate::foreign::stream;
use crate::foreign::unpack::Bytes;
use crate::limits::{Limits, STREAM_BYTES};

/// One piece, read as its values are asked for.
pub(super) struct Pull<'a> {
    /// None where all of it is in the buffer.
    bytes: Option<Bytes<'a>>,
    /// Bytes that are neither handed over nor in the buffer.
    left: u64,
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of an element, to be turned round.
    turned: Option<u64>,
    most: usize,
}

impl<'a> Pull<'a> {
    pub(super) fn new(
        source: &'a Source,
        piece: &Piece,
        size: u64,
        most: usize,
        limits: &Limits,
    ) -> Result<Self> {
        let bytes = count(&piece.shape).unwrap_or(0).saturating_mul(size);
        if piece.place.order == Order::RowMajor {
            let step = usize::try_from(size.max(1)).unwrap_or(1);
            return Ok(Self {
                bytes: Some(Bytes::new(source, &piece.place.container)?),
                left: bytes,
                buffer: Vec::new(),
                at: 0,
                turned: piece.place.big_endian.then_some(size),
                most: most - most % step,
            });
        }
        let limit = limits.memory_for(source.len());
        if bytes > limit {
            let what = "the size in bytes of a part that is not stored in row-major order";
            return Err(source.too_large(what, bytes, limit));
        }
        let mut buffer = Vec::new();
        stream::bytes(
            source,
            &piece.place,
            (size, &piece.shape),
            limits,
            &mut |part| buffer.extend_from_slice(part),
        )?;
        Ok(Self {
            bytes: None,
            left: 0,
            buffer,
            at: 0,
            turned: None,
            most,
        })
    }

    /// Copies the next bytes. Returns whether they were the last.
    pub(super) fn copy(&mut self, mut wanted: u64, chunk: &mut Chunk<'_>) -> Result<bool> {
        while wanted > 0 {
            if self.at >= self.buffer.len() && !self.fill()? {
                break;
            }
            let there = self.buffer.len() - self.at;
            let now = usize::try_from(wanted).map_or(there, |wanted| wanted.min(there));
            chunk.push(self.buffer.get(self.at..self.at + now).unwrap_or_default());
            self.at += now;
            wanted -= now as u64;
        }
        Ok(self.left == 0 && self.at >= self.buffer.len())
    }

    fn fill(&mut self) -> Result<bool> {
        let now = usize::try_from(self.left).map_or(self.most, |left| left.min(self.most));
        let Some(bytes) = self.bytes.as_mut().filter(|_| now > 0) else {
            return Ok(false);
        };
        self.buffer.resize(now, 0);
        bytes.fill(&mut self.buffer)?;
        if let Some(size) = self.turned {
            swap_bytes(size, &mut self.buffer);
        }
        self.left -= now as u64;
        self.at = 0;
        Ok(true)
    }

    pub(super) fn finish(self) -> Result<()> {
        self.bytes.map_or(Ok(()), Bytes::finish)
    }
}

/// What is handed over next.
pub(super) struct Chunk<'s> {
    size: usize,
    words: Vec<u64>,
    /// Bytes that are there, and that there may be.
    filled: usize,
    most: usize,
    sink: &'s mut dyn FnMut(&[u64], usize),
}

impl<'s> Chunk<'s> {
    pub(super) fn new(size: u64, sink: &'s mut dyn FnMut(&[u64], usize)) -> Self {
        let size = usize::try_from(size.max(1)).unwrap_or(1);
        let most = (STREAM_BYTES - STREAM_BYTES % size).max(size);
        Self {
            size,
            words: vec![0; most.div_ceil(8)],
            filled: 0,
            most,
            sink,
        }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let now = bytes.len().min(self.most - self.filled);
            let (part, rest) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
            let stored: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
            if let Some(target) = stored.get_mut(self.filled..self.filled + part.len()) {
                target.copy_from_slice(part);
            }
            self.filled += part.len();
            bytes = rest;
            if self.filled == self.most {
                self.flush();
            }
        }
    }

    pub(super) fn flush(&mut self) {
        if self.filled > 0 {
            (self.sink)(&self.words, self.filled / self.size);
        }
        self.filled = 0;
    }
}
