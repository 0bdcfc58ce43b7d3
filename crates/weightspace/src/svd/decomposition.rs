//! What a decomposition gives.

use nalgebra::DMatrix;

use crate::Error;

/// The leading part of `points = directions · coordinates`, largest singular value first.
///
/// `coordinates` is `Σ·Vᵀ`: column `j` places checkpoint `j` along the directions. One
/// decomposition serves every lower rank: its rows are sorted, so the first ones are what is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Svd {
    pub(super) singular_values: Vec<f64>,
    pub(super) directions: DMatrix<f32>,
    pub(super) coordinates: DMatrix<f32>,
}

impl Svd {
    /// Number of components.
    pub fn rank(&self) -> usize {
        self.singular_values.len()
    }

    /// The singular values, largest first.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The left singular vectors, shape (parameters, rank): orthonormal columns, the largest
    /// entry of each (the first such) positive.
    pub fn directions(&self) -> &DMatrix<f32> {
        &self.directions
    }

    /// The points along the directions, shape (rank, checkpoints).
    pub fn coordinates(&self) -> &DMatrix<f32> {
        &self.coordinates
    }

    /// The points along the first `rank` directions, shape (rank, checkpoints).
    ///
    /// # Errors
    /// [`Error::Rank`] if `rank` is 0 or more than was computed.
    pub fn coordinates_at(&self, rank: usize) -> Result<DMatrix<f32>, Error> {
        if rank == 0 || rank > self.rank() {
            return Err(Error::Rank {
                rank,
                parameters: self.rank(),
                checkpoints: self.coordinates.ncols(),
            });
        }
        Ok(self.coordinates.rows(0, rank).into_owned())
    }
}
