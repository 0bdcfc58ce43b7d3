//! What the `modeltrail` command and the reproduction of the paper have in common: a zoo trained
//! into a store, read back in a random order, and analysed in one space after the other; and what
//! the command does with anybody's checkpoints ([`collection`], [`runs`]).
//!
//! # Example
//!
//! Three small networks, trained for four epochs on a few images, found again from their weights:
//!
//! ```
//! use modeltrail::{analysis, shuffled::Shuffled, training};
//! use zoo_training::{Backend, Dataset, Recipe};
//!
//! # fn main() -> anyhow::Result<()> {
//! # let temporary = tempfile::tempdir()?;
//! # let directory = temporary.path().join("zoo");
//! let recipe = Recipe { seeds: 3, epochs: 4, ..Recipe::preset("mlp")? };
//! let data = Dataset::mnist14()?.take(120, 50);
//! let zoo = training::Zoo::new(recipe, Backend::Fused, &data);
//! let store = training::train(&zoo, &data, &directory, training::Shard::WHOLE, &training::Silent)?;
//!
//! let points = Shuffled::of(&store.load()?, 0)?;
//! let found = analysis::analyse(points.matrix(), points.truth(), 3, 0)?;
//! assert_eq!(found.purity.mean.value, 1.0);
//! # Ok(())
//! # }
//! ```
//!
//! # What the tests do not cover
//!
//! How the progress bar looks; file systems that run full (the store's own tests do); forks between
//! foreign runs; orders of foreign checkpoints by the thousand.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod cli;
pub mod collection;
mod commands;
pub mod exchange;
mod gate;
mod lineage;
pub mod memory;
mod page;
pub mod progress;
mod publish;
pub mod runs;
pub mod shuffled;
mod small_file;
pub mod space;
pub mod training;
pub mod watch;
