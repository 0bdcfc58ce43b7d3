//! A zoo, trained into a store; interrupted at any moment, it continues where it stopped.

use anyhow::{Context, Result, bail, ensure};
use checkpoint_store::{Checkpoint, Store, TensorShape, TrainingState};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use zoo_training::{Backend, Dataset, Engine, Metrics, Population, Recipe};

/// The models of a zoo that one process trains: part `number` of `parts`, counted from 1.
///
/// Parts are even but for one model, and need not know of each other: they may train at the same
/// time, into one directory or into several whose files are copied into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    parts: usize,
}

impl Shard {
    /// All models.
    pub const WHOLE: Self = Self {
        number: 1,
        parts: 1,
    };

    /// The seeds of its models. None where there are more parts than models.
    fn seeds(self, recipe: &Recipe) -> Range<u64> {
        let first = |part: usize| {
            let models = part as u128 * recipe.seeds as u128 / self.parts as u128;
            recipe.first_seed + models as u64
        };
        first(self.number - 1)..first(self.number)
    }
}

impl FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, parts)| Some((number.parse().ok()?, parts.parse().ok()?)));
        match numbers {
            Some((number, parts)) if (1..=parts).contains(&number) => Ok(Self { number, parts }),
            _ => bail!("give a part and how many there are, such as 1/4 to 4/4"),
        }
    }
}

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

/// Trains a shard of the zoo into `directory`, or what of it is not there yet; if that makes the zoo
/// whole, compacts the store.
///
/// # Errors
/// When the recipe cannot be trained, the backend cannot run, the directory holds another zoo, or
/// the disk fails. What was acknowledged before stays.
pub fn train(
    zoo: &Zoo,
    data: &Dataset,
    directory: &Path,
    shard: Shard,
    observer: &dyn Observer,
) -> Result<Store> {
    zoo.recipe.validate()?;
    let engine = zoo.backend.engine()?;
    let store = Store::create(directory, &zoo.to_toml(), &zoo.layout())?;
    let recipe = &zoo.recipe;
    let missing = missing(&store, recipe, shard.seeds(recipe))?;
    if let Some(&first) = missing.first() {
        let number = u32::try_from(first - recipe.first_seed)?;
        train_missing(
            zoo,
            data,
            &store,
            number,
            missing,
            engine.as_ref(),
            observer,
        )?;
    }
    if self::missing(&store, recipe, recipe.seed_range())?.is_empty() {
        let seeds: Vec<u64> = recipe.seed_range().collect();
        store.compact(0..=recipe.epochs, &seeds)?;
        store.remove_states()?;
    }
    Ok(store)
}

/// The seeds of which a store lacks some epoch.
fn missing(store: &Store, recipe: &Recipe, seeds: Range<u64>) -> Result<Vec<u64>> {
    let present: HashSet<(u64, u32)> = store
        .checkpoints()?
        .iter()
        .map(|checkpoint| (checkpoint.run, checkpoint.epoch))
        .collect();
    let is_whole = |seed| (0..=recipe.epochs).all(|epoch| present.contains(&(seed, epoch)));
    Ok(seeds.filter(|&seed| !is_whole(seed)).collect())
}

/// Trains models from their first step, or from where their shard was interrupted. A shard is
/// numbered by its first model, so that no two of one split are numbered alike.
fn train_missing(
    zoo: &Zoo,
    data: &Dataset,
    store: &Store,
    shard: u32,
    seeds: Vec<u64>,
    engine: &dyn Engine,
    observer: &dyn Observer,
) -> Result<()> {
    let recipe = &zoo.recipe;
    let models = seeds.len();
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
    observer.start(zoo, &engine.name(), done * steps, total * steps);
    while population.epoch < recipe.epochs {
        let metrics = engine.train_epoch(&mut population, data, &|count| observer.steps(count))?;
        publish(store, shard, &population, &metrics)?;
        store.save_state(&TrainingState {
            shard,
            next_epoch: population.epoch + 1,
            runs: population.seeds.clone(),
            weights: population.weights.clone(),
            velocity: population.velocity.clone(),
        })?;
        observer.epoch(population.epoch, &metrics);
    }
    Ok(())
}

fn resume(
    recipe: &Recipe,
    state: TrainingState,
    seeds: &[u64],
    directory: &Path,
) -> Result<Population> {
    let next = state.next_epoch;
    ensure!(
        (1..=recipe.epochs + 1).contains(&next) && state.runs == seeds,
        "{}: its training state is of epoch {next} and {} models, and {} models up to epoch {} are \
         to be trained. Finish it with the --shard that began it, or train into another directory",
        directory.display(),
        state.runs.len(),
        seeds.len(),
        recipe.epochs,
    );
    Ok(Population::resumed(
        recipe,
        state.runs,
        next - 1,
        state.weights,
        state.velocity,
    )?)
}

fn publish(store: &Store, shard: u32, population: &Population, metrics: &[Metrics]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_every_model_once_and_differ_by_at_most_one() {
        let recipe = Recipe {
            seeds: 10,
            first_seed: 7,
            ..Recipe::preset_or_file("mlp").unwrap()
        };
        for parts in 1..=12 {
            let shards = (1..=parts).map(|number| Shard { number, parts }.seeds(&recipe));
            let shards: Vec<Range<u64>> = shards.collect();
            assert!(shards.iter().cloned().flatten().eq(7..17));
            let sizes = shards.iter().map(|seeds| seeds.end - seeds.start);
            assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }

    #[test]
    fn what_is_no_part_of_a_whole_is_refused() {
        assert_eq!("1/1".parse::<Shard>().unwrap(), Shard::WHOLE);
        for text in ["", "1", "0/4", "5/4", "a/b", "1/0", "-1/4", "1/4/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
