//! How fast this machine multiplies and adds: what a kernel's speed is measured against.

use super::instruction_set::InstructionSet;
use super::simd::{Block, Kernel, LANES, Simd};

/// Independent chains: enough to hide the latency of a multiply-add.
const CHAINS: usize = 20;

struct MultiplyAdd {
    rounds: u64,
    factor: f32,
}

impl Kernel for MultiplyAdd {
    type Output = Block;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Block {
        let factor = s.splat(self.factor);
        let mut sums = [s.splat(1.0); CHAINS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = s.mul_add(*sum, factor, factor);
            }
        }
        let mut total = Block::default();
        s.store(
            sums.into_iter().fold(s.splat(0.0), |a, b| s.add(a, b)),
            &mut total,
        );
        total
    }
}

/// Multiplies and adds in registers, on one thread; returns the floating-point operations done.
pub fn multiply_add(set: InstructionSet, rounds: u64) -> u64 {
    std::hint::black_box(set.run(MultiplyAdd {
        rounds,
        factor: std::hint::black_box(0.5),
    }));
    rounds * (CHAINS * LANES * 2) as u64
}
