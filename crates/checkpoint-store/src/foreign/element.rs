//! The number types of stored tensors, and how they become f32.

mod float8;
pub(super) mod packing;
pub(super) mod widened;

pub use packing::Packing;
use std::fmt;

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
    /// Codes of few bits with scales that several share; they come as the f32 that they mean.
    Packed(Packing),
}

impl Element {
    /// Bytes of one element as stored; of packed ones those of the f32 that they come as.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 | Self::Packed(_) => 4,
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
                | Self::Packed(_)
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
            Self::Packed(packing) => return packing.fmt(formatter),
        })
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

/// The one whole number, not negative, in these little-endian bytes; none for other types. PyTorch's
/// optimisers count their steps in f32.
pub(super) fn whole_number(element: Element, bytes: &[u8]) -> Option<u64> {
    let float = match element {
        Element::F32 => bytes
            .try_into()
            .ok()
            .map(|bytes| f64::from(f32::from_le_bytes(bytes))),
        Element::F64 => bytes.try_into().ok().map(f64::from_le_bytes),
        _ => None,
    };
    if let Some(number) = float {
        let is_whole = number >= 0.0 && number.fract() == 0.0 && number < 9e15;
        return is_whole.then_some(number as u64);
    }
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
