//! Numbers packed into blocks with scales, and what one block of them means.
//!
//! The layouts are those of llama.cpp's `ggml-quants.c`; the order of the operations is kept, so that
//! values are the same bits.

use std::fmt;
use std::iter::repeat_n;

use half::f16;

/// Most values of one block.
pub(in crate::foreign) const MOST_VALUES: usize = 256;

/// How weights are packed: as codes of few bits, to be multiplied with a scale that many share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Packing {
    /// GGUF: 4 bits, a scale per 32.
    Q4_0,
    /// GGUF: 4 bits, a scale and a least value per 32.
    Q4_1,
    /// GGUF: 5 bits, a scale per 32.
    Q5_0,
    /// GGUF: 5 bits, a scale and a least value per 32.
    Q5_1,
    /// GGUF: 8 bits, a scale per 32.
    Q8_0,
    /// GGUF: 2 bits, 16 scales and least values of 4 bits per 256.
    Q2K,
    /// GGUF: 3 bits, 16 scales of 6 bits per 256.
    Q3K,
    /// GGUF: 4 bits, 8 scales and least values of 6 bits per 256.
    Q4K,
    /// GGUF: 5 bits, 8 scales and least values of 6 bits per 256.
    Q5K,
    /// GGUF: 6 bits, 16 scales of 8 bits per 256.
    Q6K,
    /// GGUF: one of 16 uneven values, a scale per 32.
    Iq4Nl,
    /// GGUF: one of 16 uneven values, 8 scales of 6 bits per 256.
    Iq4Xs,
    /// OCP microscaling: floats of 4 bits, a power of two per 32.
    Mxfp4,
    /// Floats of 4 bits, a float of 8 bits per 16, and one scale for all.
    Nvfp4,
    /// bitsandbytes: one of 16 values that a normal distribution has equally often, a scale per block.
    Nf4,
    /// bitsandbytes: floats of 4 bits, a scale per block.
    Fp4,
    /// Floats of 8 bits, with scales.
    Fp8,
    /// Whole numbers of so many bits, with scales and perhaps zero points: GPTQ, AWQ, MLX,
    /// compressed-tensors, torchao, bitsandbytes.
    Int(u8),
}

/// The uneven values of IQ4_NL and IQ4_XS.
const UNEVEN: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/// The values of floats of 4 bits (E2M1), by their codes.
pub(in crate::foreign) const E2M1: [f32; 16] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0,
];

impl Packing {
    /// Values and bytes of a block; none where codes and scales lie in tensors of their own.
    pub(in crate::foreign) const fn block(self) -> Option<(u64, u64)> {
        Some(match self {
            Self::Q4_0 | Self::Iq4Nl => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
            Self::Iq4Xs => (256, 136),
            Self::Mxfp4 => (32, 17),
            Self::Nvfp4 | Self::Nf4 | Self::Fp4 | Self::Fp8 | Self::Int(_) => return None,
        })
    }

