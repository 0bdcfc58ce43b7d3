//! Every limit of the format, in one place.
//!
//! Limits bound what a hostile or broken file can make a reader do. A header is decoded only
//! after its length passed [`MAX_HEADER_BYTES`] and its checksum matched; the other limits are
//! checked on the decoded header and again before anything is written, so a store that could be
//! written can be read.

mod foreign;
mod format;
mod named;

pub use foreign::{Limits, MAX_FOREIGN_DIMENSIONS, STREAM_BYTES};
pub use format::{
    MAX_CHECKPOINTS, MAX_DIMENSIONS, MAX_FILES, MAX_HEADER_BYTES, MAX_RECIPE_BYTES,
    MAX_TENSOR_NAME_BYTES, MAX_TENSORS, WEIGHTS_ALIGNMENT,
};
pub use named::{Named, Unit, all};
