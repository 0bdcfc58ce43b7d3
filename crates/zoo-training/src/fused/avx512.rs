//! AVX-512: a vector is one register.
#![allow(unsafe_code, reason = "instructions that not every x86-64 machine has")]

use super::simd::{Block, Kernel, LANES, Simd};
use std::arch::x86_64::*;

/// Proof that this machine has AVX-512 F.
#[derive(Clone, Copy)]
pub(super) struct Avx512 {
    detected: (),
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self { detected: () })
    }
}

/// SAFETY of every block: the token exists only where AVX-512 F was detected, and all loads and
/// stores go through references to arrays of the size moved.
macro_rules! avx512 {
    ($operation:expr) => {
        unsafe { $operation }
    };
}

/// Sums of lanes eight apart: those of `a` in the lower half, those of `b` in the upper.
#[inline(always)]
unsafe fn eight_apart(a: __m512, b: __m512) -> __m512 {
    avx512!(_mm512_add_ps(
        _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b),
        _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b),
    ))
}

#[inline(always)]
unsafe fn four_apart(a: __m512, b: __m512) -> __m512 {
    avx512!(_mm512_add_ps(
        _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
        _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
    ))
}

#[inline(always)]
unsafe fn two_apart(a: __m512, b: __m512) -> __m512 {
    avx512!({
        let (a, b) = (_mm512_castps_pd(a), _mm512_castps_pd(b));
        _mm512_add_ps(
            _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)),
        )
    })
}

#[inline(always)]
unsafe fn one_apart(a: __m512, b: __m512) -> __m512 {
    avx512!(_mm512_add_ps(
        _mm512_shuffle_ps::<0b10_00_10_00>(a, b),
        _mm512_shuffle_ps::<0b11_01_11_01>(a, b),
    ))
}

impl Simd for Avx512 {
    type Vector = __m512;
    type Index = __m512i;
    type Mask = __mmask16;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        avx512!(_mm512_set1_ps(value))
    }
    #[inline(always)]
    fn load(self, from: &Block) -> __m512 {
        avx512!(_mm512_load_ps(from.0.as_ptr()))
    }
    #[inline(always)]
    fn store(self, vector: __m512, to: &mut Block) {
        avx512!(_mm512_store_ps(to.0.as_mut_ptr(), vector))
    }
    #[inline(always)]
    fn widen(self, bytes: &[u8; LANES]) -> __m512 {
        avx512!(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(
            bytes.as_ptr().cast()
        ))))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        avx512!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        avx512!(_mm512_mask_blend_ps(mask, no, yes))
    }
    #[inline(always)]
    fn select_index(self, mask: __mmask16, yes: __m512i, no: __m512i) -> __m512i {
        avx512!(_mm512_mask_blend_epi32(mask, no, yes))
    }
    #[inline(always)]
    fn splat_index(self, value: u32) -> __m512i {
        avx512!(_mm512_set1_epi32(value as i32))
    }
    #[inline(always)]
    fn add_index(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn load_index(self, from: &[u32; LANES]) -> __m512i {
        avx512!(_mm512_loadu_si512(from.as_ptr().cast()))
    }
    #[inline(always)]
    fn store_index(self, index: __m512i) -> [u32; LANES] {
        let mut lanes = [0; LANES];
        avx512!(_mm512_storeu_si512(lanes.as_mut_ptr().cast(), index));
        lanes
    }
    #[inline(always)]
    fn lookup(self, low: __m512, high: __m512, index: __m512i) -> __m512 {
        avx512!(_mm512_permutex2var_ps(low, index, high))
    }
    #[inline(always)]
    fn shift_exponent(self, vector: __m512, exponent: __m512) -> __m512 {
        avx512!({
            let shift = _mm512_slli_epi32::<23>(_mm512_castps_si512(exponent));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(vector), shift))
        })
    }
    #[inline(always)]
    fn swap_halves(self, vector: __m512) -> __m512 {
        avx512!(_mm512_shuffle_f32x4::<0b01_00_11_10>(vector, vector))
    }
    #[inline(always)]
    fn swap_index_halves(self, index: __m512i) -> __m512i {
        avx512!(_mm512_shuffle_i32x4::<0b01_00_11_10>(index, index))
    }
    #[inline(always)]
    fn sum_each(self, v: [__m512; LANES]) -> __m512 {
        avx512!({
            let a = four_apart(eight_apart(v[0], v[4]), eight_apart(v[8], v[12]));
            let b = four_apart(eight_apart(v[1], v[5]), eight_apart(v[9], v[13]));
            let c = four_apart(eight_apart(v[2], v[6]), eight_apart(v[10], v[14]));
            let d = four_apart(eight_apart(v[3], v[7]), eight_apart(v[11], v[15]));
            one_apart(two_apart(a, b), two_apart(c, d))
        })
    }
    #[inline(always)]
    fn prefetch<T>(self, what: &T) {
        let start = std::ptr::from_ref(what).cast::<i8>();
        for line in (0..size_of::<T>()).step_by(64) {
            avx512!(_mm_prefetch::<_MM_HINT_T0>(start.add(line)));
        }
    }
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f")]
        fn compiled<K: Kernel>(kernel: K, simd: Avx512) -> K::Output {
            kernel.run(simd)
        }
        let () = self.detected;
        avx512!(compiled(kernel, self))
    }
}
