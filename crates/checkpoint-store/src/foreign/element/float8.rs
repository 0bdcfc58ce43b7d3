//! Floats of eight bits, as the values that their 256 codes stand for.
//!
//! E4M3, E5M2 and E8M0 are those of the Open Compute Project's microscaling formats (MX 1.0); the
//! variants named FNUZ ("finite, with NaN, unsigned zero") are those of ONNX and of AMD's hardware.

use super::Element;

/// How the codes of one type are laid out.
struct Layout {
    exponent_bits: u32,
    mantissa_bits: u32,
    bias: i32,
    specials: Specials,
}

/// Which codes are no numbers.
enum Specials {
    /// The highest exponent is for infinities and NaN, as IEEE 754 has it.
    Ieee,
    /// Only the highest code of each sign is NaN, and there are no infinities.
    HighestIsNan,
    /// Only what would be negative zero is NaN.
    NegativeZeroIsNan,
}

/// The value of each code of this type; NaN for all of a type that has not eight bits.
pub(super) fn table(element: Element) -> [f32; 256] {
    let mut table = [f32::NAN; 256];
    let layout = match element {
        Element::F8E4M3 => Layout {
            exponent_bits: 4,
            mantissa_bits: 3,
            bias: 7,
            specials: Specials::HighestIsNan,
        },
        Element::F8E4M3Fnuz => Layout {
            exponent_bits: 4,
            mantissa_bits: 3,
            bias: 8,
            specials: Specials::NegativeZeroIsNan,
        },
        Element::F8E5M2 => Layout {
            exponent_bits: 5,
            mantissa_bits: 2,
            bias: 15,
            specials: Specials::Ieee,
        },
        Element::F8E5M2Fnuz => Layout {
            exponent_bits: 5,
            mantissa_bits: 2,
            bias: 16,
            specials: Specials::NegativeZeroIsNan,
        },
        Element::F8E8M0 => {
            for (code, value) in (0..255_u32).zip(&mut table) {
                // 2^-127 lies below the normal numbers of f32, and is one of the others.
                *value = f32::from_bits(if code == 0 { 1 << 22 } else { code << 23 });
            }
            return table;
        }
        _ => return table,
    };
    for (code, value) in (0..=255_u8).zip(&mut table) {
        *value = layout.value(code);
    }
    table
}

impl Layout {
    fn value(&self, code: u8) -> f32 {
        let code = u32::from(code);
        let (is_negative, magnitude) = (code >> 7 == 1, code & 0x7f);
        let mantissa = magnitude & ((1 << self.mantissa_bits) - 1);
        let exponent = magnitude >> self.mantissa_bits;
        match self.specials {
            Specials::NegativeZeroIsNan if code == 0x80 => return f32::NAN,
            Specials::HighestIsNan if magnitude == 0x7f => return f32::NAN,
            Specials::Ieee if exponent == (1 << self.exponent_bits) - 1 => {
                return match (mantissa, is_negative) {
                    (0, false) => f32::INFINITY,
                    (0, true) => f32::NEG_INFINITY,
                    _ => f32::NAN,
                };
            }
            _ => {}
        }
        // Below the lowest exponent there is no leading one.
        let (leading, exponent) = match exponent {
            0 => (0, 1),
            exponent => (1 << self.mantissa_bits, exponent as i32),
        };
        let scale = 2_f32.powi(exponent - self.bias - self.mantissa_bits as i32);
        let value = (leading + mantissa) as f32 * scale;
        if is_negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(element: Element, code: usize) -> f32 {
        table(element)[code]
    }

    #[test]
    fn the_largest_and_smallest_numbers_are_those_of_the_standards() {
        for (element, largest, smallest) in [
            (Element::F8E4M3, (0x7e, 448.0), 2_f32.powi(-9)),
            (Element::F8E4M3Fnuz, (0x7f, 240.0), 2_f32.powi(-10)),
            (Element::F8E5M2, (0x7b, 57344.0), 2_f32.powi(-16)),
            (Element::F8E5M2Fnuz, (0x7f, 57344.0), 2_f32.powi(-17)),
        ] {
            assert_eq!(value(element, largest.0), largest.1, "{element}");
            assert_eq!(value(element, largest.0 | 0x80), -largest.1, "{element}");
            assert_eq!(value(element, 1), smallest, "{element}");
            assert_eq!(value(element, 0).to_bits(), 0, "{element}");
        }
        assert_eq!(value(Element::F8E8M0, 0), 2_f32.powi(-127));
        assert_eq!(value(Element::F8E8M0, 127), 1.0);
        assert_eq!(value(Element::F8E8M0, 254), 2_f32.powi(127));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for (element, code) in [
            (Element::F8E4M3, 0x7f),
            (Element::F8E4M3, 0xff),
            (Element::F8E4M3Fnuz, 0x80),
            (Element::F8E5M2, 0x7d),
            (Element::F8E5M2Fnuz, 0x80),
            (Element::F8E8M0, 0xff),
        ] {
            assert!(value(element, code).is_nan(), "{element}");
        }
        assert_eq!(value(Element::F8E5M2, 0x7c), f32::INFINITY);
        assert_eq!(value(Element::F8E5M2, 0xfc), f32::NEG_INFINITY);
        assert_eq!(value(Element::F8E4M3, 0x80).to_bits(), (-0.0_f32).to_bits());
    }

    #[test]
    fn every_code_of_e5m2_is_the_half_float_with_the_same_upper_bits() {
        for (code, value) in (0..=255_u16).zip(table(Element::F8E5M2)) {
            let half = half::f16::from_bits(code << 8).to_f32();
            assert!(
                half == value || (half.is_nan() && value.is_nan()),
                "{code:#x}"
            );
        }
    }
}
