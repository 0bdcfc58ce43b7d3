//! Geometry of weight space: distances, neighbours and low-dimensional views of checkpoints.
//!
//! A zoo is a matrix: a `nalgebra::DMatrixView<f32>` of shape (parameters, checkpoints),
//! column-major, one checkpoint per column. Every function here is pure: the same matrix and
//! parameters give the same bits, whatever the number of threads. Nothing is read or written, and
//! nothing is known of runs or epochs.
//!
//! # Overview
//!
//! | module | gives |
//! |---|---|
//! | [`distance`] | the distance of two checkpoints in f64, summed in one fixed order |
//! | [`tiles`] | all pairs in f32 by matrix products, with rigorous lower bounds |
//! | [`neighbors`] | the exact nearest neighbours of every checkpoint |
//! | [`svd`] | truncated, uncentred singular value decomposition |
//! | [`principal`] | principal components, and the variance that each holds |
//! | [`umap`] | a map in two dimensions |
//! | [`moments`] | mean and standard deviation of each checkpoint's weights |
//! | [`statistics`] | median, quantiles, AUROC, ridge regression; statistics of each layer's weights |
//! | [`random`] | named streams of random numbers |
//! | [`spectrum`] | the power-law exponent of a layer's eigenvalues |
//! | [`similarity`] | CKA and SVCCA of two models' activations |
//! | [`compare`] | two checkpoints tensor by tensor, and what kind of change it is |
//! | [`matching`] | permuted hidden units undone |
//! | [`relation`] | whether two models are independent trainings, with p-values |
//! | [`sketch`] | a few kilobytes per checkpoint that keep its distances |
//! | [`points`] | the columns of a matrix, checked to be finite |
//!
//! All pairs of a zoo are too many for exact arithmetic and too near each other for f32: the step
//! from one epoch to the next is a few hundredths of the distance between runs, and
//! `‖a‖² + ‖b‖² − 2·a·b` in f32 is off by percents there. So the fast product only ever discards
//! pairs, by a proven bound, and what remains is measured exactly.
//!
//! # Example
//!
//! Two short runs in three dimensions.
//!
//! ```
//! use nalgebra::DMatrix;
//! use weightspace::{moments::moments, neighbors::nearest, svd::truncated};
//!
//! let points = DMatrix::from_column_slice(
//!     3,
//!     4,
//!     &[
//!         3.0f32, 0.0, 0.0, // run 0
//!         4.0, 0.0, 0.0, //
//!         0.0, 2.0, 0.0, // run 1
//!         0.0, 1.0, 0.0,
//!     ],
//! );
//!
//! let neighbors = nearest(points.as_view(), 1)?;
//! assert_eq!(neighbors.indices(0), [1]);
//! assert_eq!(neighbors.distances(3), [1.0]);
//!
//! let svd = truncated(points.as_view(), 2)?;
//! assert!((svd.singular_values()[0] - 5.0).abs() < 1e-12); // √(3² + 4²)
//! assert_eq!(svd.coordinates_at(1)?.shape(), (1, 4));
//!
//! assert_eq!(moments(points.as_view())?[2].mean, 2.0 / 3.0);
//! # Ok::<(), weightspace::Error>(())
//! ```
//!
//! # Not covered by the tests
//!
//! The last bits of an SVD depend on the instruction set, through the matrix products; only
//! distances, neighbours and moments are the same on every machine, and the tests run on one.

#![forbid(unsafe_code)]

pub mod compare;
pub mod distance;
mod error;
pub mod matching;
pub mod moments;
pub mod neighbors;
mod parts;
pub mod points;
pub mod principal;
pub mod random;
pub mod relation;
mod shadows;
pub mod similarity;
pub mod sketch;
pub mod space;
pub mod spectrum;
pub mod statistics;
pub mod svd;
pub mod tiles;
pub mod umap;

pub use error::Error;
