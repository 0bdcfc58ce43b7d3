//! Some leading eigenvectors of a symmetric matrix that is known by its products only, by block
//! Lanczos with full reorthogonalisation (Golub and Underwood 1977): the eigenvectors of the matrix
//! within the span of a random block and its images. In f32.

use faer::{Mat, MatRef, Par};
use rand_chacha::rand_core::Rng;

use super::dense::{narrowed, product, widened};
use super::orthonormal::orthonormal;
use super::tridiagonal;
use crate::parts::PARTS;
use crate::random::stream;

/// How many times as many vectors as are wanted the span has when it is first looked whether it suffices.
const FIRST_LOOK: f64 = 1.9;
/// By what share the span has grown when it is looked anew whether it suffices.
const GROWTH: usize = 16;
/// Residual below which an eigenvector is good enough, relative to its eigenvalue.
const TOLERANCE: f64 = 3e-4;

/// What is looked for, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    /// Rows of the matrix.
    pub(super) size: usize,
    /// Eigenvectors, of which only the first `wanted` need be good.
    pub(super) count: usize,
    pub(super) wanted: usize,
    /// Vectors that are multiplied together.
    pub(super) block: usize,
    /// Vectors that may be multiplied in all.
    pub(super) most: usize,
}

/// The eigenvectors of the greatest eigenvalues, largest first, of length 1; those of eigenvalues that
/// are all but equal span what they should, but may lean. None if they are not found within the given
/// number of products.
pub(super) fn leading(
    search: Search,
    image: impl Fn(MatRef<'_, f32>) -> Mat<f32>,
) -> Option<Mat<f32>> {
    let Search {
        size,
        count,
        wanted,
        block,
        most,
    } = search;
    let most = most.min(size) / block * block;
    let par = Par::rayon(PARTS);
    let mut random = stream(0, "Krylov start", 0);
    let mut newest = narrowed(&orthonormal(Mat::from_fn(size, block, |_, _| {
        f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
    })));
    let mut basis = Mat::<f32>::zeros(size, most);
    let mut within = Mat::<f32>::zeros(most, most);
    let mut look_at = count.max((FIRST_LOOK * wanted as f64) as usize);
    for own in (0..most).step_by(block) {
        let filled = own + block;
        basis.subcols_mut(own, block).copy_from(&newest);
        let mut image = image(newest.as_ref());
        // It meets the blocks before these by rounding only. The lower triangle is what is read.
        let start = own.saturating_sub(block);
        let recent = basis.subcols(start, filled - start);
        let overlap = product(recent.transpose(), image.as_ref(), par);
        within
            .submatrix_mut(own, start, block, filled - start)
            .copy_from(overlap.transpose());
        image -= product(recent, overlap.as_ref(), par);
        newest = narrowed(&orthonormal(widened(&image)));
        let span = basis.subcols(0, filled);
        let overlap = product(span.transpose(), newest.as_ref(), par);
        newest -= product(span, overlap.as_ref(), par);
        newest = narrowed(&orthonormal(widened(&newest)));
        if filled < look_at && filled < most {
            continue;
        }
        look_at = filled + filled / GROWTH;
        if filled < count {
            return None;
        }
        let inner = within.submatrix(0, 0, filled, filled).to_owned();
        let (values, vectors) = tridiagonal::leading(inner, count);
        // What the image of a vector has outside the span, all of it from the newest block.
        let outside = product(newest.transpose(), image.as_ref(), par);
        let residuals = product(
            outside.as_ref(),
            vectors.submatrix(own, 0, block, wanted),
            par,
        );
        let is_good = |i: usize| f64::from(residuals.col(i).norm_l2()) <= TOLERANCE * values[i];
        if (0..wanted).all(is_good) {
            return Some(product(span, vectors.as_ref(), par));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::double::leading_eigenpairs;
    use super::super::noise;
    use super::*;

    const SIZE: usize = 200;

    /// A symmetric matrix with the given eigenvalues, in random axes.
    fn with_eigenvalues(value: impl Fn(usize) -> f64) -> Mat<f32> {
        let noise = noise(SIZE, SIZE, 3);
        let axes = orthonormal(Mat::from_fn(SIZE, SIZE, |i, j| f64::from(noise[(i, j)])));
        let scaled = Mat::from_fn(SIZE, SIZE, |i, j| axes[(i, j)] * value(j));
        narrowed(&(scaled * axes.transpose()))
    }

    fn search(matrix: &Mat<f32>, count: usize, most: usize) -> Option<Mat<f32>> {
        let search = Search {
            size: SIZE,
            count,
            wanted: count,
            block: 8,
            most,
        };
        leading(search, |block| {
            product(matrix.as_ref(), block, Par::rayon(PARTS))
        })
    }

    #[test]
    fn vectors_are_the_leading_ones_of_the_whole_matrix() {
        let matrix = with_eigenvalues(|i| 0.9f64.powi(i as i32));
        let found = widened(&search(&matrix, 10, SIZE).unwrap());
        let (_, expected) = leading_eigenpairs(widened(&matrix), 10).unwrap();
        for i in 0..10 {
            let cosine = found.col(i).transpose() * expected.col(i);
            assert!(1.0 - cosine.abs() < 1e-6, "{i}: {cosine}");
        }
    }

    #[test]
    fn equal_eigenvalues_are_all_found_be_they_more_than_a_block() {
        for equal in [6, 12] {
            let matrix = with_eigenvalues(|i| if i < equal { 1.0 } else { 0.01 });
            let found = widened(&search(&matrix, equal, SIZE).unwrap());
            let image = widened(&matrix) * &found;
            assert!((image - found).norm_max() < 1e-5, "{equal}");
        }
    }

    #[test]
    fn too_few_products_are_told() {
        let flat = with_eigenvalues(|i| 1.0 - i as f64 * 1e-3);
        assert!(search(&flat, 10, 40).is_none());
        assert!(search(&flat, 10, 7).is_none());
    }
}
