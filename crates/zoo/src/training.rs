//! A zoo, trained into a store; interrupted at any moment, it continues where it stopped.

use crate::{Error, Shard, Zoo};
use checkpoint_store::{Checkpoint, Store, TrainingState, TrainingStateRef};
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use zoo_training::{Backend, Dataset, Engine, Metrics, Population, Recipe};

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
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn start(&self, _: &Zoo, _: &str, _: u64, _: u64) {}
    fn steps(&self, _: u64) {}
    fn epoch(&self, _: u32, _: &[Metrics]) {}
}

/// A recipe and the data to train it on; what else can be said is how, and how much of it.
///
/// See the [crate](crate) for an example.
#[derive(Clone)]
#[must_use = "nothing is trained before `store` says where to, and `train` is called"]
pub struct Trainer<'a> {
    recipe: Recipe,
    data: &'a Dataset,
    backend: Backend,
    shard: Shard,
    observer: &'a dyn Observer,
}

impl<'a> Trainer<'a> {
    /// Trains this recipe on this data: all its models, with the default engine, in silence.
    pub fn new(recipe: Recipe, data: &'a Dataset) -> Self {
        Self {
            recipe,
            data,
            backend: Backend::Fused,
            shard: Shard::WHOLE,
            observer: &Silent,
        }
    }

    /// Trains with this engine.
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Trains only this part of the models.
    pub fn shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Tells this observer how the training goes.
    pub fn observer(self, observer: &'a dyn Observer) -> Self {
        Self { observer, ..self }
    }

    /// Trains into the store in this directory, which is made if there is none.
    pub fn store(self, directory: impl Into<PathBuf>) -> Training<'a> {
        Training {
            // The hash is of the very images that are trained on.
            zoo: Zoo::new(self.recipe, self.backend, self.data),
            data: self.data,
            shard: self.shard,
            observer: self.observer,
            directory: directory.into(),
        }
    }
}

/// A training into a store.
#[must_use = "nothing is trained before `train` is called"]
pub struct Training<'a> {
    zoo: Zoo,
    data: &'a Dataset,
    shard: Shard,
    observer: &'a dyn Observer,
    directory: PathBuf,
}

impl Training<'_> {
    /// What the store will record, the hash of the data included.
    pub fn zoo(&self) -> &Zoo {
        &self.zoo
    }

    /// Trains what of it is not in the store yet; if that makes the zoo whole, compacts the store.
    ///
    /// # Errors
    /// When the recipe cannot be trained, the backend cannot run, the directory holds another zoo,
    /// or the disk fails. What was acknowledged before stays.
    pub fn train(&self) -> Result<Store, Error> {
        let recipe = &self.zoo.recipe;
        recipe.validate()?;
        let engine = self.zoo.backend.engine()?;
        let store = Store::create(&self.directory, &self.zoo.to_toml(), &self.zoo.layout())?;
        let missing = missing(&store, recipe, self.shard.seeds(recipe))?;
        if !missing.is_empty() {
            self.train_missing(&store, missing, engine.as_ref())?;
        }
        if self::missing(&store, recipe, recipe.seed_range())?.is_empty() {
            let seeds: Vec<u64> = recipe.seed_range().collect();
            store.compact(0..=recipe.epochs, &seeds)?;
            store.remove_states()?;
        }
        Ok(store)
    }

    /// Trains models from their first step, or from where their shard was interrupted. A shard is
    /// numbered by its first model, so that no two of one split are numbered alike.
    fn train_missing(
        &self,
        store: &Store,
        seeds: Vec<u64>,
        engine: &dyn Engine,
    ) -> Result<(), Error> {
        let recipe = &self.zoo.recipe;
        let (data, observer) = (self.data, self.observer);
        let models = seeds.len();
        // Recipes have fewer seeds than a u32 counts.
        let shard = (seeds[0] - recipe.first_seed) as u32;
        let mut population = match store.load_state(shard)? {
            Some(state) => resume(recipe, state, &seeds, store.directory())?,
            None => {
                let population = Population::of_seeds(recipe, seeds);
                let metrics = engine.test(&population, data)?;
                publish(store, shard, &population, &metrics)?;
                population
            }
        };
        let steps = (recipe.steps_per_epoch(data.train.len()) * models) as u64;
        let (done, total) = (u64::from(population.epoch), u64::from(recipe.epochs));
        observer.start(&self.zoo, &engine.name(), done * steps, total * steps);
        while population.epoch < recipe.epochs {
            let metrics =
                engine.train_epoch(&mut population, data, &|count| observer.steps(count))?;
            publish(store, shard, &population, &metrics)?;
            store.save_state(TrainingStateRef {
                shard,
                next_epoch: population.epoch + 1,
                runs: &population.seeds,
                weights: &population.weights,
                velocity: &population.velocity,
            })?;
            observer.epoch(population.epoch, &metrics);
        }
        Ok(())
    }
}

/// The seeds of which a store lacks some epoch.
fn missing(store: &Store, recipe: &Recipe, seeds: Range<u64>) -> Result<Vec<u64>, Error> {
    let present: HashSet<(u64, u32)> = store
        .checkpoints()?
        .iter()
        .map(|checkpoint| (checkpoint.run, checkpoint.epoch))
        .collect();
    let is_whole = |seed| (0..=recipe.epochs).all(|epoch| present.contains(&(seed, epoch)));
    Ok(seeds.filter(|&seed| !is_whole(seed)).collect())
}

fn resume(
    recipe: &Recipe,
    state: TrainingState,
    seeds: &[u64],
    directory: &Path,
) -> Result<Population, Error> {
    let next_epoch = state.next_epoch;
    if !(1..=recipe.epochs + 1).contains(&next_epoch) || state.runs != seeds {
        return Err(Error::OtherShard {
            path: directory.to_owned(),
            next_epoch,
            found: state.runs.len(),
            models: seeds.len(),
            epochs: recipe.epochs,
        });
    }
    Ok(Population::resumed(
        recipe,
        state.runs,
        next_epoch - 1,
        state.weights,
        state.velocity,
    )?)
}

fn publish(
    store: &Store,
    shard: u32,
    population: &Population,
    metrics: &[Metrics],
) -> Result<(), Error> {
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
    store.publish(shard, population.epoch, &checkpoints, &population.weights)?;
    Ok(())
}
