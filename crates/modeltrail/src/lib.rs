//! Reads off the weights of neural networks alone, without data and without a forward pass, which
//! checkpoints belong to one training run, in which order they came, where runs fork, what changed
//! from one to another, and from which model another was made.
//!
//! | module | answers |
//! |---|---|
//! | [`mod@inspect`] | what lies in files and folders, tensor by tensor, without reading weights |
//! | [`collection`] | which checkpoints there are, grouped by their tensors and shuffled |
//! | [`runs`] | which belong to one run, in which order, where runs fork, what contradicts their claims |
//! | [`order`], [`linkage`], [`umap`] | one order; the clusters; the plane |
//! | [`mod@diff`] | what changed from one checkpoint to another |
//! | [`mod@audit`] | which steps, files and tensors of a series are not what they claim to be |
//! | [`gate`] | whether a candidate is within a budget of change |
//! | [`mapping`] | which tensor of one checkpoint is which of another |
//! | [`mod@lineage`] | from which checkpoint a model is derived |
//! | [`mod@tree`] | which of many models descends from which, and how each was made |
//! | [`mod@hash`] | digests of tensors and models, whatever container they lie in |
//! | [`watch`] | a training that is running, checkpoint by checkpoint |
//! | [`exchange`] | checkpoints from one form into another |
//!
//! # In ten lines
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod audit;
mod checkpoint;
pub mod collection;
mod coverage;
mod detector;
pub mod diff;
mod error;
mod evidence;
pub mod exchange;
pub mod gate;
pub mod hash;
pub mod inspect;
pub mod lineage;
pub mod linkage;
pub mod mapping;
pub mod order;
mod page;
pub mod path;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod planted;
pub mod points;
mod printable;
pub mod progress;
pub mod remote;
pub mod runs;
mod small_file;
mod source;
pub mod text;
pub mod tree;
pub mod umap;
pub mod watch;

pub use checkpoint::{Buffers, ChangedBuffer, Checkpoint};
pub use collection::Collection;
pub use coverage::{Coverage, NotCompared, Skipped, Unread};
pub use detector::ShiftDetector;
pub use diff::diff;
pub use error::{Error, Result};
pub use gate::Budget;
pub use hash::hash;
pub use lineage::lineage;
pub use mapping::Map;
pub use source::{TensorSource, Tensors};
pub use tree::tree;
