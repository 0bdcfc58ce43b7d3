//! Elements widened to f32.

use super::{Element, float8};
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// Widens stored little-endian elements to f32: exactly for f32, f16, bf16, the floats of eight bits
/// and small integers, and rounded to the nearest for f64 and large integers.
///
/// `words` holds the bytes of the elements, and `values` has one place for each of them; what
/// one has more than the other is left alone.
pub(in crate::foreign) fn widen(element: Element, words: &[u64], values: &mut [f32]) {
    /// Converts elementwise; a plain loop, which the compiler vectorises.
    fn each<T: bytemuck::Pod>(words: &[u64], values: &mut [f32], widen: impl Fn(T) -> f32) {
        for (value, stored) in values.iter_mut().zip(bytemuck::cast_slice::<u64, T>(words)) {
            *value = widen(*stored);
        }
    }
    match element {
        Element::F64 => each(words, values, |stored: f64| stored as f32),
        // What is packed comes as f32.
        Element::F32 | Element::Packed(_) => each(words, values, |stored: f32| stored),
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
}
