//! The definition of every operation, in plain Rust.

use super::simd::{Block, Kernel, LANES, Simd};
use std::array::from_fn;

/// Runs everywhere.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = [f32; LANES];
    type Index = [u32; LANES];
    type Mask = [bool; LANES];

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Vector {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Block) -> Self::Vector {
        from.0
    }
    #[inline(always)]
    fn store(self, vector: Self::Vector, to: &mut Block) {
        to.0 = vector;
    }
    #[inline(always)]
    fn widen(self, bytes: &[u8; LANES]) -> Self::Vector {
        bytes.map(f32::from)
    }
    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| a[lane] / b[lane])
    }
    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn greater(self, a: Self::Vector, b: Self::Vector) -> Self::Mask {
        from_fn(|lane| a[lane] > b[lane])
    }
    #[inline(always)]
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector {
        from_fn(|lane| if mask[lane] { yes[lane] } else { no[lane] })
    }
    #[inline(always)]
    fn select_index(self, mask: Self::Mask, yes: Self::Index, no: Self::Index) -> Self::Index {
        from_fn(|lane| if mask[lane] { yes[lane] } else { no[lane] })
    }
    #[inline(always)]
    fn splat_index(self, value: u32) -> Self::Index {
        [value; LANES]
    }
    #[inline(always)]
    fn add_index(self, a: Self::Index, b: Self::Index) -> Self::Index {
        from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }
    #[inline(always)]
    fn load_index(self, from: &[u32; LANES]) -> Self::Index {
        *from
    }
    #[inline(always)]
    fn store_index(self, index: Self::Index) -> [u32; LANES] {
        index
    }
    #[inline(always)]
    fn lookup(self, low: Self::Vector, high: Self::Vector, index: Self::Index) -> Self::Vector {
        index.map(|index| {
            let lane = index as usize % LANES;
            if index as usize & LANES == 0 {
                low[lane]
            } else {
                high[lane]
            }
        })
    }
    #[inline(always)]
    fn shift_exponent(self, vector: Self::Vector, exponent: Self::Vector) -> Self::Vector {
        from_fn(|lane| {
            f32::from_bits(
                vector[lane]
                    .to_bits()
                    .wrapping_add(exponent[lane].to_bits() << 23),
            )
        })
    }
    #[inline(always)]
    fn swap_halves(self, vector: Self::Vector) -> Self::Vector {
        from_fn(|lane| vector[lane ^ 8])
    }
    #[inline(always)]
    fn swap_index_halves(self, index: Self::Index) -> Self::Index {
        from_fn(|lane| index[lane ^ 8])
    }
    #[inline(always)]
    fn sum_each(self, vectors: [Self::Vector; LANES]) -> Self::Vector {
        vectors.map(|mut lanes| {
            for apart in [8, 4, 2, 1] {
                for lane in 0..apart {
                    lanes[lane] += lanes[lane + apart];
                }
            }
            lanes[0]
        })
    }
    #[inline(always)]
    fn prefetch<T>(self, _: &T) {}
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}
