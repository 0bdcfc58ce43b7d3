//! What packed weights are multiplied with, or shifted by, and which of them share it.

use super::Packed;
use crate::Result;
use crate::foreign::source::Source;
use crate::foreign::stored::{Made, Stored};
use crate::foreign::stream::{self, Widened};
use crate::limits::Limits;

/// Numbers that several weights share.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::foreign) struct Factor {
    pub(in crate::foreign) stored: Stored,
    pub(in crate::foreign) form: Form,
    /// How many rows share one.
    pub(in crate::foreign) rows: u64,
    /// How many columns do.
    pub(in crate::foreign) columns: u64,
    /// How far apart those of the next matrix, row and column lie.
    pub(in crate::foreign) strides: [u64; 3],
    /// Which group each column is of, where they are not in order.
    pub(in crate::foreign) groups: Option<Box<Stored>>,
}

/// What is done to the numbers first.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::foreign) enum Form {
    /// They are taken as they are, and added to this.
    Plain(f32),
    /// Multiplied by this.
    Times(f32),
    /// Divided into this.
    Inverse(f32),
    /// Exponents of two.
    Powers,
    /// Codes of so many bits in words along the last dimension, the parts of each word in this order of
    /// bits, and this added; the shape in words is that of the tensor.
    Words(Vec<u32>, f32),
    /// Packed themselves, and this added.
    Packed(Box<Packed>, f32),
}

/// Such numbers in memory.
pub(in crate::foreign) struct Kept {
    rows: u64,
    columns: u64,
    strides: [u64; 3],
    numbers: Vec<f32>,
    groups: Option<Vec<f32>>,
}

impl Factor {
    /// One number for all.
    pub(in crate::foreign) fn one(stored: Stored, form: Form) -> Self {
        Self::new(stored, form, (u64::MAX, u64::MAX), [0, 0, 0])
    }

    /// Numbers of so many rows and columns each, at these strides.
    pub(in crate::foreign) fn new(
        stored: Stored,
        form: Form,
        (rows, columns): (u64, u64),
        strides: [u64; 3],
    ) -> Self {
        Self {
            stored,
            form,
            rows: rows.max(1),
            columns: columns.max(1),
            strides,
            groups: None,
        }
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// When they cannot be read, or are more than fit into memory.
    pub(in crate::foreign) fn keep(&self, sources: &[Source], limits: &Limits) -> Result<Kept> {
        let groups = self.groups.as_ref();
        let groups = groups.map(|groups| whole(groups, sources, limits));
        let mut numbers = match &self.form {
            Form::Packed(packed, _) => {
                let mut numbers = Vec::new();
                packed.stream(sources, limits, &mut |values| {
                    numbers.extend_from_slice(values)
                })?;
                numbers
            }
            Form::Words(bits, _) => {
                let mut numbers = Vec::new();
                let mask = 32_u32.checked_div(bits.len() as u32).unwrap_or(32);
                let mask = u32::MAX.checked_shr(32 - mask.min(31)).unwrap_or(0);
                words(&self.stored, sources, limits, &mut |word| {
                    numbers.extend(bits.iter().map(|bit| (word >> bit & mask) as f32));
                })?;
                numbers
            }
            _ => whole(&self.stored, sources, limits)?,
        };
        match &self.form {
            Form::Plain(add) | Form::Words(_, add) | Form::Packed(_, add) => {
                if *add != 0.0 {
                    numbers.iter_mut().for_each(|number| *number += add);
                }
            }
            Form::Times(by) => numbers.iter_mut().for_each(|number| *number *= by),
            Form::Inverse(of) => numbers.iter_mut().for_each(|number| *number = of / *number),
            Form::Powers => numbers.iter_mut().for_each(|number| {
                *number = crate::foreign::element::packing::power_of_two(*number as u8);
            }),
        }
        Ok(Kept {
            rows: self.rows,
            columns: self.columns,
            strides: self.strides,
            numbers,
            groups: groups.transpose()?,
        })
    }
}

impl Kept {
    /// Does this to the values of a row, each with its number.
    pub(in crate::foreign) fn each(
        &self,
        (row, rows): (u64, u64),
        values: &mut [f32],
        make: impl Fn(f32, f32) -> f32,
    ) {
        let [matrices, by_row, by_column] = self.strides;
        let rows = rows.max(1);
        let start = (row / rows)
            .wrapping_mul(matrices)
            .wrapping_add((row % rows / self.rows).wrapping_mul(by_row));
        let number = |group: u64| {
            let place = start.wrapping_add(group.wrapping_mul(by_column));
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            self.numbers.get(place).copied().unwrap_or(f32::NAN)
        };
        if let Some(groups) = &self.groups {
            for (value, group) in values.iter_mut().zip(groups) {
                *value = make(*value, number(*group as u64));
            }
            return;
        }
        let side = usize::try_from(self.columns).unwrap_or(usize::MAX);
        for (group, values) in values.chunks_mut(side).enumerate() {
            let number = number(group as u64);
            values
                .iter_mut()
                .for_each(|value| *value = make(*value, number));
        }
    }
}

/// Checks that a tensor fits into memory.
fn check(stored: &Stored, sources: &[Source], limits: &Limits) -> Result<()> {
    if let Some(source) = sources.get(stored.place.file) {
        let bytes = stored.tensor.elements().saturating_mul(8);
        let limit = limits.memory_for(source.len());
        if bytes > limit {
            let what = "the memory that the scales of packed weights take, in bytes,";
            return Err(source.too_large(what, bytes, limit));
        }
    }
    Ok(())
}

/// All numbers of a tensor that is stored as it is.
///
/// # Errors
/// When they cannot be read, or are more than fit into memory.
pub(in crate::foreign) fn whole(
    stored: &Stored,
    sources: &[Source],
    limits: &Limits,
) -> Result<Vec<f32>> {
    check(stored, sources, limits)?;
    let mut all = Vec::new();
    let mut widened = Widened::new(stored.tensor.element);
    chunks(stored, sources, limits, &mut |words, count| {
        widened.hand(words, count, &mut |values| all.extend_from_slice(values));
    })?;
    Ok(all)
}

/// Every word of 32 bits of a tensor.
fn words(
    stored: &Stored,
    sources: &[Source],
    limits: &Limits,
    sink: &mut dyn FnMut(u32),
) -> Result<()> {
    check(stored, sources, limits)?;
    chunks(stored, sources, limits, &mut |words, count| {
        let words: &[u32] = bytemuck::cast_slice(words);
        words.iter().take(count).copied().for_each(&mut *sink);
    })
}

fn chunks(
    stored: &Stored,
    sources: &[Source],
    limits: &Limits,
    sink: &mut dyn FnMut(&[u64], usize),
) -> Result<()> {
    let source = sources.get(stored.place.file);
    let source = source.filter(|_| stored.made == Made::Whole);
    let source = source
        .ok_or_else(|| crate::Error::invalid("the scales of packed weights are not one piece"))?;
    let numbers = (
        stored.tensor.element.bytes(),
        stored.tensor.shape.as_slice(),
    );
    stream::chunks(source, &stored.place, numbers, limits, sink)
}
