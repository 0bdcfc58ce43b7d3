//! What every experiment works on: data, an engine, and zoos in a random order.

use crate::zoos::train;
use anyhow::{Context, Result};
use std::path::Path;
use zoo::Trained;
use zoo_training::{Backend, Dataset, Engine, Recipe};

/// Seed of shuffles, ties and everything else that draws.
pub(super) const SEED: u64 = 0;

/// The paper's two zoos first, then the controls; and how many models each has.
const ZOOS: [(&str, usize); 8] = [
    ("mlp", 250),
    ("cnn", 250),
    ("mlp-hard", 60),
    ("mlp-harder", 30),
    ("mlp-wd0", 30),
    ("cnn-wd0", 30),
    ("mlp-shared-init", 30),
    ("cnn-shared-init", 30),
];

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
        for (name, seeds) in ZOOS {
            let mut recipe = Recipe::preset(name)?;
            recipe.seeds = seeds;
            if quick {
                (recipe.seeds, recipe.epochs) = (20, 20);
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
