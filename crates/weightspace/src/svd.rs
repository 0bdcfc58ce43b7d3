//! Truncated, uncentred singular value decomposition.
//!
//! The eigenvectors of the smaller Gram matrix, accumulated in f64, give the directions; the
//! points are then projected on them, and the length of each row of coordinates is its singular
//! value. Squaring the matrix costs the directions of singular values below about 10⁻⁷ of the
//! largest their accuracy, far below what f32 weights can tell from nothing; the singular values
//! themselves do not suffer, since an error in a direction enters them squared.
//!
//! The matrix is read in blocks of columns, so that only a fraction of it is ever held in f64. Large
//! matrices whose spectrum is not too steep are decomposed in f32 and refined (`single`), which is
//! checked; singular values are then good to 10⁻⁵ rather than to rounding.

mod decomposition;
mod dense;
mod double;
mod gram;
mod krylov;
mod normal;
mod orthonormal;
mod single;
mod tridiagonal;

#[cfg(test)]
use nalgebra::DMatrix;
use nalgebra::DMatrixView;

use crate::Error;
use crate::points::measured_columns;
pub use decomposition::Svd;
use double::in_double;
pub(crate) use orthonormal::orthonormal;

/// The `rank` leading components of `points` (parameters x checkpoints), without centring.
///
/// Singular values are good to 10⁻⁵, of matrices with fewer than 512 rows or fewer columns than rows
/// to rounding. The same bits for any number of threads.
///
/// With `m` the smaller and `l` the larger side, O(m²·l + m³) in time, O(m²) in memory beside the
/// input and the result.
///
/// # Errors
/// [`Error::Rank`] unless `0 < rank ≤ min(parameters, checkpoints)`; [`Error::NonFinite`];
/// [`Error::NoConvergence`].
pub fn truncated(points: DMatrixView<'_, f32>, rank: usize) -> Result<Svd, Error> {
    let (parameters, checkpoints) = points.shape();
    if rank == 0 || rank > parameters.min(checkpoints) {
        return Err(Error::Rank {
            rank,
            parameters,
            checkpoints,
        });
    }
    // All of it on threads of the pool: step by step the data would move from core to core.
    rayon::scope(|_| {
        let (columns, magnitude) = measured_columns(&points)?;
        match single::truncated(&columns, magnitude, parameters, rank) {
            Some(svd) => Ok(svd),
            None => in_double(&columns, parameters, rank),
        }
    })
}

#[cfg(test)]
mod tests;

#[cfg(test)]
fn noise(rows: usize, columns: usize, seed: u64) -> DMatrix<f32> {
    use rand_chacha::rand_core::{Rng, SeedableRng};

    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(rows, columns, |_, _| {
        rng.next_u32() as f32 / u32::MAX as f32 - 0.3
    })
}

/// All that this processor has.
#[cfg(test)]
fn instruction_sets() -> Vec<pulp::Arch> {
    let mut all = vec![pulp::Arch::Scalar, pulp::Arch::new()];
    #[cfg(target_arch = "x86_64")]
    all.extend(pulp::x86::V3::try_new().map(pulp::Arch::V3));
    all
}
