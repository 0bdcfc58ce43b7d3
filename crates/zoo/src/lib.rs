//! A zoo, a population of small networks, trained into a store, read back in a random order, and
//! analysed in one space after the other.
//!
//! # Example
//!
//! Three small networks, trained for four epochs on a few images, found again from their weights:
//!
//! ```
//! use zoo::{analysis, shuffled::Shuffled, training};
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
#![forbid(unsafe_code)]

pub mod analysis;
pub mod shuffled;
pub mod training;
