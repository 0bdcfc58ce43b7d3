//! Weights whose codes lie in one tensor, and what these are multiplied with in others.
//!
//! All of GPTQ, AWQ, bitsandbytes, compressed-tensors, torchao, MLX, MXFP4 and NVFP4 are
//! (code − zero) · scale + bias, with codes of few bits, or codes that a table gives the values of. What
//! they differ in is how the codes lie and which of them share a scale. Values come in f32, where the
//! libraries round the product to the type that the model is run in.

mod config;
mod factor;
pub(super) mod found;
mod methods;

use super::element::Element;
use super::element::widened::widen;
use super::source::Source;
use super::stored::Stored;
use super::stream;
use crate::limits::{Limits, STREAM_BYTES};
use crate::{Error, Result};
pub(super) use factor::{Factor, Kept};

/// A packed tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Packed {
    /// Its codes; the shape is that in which they are read.
    pub(super) codes: Stored,
    pub(super) lay: Lay,
    pub(super) means: Means,
    /// Rows of a matrix; several lie one after the other where there are more dimensions.
    pub(super) rows: u64,
    /// Values of a row.
    pub(super) columns: u64,
    /// What values are multiplied with, one after the other.
    pub(super) scales: Vec<Factor>,
    /// What is taken from the codes.
    pub(super) zeros: Option<Factor>,
    /// What is added.
    pub(super) bias: Option<Factor>,
}

/// How codes lie in their tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lay {
    /// Each is an element.
    Elements,
    /// So many bits each, one after the other from the lowest bit on.
    Bits(u32),
    /// Four bits each, the upper half of a byte first.
    UpperFirst,
    /// Every row of words holds as many rows of codes of four bits as a word has: those that begin at
    /// these bits, one after the other.
    Planes(&'static [u32]),
}

/// What codes mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Means {
    /// Numbers, less this.
    Numbers(f32),
    /// The values of this table.
    Table(Vec<f32>),
}

impl Packed {
    /// Streams the values, row-major.
    ///
    /// # Errors
    /// When a file cannot be read, or the codes are not as many as they should be.
    pub(super) fn stream(
        &self,
        sources: &[Source],
        limits: &Limits,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let keep = |factors: std::slice::Iter<'_, Factor>| -> Result<Vec<Kept>> {
            factors.map(|factor| factor.keep(sources, limits)).collect()
        };
        let scales = keep(self.scales.iter())?;
        let zeros = keep(self.zeros.as_slice().iter())?;
        let bias = keep(self.bias.as_slice().iter())?;
        let source = sources.get(self.codes.place.file);
        let source =
            source.ok_or_else(|| Error::invalid("codes lie in a file that is not open"))?;

        let columns = usize::try_from(self.columns).unwrap_or(usize::MAX);
        let size = self.codes.tensor.element.bytes();
        let units = self.codes.tensor.shape.last().copied().unwrap_or(1);
        // Every row of codes lies inside the file.
        let row_bytes = units.saturating_mul(size);
        let limit = limits.memory_for(source.len());
        if row_bytes.max(self.columns.saturating_mul(4)) > limit {
            let what = "the memory that a row of packed weights takes, in bytes,";
            return Err(source.too_large(what, row_bytes, limit));
        }
        let mut row = Row {
            packed: self,
            scales,
            zeros,
            bias,
            number: 0,
            values: vec![0.0; columns],
        };
        let mut bytes = Vec::with_capacity(row_bytes as usize);
        let numbers = (size, self.codes.tensor.shape.as_slice());
        stream::chunks(
            source,
            &self.codes.place,
            numbers,
            limits,
            &mut |words, count| {
                let all: &[u8] = bytemuck::cast_slice(words);
                let mut rest = all.get(..count * size as usize).unwrap_or_default();
                while !rest.is_empty() {
                    let wanted = (row_bytes as usize).saturating_sub(bytes.len());
                    let (now, after) = rest.split_at(wanted.min(rest.len()));
                    bytes.extend_from_slice(now);
                    rest = after;
                    if bytes.len() as u64 == row_bytes {
                        row.hand(&bytes, sink);
                        bytes.clear();
                    }
                }
            },
        )
    }

    /// The rows of values that a row of codes holds.
    pub(super) const fn rows_of_one(&self) -> u64 {
        match self.lay {
            Lay::Planes(planes) => planes.len() as u64,
            _ => 1,
        }
    }
}

