//! `X·Xᵀ·B` for a narrow block `B`, in f32, with one reading of the points.
//!
//! As two matrix products this costs two readings of all points, which for few columns takes longer
//! than the arithmetic. Here a few points at a time are multiplied with the block, and what comes out
//! with the points, before they leave the cache.

use faer::{Mat, MatRef};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::BLOCK;

/// Columns of `B`: whole strips on every instruction set.
pub(super) const WIDTH: usize = 32;
/// Registers that hold a row of a strip of `B`.
const REGISTERS: usize = 2;

/// `X·Xᵀ·block` for the matrix `X` of the columns; `block` has [`WIDTH`] columns.
///
/// Products of 512 points are summed in f32, their sums in f64. 4·points·parameters·WIDTH operations.
pub(super) fn image(columns: &[&[f32]], block: MatRef<'_, f32>) -> Mat<f32> {
    let parameters = block.nrows();
    let arch = Arch::new();
    let parts: Vec<Vec<f32>> = columns
        .par_chunks(BLOCK)
        .map(|columns| arch.dispatch(Image { columns, block }))
        .collect();
    let mut sums = vec![0.0; parameters * WIDTH];
    for part in parts {
        for (sum, x) in sums.iter_mut().zip(part) {
            *sum += f64::from(x);
        }
    }
    Mat::from_fn(parameters, WIDTH, |row, column| {
        sums[row * WIDTH + column] as f32
    })
}

/// The image of the block under some points, row by row.
struct Image<'a> {
    columns: &'a [&'a [f32]],
    block: MatRef<'a, f32>,
}

impl WithSimd for Image<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        if S::REGISTER_COUNT < 32 {
            self.by_points::<S, 4>(simd)
        } else {
            self.by_points::<S, 8>(simd)
        }
    }
}

impl Image<'_> {
    /// With so many points multiplied together that their sums fill half of the registers.
    #[inline(always)]
    fn by_points<S: Simd, const POINTS: usize>(self, simd: S) -> Vec<f32> {
        let parameters = self.block.nrows();
        let zero = vec![0.0; parameters];
        let wide = REGISTERS * S::F32_LANES;
        let mut strip = vec![[simd.splat_f32s(0.0); REGISTERS]; parameters];
        let mut strip_image = strip.clone();
        let mut image = vec![0.0; parameters * WIDTH];
        for start in (0..WIDTH).step_by(wide) {
            let rows = cast_slice_mut(strip.as_flattened_mut());
            for (row, entries) in rows.chunks_exact_mut(wide).enumerate() {
                for (lane, entry) in entries.iter_mut().enumerate() {
                    *entry = self.block[(row, start + lane)];
                }
            }
            strip_image.fill([simd.splat_f32s(0.0); REGISTERS]);
            for columns in self.columns.chunks(POINTS) {
                let points: [&[f32]; POINTS] = std::array::from_fn(|i| {
                    columns
                        .get(i)
                        .map_or(&zero[..], |column| &column[..parameters])
                });
                add_image(simd, points, &strip, &mut strip_image);
            }
            let rows = cast_slice(strip_image.as_flattened());
            for (row, entries) in image.chunks_exact_mut(WIDTH).zip(rows.chunks_exact(wide)) {
                row[start..start + wide].copy_from_slice(entries);
            }
        }
        image
    }
}

/// Adds `P·Pᵀ·strip` for the matrix `P` of some points.
#[inline(always)]
fn add_image<S: Simd, const POINTS: usize>(
    simd: S,
    points: [&[f32]; POINTS],
    strip: &[[S::f32s; REGISTERS]],
    image: &mut [[S::f32s; REGISTERS]],
) {
    let points = points.map(|point| &point[..strip.len()]);
    let mut along = [[simd.splat_f32s(0.0); REGISTERS]; POINTS];
    for (row, entries) in strip.iter().enumerate() {
        for (along, point) in along.iter_mut().zip(points) {
            let x = simd.splat_f32s(point[row]);
            for (along, &entry) in along.iter_mut().zip(entries) {
                *along = simd.mul_add_e_f32s(x, entry, *along);
            }
        }
    }
    for (row, image) in image.iter_mut().enumerate() {
        let mut sums = *image;
        for (along, point) in along.iter().zip(points) {
            let x = simd.splat_f32s(point[row]);
            for (sum, &along) in sums.iter_mut().zip(along) {
                *sum = simd.mul_add_e_f32s(x, along, *sum);
            }
        }
        *image = sums;
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise;
    use super::*;

    #[test]
    fn an_image_is_that_of_two_products_in_double() {
        for (parameters, points) in [(1, 1), (40, 3), (33, 8), (70, 513), (5, 1100)] {
            let matrix = noise(parameters, points, 1);
            let block = noise(parameters, WIDTH, 2);
            let columns: Vec<&[f32]> = matrix.as_slice().chunks_exact(parameters).collect();
            let view = MatRef::from_column_major_slice(block.as_slice(), parameters, WIDTH);
            let ours = image(&columns, view);
            let wide = matrix.map(f64::from);
            let expected = &wide * (wide.transpose() * block.map(f64::from));
            let scale = expected.amax();
            for row in 0..parameters {
                for column in 0..WIDTH {
                    let off = f64::from(ours[(row, column)]) - expected[(row, column)];
                    assert!(off.abs() < 2e-6 * scale, "{parameters} x {points}: {off}");
                }
            }
        }
    }
}