    /// The values of one block, which has [as many bytes](Self::block) as this packing needs.
    pub(in crate::foreign) fn decode(self, block: &[u8], values: &mut [f32]) {
        match self {
            Self::Q4_0 => {
                let (d, codes) = block.split_at(2);
                let d = half(d);
                put(values, planes(codes, 16, 4).map(|code| d * signed(code, 8)));
            }
            Self::Q4_1 => {
                let (head, codes) = block.split_at(4);
                let (d, m) = two(head);
                let codes = planes(codes, 16, 4);
                put(values, codes.map(|code| d * f32::from(code) + m));
            }
            Self::Q5_0 => {
                let (d, rest) = block.split_at(2);
                let (high, low) = rest.split_at(4);
                let d = half(d);
                let codes = planes(low, 16, 4).zip(planes(high, 1, 1));
                let codes = codes.map(|(low, high)| low | high << 4);
                put(values, codes.map(|code| d * signed(code, 16)));
            }
            Self::Q5_1 => {
                let (head, rest) = block.split_at(4);
                let (high, low) = rest.split_at(4);
                let (d, m) = two(head);
                let codes = planes(low, 16, 4).zip(planes(high, 1, 1));
                let codes = codes.map(|(low, high)| low | high << 4);
                put(values, codes.map(|code| d * f32::from(code) + m));
            }
            Self::Q8_0 => {
                let (d, codes) = block.split_at(2);
                let d = half(d);
                put(
                    values,
                    codes.iter().map(|&code| f32::from(code.cast_signed()) * d),
                );
            }
            Self::Q2K => {
                let (scales, rest) = block.split_at(16);
                let (codes, head) = rest.split_at(64);
                let (d, least) = two(head);
                let scales = scales.iter().flat_map(|&scale| {
                    let scale = (d * f32::from(scale & 15), least * f32::from(scale >> 4));
                    repeat_n(scale, 16)
                });
                let codes = planes(codes, 32, 2).zip(scales);
                put(values, codes.map(|(code, (d, m))| d * f32::from(code) - m));
            }
            Self::Q3K => {
                let (mask, rest) = block.split_at(32);
                let (codes, rest) = rest.split_at(64);
                let (scales, d) = rest.split_at(12);
                let (low, high) = scales.split_at(8);
                let d = half(d);
                let scales = planes(low, 8, 4).zip(planes(high, 4, 2));
                let scales = scales.map(|(low, high)| d * signed(low | high << 4, 32));
                let scales = scales.flat_map(|scale| repeat_n(scale, 16));
                // A bit that is set takes nothing away.
                let codes = planes(codes, 32, 2).zip(planes(mask, 32, 1));
                let codes = codes.map(|(code, bit)| signed(code, if bit == 0 { 4 } else { 0 }));
                put(values, codes.zip(scales).map(|(code, scale)| scale * code));
            }
            Self::Q4K => {
                let (head, codes) = block.split_at(16);
                let scales = scales_of_six_bits(head);
                let scales = scales.into_iter().flat_map(|scale| repeat_n(scale, 32));
                let codes = planes(codes, 32, 4).zip(scales);
                put(values, codes.map(|(code, (d, m))| d * f32::from(code) - m));
            }
            Self::Q5K => {
                let (head, rest) = block.split_at(16);
                let (high, low) = rest.split_at(32);
                let scales = scales_of_six_bits(head);
                let scales = scales.into_iter().flat_map(|scale| repeat_n(scale, 32));
                let codes = planes(low, 32, 4).zip(planes(high, 32, 1));
                let codes = codes.map(|(low, high)| low | high << 4).zip(scales);
                put(values, codes.map(|(code, (d, m))| d * f32::from(code) - m));
            }
            Self::Q6K => {
                let (low, rest) = block.split_at(128);
                let (high, rest) = rest.split_at(64);
                let (scales, d) = rest.split_at(16);
                let d = half(d);
                let scales = scales.iter().flat_map(|&scale| {
                    let scale = d * f32::from(scale.cast_signed());
                    repeat_n(scale, 16)
                });
                let codes = planes(low, 64, 4).zip(planes(high, 32, 2));
                let codes = codes.map(|(low, high)| signed(low | high << 4, 32));
                put(values, codes.zip(scales).map(|(code, scale)| scale * code));
            }
            Self::Iq4Nl => {
                let (d, codes) = block.split_at(2);
                let d = half(d);
                put(values, planes(codes, 16, 4).map(|code| d * uneven(code)));
            }
            Self::Iq4Xs => {
                let (d, rest) = block.split_at(2);
                let (high, rest) = rest.split_at(2);
                let (low, codes) = rest.split_at(4);
                let d = half(d);
                let scales = planes(low, 1, 4).zip(planes(high, 1, 2));
                let scales = scales.map(|(low, high)| d * signed(low | high << 4, 32));
                let scales = scales.flat_map(|scale| repeat_n(scale, 32));
                let codes = planes(codes, 16, 4).zip(scales);
                put(values, codes.map(|(code, scale)| scale * uneven(code)));
            }
            Self::Mxfp4 => {
                let (exponent, codes) = block.split_at(1);
                let scale = power_of_two(exponent.first().copied().unwrap_or(0));
                put(values, planes(codes, 16, 4).map(|code| scale * e2m1(code)));
            }
            Self::Nvfp4 | Self::Nf4 | Self::Fp4 | Self::Fp8 | Self::Int(_) => {}
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
            Self::Q2K => "q2_k",
            Self::Q3K => "q3_k",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
            Self::Iq4Nl => "iq4_nl",
            Self::Iq4Xs => "iq4_xs",
            Self::Mxfp4 => "mxfp4",
            Self::Nvfp4 => "nvfp4",
            Self::Nf4 => "nf4",
            Self::Fp4 => "fp4",
            Self::Fp8 => "fp8",
            Self::Int(bits) => return write!(formatter, "int{bits}"),
        })
    }
}

