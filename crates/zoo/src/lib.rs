//! A zoo, a population of small networks, trained into a store, read back in a random order, and
//! analysed in one space after the other.
//!
//! A [`Trainer`] trains a recipe on data into a [`Store`](checkpoint_store::Store), as durably as
//! that stores: killed at any moment and started again, it goes on with the epoch that it was at, and
//! ends with the same bytes. [`Trained`] reads the store back in a random order, with the truth kept
//! apart, and [`analyse`] finds runs and orders without it.
//!
//! # Overview
//!
//! | want | have |
//! |---|---|
//! | to train a zoo, or part of it | [`Trainer`], [`Shard`], [`Observer`] |
//! | to know what trained a store | [`Zoo`] |
//! | its checkpoints in a random order | [`Shuffled`], [`Truth`] |
//! | the paper's analysis, in one space or in all of its tables | [`analyse`], [`Trained::analyse`] |
//!
//! # Example
//!
//! Three small networks, trained for four epochs on a few images, found again from their weights:
//!
//! ```
//! use zoo::{Trained, Trainer, analyse};
//! use zoo_training::{Backend, Dataset, Recipe};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let directory = temporary.path().join("zoo");
//! let recipe = Recipe { seeds: 3, epochs: 4, ..Recipe::preset("mlp")? };
//! let data = Dataset::mnist14()?.take(120, 50);
//! let store = Trainer::new(recipe, &data).backend(Backend::Fused).store(directory).train()?;
//!
//! let points = Trained::read(&store, 0)?.points;
//! let found = analyse(points.matrix(), points.truth(), 3, 0)?;
//! assert_eq!(found.purity.mean.value, 1.0);
//! # Ok(())
//! # }
//! ```
//!
//! # What the tests do not cover
//! Machines that train shards of one zoo into one directory of a network file system.
#![forbid(unsafe_code)]

mod analysis;
mod description;
mod error;
pub mod figures;
mod shard;
mod shuffled;
mod spaces;
mod training;

pub use analysis::{Analysis, analyse};
pub use description::Zoo;
pub use error::{Error, Result};
pub use shard::Shard;
pub use shuffled::{Shuffled, Truth};
pub use spaces::{Analysed, Trained};
pub use training::{Observer, Silent, Trainer, Training};

/// The example of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
