//! `X·Xᵀ` in f32.
//!
//! Both factors are the same matrix, so that a few points at a time are packed once and serve for both,
//! and half of the products are the others' mirror image. A strip of rows stays in the first-level
//! cache while the strips before it pass by (Goto and van de Geijn 2008, "Anatomy of high-performance
//! matrix multiplication").

use faer::Mat;
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that are packed together: whole tiles on every instruction set.
const STRIP: usize = 48;
/// Points that are packed together: a strip of them fills half of the cache.
const POINTS: usize = 128;

/// An entry for every row of a strip.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Entries([f32; STRIP]);

const ZEROS: Entries = Entries([0.0; STRIP]);

/// `X·Xᵀ` for the matrix `X` of the columns.
///
/// Products of 128 points are summed, then their sums. points·parameters² operations; beside the
/// result half as much memory again.
pub(super) fn gram(columns: &[&[f32]], parameters: usize) -> Mat<f32> {
    gram_by(Arch::new(), columns, parameters)
}

fn gram_by(arch: Arch, columns: &[&[f32]], parameters: usize) -> Mat<f32> {
    let strips = parameters.div_ceil(STRIP);
    let mut packed = vec![ZEROS; strips * POINTS.min(columns.len())];
    // Of each strip the products with every row before its end.
    let mut sums: Vec<_> = (1..=strips).map(|own| vec![ZEROS; own * STRIP]).collect();
    for columns in columns.chunks(POINTS) {
        let packed = &mut packed[..strips * columns.len()];
        packed
            .par_chunks_exact_mut(columns.len())
            .enumerate()
            .for_each(|(strip, packed)| pack(columns, STRIP * strip..parameters, packed));
        sums.par_iter_mut().enumerate().for_each(|(strip, sums)| {
            arch.dispatch(Products {
                packed: &packed[..(strip + 1) * columns.len()],
                points: columns.len(),
                sums,
            });
        });
    }
    let mut gram = Mat::zeros(parameters, parameters);
    for column in 0..parameters {
        let (own, place) = (column / STRIP, column % STRIP);
        let entries = gram.col_as_slice_mut(column);
        let (mirrored, below) = entries.split_at_mut(parameters.min((own + 1) * STRIP));
        for (entry, sums) in mirrored.iter_mut().zip(&sums[own]) {
            *entry = sums.0[place];
        }
        for (entries, sums) in below.chunks_mut(STRIP).zip(&sums[own + 1..]) {
            entries.copy_from_slice(&sums[column].0[..entries.len()]);
        }
    }
    gram
}

/// Some rows of the points; what lies beyond the last stays 0.
fn pack(columns: &[&[f32]], rows: Range<usize>, packed: &mut [Entries]) {
    let filled = rows.len().min(STRIP);
    for (column, Entries(packed)) in columns.iter().zip(packed) {
        packed[..filled].copy_from_slice(&column[rows.start..][..filled]);
    }
}

/// Adds the products of the last of some strips with the rows of all of them.
struct Products<'a> {
    packed: &'a [Entries],
    points: usize,
    sums: &'a mut [Entries],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT < 32 {
            self.by_tiles::<S, 2, 6>(simd);
        } else {
            self.by_tiles::<S, 3, 8>(simd);
        }
    }
}

impl Products<'_> {
    /// By tiles as tall as some registers, whose sums stay in registers for all points.
    #[inline(always)]
    fn by_tiles<S: Simd, const REGISTERS: usize, const WIDE: usize>(self, simd: S) {
        let tall = REGISTERS * S::F32_LANES;
        let last = &self.packed[self.packed.len() - self.points..];
        let strips = self.packed.chunks_exact(self.points);
        for (strip, sums) in strips.zip(self.sums.chunks_exact_mut(STRIP)) {
            for (number, sums) in sums.chunks_exact_mut(WIDE).enumerate() {
                for start in (0..STRIP).step_by(tall) {
                    let tile: [[S::f32s; REGISTERS]; WIDE] =
                        tile(simd, last, start, strip, number * WIDE);
                    for (Entries(sums), tile) in sums.iter_mut().zip(tile) {
                        let sums: &mut [S::f32s] = cast_slice_mut(&mut sums[start..start + tall]);
                        for (sum, products) in sums.iter_mut().zip(tile) {
                            *sum = simd.add_f32s(*sum, products);
                        }
                    }
                }
            }
        }
    }
}

/// The products of a few rows of a strip with a few of another.
#[inline(always)]
fn tile<S: Simd, const REGISTERS: usize, const WIDE: usize>(
    simd: S,
    tall: &[Entries],
    start: usize,
    wide: &[Entries],
    column: usize,
) -> [[S::f32s; REGISTERS]; WIDE] {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; WIDE];
    for (Entries(tall), Entries(wide)) in tall.iter().zip(wide) {
        let tall: &[S::f32s] = cast_slice(&tall[start..start + REGISTERS * S::F32_LANES]);
        for (sums, &x) in sums.iter_mut().zip(&wide[column..column + WIDE]) {
            let x = simd.splat_f32s(x);
            for (sum, &entries) in sums.iter_mut().zip(tall) {
                *sum = simd.mul_add_e_f32s(x, entries, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::{instruction_sets, noise};
    use super::*;

    #[test]
    fn products_are_those_in_double_by_any_instructions() {
        for (parameters, points) in [(1, 1), (48, 128), (49, 129), (200, 300), (130, 7)] {
            let matrix = noise(parameters, points, 1);
            let columns: Vec<&[f32]> = matrix.as_slice().chunks_exact(parameters).collect();
            let wide = matrix.map(f64::from);
            let expected = &wide * wide.transpose();
            for arch in instruction_sets() {
                let ours = gram_by(arch, &columns, parameters);
                for row in 0..parameters {
                    for column in 0..parameters {
                        let off = f64::from(ours[(row, column)]) - expected[(row, column)];
                        assert!(off.abs() < 1e-6 * expected.amax(), "{arch:?}: {off}");
                        assert_eq!(ours[(row, column)], ours[(column, row)]);
                    }
                }
            }
        }
    }
}
