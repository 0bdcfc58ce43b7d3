//! What disks and files can do to a store. Only tests and `cargo xtask torture` depend on it.
//!
//! - [`attacks`]: pickles that ask for code to be run, and names that lead elsewhere.
//! - [`disk`]: a disk that fails at any operation, and knows every state that a loss of power could
//!   leave.
//! - [`corpus`]: files that lie, made from [`bytes`], [`pickled`] and [`parallel`]; [`families`] of them, with recipes, images
//!   and the files of a store.
//! - [`fuzzed`]: what is fuzzed, and the files that this begins with; [`reading`] of such files.
//! - [`life`]: whole lives of a store, a repair and a written file, and what must hold after each of
//!   those states.
//! - [`server`]: a server of files and of a hub that misbehaves.
//! - [`shared`]: a store that several write and read at once.
#![forbid(unsafe_code)]

pub mod attacks;
pub mod bytes;
pub mod corpus;
pub mod disk;
pub mod families;
pub mod fuzzed;
pub mod life;
pub mod parallel;
pub mod pickled;
pub mod reading;
pub mod server;
pub mod shared;
