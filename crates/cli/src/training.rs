//! A zoo, trained into a store; interrupted at any moment, it continues where it stopped.

use anyhow::{Context, Result, ensure};
use checkpoint_store::{Checkpoint, Store, TensorShape, TrainingState};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zoo_training::{Backend, Dataset, Engine, Metrics, Population, Recipe};

/// The shard of a store that one process trains alone.
const SHARD: u32 = 0;

/// Everything that determines a zoo's weights, as its store records it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zoo {
    /// What trained it.
    pub backend: Backend,
    /// Name of the data set.
    pub dataset: String,
    /// BLAKE3 of its pixels and labels.
    pub dataset_blake3: String,
    /// How it was trained.
    pub recipe: Recipe,
}

impl Zoo {
    /// A zoo of this recipe on this data.
    pub fn new(recipe: Recipe, backend: Backend, data: &Dataset) -> Self {
        Self {
            backend,
            dataset: data.name.clone(),
            dataset_blake3: data.content_hash(),
            recipe,
        }
    }

    /// The zoo that a store holds.
    ///
    /// # Errors
    /// When the store was not written by a zoo training.
    pub fn of(store: &Store) -> Result<Self> {
        toml::from_str(store.recipe()).with_context(|| {
            format!(
                "{}: its recipe is not one of a zoo",
                store.directory().display()
            )
        })
    }

    fn to_toml(&self) -> String {
        format!(
            "backend = \"{}\"\ndataset = {}\ndataset_blake3 = \"{}\"\n\n[recipe]\n{}",
            self.backend.name(),
            toml::Value::from(self.dataset.as_str()),
            self.dataset_blake3,
            self.recipe.to_toml()
        )
    }

    fn layout(&self) -> Vec<TensorShape> {
        let tensors = self.recipe.architecture.layout().iter();
        tensors
            .map(|tensor| {
                let shape: Vec<u64> = tensor.shape.iter().map(|&side| side as u64).collect();
                TensorShape::new(tensor.name, shape)
            })
            .collect()
    }
}

/// Hears how a training goes.
pub trait Observer: Sync {
    /// Training starts, or continues, with `done` of `total` model-steps behind it.
    fn start(&self, zoo: &Zoo, engine: &str, done: u64, total: u64);
    /// More model-steps are done; called from any thread.
    fn steps(&self, count: u64);
    /// An epoch is in the store.
    fn epoch(&self, epoch: u32, metrics: &[Metrics]);
}

/// Hears nothing.
pub struct Silent;

impl Observer for Silent {
    fn start(&self, _: &Zoo, _: &str, _: u64, _: u64) {}
    fn steps(&self, _: u64) {}
    fn epoch(&self, _: u32, _: &[Metrics]) {}
}

/// Trains the zoo into `directory`, or what of it is not there yet, and compacts the store.
///
/// # Errors
/// When the recipe cannot be trained, the backend cannot run, the directory holds another zoo, or
/// the disk fails. What was acknowledged before stays.
pub fn train(
    zoo: &Zoo,
    data: &Dataset,
    directory: &Path,
    observer: &dyn Observer,
) -> Result<Store> {
    zoo.recipe.validate()?;
    let engine = zoo.backend.engine()?;
    let store = Store::create(directory, &zoo.to_toml(), &zoo.layout())?;
    let recipe = &zoo.recipe;
    let seeds: Vec<u64> = recipe.seed_range().collect();
    let whole = seeds.len() * (recipe.epochs as usize + 1);
    if store.checkpoints()?.len() < whole {
        train_missing(zoo, data, &store, engine.as_ref(), observer)?;
    }
    store.compact(0..=recipe.epochs, &seeds)?;
    store.remove_state(SHARD)?;
    Ok(store)
}

fn train_missing(
    zoo: &Zoo,
    data: &Dataset,
    store: &Store,
    engine: &dyn Engine,
    observer: &dyn Observer,
) -> Result<()> {
    let recipe = &zoo.recipe;
    let mut population = match store.load_state(SHARD)? {
        Some(state) => resume(recipe, state, store.directory())?,
        None => {
            let population = Population::initial(recipe)?;
            let metrics = engine.test(&population, data)?;
            publish(store, &population, &metrics)?;
            population
        }
    };
    let steps = (recipe.steps_per_epoch(data.train.len()) * recipe.seeds) as u64;
    let (done, total) = (u64::from(population.epoch), u64::from(recipe.epochs));
    observer.start(zoo, &engine.name(), done * steps, total * steps);
    while population.epoch < recipe.epochs {
        let metrics = engine.train_epoch(&mut population, data, &|count| observer.steps(count))?;
        publish(store, &population, &metrics)?;
        store.save_state(&TrainingState {
            shard: SHARD,
            next_epoch: population.epoch + 1,
            runs: population.seeds.clone(),
            weights: population.weights.clone(),
            velocity: population.velocity.clone(),
        })?;
        observer.epoch(population.epoch, &metrics);
    }
    Ok(())
}

fn resume(recipe: &Recipe, state: TrainingState, directory: &Path) -> Result<Population> {
    let next = state.next_epoch;
    ensure!(
        (1..=recipe.epochs + 1).contains(&next)
            && state.runs.iter().copied().eq(recipe.seed_range()),
        "{}: its training state is of epoch {next} and {} models, which this recipe does not have; \
         train into another directory",
        directory.display(),
        state.runs.len(),
    );
    Ok(Population::resumed(
        recipe,
        state.runs,
        next - 1,
        state.weights,
        state.velocity,
    )?)
}

fn publish(store: &Store, population: &Population, metrics: &[Metrics]) -> Result<()> {
    let known = |value: f32| (!value.is_nan()).then_some(value);
    let checkpoints: Vec<Checkpoint> = population
        .seeds
        .iter()
        .zip(metrics)
        .enumerate()
        .map(|(model, (&seed, metrics))| Checkpoint {
            train_loss: known(metrics.train_loss),
            test_loss: known(metrics.test_loss),
            test_accuracy: known(metrics.test_accuracy),
            finite: population
                .model(model)
                .iter()
                .all(|weight| weight.is_finite()),
            ..Checkpoint::new(seed, population.epoch)
        })
        .collect();
    store.publish(SHARD, population.epoch, &checkpoints, &population.weights)?;
    Ok(())
}
