//! Checkpoints from one form into another: [`export`] to files of other programs, [`import`] into a
//! store.

pub mod export;
pub mod import;
pub mod imported;
mod names;
mod plan;