/// The value of a power of two of eight bits (E8M0); the exponents lie around 127.
pub(in crate::foreign) fn power_of_two(exponent: u8) -> f32 {
    match exponent {
        // 2^-127 is no normal number.
        0 => f32::from_bits(0x0040_0000),
        255 => f32::NAN,
        exponent => f32::from_bits(u32::from(exponent) << 23),
    }
}

/// The value of a float of 4 bits (E2M1); what is above them is not looked at.
pub(in crate::foreign) fn e2m1(code: u8) -> f32 {
    E2M1.get(usize::from(code & 15)).copied().unwrap_or(0.0)
}

fn uneven(code: u8) -> f32 {
    f32::from(UNEVEN.get(usize::from(code)).copied().unwrap_or(0))
}

fn signed(code: u8, zero: i16) -> f32 {
    f32::from(i16::from(code) - zero)
}

fn half(bytes: &[u8]) -> f32 {
    let bytes = bytes.first_chunk().copied().unwrap_or_default();
    f16::from_le_bytes(bytes).to_f32()
}

fn two(bytes: &[u8]) -> (f32, f32) {
    (half(bytes), half(bytes.get(2..).unwrap_or_default()))
}

fn put(values: &mut [f32], decoded: impl Iterator<Item = f32>) {
    for (value, decoded) in values.iter_mut().zip(decoded) {
        *value = decoded;
    }
}

/// Codes of so many bits: of the lowest bits of so many bytes first, then of the next bits of the same.
fn planes(bytes: &[u8], width: usize, bits: u32) -> impl Iterator<Item = u8> {
    let mask = u8::MAX >> (8 - bits);
    bytes.chunks(width).flat_map(move |chunk| {
        (0..8 / bits).flat_map(move |plane| {
            let codes = chunk.iter();
            codes.map(move |byte| byte >> (plane * bits) & mask)
        })
    })
}

/// The eight scales and least values of Q4_K and Q5_K: two of f16, and twelve bytes of codes.
fn scales_of_six_bits(head: &[u8]) -> [(f32, f32); 8] {
    let (d, least) = two(head);
    let codes = head.get(4..).unwrap_or_default();
    let code = |place: usize| codes.get(place).copied().unwrap_or(0);
    std::array::from_fn(|group| {
        let (scale, minimum) = if group < 4 {
            (code(group) & 63, code(group + 4) & 63)
        } else {
            let both = code(group + 4);
            let (scale, minimum) = (code(group - 4), code(group));
            (both & 15 | scale >> 2 & 48, both >> 4 | minimum >> 2 & 48)
        };
        (d * f32::from(scale), least * f32::from(minimum))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_of_bits_come_one_after_the_other() {
        let codes: Vec<u8> = planes(&[0x21, 0x43, 0x65, 0x87], 2, 4).collect();
        assert_eq!(codes, [1, 3, 2, 4, 5, 7, 6, 8]);
        let bits: Vec<u8> = planes(&[0b0000_0101], 1, 1).collect();
        assert_eq!(bits, [1, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn powers_of_two_lie_around_127() {
        assert_eq!(power_of_two(127), 1.0);
        assert_eq!(power_of_two(0), 2.0_f32.powi(-127));
        assert_eq!(power_of_two(254), 2.0_f32.powi(127));
        assert!(power_of_two(255).is_nan());
    }

    #[test]
    fn a_block_of_each_packing_fills_its_values() {
        for packing in [
            Packing::Q4_0,
            Packing::Q4_1,
            Packing::Q5_0,
            Packing::Q5_1,
            Packing::Q8_0,
            Packing::Q2K,
            Packing::Q3K,
            Packing::Q4K,
            Packing::Q5K,
            Packing::Q6K,
            Packing::Iq4Nl,
            Packing::Iq4Xs,
            Packing::Mxfp4,
        ] {
            let (count, bytes) = packing.block().unwrap();
            let block: Vec<u8> = (0..bytes).map(|i| (i * 37 % 120) as u8).collect();
            let mut values = vec![f32::NAN; count as usize];
            packing.decode(&block, &mut values);
            assert!(values.iter().all(|value| value.is_finite()), "{packing}");
        }
    }
}
