//! What every experiment works on: data, an engine, and zoos in a random order.

use crate::reproduce::zoo::{Trained, train};
use anyhow::{Context, Result};
use std::path::Path;
use zoo_training::{Backend, Dataset, Engine, Recipe};

/// Seed of shuffles, ties and everything else that draws.
pub(super) const SEED: u64 = 0;

/// The paper's two zoos first, then the controls.
const ZOOS: [&str; 5] = ["mlp", "cnn", "mlp-hard", "mlp-wd0", "cnn-wd0"];
/// Zoos with as many models as the paper's.
const FULL: usize = 3;
/// Models of a control.
const CONTROL_SEEDS: usize = 30;

/// What every experiment works on.
pub(super) struct World {
    /// Fewer models and epochs, for a taste.
    pub(super) quick: bool,
    pub(super) data: Dataset,
    pub(super) engine: Box<dyn Engine>,
    pub(super) zoos: Vec<Trained>,
}

impl World {
    /// Trains the zoos, or finds them trained in `directory`.
    pub(super) fn new(quick: bool, backend: Backend, directory: &Path) -> Result<Self> {
        let data = Dataset::mnist14()?;
        let mut zoos = Vec::new();
        for (number, name) in ZOOS.into_iter().enumerate() {
            let mut recipe = Recipe::preset(name)?;
            if quick {
                (recipe.seeds, recipe.epochs) = (20, 20);
            } else if number >= FULL {
                recipe.seeds = CONTROL_SEEDS;
            }
            zoos.push(train(recipe, backend, &data, &directory.join(name))?);
        }
        Ok(Self {
            quick,
            engine: backend.engine()?,
            data,
            zoos,
        })
    }

    /// The zoo of this preset.
    pub(super) fn zoo(&self, name: &str) -> Result<&Trained> {
        self.zoos
            .iter()
            .find(|zoo| zoo.zoo.recipe.name == name)
            .with_context(|| format!("no zoo `{name}` was trained"))
    }
}
