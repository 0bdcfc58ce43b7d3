//! The inner loops: one block of values at a time, each value signed and added to its accumulator.
//!
//! A value's place in its block fixes the accumulator and the partial sums that it goes to, and
//! values come in order, so how they were cut into chunks cannot show in any bit. Loops over a
//! block are kept apart, so that the partial sums of each fit in registers.

use super::kept::Grids;
use pulp::{Arch, Simd, WithSimd};

/// Consecutive values that share one random offset. Part of the definition of a sketch.
pub(super) const BLOCK: usize = 256;

/// Partial sums kept side by side. Part of the definition: changing it changes last bits.
const LANES: usize = 32;

/// Words of random signs per block, one bit for each value.
pub(super) const SIGN_WORDS: usize = BLOCK / 32;

const EXPONENT: u32 = 0x7f80_0000;
const SIGN: u32 = 0x8000_0000;
/// From here on all numbers of f32 are whole.
const WHOLE: f32 = 8_388_608.0;

/// What is counted and summed beside the sketch.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    squares: [f64; LANES],
    hashes: [u32; LANES],
    pub(super) zeros: u64,
    pub(super) non_finite: u64,
    pub(super) grids: Grids,
    least: [f32; LANES],
    most: [f32; LANES],
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            squares: [0.0; LANES],
            hashes: std::array::from_fn(|lane| lane as u32),
            zeros: 0,
            non_finite: 0,
            grids: Grids::default(),
            least: [f32::INFINITY; LANES],
            most: [f32::NEG_INFINITY; LANES],
        }
    }

    /// Sum of the squares of all finite values.
    pub(super) fn square(&self) -> f64 {
        let mut sums = self.squares;
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
            width /= 2;
        }
        sums[0]
    }

    /// Least and largest finite value, if there is any.
    pub(super) fn range(&self) -> Option<(f32, f32)> {
        let least = self.least.iter().copied().fold(f32::INFINITY, f32::min);
        let most = self.most.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        (least <= most).then_some((least, most))
    }

    #[inline(always)]
    fn bound(&mut self, lane: usize, value: f32) {
        // Not `f32::min`, which would also have to look for NaN. Of two zeros the first stays.
        if value < self.least[lane] {
            self.least[lane] = value;
        }
        if value > self.most[lane] {
            self.most[lane] = value;
        }
    }

    /// A number that changes with any bit of any value, but for one chance in about 10¹⁹.
    ///
    /// Not cryptographic: who wants to can make two tensors that share it.
    pub(super) fn fingerprint(&self, elements: u64) -> u64 {
        self.hashes.iter().fold(mixed(elements), |hash, &lane| {
            mixed(hash ^ u64::from(lane)).wrapping_add(hash.rotate_left(23))
        })
    }

    /// One value at place `place` of its block.
    pub(super) fn add_one(&mut self, sums: &mut [f64], signs: &[u32], place: usize, value: f32) {
        let bits = value.to_bits();
        let lane = place % LANES;
        self.hashes[lane] = hashed(self.hashes[lane], bits);
        self.zeros += u64::from(bits << 1 == 0);
        self.grids.bf16 += u64::from(is_bf16(bits));
        self.grids.f16 += u64::from(is_f16(bits));
        if value.is_finite() {
            self.bound(lane, value);
        } else {
            self.non_finite += 1;
        }
        let value = finite(bits);
        self.squares[lane] += f64::from(value) * f64::from(value);
        sums[place] += f64::from(signed(value, signs[place / 32], place % 32));
    }
}

