//! `modeltrail zoo`: train, list, verify.

use super::{print_json, print_text, verify};
use crate::global::{Global, Outcome};
use crate::progress::TrainingBar;
use anyhow::{Context, Result, ensure};
use checkpoint_store::{Checkpoint, Store};
use clap::{Args, Subcommand};
use modeltrail::text::table;
use serde::Serialize;
use std::path::{Path, PathBuf};
use zoo::{Shard, Trainer, Zoo};
use zoo_training::{Backend, Dataset, Recipe};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train a zoo into a store; run it again to continue.
    #[command(
        after_help = "Example: modeltrail zoo train mlp --seeds 20 --epochs 5 --out zoos/mlp"
    )]
    Train(Train),
    /// List stores and what is in them.
    Ls {
        /// Directories of stores, or of directories of stores.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// The same as `modeltrail verify`.
    Verify {
        /// Directory of the store.
        store: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Train {
    /// A preset (mlp, cnn, cnn-paper, cnn-as-printed, mlp-wd0, cnn-wd0), or a recipe in TOML.
    recipe: String,
    /// Directory of the store.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of models.
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,
    /// Seed of the first model.
    #[arg(long, value_name = "SEED")]
    first_seed: Option<u64>,
    /// Epochs to train.
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Step size of SGD.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f32>,
    /// Train only part I of N. Parts may run at the same time, on different machines.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Engine that trains: fused, ndarray, flex or wgpu.
    #[arg(long, default_value = "fused", value_name = "NAME")]
    backend: Backend,
    /// Images to train and test on; MNIST at 14x14 when not given.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    match command {
        Command::Train(options) => run_train(options, global),
        Command::Ls { paths } => list(paths, global),
        Command::Verify { store } => verify::run_on(store, false, global),
    }
}

fn run_train(options: &Train, global: &Global) -> Result<Outcome> {
    let mut recipe = Recipe::preset_or_file(&options.recipe)?;
    recipe.seeds = options.seeds.unwrap_or(recipe.seeds);
    recipe.first_seed = options.first_seed.unwrap_or(recipe.first_seed);
    recipe.epochs = options.epochs.unwrap_or(recipe.epochs);
    recipe.learning_rate = options.learning_rate.unwrap_or(recipe.learning_rate);
    recipe.validate()?;
    let backend = options.backend.name();
    ensure!(
        options.backend.is_built_in(),
        "this modeltrail was built without the {backend} backend: in a checkout of modeltrail, \
         `cargo install --path crates/cli --features {backend}` builds it in; or use \
         --backend fused, which every build has"
    );
    let data = match &options.data {
        Some(path) => Dataset::open(path)?,
        None => Dataset::mnist14()?,
    };
    let shard = options.shard.unwrap_or(Shard::WHOLE);
    let bar = TrainingBar::default();
    let trainer = Trainer::new(recipe, &data).backend(options.backend);
    let training = trainer.shard(shard).observer(&bar).store(&options.out);
    let store = training.train()?;
    drop(bar);
    print_stores(&[Listing::of(&store)?], global)
}

fn list(paths: &[PathBuf], global: &Global) -> Result<Outcome> {
    let mut listings = Vec::new();
    for path in paths {
        match Store::open(path) {
            Ok(store) => listings.push(Listing::of(&store)?),
            Err(not_a_store) => {
                let below = stores_below(path)?;
                if below.is_empty() {
                    return Err(not_a_store.into());
                }
                for store in below {
                    listings.push(Listing::of(&store)?);
                }
            }
        }
    }
    print_stores(&listings, global)
}

fn stores_below(directory: &Path) -> Result<Vec<Store>> {
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .with_context(|| directory.display().to_string())?
                .path(),
        );
    }
    paths.sort_by(|a, b| checkpoint_store::foreign::natural(a, b));
    Ok(paths
        .iter()
        .filter_map(|path| Store::open(path).ok())
        .collect())
}

/// What is in all stores.
#[derive(Serialize)]
struct Stores<'a> {
    schema: &'static str,
    stores: &'a [Listing],
}

/// What is in a store.
#[derive(Serialize)]
struct Listing {
    #[serde(serialize_with = "modeltrail::path::serialize")]
    path: PathBuf,
    zoo: Option<Zoo>,
    parameters: usize,
    checkpoints: usize,
    runs: usize,
    epochs: u32,
    diverged_runs: usize,
    test_accuracy: Option<f64>,
    blake3: Option<String>,
}

impl Listing {
    fn of(store: &Store) -> Result<Self> {
        let checkpoints = store.checkpoints()?;
        let epochs = checkpoints
            .iter()
            .map(|checkpoint| checkpoint.epoch)
            .max()
            .unwrap_or(0);
        let runs = |keep: &dyn Fn(&Checkpoint) -> bool| {
            let mut runs: Vec<u64> = checkpoints
                .iter()
                .filter(|&checkpoint| keep(checkpoint))
                .map(|c| c.run)
                .collect();
            runs.sort_unstable();
            runs.dedup();
            runs.len()
        };
        let accuracies: Vec<f64> = checkpoints
            .iter()
            .filter(|checkpoint| checkpoint.epoch == epochs)
            .filter_map(|checkpoint| checkpoint.test_accuracy)
            .map(f64::from)
            .collect();
        Ok(Self {
            path: store.directory().to_owned(),
            zoo: Zoo::of(store).ok(),
            parameters: store.parameters(),
            checkpoints: checkpoints.len(),
            runs: runs(&|_| true),
            epochs,
            diverged_runs: runs(&|checkpoint| !checkpoint.finite),
            test_accuracy: (!accuracies.is_empty())
                .then(|| accuracies.iter().sum::<f64>() / accuracies.len() as f64),
            blake3: (!checkpoints.is_empty())
                .then(|| store.hash())
                .transpose()?,
        })
    }
}

fn print_stores(listings: &[Listing], global: &Global) -> Result<Outcome> {
    if global.json {
        print_json(&Stores {
            schema: "modeltrail.zoo/1",
            stores: listings,
        })?;
        return Ok(Outcome::Fine);
    }
    let rows = listings.iter().map(|listing| {
        [
            listing.path.display().to_string(),
            listing
                .zoo
                .as_ref()
                .map_or("–".to_owned(), |zoo| zoo.recipe.name.clone()),
            listing.parameters.to_string(),
            listing.runs.to_string(),
            listing.epochs.to_string(),
            listing.checkpoints.to_string(),
            listing.diverged_runs.to_string(),
            listing
                .test_accuracy
                .map_or("–".to_owned(), |a| format!("{:.1} %", a * 100.0)),
            listing
                .blake3
                .as_ref()
                .map_or("–".to_owned(), |hash| hash[..12].to_owned()),
        ]
    });
    print_text(&table(
        [
            "store",
            "recipe",
            "parameters",
            "runs",
            "epochs",
            "checkpoints",
            "diverged",
            "accuracy",
            "blake3",
        ],
        rows,
    ))?;
    Ok(Outcome::Fine)
}
