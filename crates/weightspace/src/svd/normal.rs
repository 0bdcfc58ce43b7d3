//! `X·Xᵀ·B` for a narrow block `B`, in f32, with one reading of the points.
//!
//! As two matrix products this costs two readings of all points, which for few columns takes longer
//! than the arithmetic. Here a few points at a time are multiplied with the block, and what comes out
//! with the points, before they leave the cache.

use faer::{Mat, MatRef};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::dense::BLOCK;

/// Columns of `B`: whole strips on every instruction set.
pub(super) const WIDTH: usize = 32;
/// Registers that hold a row of a strip of `B`.
const REGISTERS: usize = 2;

/// A row of `B`, or of its image.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row([f32; WIDTH]);

const ZEROS: Row = Row([0.0; WIDTH]);

/// `X·Xᵀ·block` for the matrix `X` of the columns; `block` has [`WIDTH`] columns.
///
/// Products of 512 points are summed in f32, their sums in f64. 4·points·parameters·WIDTH operations.
pub(super) fn image(columns: &[&[f32]], block: MatRef<'_, f32>) -> Mat<f32> {
    image_by(Arch::new(), columns, block)
}

fn image_by(arch: Arch, columns: &[&[f32]], block: MatRef<'_, f32>) -> Mat<f32> {
    let parameters = block.nrows();
    let block: Vec<Row> = (0..parameters)
        .map(|row| Row(std::array::from_fn(|column| block[(row, column)])))
        .collect();
    let none = vec![0.0; parameters];
    let parts: Vec<Vec<Row>> = columns
        .par_chunks(BLOCK)
        .map(|columns| {
            let mut image = vec![ZEROS; parameters];
            arch.dispatch(Image {
                columns,
                none: &none,
                block: &block,
                image: &mut image,
            });
            image
        })
        .collect();
    Mat::from_fn(parameters, WIDTH, |row, column| {
        let sum: f64 = parts
            .iter()
            .map(|part| f64::from(part[row].0[column]))
            .sum();
        sum as f32
    })
}

/// Adds the image of the block under some points.
struct Image<'a> {
    columns: &'a [&'a [f32]],
    /// Zeros, in place of a point.
    none: &'a [f32],
    block: &'a [Row],
    image: &'a mut [Row],
}

impl WithSimd for Image<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT < 32 {
            self.by_points::<S, 4>(simd);
        } else {
            self.by_points::<S, 8>(simd);
        }
    }
}

impl Image<'_> {
    /// With so many points multiplied together that their sums fill half of the registers.
    #[inline(always)]
    fn by_points<S: Simd, const POINTS: usize>(self, simd: S) {
        for start in (0..WIDTH).step_by(REGISTERS * S::F32_LANES) {
            for columns in self.columns.chunks(POINTS) {
                let points: [&[f32]; POINTS] =
                    std::array::from_fn(|i| *columns.get(i).unwrap_or(&self.none));
                add_image(simd, points, start, self.block, self.image);
            }
        }
    }
}

/// Adds `P·Pᵀ·strip` for the matrix `P` of some points, and a strip of the block from column `start` on.
#[inline(always)]
fn add_image<S: Simd, const POINTS: usize>(
    simd: S,
    points: [&[f32]; POINTS],
    start: usize,
    block: &[Row],
    image: &mut [Row],
) {
    let strip = start..start + REGISTERS * S::F32_LANES;
    let points = points.map(|point| &point[..block.len()]);
    let mut along = [[simd.splat_f32s(0.0); REGISTERS]; POINTS];
    for (row, Row(entries)) in block.iter().enumerate() {
        let entries: &[S::f32s] = cast_slice(&entries[strip.clone()]);
        for (along, point) in along.iter_mut().zip(points) {
            let x = simd.splat_f32s(point[row]);
            for (along, &entry) in along.iter_mut().zip(entries) {
                *along = simd.mul_add_e_f32s(x, entry, *along);
            }
        }
    }
    for (row, Row(image)) in image.iter_mut().enumerate() {
        let image: &mut [S::f32s] = cast_slice_mut(&mut image[strip.clone()]);
        let mut sums: [S::f32s; REGISTERS] = std::array::from_fn(|i| image[i]);
        for (along, point) in along.iter().zip(points) {
            let x = simd.splat_f32s(point[row]);
            for (sum, &along) in sums.iter_mut().zip(along) {
                *sum = simd.mul_add_e_f32s(x, along, *sum);
            }
        }
        image.copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{instruction_sets, noise};
    use super::*;

    #[test]
    fn an_image_is_that_of_two_products_in_double_by_any_instructions() {
        for (parameters, points) in [(1, 1), (40, 3), (33, 8), (70, 513), (5, 1100)] {
            let matrix = noise(parameters, points, 1);
            let block = noise(parameters, WIDTH, 2);
            let columns: Vec<&[f32]> = matrix.as_slice().chunks_exact(parameters).collect();
            let view = MatRef::from_column_major_slice(block.as_slice(), parameters, WIDTH);
            let wide = matrix.map(f64::from);
            let expected = &wide * (wide.transpose() * block.map(f64::from));
            let scale = expected.amax();
            for arch in instruction_sets() {
                let ours = image_by(arch, &columns, view);
                for row in 0..parameters {
                    for column in 0..WIDTH {
                        let off = f64::from(ours[(row, column)]) - expected[(row, column)];
                        assert!(
                            off.abs() < 2e-6 * scale,
                            "{arch:?}, {parameters} x {points}: {off}"
                        );
                    }
                }
            }
        }
    }
}
