//! Sixteen numbers at a time, with the same bits on every instruction set.
//!
//! A kernel is written once, over [`Simd`]. What fixes its bits: sixteen lanes whatever the
//! registers, fused multiply-add everywhere, and one order of summation ([`Simd::sum_each`]).
//! Each implementation is a token whose existence proves that the machine has the instructions,
//! so that its methods are safe to call.

/// Numbers in one vector.
pub(super) const LANES: usize = 16;

/// Sixteen numbers in memory, aligned as the widest registers like it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [f32; LANES]);

/// The operations that the kernels are written in.
pub(super) trait Simd: Copy {
    /// Sixteen f32.
    type Vector: Copy;
    /// Sixteen u32.
    type Index: Copy;
    /// Sixteen truth values.
    type Mask: Copy;

    fn splat(self, value: f32) -> Self::Vector;
    fn load(self, from: &Block) -> Self::Vector;
    fn store(self, vector: Self::Vector, to: &mut Block);
    /// Sixteen bytes as numbers from 0 to 255.
    fn widen(self, bytes: &[u8; LANES]) -> Self::Vector;

    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a·b + c, rounded once.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The smaller; b where they do not compare.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger; b where they do not compare.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// a > b, lane by lane.
    fn greater(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    fn select_index(self, mask: Self::Mask, yes: Self::Index, no: Self::Index) -> Self::Index;

    fn splat_index(self, value: u32) -> Self::Index;
    fn add_index(self, a: Self::Index, b: Self::Index) -> Self::Index;
    fn load_index(self, from: &[u32; LANES]) -> Self::Index;
    fn store_index(self, index: Self::Index) -> [u32; LANES];
    /// Looks each index (below 32) up in low ++ high.
    fn lookup(self, low: Self::Vector, high: Self::Vector, index: Self::Index) -> Self::Vector;
    /// Adds the low bits of `exponent`'s representation to the exponent of `vector`.
    fn shift_exponent(self, vector: Self::Vector, exponent: Self::Vector) -> Self::Vector;

    /// Exchanges lanes 0..8 with lanes 8..16.
    fn swap_halves(self, vector: Self::Vector) -> Self::Vector;
    fn swap_index_halves(self, index: Self::Index) -> Self::Index;
    /// The sum of each vector's lanes: lane n of the result belongs to vector n. Lanes are added
    /// eight apart, then four, two and one apart.
    fn sum_each(self, vectors: [Self::Vector; LANES]) -> Self::Vector;

    /// Asks for what will be read soon.
    fn prefetch<T>(self, what: &T);

    /// Runs the kernel, compiled for this instruction set.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;
}

/// Code that can be compiled for every instruction set.
pub(super) trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`, as must everything it calls that takes a `Simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
