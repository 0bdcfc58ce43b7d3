//! What disks and files can do to a store. Only tests and `cargo xtask torture` depend on it.
//!
//! - [`attacks`]: pickles that ask for code to be run, and names that lead elsewhere.
//! - [`disk`]: a disk that fails at any operation, and knows every state that a loss of power could
//!   leave.
//! - [`corpus`]: files that lie, made from [`bytes`]; [`families`] of them, with recipes, images
//!   and the files of a store.
//! - [`life`]: whole lives of a store, a repair and a written file, and what must hold after each of
//!   those states.
#![forbid(unsafe_code)]

pub mod attacks;
pub mod bytes;
pub mod corpus;
pub mod disk;
pub mod families;
pub mod life;
