//! One checkpoint, to be compared with others: all of its weights, or a sketch of them.

mod adapter;
mod buffers;
mod loaded;

pub(crate) use adapter::Applied;
pub(crate) use buffers::renamed;
pub use buffers::{Buffers, ChangedBuffer};
pub use loaded::Checkpoint;
pub(crate) use loaded::{Contents, sketch_in};
