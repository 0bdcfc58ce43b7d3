//! AVX2 and FMA: a vector is two registers.
#![allow(unsafe_code, reason = "instructions that not every x86-64 machine has")]

use super::simd::{Block, Kernel, LANES, Simd};
use std::arch::x86_64::*;

/// Proof that this machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2 {
    detected: (),
}

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
            .then_some(Self { detected: () })
    }
}

/// SAFETY of every block: the token exists only where AVX2 and FMA were detected, and all loads
/// and stores go through references to arrays of the size moved.
macro_rules! avx2 {
    ($operation:expr) => {
        unsafe { $operation }
    };
}

/// One operation on both halves. A macro, since a closure would be compiled without AVX2.
macro_rules! both {
    ($operation:expr, $($operand:expr),+) => {
        [$operation($($operand[0]),+), $operation($($operand[1]),+)]
    };
}

/// Lanes 0..8 and lanes 8..16.
type Pair = [__m256; 2];
type IndexPair = [__m256i; 2];

/// Sums of lanes four apart: those of `a` in the lower half, those of `b` in the upper.
#[inline(always)]
unsafe fn four_apart(a: __m256, b: __m256) -> __m256 {
    avx2!(_mm256_add_ps(
        _mm256_permute2f128_ps::<0x20>(a, b),
        _mm256_permute2f128_ps::<0x31>(a, b),
    ))
}

#[inline(always)]
unsafe fn two_apart(a: __m256, b: __m256) -> __m256 {
    avx2!({
        let (a, b) = (_mm256_castps_pd(a), _mm256_castps_pd(b));
        _mm256_add_ps(
            _mm256_castpd_ps(_mm256_unpacklo_pd(a, b)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)),
        )
    })
}

#[inline(always)]
unsafe fn one_apart(a: __m256, b: __m256) -> __m256 {
    avx2!(_mm256_add_ps(
        _mm256_shuffle_ps::<0b10_00_10_00>(a, b),
        _mm256_shuffle_ps::<0b11_01_11_01>(a, b),
    ))
}

/// The sums of eight vectors' lanes.
#[inline(always)]
unsafe fn sum_eight(v: &[Pair]) -> __m256 {
    avx2!({
        let a = four_apart(
            _mm256_add_ps(v[0][0], v[0][1]),
            _mm256_add_ps(v[4][0], v[4][1]),
        );
        let b = four_apart(
            _mm256_add_ps(v[1][0], v[1][1]),
            _mm256_add_ps(v[5][0], v[5][1]),
        );
        let c = four_apart(
            _mm256_add_ps(v[2][0], v[2][1]),
            _mm256_add_ps(v[6][0], v[6][1]),
        );
        let d = four_apart(
            _mm256_add_ps(v[3][0], v[3][1]),
            _mm256_add_ps(v[7][0], v[7][1]),
        );
        one_apart(two_apart(a, b), two_apart(c, d))
    })
}

#[inline(always)]
unsafe fn lookup_eight(low: Pair, high: Pair, index: __m256i) -> __m256 {
    avx2!({
        let eights = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(index));
        let sixteens = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(index));
        let in_low = _mm256_blendv_ps(
            _mm256_permutevar8x32_ps(low[0], index),
            _mm256_permutevar8x32_ps(low[1], index),
            eights,
        );
        let in_high = _mm256_blendv_ps(
            _mm256_permutevar8x32_ps(high[0], index),
            _mm256_permutevar8x32_ps(high[1], index),
            eights,
        );
        _mm256_blendv_ps(in_low, in_high, sixteens)
    })
}

impl Simd for Avx2 {
    type Vector = Pair;
    type Index = IndexPair;
    type Mask = Pair;

