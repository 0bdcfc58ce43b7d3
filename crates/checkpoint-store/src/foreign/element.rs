//! The number types of stored tensors, and how they become f32.

mod float8;

use std::fmt;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// The number type of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// IEEE double precision.
    F64,
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 64 bits.
    U64,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, zero or not.
    Bool,
    /// Eight bits: a sign, four of exponent, three of mantissa, no infinities (OCP E4M3).
    F8E4M3,
    /// The same with another bias and without a negative zero.
    F8E4M3Fnuz,
    /// Eight bits: a sign, five of exponent, two of mantissa (OCP E5M2).
    F8E5M2,
    /// The same with another bias, without infinities and without a negative zero.
    F8E5M2Fnuz,
    /// Eight bits of exponent: powers of two, as scales of blocks are stored (OCP E8M0).
    F8E8M0,
}

impl Element {
    /// Bytes of one element as stored.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8
            | Self::U8
            | Self::Bool
            | Self::F8E4M3
            | Self::F8E4M3Fnuz
            | Self::F8E5M2
            | Self::F8E5M2Fnuz
            | Self::F8E8M0 => 1,
        }
    }

    /// Whether these are floating-point numbers.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(
            self,
            Self::F64
                | Self::F32
                | Self::F16
                | Self::Bf16
                | Self::F8E4M3
                | Self::F8E4M3Fnuz
                | Self::F8E5M2
                | Self::F8E5M2Fnuz
                | Self::F8E8M0
        )
    }
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U64 => "u64",
            Self::U32 => "u32",
            Self::U16 => "u16",
            Self::U8 => "u8",
            Self::Bool => "bool",
            Self::F8E4M3 => "f8_e4m3",
            Self::F8E4M3Fnuz => "f8_e4m3fnuz",
            Self::F8E5M2 => "f8_e5m2",
            Self::F8E5M2Fnuz => "f8_e5m2fnuz",
            Self::F8E8M0 => "f8_e8m0",
        })
    }
}

/// Widens stored little-endian elements to f32: exactly for f32, f16, bf16, the floats of eight bits
/// and small integers, and rounded to the nearest for f64 and large integers.
///
/// `words` holds the bytes of the elements, and `values` has one place for each of them; what
/// one has more than the other is left alone.
pub(super) fn widen(element: Element, words: &[u64], values: &mut [f32]) {
    /// Converts elementwise; a plain loop, which the compiler vectorises.
    fn each<T: bytemuck::Pod>(words: &[u64], values: &mut [f32], widen: impl Fn(T) -> f32) {
        for (value, stored) in values.iter_mut().zip(bytemuck::cast_slice::<u64, T>(words)) {
            *value = widen(*stored);
        }
    }
    match element {
        Element::F64 => each(words, values, |stored: f64| stored as f32),
        Element::F32 => each(words, values, |stored: f32| stored),
        Element::F16 => {
            let stored: &[f16] = bytemuck::cast_slice::<u64, u16>(words).reinterpret_cast();
            let count = stored.len().min(values.len());
            if let (Some(stored), Some(values)) = (stored.get(..count), values.get_mut(..count)) {
                stored.convert_to_f32_slice(values);
            }
        }
        Element::Bf16 => each(words, values, |stored: u16| {
            f32::from_bits(u32::from(stored) << 16)
        }),
        Element::I64 => each(words, values, |stored: i64| stored as f32),
        Element::I32 => each(words, values, |stored: i32| stored as f32),
        Element::I16 => each(words, values, |stored: i16| f32::from(stored)),
        Element::I8 => each(words, values, |stored: i8| f32::from(stored)),
        Element::U64 => each(words, values, |stored: u64| stored as f32),
        Element::U32 => each(words, values, |stored: u32| stored as f32),
        Element::U16 => each(words, values, |stored: u16| f32::from(stored)),
        Element::U8 => each(words, values, |stored: u8| f32::from(stored)),
        Element::Bool => each(words, values, |stored: u8| f32::from(u8::from(stored != 0))),
        Element::F8E4M3
        | Element::F8E4M3Fnuz
        | Element::F8E5M2
        | Element::F8E5M2Fnuz
        | Element::F8E8M0 => {
            let table = float8::table(element);
            each(words, values, |stored: u8| {
                table.get(usize::from(stored)).copied().unwrap_or(f32::NAN)
            });
        }
    }
}

/// Turns big-endian elements of so many bytes into little-endian ones, in place.
pub(super) fn swap_bytes(element_bytes: u64, bytes: &mut [u8]) {
    match element_bytes {
        2 => bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse),
        4 => bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse),
        8 => bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse),
        _ => {}
    }
}

/// The one whole number, not negative, in these little-endian bytes; none for other types.
pub(super) fn whole_number(element: Element, bytes: &[u8]) -> Option<u64> {
    let is_signed = match element {
        Element::I64 | Element::I32 | Element::I16 | Element::I8 => true,
        Element::U64 | Element::U32 | Element::U16 | Element::U8 => false,
        _ => return None,
    };
    if is_signed && bytes.last()? >> 7 == 1 {
        return None;
    }
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widened(element: Element, bytes: &[u8]) -> Vec<f32> {
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        let mut values = vec![0.0; bytes.len() / element.bytes() as usize];
        widen(element, &words, &mut values);
        values
    }

    #[test]
    fn every_half_and_brain_float_widens_as_the_reference_says() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for (bits, value) in (0..=u16::MAX).zip(widened(Element::F16, &bytes)) {
            let expected = f16::from_bits(bits).to_f32();
            assert!(expected == value || (expected.is_nan() && value.is_nan()));
        }
        for (bits, value) in (0..=u16::MAX).zip(widened(Element::Bf16, &bytes)) {
            let expected = half::bf16::from_bits(bits).to_f32();
            assert!(expected == value || (expected.is_nan() && value.is_nan()));
        }
    }

    #[test]
    fn other_numbers_widen_to_the_nearest_f32() {
        assert_eq!(
            widened(Element::F64, &0.1_f64.to_le_bytes()),
            [0.1_f64 as f32]
        );
        assert_eq!(widened(Element::F32, &0.1_f32.to_le_bytes()), [0.1]);
        assert_eq!(widened(Element::I64, &(-7_i64).to_le_bytes()), [-7.0]);
        assert_eq!(widened(Element::I8, &[255, 1]), [-1.0, 1.0]);
        assert_eq!(widened(Element::U8, &[255, 1]), [255.0, 1.0]);
        assert_eq!(widened(Element::Bool, &[0, 2, 1]), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn swapping_twice_changes_nothing() {
        for size in [1, 2, 4, 8] {
            let mut bytes: Vec<u8> = (0..16).collect();
            swap_bytes(size, &mut bytes);
            swap_bytes(size, &mut bytes);
            assert_eq!(bytes, (0..16).collect::<Vec<u8>>());
        }
    }
}