/// One round of MurmurHash3 (Appleby, public domain) without its premix: a bijection of the state
/// for given bits and of the bits for a given state, so no single change goes unseen.
#[inline(always)]
fn hashed(state: u32, bits: u32) -> u32 {
    (state ^ bits).rotate_left(13).wrapping_mul(0x9e37_79b1)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Whether bf16 holds the value exactly.
#[inline(always)]
fn is_bf16(bits: u32) -> bool {
    bits & 0xffff == 0
}

/// Whether f16 holds the value exactly: of numbers below 2⁻¹⁴ the multiples of 2⁻²⁴, else those with
/// ten bits of fraction, up to 65,504. Infinities and the NaN of the hardware are held, too.
#[inline(always)]
fn is_f16(bits: u32) -> bool {
    let size = bits & !SIGN;
    let scaled = f32::from_bits(size) * 16_777_216.0;
    let is_small = size < 0x3880_0000;
    let is_coarse = bits & 0x1fff == 0;
    let is_held = size <= 0x477f_e000 || size >= EXPONENT;
    // Below 2²³ this rounds to a whole number, and takes no conversion.
    let is_multiple = (scaled + WHOLE) - WHOLE == scaled;
    (is_small & is_multiple) | (!is_small & is_coarse & is_held)
}

#[inline(always)]
fn finite(bits: u32) -> f32 {
    f32::from_bits(if bits & EXPONENT == EXPONENT { 0 } else { bits })
}

#[inline(always)]
fn signed(value: f32, word: u32, bit: usize) -> f32 {
    f32::from_bits(value.to_bits() ^ ((word << bit) & SIGN))
}

/// Adds a whole block to `sums`, the accumulators from the block's offset on.
pub(super) struct AddBlock<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) sums: &'a mut [f64; BLOCK],
    pub(super) signs: &'a [u32; SIGN_WORDS],
    pub(super) values: &'a [f32; BLOCK],
}

impl AddBlock<'_> {
    pub(super) fn run(self, arch: Arch) {
        arch.dispatch(self);
    }
}

impl WithSimd for AddBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            tally,
            sums,
            signs,
            values,
        } = self;
        let groups = values.as_chunks::<LANES>().0;

        let mut hashes = tally.hashes;
        for group in groups {
            for lane in 0..LANES {
                hashes[lane] = hashed(hashes[lane], group[lane].to_bits());
            }
        }
        tally.hashes = hashes;

        let (mut bf16, mut f16) = (0u32, 0u32);
        for value in values {
            bf16 += u32::from(is_bf16(value.to_bits()));
            f16 += u32::from(is_f16(value.to_bits()));
        }
        tally.grids.bf16 += u64::from(bf16);
        tally.grids.f16 += u64::from(f16);

        let (mut non_finite, mut zeros) = (0u32, 0u32);
        for value in values {
            non_finite += u32::from(value.to_bits() & EXPONENT == EXPONENT);
            zeros += u32::from(value.to_bits() << 1 == 0);
        }
        tally.zeros += u64::from(zeros);
        if non_finite > 0 {
            tally.non_finite += u64::from(non_finite);
            add_broken(tally, sums, signs, groups);
            return;
        }

        let (mut least, mut most) = (tally.least, tally.most);
        for group in groups {
            for lane in 0..LANES {
                let value = group[lane];
                least[lane] = if value < least[lane] {
                    value
                } else {
                    least[lane]
                };
                most[lane] = if value > most[lane] {
                    value
                } else {
                    most[lane]
                };
            }
        }
        (tally.least, tally.most) = (least, most);

        let mut squares = tally.squares;
        for group in groups {
            for lane in 0..LANES {
                squares[lane] += f64::from(group[lane]) * f64::from(group[lane]);
            }
        }
        tally.squares = squares;

        let sums = sums.as_chunks_mut::<LANES>().0;
        for ((sums, group), &word) in sums.iter_mut().zip(groups).zip(signs) {
            for lane in 0..LANES {
                sums[lane] += f64::from(signed(group[lane], word, lane));
            }
        }
    }
}

/// The same where some values are not finite: these count as zero.
#[cold]
fn add_broken(
    tally: &mut Tally,
    sums: &mut [f64; BLOCK],
    signs: &[u32; SIGN_WORDS],
    groups: &[[f32; LANES]],
) {
    let values = groups.iter().flatten();
    for (place, &value) in values.enumerate() {
        if value.is_finite() {
            tally.bound(place % LANES, value);
        }
        let value = finite(value.to_bits());
        tally.squares[place % LANES] += f64::from(value) * f64::from(value);
        sums[place] += f64::from(signed(value, signs[place / 32], place % 32));
    }
}
