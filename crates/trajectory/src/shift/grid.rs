//! How finely weights are written.

use serde::{Deserialize, Serialize};

/// Share of the weights other than 0 that may lie off a grid by chance or design.
const STRAY: f64 = 0.001;
/// Weights of a tensor with fewer are too few to count values.
const FEWEST: usize = 2048;
/// Values that eight bits have.
const MOST_VALUES: usize = 256;

/// The coarsest grid that the weights of a checkpoint lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grid {
    /// At most 256 different values.
    Int8,
    /// bfloat16.
    Bf16,
    /// float16.
    F16,
    /// None of these.
    F32,
}

impl Grid {
    /// The grid of these weights. O(weights), and it mostly ends after a few.
    pub(super) fn of(weights: &[f32]) -> Self {
        if weights.len() >= FEWEST && has_few_values(weights) {
            return Self::Int8;
        }
        if lie_on(weights, |weight| weight.to_bits() & 0xFFFF == 0) {
            Self::Bf16
        } else if lie_on(weights, is_f16) {
            Self::F16
        } else {
            Self::F32
        }
    }
}

/// Whether all but a few of the weights other than 0, of which there must be some, lie on a grid.
fn lie_on(weights: &[f32], is_on: impl Fn(f32) -> bool) -> bool {
    let allowed = (STRAY * weights.len() as f64) as usize;
    let (mut off, mut any) = (0, false);
    for &weight in weights.iter().filter(|weight| **weight != 0.0) {
        any = true;
        off += usize::from(!is_on(weight));
        if off > allowed {
            return false;
        }
    }
    any
}

/// Whether a number has at most ten binary places in float16's range of exponents.
fn is_f16(weight: f32) -> bool {
    let bits = weight.to_bits();
    let exponent = (bits >> 23 & 0xFF) as i32 - 127;
    // Below 2⁻¹⁴ places are lost one by one.
    let lost = 13 + (-14 - exponent).max(0);
    exponent <= 15 && lost <= 23 && bits.trailing_zeros() >= lost as u32
}

fn has_few_values(weights: &[f32]) -> bool {
    let mut values = std::collections::HashSet::with_capacity(MOST_VALUES + 1);
    weights.iter().all(|weight| {
        values.insert(weight.to_bits());
        values.len() <= MOST_VALUES
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Vec<f32> {
        (0..4000).map(|i| (i as f32 * 0.37).sin() * 0.3).collect()
    }

    #[test]
    fn each_grid_is_known() {
        let with =
            |round: fn(f32) -> f32| -> Vec<f32> { weights().into_iter().map(round).collect() };
        assert_eq!(Grid::of(&weights()), Grid::F32);
        let bf16 = with(|weight| f32::from_bits(weight.to_bits() & 0xFFFF_0000));
        assert_eq!(Grid::of(&bf16), Grid::Bf16);
        let f16 = with(|weight| f32::from_bits(weight.to_bits() & !0x1FFF));
        assert_eq!(Grid::of(&f16), Grid::F16);
        let int8 = with(|weight| (weight * 300.0).round() / 300.0);
        assert_eq!(Grid::of(&int8), Grid::Int8);
        assert_eq!(Grid::of(&[0.0; 5000]), Grid::Int8);
        assert_eq!(Grid::of(&[]), Grid::F32);
    }

    #[test]
    fn small_numbers_of_float16_have_fewer_places() {
        // 2⁻²⁴ is the least; half of it is none.
        assert!(is_f16(2.0_f32.powi(-24)) && !is_f16(2.0_f32.powi(-25)));
        assert!(is_f16(65504.0) && !is_f16(65536.0 * 2.0));
    }
}
