//! Geometry of weight space: pure functions on a matrix of checkpoints.
//!
//! A zoo is a `nalgebra::DMatrixView<f32>` of shape (parameters, checkpoints), column-major: one
//! checkpoint is one column.

#![forbid(unsafe_code)]

pub mod distance;
mod error;
pub mod moments;
pub mod neighbors;
pub mod points;
pub mod svd;
pub mod tiles;
pub mod umap;

pub use error::Error;
