//! What disks and files can do to a store. Only tests and `cargo xtask torture` depend on it.
//!
//! - [`disk`]: a disk that fails at any operation, and knows every state that a loss of power could
//!   leave.
//! - [`life`]: whole lives of a store, a repair and a written file, and what must hold after each of
//!   those states.
#![forbid(unsafe_code)]

pub mod disk;
pub mod life;
