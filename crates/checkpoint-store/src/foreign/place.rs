//! Where the values of a tensor lie in a file, and streaming them from there.

use super::archive::Entry;
use super::element::{Element, swap_bytes, widen};
use super::source::Source;
use super::unpack::Bytes;
use crate::Result;
use crate::limits::{Limits, STREAM_BYTES};

/// Where the values of one tensor lie.
///
/// Whoever makes one has checked that it lies inside its file.
#[derive(Debug)]
pub(super) struct Place {
    /// Which of the checkpoint's files, by index; whoever opens several sets it.
    pub(super) file: usize,
    pub(super) container: Container,
    pub(super) order: Order,
    pub(super) big_endian: bool,
}

/// What the values lie in.
#[derive(Debug)]
pub(super) enum Container {
    /// The file itself: the values begin at this byte.
    File { offset: u64 },
    /// An entry of a zip archive, stored or deflated: the values begin at this byte of what it
    /// unpacks to, and end with it.
    Entry { entry: Entry, skip: u64 },
}

/// In which order the values lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The last index is the fastest.
    RowMajor,
    /// The distance of neighbours along each dimension, in elements.
    Strided(Box<[u64]>),
}

impl Order {
    /// The order with these strides, in elements; row-major if it is that.
    pub(super) fn of_strides(shape: &[u64], strides: &[u64]) -> Self {
        let mut expected = 1_u64;
        let mut row_major = true;
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            // Along a dimension of one there are no neighbours.
            if size == 1 {
                continue;
            }
            row_major &= stride == expected;
            expected = expected.saturating_mul(size);
        }
        if row_major || shape.contains(&0) {
            Self::RowMajor
        } else {
            Self::Strided(strides.into())
        }
    }

    /// Column-major order, as Fortran has it.
    pub(super) fn column_major(shape: &[u64]) -> Self {
        let strides: Vec<u64> = shape
            .iter()
            .scan(1_u64, |product, &size| {
                let stride = *product;
                *product = product.saturating_mul(size);
                Some(stride)
            })
            .collect();
        Self::of_strides(shape, &strides)
    }
}

/// The number of elements of a shape, if it fits into 64 bits.
pub(super) fn count(shape: &[u64]) -> Option<u64> {
    // A zero anywhere makes it zero, whatever the rest multiplies to.
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))
}

/// The number of elements from the first to the last one of a strided tensor, both included, if
/// it fits into 64 bits.
pub(super) fn span(shape: &[u64], strides: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .zip(strides)
        .try_fold(1_u64, |span, (&size, &stride)| {
            span.checked_add((size - 1).checked_mul(stride)?)
        })
}

/// Streams the values of a tensor, as f32 in row-major order, in chunks of at most
/// [`STREAM_BYTES`] as stored.
///
/// A tensor in another order is read whole first, within [`Limits::memory_for`] its file.
pub(super) fn stream(
    source: &Source,
    place: &Place,
    (element, shape): (Element, &[u64]),
    limits: &Limits,
    sink: &mut dyn FnMut(&[f32]),
) -> Result<()> {
    let size = element.bytes();
    if size == 0 || matches!(element, Element::Other { .. }) {
        return Err(source.unsupported(
            "this tensor holds numbers of a kind that is not read",
            "Save it as float32 to have it read",
        ));
    }
    let mut bytes = Bytes::new(source, &place.container)?;
    let count = count(shape).unwrap_or(u64::MAX);
    let mut chunks = Chunks::new(element, count);
    match &place.order {
        Order::RowMajor => {
            while let Some(words) = chunks.next_words() {
                bytes.fill(words)?;
                if place.big_endian {
                    swap_bytes(size, words);
                }
                chunks.emit(sink);
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
            while let Some(words) = chunks.next_words() {
                for target in words.chunks_exact_mut(size) {
                    let start = positions.advance().saturating_mul(size);
                    // Always inside: the span covers the last position.
                    if let Some(value) = stored.get(start..start.saturating_add(size)) {
                        target.copy_from_slice(value);
                    }
                }
                chunks.emit(sink);
            }
        }
    }
    bytes.finish()
}

/// The reusable buffers between a file and a sink.
struct Chunks {
    element: Element,
    /// Elements not yet emitted.
    left: u64,
    /// Elements of the chunk at hand.
    now: usize,
    words: Vec<u64>,
    values: Vec<f32>,
}

impl Chunks {
    fn new(element: Element, count: u64) -> Self {
        let size = element.bytes().max(1);
        let most = (STREAM_BYTES as u64 / size).min(count);
        let most = usize::try_from(most).unwrap_or(STREAM_BYTES);
        let widened = if element == Element::F32 { 0 } else { most };
        Self {
            element,
            left: count,
            now: 0,
            words: vec![0; (most * size as usize).div_ceil(8)],
            values: vec![0.0; widened],
        }
    }

    /// The bytes of the next chunk, to be filled; none after the last one.
    fn next_words(&mut self) -> Option<&mut [u8]> {
        let size = self.element.bytes().max(1) as usize;
        let most = self.words.len() * 8 / size;
        self.now = usize::try_from(self.left).map_or(most, |left| left.min(most));
        self.left -= self.now as u64;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        bytes
            .get_mut(..self.now * size)
            .filter(|bytes| !bytes.is_empty())
    }

    /// Hands the chunk at hand over.
    fn emit(&mut self, sink: &mut dyn FnMut(&[f32])) {
        if self.element == Element::F32 {
            // What is stored is what is wanted, without a copy.
            let values: &[f32] = bytemuck::cast_slice(&self.words);
            sink(values.get(..self.now).unwrap_or_default());
        } else {
            let values = self.values.get_mut(..self.now).unwrap_or_default();
            widen(self.element, &self.words, values);
            sink(values);
        }
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
    fn strides_of_row_major_order_are_recognised_whatever_those_of_single_elements() {
        assert_eq!(Order::of_strides(&[2, 1, 3], &[3, 99, 1]), Order::RowMajor);
        assert_eq!(Order::of_strides(&[], &[]), Order::RowMajor);
        assert_eq!(
            Order::of_strides(&[2, 3], &[1, 2]),
            Order::Strided([1, 2].into())
        );
        assert_eq!(Order::column_major(&[5]), Order::RowMajor);
    }

    #[test]
    fn positions_follow_the_strides() {
        let mut positions = Positions::new(&[2, 3], &[1, 2]);
        let all: Vec<usize> = (0..6).map(|_| positions.advance()).collect();
        assert_eq!(all, [0, 2, 4, 1, 3, 5]);
    }

    #[test]
    fn counts_and_spans_that_overflow_are_none() {
        assert_eq!(count(&[u64::MAX, 2]), None);
        assert_eq!(count(&[u64::MAX, 2, 0]), Some(0));
        assert_eq!(span(&[2, 3], &[1, 2]), Some(6));
        assert_eq!(span(&[3, 2], &[u64::MAX, 1]), None);
    }
}
