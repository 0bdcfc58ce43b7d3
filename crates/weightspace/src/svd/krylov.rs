//! A few leading eigenvectors of a symmetric matrix, by block Lanczos with full
//! reorthogonalisation (Golub and Underwood 1977): the eigenvectors of the matrix within the span of
//! a random block and its images. The matrix is multiplied in f32; all else is in f64.

use faer::{Mat, Par};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::single::product;
use super::{PARTS, leading_eigenpairs, orthonormal};

/// Images of the block at most, and after how many it is looked whether they suffice.
const MOST_STEPS: usize = 16;
const LOOK_EVERY: usize = 4;
/// Residual below which an eigenvector is good enough, relative to its eigenvalue.
const TOLERANCE: f64 = 1e-4;

/// The eigenvectors of the `count` greatest eigenvalues, orthonormal, of which the first `wanted` are
/// good. None if that many steps do not lead there.
pub(super) fn leading(matrix: &Mat<f32>, count: usize, wanted: usize) -> Option<Mat<f64>> {
    let size = matrix.nrows();
    let most = (size / count).min(MOST_STEPS);
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let start = Mat::from_fn(size, count, |_, _| {
        f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
    });
    let mut basis = Mat::<f64>::zeros(size, most * count);
    let mut within = Mat::<f64>::zeros(most * count, most * count);
    let mut block = orthonormal(start);
    for step in 0..most {
        let filled = (step + 1) * count;
        let own = step * count;
        basis.subcols_mut(own, count).copy_from(&block);
        let mut image = image(matrix, &block);
        let span = basis.subcols(0, filled);
        let overlap = product(span.transpose(), image.as_ref(), Par::rayon(PARTS));
        // The lower triangle is what is read.
        within
            .submatrix_mut(own, 0, count, filled)
            .copy_from(overlap.transpose());
        image -= product(span, overlap.as_ref(), Par::rayon(PARTS));
        let again = product(span.transpose(), image.as_ref(), Par::rayon(PARTS));
        image -= product(span, again.as_ref(), Par::rayon(PARTS));
        block = orthonormal(image.clone());
        if (step + 1) % LOOK_EVERY != 0 && step + 1 < most {
            continue;
        }
        let inner = within.submatrix(0, 0, filled, filled).to_owned();
        let (values, vectors) = leading_eigenpairs(inner, count).ok()?;
        // What the image of a vector has outside the span, all of it from the newest block.
        let outside = product(block.transpose(), image.as_ref(), Par::rayon(PARTS));
        let newest = vectors.submatrix(own, 0, count, wanted);
        let residuals = product(outside.as_ref(), newest, Par::rayon(PARTS));
        let is_good = (0..wanted).all(|i| residuals.col(i).norm_l2() <= TOLERANCE * values[i]);
        if is_good {
            return Some(product(span, vectors.as_ref(), Par::rayon(PARTS)));
        }
    }
    None
}

/// `matrix · block`.
fn image(matrix: &Mat<f32>, block: &Mat<f64>) -> Mat<f64> {
    let (size, count) = block.shape();
    let block = Mat::from_fn(size, count, |i, j| block[(i, j)] as f32);
    let image: Mat<f32> = product(matrix.as_ref(), block.as_ref(), Par::rayon(PARTS));
    Mat::from_fn(size, count, |i, j| f64::from(image[(i, j)]))
}