    #[inline(always)]
    fn splat(self, value: f32) -> Pair {
        [avx2!(_mm256_set1_ps(value)); 2]
    }
    #[inline(always)]
    fn load(self, from: &Block) -> Pair {
        let start = from.0.as_ptr();
        avx2!([_mm256_load_ps(start), _mm256_load_ps(start.add(8))])
    }
    #[inline(always)]
    fn store(self, vector: Pair, to: &mut Block) {
        let start = to.0.as_mut_ptr();
        avx2!({
            _mm256_store_ps(start, vector[0]);
            _mm256_store_ps(start.add(8), vector[1]);
        })
    }
    #[inline(always)]
    fn widen(self, bytes: &[u8; LANES]) -> Pair {
        avx2!({
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let high = _mm_unpackhi_epi64(bytes, bytes);
            let widened = both!(_mm256_cvtepu8_epi32, [bytes, high]);
            both!(_mm256_cvtepi32_ps, widened)
        })
    }
    #[inline(always)]
    fn add(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_add_ps, a, b))
    }
    #[inline(always)]
    fn sub(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_sub_ps, a, b))
    }
    #[inline(always)]
    fn mul(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_mul_ps, a, b))
    }
    #[inline(always)]
    fn div(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_div_ps, a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Pair, b: Pair, c: Pair) -> Pair {
        avx2!(both!(_mm256_fmadd_ps, a, b, c))
    }
    #[inline(always)]
    fn min(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_min_ps, a, b))
    }
    #[inline(always)]
    fn max(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_max_ps, a, b))
    }
    #[inline(always)]
    fn greater(self, a: Pair, b: Pair) -> Pair {
        avx2!(both!(_mm256_cmp_ps::<_CMP_GT_OQ>, a, b))
    }
    #[inline(always)]
    fn select(self, mask: Pair, yes: Pair, no: Pair) -> Pair {
        avx2!(both!(_mm256_blendv_ps, no, yes, mask))
    }
    #[inline(always)]
    fn select_index(self, mask: Pair, yes: IndexPair, no: IndexPair) -> IndexPair {
        avx2!([
            _mm256_blendv_epi8(no[0], yes[0], _mm256_castps_si256(mask[0])),
            _mm256_blendv_epi8(no[1], yes[1], _mm256_castps_si256(mask[1])),
        ])
    }
    #[inline(always)]
    fn splat_index(self, value: u32) -> IndexPair {
        [avx2!(_mm256_set1_epi32(value as i32)); 2]
    }
    #[inline(always)]
    fn add_index(self, a: IndexPair, b: IndexPair) -> IndexPair {
        avx2!(both!(_mm256_add_epi32, a, b))
    }
    #[inline(always)]
    fn load_index(self, from: &[u32; LANES]) -> IndexPair {
        let (low, high) = from.split_at(8);
        avx2!([
            _mm256_loadu_si256(low.as_ptr().cast()),
            _mm256_loadu_si256(high.as_ptr().cast()),
        ])
    }
    #[inline(always)]
    fn store_index(self, index: IndexPair) -> [u32; LANES] {
        let mut lanes = [0; LANES];
        let (low, high) = lanes.split_at_mut(8);
        avx2!({
            _mm256_storeu_si256(low.as_mut_ptr().cast(), index[0]);
            _mm256_storeu_si256(high.as_mut_ptr().cast(), index[1]);
        });
        lanes
    }
    #[inline(always)]
    fn lookup(self, low: Pair, high: Pair, index: IndexPair) -> Pair {
        avx2!([
            lookup_eight(low, high, index[0]),
            lookup_eight(low, high, index[1])
        ])
    }
    #[inline(always)]
    fn shift_exponent(self, vector: Pair, exponent: Pair) -> Pair {
        avx2!({
            let shift = both!(
                _mm256_slli_epi32::<23>,
                both!(_mm256_castps_si256, exponent)
            );
            let bits = both!(_mm256_castps_si256, vector);
            both!(_mm256_castsi256_ps, both!(_mm256_add_epi32, bits, shift))
        })
    }
    #[inline(always)]
    fn swap_halves(self, vector: Pair) -> Pair {
        [vector[1], vector[0]]
    }
    #[inline(always)]
    fn swap_index_halves(self, index: IndexPair) -> IndexPair {
        [index[1], index[0]]
    }
    #[inline(always)]
    fn sum_each(self, v: [Pair; LANES]) -> Pair {
        avx2!([sum_eight(&v[..8]), sum_eight(&v[8..])])
    }
    #[inline(always)]
    fn prefetch<T>(self, what: &T) {
        let start = std::ptr::from_ref(what).cast::<i8>();
        for line in (0..size_of::<T>()).step_by(64) {
            avx2!(_mm_prefetch::<_MM_HINT_T0>(start.add(line)));
        }
    }
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(kernel: K, simd: Avx2) -> K::Output {
            kernel.run(simd)
        }
        let () = self.detected;
        avx2!(compiled(kernel, self))
    }
}
