//! The logistic function, with the same bits on every instruction set.

use super::simd::Simd;

/// 1.5·2²³: adding it to a number below 2²² leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 in two parts, the first exact in few bits (Cody & Waite 1980).
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Taylor coefficients of (eʳ − 1 − r) / r², highest first: below 2 ulp on |r| ≤ ln 2 / 2.
const POLYNOMIAL: [f32; 6] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// 1 / (1 + e⁻ˣ), within 3e-7 of it.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let one = s.splat(1.0);
    let bounded = s.min(s.splat(87.0), s.max(s.splat(-87.0), s.sub(s.splat(0.0), x)));
    let rounded = s.mul_add(bounded, s.splat(LOG2_E), s.splat(ROUND));
    let n = s.sub(rounded, s.splat(ROUND));
    let r = s.mul_add(n, s.splat(-LN_2_HIGH), bounded);
    let r = s.mul_add(n, s.splat(-LN_2_LOW), r);
    let mut p = s.splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        p = s.mul_add(p, r, s.splat(*coefficient));
    }
    let exp_r = s.add(one, s.mul_add(s.mul(r, r), p, r));
    s.div(one, s.add(one, s.shift_exponent(exp_r, rounded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::InstructionSet;
    use crate::fused::simd::{Block, Kernel};

    struct Sigmoid(Block);
    impl Kernel for Sigmoid {
        type Output = [f32; 16];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 16] {
            let mut out = Block::default();
            s.store(sigmoid(s, s.load(&self.0)), &mut out);
            out.0
        }
    }

    #[test]
    fn it_is_accurate_and_the_same_on_every_instruction_set() {
        for start in -7000..7000 {
            let block = Block(std::array::from_fn(|lane| {
                (start as f32 + lane as f32 / 16.0) / 70.0
            }));
            let portable = InstructionSet::Portable.run(Sigmoid(block));
            for (x, y) in block.0.iter().zip(portable) {
                let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                assert!(
                    (f64::from(y) - exact).abs() < 3e-7,
                    "σ({x}) = {y}, not {exact}"
                );
            }
            for set in InstructionSet::available() {
                assert_eq!(
                    set.run(Sigmoid(block)).map(f32::to_bits),
                    portable.map(f32::to_bits)
                );
            }
        }
    }

    #[test]
    fn it_passes_nan_on() {
        assert!(InstructionSet::Portable.run(Sigmoid(Block([f32::NAN; 16])))[0].is_nan());
    }
}
