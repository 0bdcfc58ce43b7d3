//! Two checkpoints side by side: how much changed in each tensor, and what kind of change it is.
//!
//! | submodule | answers |
//! |---|---|
//! | [`slices`] | tensors wherever they lie, a slice at a time |
//! | [`mod@change`] | norms, distance, angle and counts of one tensor and of all |
//! | [`rounding`] | which floating-point format values fit in, and how coarse it is |
//! | [`grid`] | whether a tensor was quantised: float formats, uniform grids, codebooks |
//! | [`noise`] | whether the change is independent Gaussian noise |
//! | [`mod@lines`] | whether all that changed lies in few rows or columns |
//! | [`mod@affine`] | whether a tensor was multiplied by a number, or had one added |
//! | [`mod@itself`] | what B is by itself: sparse, narrow, on a grid |
//! | [`low_rank`] | the numerical rank of a change |
//! | [`merge`] | whether a checkpoint is a combination of others |
//! | [`mod@kind`] | the verdict |
//!
//! A checkpoint is a list of [`Tensor`]s; [`Paired::new`] matches two by name and shape. Everything
//! else takes the pairs. What the criteria are, what they cost and where they fail is described in
//! `docs/compare.md`. [`Pairs`] are tensors that do not have to be in memory.
//!
//! ```
//! use weightspace::compare::{Kind, Paired, Tensor, compare, kind};
//!
//! let a: Vec<f32> = (0..600).map(|i| (i as f32).sin()).collect();
//! let b: Vec<f32> = a.iter().map(|w| if w.abs() < 0.3 { 0.0 } else { *w }).collect();
//! let tensor = |values| [Tensor { name: "w", shape: &[20, 30], values }];
//! let paired = Paired::new(&tensor(&a), &tensor(&b))?;
//! let comparison = compare(&paired)?;
//! assert!(comparison.total.relative().is_some_and(|r| r < 0.2));
//! assert!(matches!(kind(&paired, &comparison)?, Some(Kind::Pruned { .. })));
//! # Ok::<(), weightspace::Error>(())
//! ```

pub mod affine;
pub mod change;
pub mod grid;
pub mod itself;
pub mod kind;
pub mod lines;
pub mod low_rank;
pub mod merge;
pub mod noise;
mod paired;
pub mod rounding;
pub mod slices;

pub use change::{Change, Comparison, TensorChange, compare};
pub use kind::{Kind, kind};
pub(crate) use paired::by_name;
pub use paired::{Pair, Paired, Tensor};
pub use slices::{Pairs, Slice};

#[cfg(test)]
pub(crate) mod cases;
