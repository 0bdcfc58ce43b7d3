//! What every experiment works on: data, an engine, and zoos in a random order.

use anyhow::{Context, Result};
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
pub struct World {
    /// Fewer models and epochs, for a taste.
    pub(super) quick: bool,
    pub(super) data: Dataset,
    pub(super) engine: Box<dyn Engine>,
    /// The zoos, the paper's two first.
    pub zoos: Vec<Trained>,
}

impl World {
    /// The recipes of its zoos; with `quick`, of fewer models and epochs.
    ///
    /// # Errors
    /// Never, as long as the presets are there.
    pub fn recipes(quick: bool) -> Result<Vec<Recipe>> {
        let recipes = ZOOS.into_iter().map(|(name, seeds)| {
            let mut recipe = Recipe::preset(name)?;
            recipe.seeds = seeds;
            if quick {
                (recipe.seeds, recipe.epochs) = (20, 20);
            }
            Ok(recipe)
        });
        recipes.collect()
    }

    /// Zoos of [`recipes`](Self::recipes), the images that they were trained on, and an engine that
    /// trains more.
    ///
    /// # Errors
    /// When the engine is not built in, or has no device.
    pub fn new(quick: bool, backend: Backend, data: Dataset, zoos: Vec<Trained>) -> Result<Self> {
        Ok(Self {
            quick,
            data,
            engine: backend.engine()?,
            zoos,
        })
    }

    /// The zoo of this preset.
    pub(super) fn zoo(&self, name: &str) -> Result<&Trained> {
        self.zoos
            .iter()
            .find(|zoo| zoo.name() == name)
            .with_context(|| format!("no zoo `{name}` was trained"))
    }
}
