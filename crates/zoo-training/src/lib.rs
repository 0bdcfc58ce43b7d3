//! Trains populations of small networks and yields the weights of every epoch.

pub mod dataset;
pub mod engine;
pub mod fused;
pub mod idx;
#[cfg(any(feature = "ndarray", feature = "flex", feature = "wgpu"))]
mod lockstep;
pub mod random;

mod architecture;
mod error;
mod population;
mod recipe;

pub use architecture::{Architecture, Tensor};
pub use dataset::Dataset;
pub use engine::{Backend, Engine, Metrics};
pub use error::Error;
pub use population::Population;
pub use recipe::{MAX_SEEDS, PRESETS, Recipe};
