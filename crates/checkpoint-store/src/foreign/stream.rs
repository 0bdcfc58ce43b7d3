//! Streaming the values of a tensor: as f32, or as they are stored.

use super::element::widened::widen;
use super::element::{Element, swap_bytes};
use super::place::{Order, Place};
use super::shape::{count, span};
use super::source::Source;
use super::unpack::Bytes;
use crate::Result;
use crate::limits::{Limits, STREAM_BYTES};

/// What words of an element's are as f32, in the slices in which they come.
pub(super) struct Widened {
    element: Element,
    values: Vec<f32>,
}

impl Widened {
    pub(super) fn new(element: Element) -> Self {
        Self {
            element,
            values: Vec::new(),
        }
    }

    /// Hands over so many values.
    pub(super) fn hand(&mut self, words: &[u64], count: usize, sink: &mut dyn FnMut(&[f32])) {
        if self.element == Element::F32 {
            // What is stored is what is wanted, without a copy.
            let values: &[f32] = bytemuck::cast_slice(words);
            return sink(values.get(..count).unwrap_or_default());
        }
        if self.values.len() < count {
            self.values.resize(count, 0.0);
        }
        let values = self.values.get_mut(..count).unwrap_or_default();
        widen(self.element, words, values);
        sink(values);
    }
}

/// Streams the bytes of a tensor as they are stored, but little-endian and in row-major order. Its
/// elements take so many bytes each.
pub(super) fn bytes(
    source: &Source,
    place: &Place,
    (size, shape): (u64, &[u64]),
    limits: &Limits,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let in_bytes = usize::try_from(size).unwrap_or(1);
    chunks(source, place, (size, shape), limits, &mut |words, count| {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        sink(bytes.get(..count * in_bytes).unwrap_or_default());
    })
}

/// Hands over words that hold so many elements of a tensor, little-endian, chunk by chunk: at most
/// [`STREAM_BYTES`] as stored.
///
/// A tensor in another order is read whole first, within [`Limits::memory_for`] its file.
pub(super) fn chunks(
    source: &Source,
    place: &Place,
    (size, shape): (u64, &[u64]),
    limits: &Limits,
    sink: &mut dyn FnMut(&[u64], usize),
) -> Result<()> {
    let mut bytes = Bytes::new(source, &place.container)?;
    let mut chunks = Chunks::new(size, count(shape).unwrap_or(u64::MAX));
    match &place.order {
        Order::RowMajor => {
            while let Some(stored) = chunks.next() {
                bytes.fill(stored)?;
                if place.big_endian {
                    swap_bytes(size, stored);
                }
                sink(&chunks.words, chunks.now);
            }
        }
        Order::Strided(strides) => {
            let whole = span(shape, strides)
                .and_then(|span| span.checked_mul(size))
                .unwrap_or(u64::MAX);
            let limit = limits.memory_for(source.len());
            if whole > limit {
                return Err(source.too_large(
                    "the size in bytes of a tensor that is not stored in row-major order",
                    whole,
                    limit,
                ));
            }
            let mut stored = vec![0_u8; usize::try_from(whole).unwrap_or(usize::MAX)];
            bytes.fill(&mut stored)?;
            if place.big_endian {
                swap_bytes(size, &mut stored);
            }
            let size = usize::try_from(size).unwrap_or(1);
            let mut positions = Positions::new(shape, strides);
            while let Some(targets) = chunks.next() {
                for target in targets.chunks_exact_mut(size) {
                    let start = positions.advance().saturating_mul(size);
                    // Always inside: the span covers the last position.
                    if let Some(value) = stored.get(start..start.saturating_add(size)) {
                        target.copy_from_slice(value);
                    }
                }
                sink(&chunks.words, chunks.now);
            }
        }
    }
    bytes.finish()
}

/// The reusable buffer between a file and a sink.
struct Chunks {
    /// Bytes of an element, at least one.
    size: u64,
    /// Elements not yet handed over.
    left: u64,
    /// Elements of the chunk at hand.
    now: usize,
    words: Vec<u64>,
}

impl Chunks {
    fn new(size: u64, count: u64) -> Self {
        let size = size.max(1);
        let most = (STREAM_BYTES as u64 / size).max(1).min(count);
        let most = usize::try_from(most).unwrap_or(STREAM_BYTES);
        Self {
            size,
            left: count,
            now: 0,
            words: vec![0; (most * size as usize).div_ceil(8)],
        }
    }

    /// The bytes of the next chunk, to be filled; none after the last one.
    fn next(&mut self) -> Option<&mut [u8]> {
        let size = self.size as usize;
        let most = self.words.len() * 8 / size;
        self.now = usize::try_from(self.left).map_or(most, |left| left.min(most));
        self.left -= self.now as u64;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        bytes
            .get_mut(..self.now * size)
            .filter(|bytes| !bytes.is_empty())
    }
}

/// The positions of a strided tensor's elements, in row-major order.
struct Positions<'a> {
    shape: &'a [u64],
    strides: &'a [u64],
    index: Vec<u64>,
    position: u64,
}

impl<'a> Positions<'a> {
    fn new(shape: &'a [u64], strides: &'a [u64]) -> Self {
        Self {
            shape,
            strides,
            index: vec![0; shape.len()],
            position: 0,
        }
    }

    /// The position at hand, in elements; moves on to the next one.
    fn advance(&mut self) -> usize {
        let position = self.position;
        let dimensions = self.index.iter_mut().zip(self.shape).zip(self.strides);
        for ((index, &size), &stride) in dimensions.rev() {
            *index += 1;
            self.position = self.position.wrapping_add(stride);
            if *index < size {
                break;
            }
            *index = 0;
            self.position = self.position.wrapping_sub(stride.wrapping_mul(size));
        }
        usize::try_from(position).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_strides() {
        let mut positions = Positions::new(&[2, 3], &[1, 2]);
        let all: Vec<usize> = (0..6).map(|_| positions.advance()).collect();
        assert_eq!(all, [0, 2, 4, 1, 3, 5]);
    }
}