/// The rows of a tensor while they are decoded.
struct Row<'a> {
    packed: &'a Packed,
    scales: Vec<Kept>,
    zeros: Vec<Kept>,
    bias: Vec<Kept>,
    /// Which is next.
    number: u64,
    values: Vec<f32>,
}

impl Row<'_> {
    /// Hands over what a row of codes holds.
    fn hand(&mut self, codes: &[u8], sink: &mut dyn FnMut(&[f32])) {
        let element = self.packed.codes.tensor.element;
        match self.packed.lay {
            Lay::Elements => {
                let mut words = vec![0_u64; codes.len().div_ceil(8)];
                let target = bytemuck::cast_slice_mut::<u64, u8>(&mut words).get_mut(..codes.len());
                if let Some(target) = target {
                    target.copy_from_slice(codes);
                }
                if matches!(self.packed.means, Means::Table(_)) {
                    let codes = codes.iter().map(|&code| u32::from(code));
                    self.look_up(codes);
                } else {
                    widen(element, &words, &mut self.values);
                }
                self.finish(sink);
            }
            Lay::Bits(bits) => {
                let codes = (0..self.values.len()).map(|place| bits_at(codes, place, bits));
                self.look_up(codes);
                self.finish(sink);
            }
            Lay::UpperFirst => {
                let halves = codes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                self.look_up(halves.map(u32::from));
                self.finish(sink);
            }
            Lay::Planes(planes) => {
                let size = element.bytes() as usize;
                for &plane in planes {
                    let words = codes.chunks_exact(size).map(|bytes| {
                        let mut word = [0; 4];
                        for (byte, &own) in word.iter_mut().zip(bytes) {
                            *byte = own;
                        }
                        u32::from_le_bytes(word) >> plane & 15
                    });
                    self.look_up(words);
                    self.finish(sink);
                }
            }
        }
    }

    /// What codes mean, before they are scaled.
    fn look_up(&mut self, codes: impl Iterator<Item = u32>) {
        let values = self.values.iter_mut().zip(codes);
        match &self.packed.means {
            Means::Numbers(_) => values.for_each(|(value, code)| *value = code as f32),
            Means::Table(table) => values.for_each(|(value, code)| {
                *value = table.get(code as usize).copied().unwrap_or(f32::NAN);
            }),
        }
    }

    /// Scales the values at hand, and hands them over.
    fn finish(&mut self, sink: &mut dyn FnMut(&[f32])) {
        let number = self.number;
        self.number = number.saturating_add(1);
        if let Means::Numbers(less) = self.packed.means
            && less != 0.0
        {
            self.values.iter_mut().for_each(|value| *value -= less);
        }
        let place = (number, self.packed.rows);
        for zeros in &self.zeros {
            zeros.each(place, &mut self.values, |value, zero| value - zero);
        }
        for scale in &self.scales {
            scale.each(place, &mut self.values, |value, scale| value * scale);
        }
        for bias in &self.bias {
            bias.each(place, &mut self.values, |value, bias| value + bias);
        }
        self.values.chunks(STREAM_BYTES).for_each(sink);
    }
}

/// The code at this place, of so many bits, at most 8.
fn bits_at(bytes: &[u8], place: usize, bits: u32) -> u32 {
    let bit = place * bits as usize;
    let at = |byte: usize| u32::from(bytes.get(byte).copied().unwrap_or(0));
    let both = at(bit / 8) | at(bit / 8 + 1) << 8;
    both >> (bit % 8) & ((1 << bits) - 1)
}

/// Whether codes are of a type that a lay can be read of.
pub(super) fn is_integer(element: Element) -> bool {
    !element.is_float() && element != Element::Bool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lie_from_the_lowest_bit_on() {
        let bytes = 0b101_011_001_u16.to_le_bytes();
        let codes: Vec<u32> = (0..3).map(|place| bits_at(&bytes, place, 3)).collect();
        assert_eq!(codes, [1, 3, 5]);
        assert_eq!(bits_at(&[0x21], 1, 4), 2);
        assert_eq!(bits_at(&[7], 9, 8), 0);
    }
}
