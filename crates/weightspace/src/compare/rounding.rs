//! Floating-point formats narrower than f32: which values fit, and how far apart neighbours are.
//!
//! A format of p bits of mantissa and least exponent e₀ has, near x, the spacing
//! 2^(max(⌊log₂|x|⌋, e₀) − p). Rounding to it moves a value by half of that at most, and by
//! spacing/√12 in the root mean square. Largest values (448, 65,504, …) are not looked at.

use serde::{Deserialize, Serialize};

/// A floating-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// 5 bits of exponent, 2 of mantissa.
    E5m2,
    /// 4 bits of exponent, 3 of mantissa.
    E4m3,
    /// bfloat16.
    Bf16,
    /// IEEE half.
    Fp16,
    /// IEEE single.
    F32,
}

/// Formats narrower than f32, the coarsest first.
pub const NARROW: [Format; 4] = [Format::E5m2, Format::E4m3, Format::Bf16, Format::Fp16];

impl Format {
    /// Bits of mantissa that are stored, and the least exponent of a normal number.
    fn layout(self) -> (i32, i32) {
        match self {
            Self::E5m2 => (2, -14),
            Self::E4m3 => (3, -6),
            Self::Bf16 => (7, -126),
            Self::Fp16 => (10, -14),
            Self::F32 => (23, -126),
        }
    }

    /// Distance from |x| to the next value of the format above it.
    pub fn spacing(self, x: f32) -> f64 {
        let (mantissa, least) = self.layout();
        // Every f32 but zero is a normal f64, whose exponent can be read off.
        let exponent = (f64::from(x).to_bits() >> 52 & 0x7ff) as i32 - 1023;
        let power = exponent.max(least) - mantissa;
        f64::from_bits(((power + 1023) as u64) << 52)
    }

    /// The nearest value of the format, ties to even.
    pub fn rounded(self, x: f32) -> f32 {
        let spacing = self.spacing(x);
        ((f64::from(x) / spacing).round_ties_even() * spacing) as f32
    }

    /// Whether the format has this value.
    pub fn holds(self, x: f32) -> bool {
        // Most values have bits that the format has no room for, or are bf16.
        self.may_hold(x.to_bits()) && (self == Self::Bf16 && x.is_finite() || self.rounded(x) == x)
    }

    /// Whether values whose bits are among these may all be of the format: false if they are not, and
    /// certain for bf16, whose exponent is that of f32.
    pub(crate) fn may_hold(self, bits: u32) -> bool {
        let (mantissa, _) = self.layout();
        bits.trailing_zeros() as i32 >= 23 - mantissa
    }

    /// The narrowest of bf16, fp16 and f32 that all values fit in: how they were stored, or could
    /// have been.
    pub fn of_storage(values: &[f32]) -> Self {
        [Self::Bf16, Self::Fp16]
            .into_iter()
            .find(|format| values.iter().all(|&x| format.holds(x)))
            .unwrap_or(Self::F32)
    }

    /// Expected sum of the squared errors of rounding these values to the format.
    pub fn rounding_power(self, values: &[f32]) -> f64 {
        let squares = values.iter().filter(|x| **x != 0.0);
        squares.map(|&x| self.spacing(x).powi(2) / 12.0).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_have_their_textbook_values() {
        assert_eq!(Format::Bf16.rounded(3.140_592_7), 3.140_625);
        assert_eq!(Format::Fp16.rounded(0.1), 0.099_975_586);
        // The least subnormal of IEEE half is 2⁻²⁴; half of it rounds to even, zero.
        assert_eq!(Format::Fp16.rounded(2f32.powi(-25)), 0.0);
        assert_eq!(Format::Fp16.rounded(1.1 * 2f32.powi(-25)), 2f32.powi(-24));
        assert_eq!(Format::E4m3.rounded(0.3), 0.3125);
        assert_eq!(Format::E5m2.rounded(0.3), 0.3125);
        assert_eq!(Format::E5m2.rounded(5.4), 5.0);
        assert_eq!(Format::of_storage(&[0.5, -3.0]), Format::Bf16);
        assert_eq!(Format::of_storage(&[0.099_975_586]), Format::Fp16);
        assert_eq!(Format::of_storage(&[0.1]), Format::F32);
    }

    proptest! {
        #[test]
        fn bf16_is_the_upper_half_of_f32(x in -1e30f32..1e30) {
            let bits = x.to_bits();
            // Round half to even on the bits.
            let rounded = bits + 0x7fff + (bits >> 16 & 1);
            let expected = f32::from_bits(rounded & 0xffff_0000);
            prop_assert_eq!(Format::Bf16.rounded(x), expected);
            prop_assert!(Format::F32.holds(x));
        }

        #[test]
        fn rounding_moves_by_half_a_spacing_at_most(x in -100f32..100.0) {
            for format in NARROW {
                let rounded = format.rounded(x);
                let error = f64::from(rounded) - f64::from(x);
                prop_assert!(error.abs() <= format.spacing(x) / 2.0);
                prop_assert!(format.holds(rounded));
            }
        }
    }
}
