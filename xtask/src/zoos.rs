//! Zoos, trained where they are not there yet.

use anyhow::Result;
use modeltrail_cli::progress::TrainingBar;
use std::path::Path;
use zoo::{Trained, Trainer};
use zoo_training::{Backend, Dataset, Recipe};

/// Seed of shuffles, ties and layouts.
pub(crate) const SEED: u64 = 0;

/// Trains a zoo into the store in `directory`, or finds it trained there.
pub(crate) fn train(
    recipe: Recipe,
    backend: Backend,
    data: &Dataset,
    directory: &Path,
) -> Result<Trained> {
    let bar = TrainingBar::default();
    let trainer = Trainer::new(recipe, data).backend(backend).observer(&bar);
    let store = trainer.store(directory).train()?;
    drop(bar);
    Ok(Trained::read(&store, SEED)?)
}
