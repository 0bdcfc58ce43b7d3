//! Trains populations of small networks and yields the weights of every epoch.
//!
//! A [`Recipe`] says what to train; a [`Population`] holds the weights and velocities of many
//! models of it, one column each; an [`Engine`] trains all of them for one epoch, each in an order
//! of its own, and tells how each did. The recipes are those of Schürholt and Borth, *An
//! Investigation of the Weight Space to Monitor the Training Progress of Neural Networks*: an MLP
//! of 2160 and a CNN of 1376 parameters, on MNIST at 14x14.
//!
//! # Overview
//!
//! | want | have |
//! |---|---|
//! | a recipe, by name or from TOML | [`Recipe`], [`PRESETS`], [`Architecture`] |
//! | images, built in or from a file | [`Dataset`], [`dataset`], [`idx`] |
//! | other images, as a shift of the data | [`Images::rotated`](dataset::Images::rotated) and its neighbours |
//! | models | [`Population`] |
//! | what their layers answer to images | [`activations`] |
//! | training, on the CPU or a GPU | [`Backend`], [`Engine`], [`fused::Fused`] |
//! | reproducible chance | [`random`] |
//!
//! # Example
//!
//! ```
//! use zoo_training::{Backend, Dataset, Population, Recipe};
//!
//! let recipe = Recipe { seeds: 3, ..Recipe::preset("mlp")? };
//! let data = Dataset::mnist14()?.take(1200, 200);
//! let engine = Backend::Fused.engine()?;
//! let mut population = Population::initial(&recipe)?;
//! let before = engine.test(&population, &data)?;
//! let after = engine.train_epoch(&mut population, &data, &|_| ())?;
//! assert_eq!(population.epoch, 1);
//! assert!(after[0].test_loss < before[0].test_loss);
//! # Ok::<(), zoo_training::Error>(())
//! ```
//!
//! # What the tests do not cover
//!
//! Real GPUs; machines other than x86-64, where the fused engine runs its portable form.

pub mod activations;
mod change;
pub mod dataset;
pub mod engine;
pub mod fused;
pub mod idx;
#[cfg(any(feature = "ndarray", feature = "flex", feature = "wgpu"))]
mod lockstep;
pub mod random;

mod architecture;
mod backend;
mod error;
mod population;
mod recipe;

pub use architecture::{Architecture, Tensor};
pub use backend::Backend;
pub use dataset::Dataset;
pub use engine::{Engine, Metrics};
pub use error::Error;
pub use population::Population;
pub use recipe::{Inputs, MAX_SEEDS, PRESETS, Recipe};

/// The example of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
