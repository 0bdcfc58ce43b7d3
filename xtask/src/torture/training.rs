//! What is trained and imported by children, and what must come of it.

use anyhow::{Context, Result};
use checkpoint_store::export::{Labels, Safetensors};
use checkpoint_store::{NewFile, Segment, Store, TensorShape};
use clap::Args;
use modeltrail::collection::{Inventory, Options};
use modeltrail::exchange::import;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use zoo::{Observer, Trainer, Zoo};
use zoo_training::dataset::{Images, PIXELS};
use zoo_training::{Architecture, Dataset, Metrics, Recipe};

/// Options of a training in a child.
#[derive(Args)]
pub(crate) struct Train {
    store: PathBuf,
    preset: String,
    epochs: u32,
    threads: usize,
    /// Ends the process, as a crash would, after so many model-steps.
    #[arg(long)]
    steps: Option<u64>,
}

/// Images with something to learn; few, so that much can be tried.
fn images(count: usize) -> Images {
    let pixel = |at: usize| ((at * 37 + at / 196 * 11) % 251) as u8;
    Images {
        pixels: (0..count * PIXELS).map(pixel).collect(),
        labels: (0..count).map(|image| (image % 10) as u8).collect(),
    }
}

pub(super) fn dataset() -> Dataset {
    Dataset {
        name: "torture".to_owned(),
        train: images(48),
        test: images(12),
    }
}

/// The recipe of a preset, small.
pub(super) fn recipe(preset: &str, epochs: u32) -> Result<Recipe> {
    Ok(Recipe {
        seeds: 2,
        epochs,
        ..Recipe::preset(preset)?
    })
}

/// Model-steps of a whole training.
pub(super) fn steps(recipe: &Recipe) -> u64 {
    let epoch = recipe.steps_per_epoch(dataset().train.len()) * recipe.seeds;
    epoch as u64 * u64::from(recipe.epochs)
}

/// Tells the parent what is acknowledged, and dies where it should.
struct Telling<'a> {
    options: &'a Train,
    steps: AtomicU64,
}

impl Observer for Telling<'_> {
    fn start(&self, _: &Zoo, _: &str, _: u64, _: u64) {}

    fn steps(&self, count: u64) {
        let done = self.steps.fetch_add(count, Ordering::Relaxed) + count;
        if self.options.steps.is_some_and(|limit| done >= limit) {
            std::process::abort();
        }
    }

    fn epoch(&self, epoch: u32, _: &[Metrics]) {
        let name = format!("shard-00000-epoch-{epoch:06}.segment");
        let hash = Segment::open(self.options.store.join(name)).map(|segment| segment.hash());
        say(&format!(
            "epoch {epoch} {}",
            hash.unwrap_or_else(|error| error.to_string())
        ));
    }
}

/// One line for the parent, at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

pub(crate) fn train(options: &Train) -> Result<()> {
    modeltrail_cli::cli::use_threads(options.threads)?;
    let recipe = recipe(&options.preset, options.epochs)?;
    let observer = Telling {
        options,
        steps: AtomicU64::new(0),
    };
    let data = dataset();
    let trainer = Trainer::new(recipe, &data).observer(&observer);
    let store = trainer.store(&options.store).train()?;
    say(&format!("done {}", store.hash()?));
    Ok(())
}

pub(crate) fn import(from: &Path, out: &Path) -> Result<()> {
    let inventory = Inventory::of(&[from.to_path_buf()], &Options::default());
    let done = import::import(&inventory, &import::ImportOptions::default(), out)?;
    say(&format!("done {}", done.blake3()));
    Ok(())
}

/// What a store must hold: the bits of every checkpoint, by epoch and run.
pub(super) struct Expected {
    pub(super) columns: BTreeMap<(u32, u64), Vec<u32>>,
    pub(super) hash: String,
    /// The hash of each epoch's segment, as its publication acknowledged it.
    pub(super) segments: BTreeMap<u32, String>,
}

fn columns(store: &Store) -> Result<BTreeMap<(u32, u64), Vec<u32>>> {
    let loaded = store.load()?;
    let labels = loaded
        .checkpoints()
        .iter()
        .map(|label| (label.epoch, label.run));
    let bits = loaded
        .matrix()
        .column_iter()
        .map(|column| column.iter().map(|weight| weight.to_bits()).collect())
        .collect::<Vec<_>>();
    Ok(labels.zip(bits).collect())
}

impl Expected {
    /// What an undisturbed training leaves.
    pub(super) fn of_training(preset: &str, epochs: u32) -> Result<Self> {
        /// Reads each segment when it is acknowledged.
        struct Reading(PathBuf, std::sync::Mutex<BTreeMap<u32, String>>);
        impl Observer for Reading {
            fn start(&self, _: &Zoo, _: &str, _: u64, _: u64) {}
            fn steps(&self, _: u64) {}
            fn epoch(&self, epoch: u32, _: &[Metrics]) {
                let name = format!("shard-00000-epoch-{epoch:06}.segment");
                if let (Ok(segment), Ok(mut hashes)) =
                    (Segment::open(self.0.join(name)), self.1.lock())
                {
                    hashes.insert(epoch, segment.hash());
                }
            }
        }
        let folder = hostile::life::temporary().map_err(anyhow::Error::msg)?;
        let directory = folder.path().join("zoo");
        let reading = Reading(directory.clone(), std::sync::Mutex::default());
        let data = dataset();
        let trainer = Trainer::new(recipe(preset, epochs)?, &data).observer(&reading);
        let store = trainer.store(&directory).train()?;
        let segments = reading.1.into_inner().unwrap_or_default();
        Ok(Self {
            columns: columns(&store)?,
            hash: store.hash()?,
            segments,
        })
    }

    /// What an undisturbed import leaves.
    pub(super) fn of_import(from: &Path) -> Result<Self> {
        let folder = hostile::life::temporary().map_err(anyhow::Error::msg)?;
        let inventory = Inventory::of(&[from.to_path_buf()], &Options::default());
        let done = import::import(
            &inventory,
            &import::ImportOptions::default(),
            &folder.path().join("zoo"),
        )?;
        let store = done.store();
        Ok(Self {
            columns: columns(store)?,
            hash: store.hash()?,
            segments: BTreeMap::new(),
        })
    }

    /// Checks that a store is sound and holds nothing else, and every checkpoint of these epochs.
    /// Returns the epochs that it holds.
    pub(super) fn check(&self, directory: &Path, epochs: &[u32]) -> Result<Vec<u32>> {
        let store = match Store::open(directory) {
            Err(checkpoint_store::Error::NotAStore { .. }) if epochs.is_empty() => {
                return Ok(Vec::new());
            }
            opened => opened?,
        };
        let report = checkpoint_store::verify(directory)?;
        anyhow::ensure!(report.is_sound(), "not sound: {report:?}");
        let found = match store.load() {
            Err(checkpoint_store::Error::Empty { .. }) => BTreeMap::new(),
            _ => columns(&store)?,
        };
        for (key, bits) in &found {
            let wanted = self.columns.get(key);
            anyhow::ensure!(wanted == Some(bits), "{key:?} has other bits");
        }
        for (key, _) in self
            .columns
            .iter()
            .filter(|(key, _)| epochs.contains(&key.0))
        {
            anyhow::ensure!(
                found.contains_key(key),
                "{key:?} was acknowledged, and is gone"
            );
        }
        let mut there: Vec<u32> = found.keys().map(|(epoch, _)| *epoch).collect();
        there.dedup();
        Ok(there)
    }
}

/// Writes a run of so many checkpoints, for import.
pub(super) fn write_run(folder: &Path, count: u64, parameters: usize) -> Result<()> {
    let layout = [TensorShape::new("w", [parameters as u64])];
    for epoch in 1..=count {
        let path = folder.join(format!("epoch-{epoch}.safetensors"));
        let labels = Labels {
            run: Some("one".to_owned()),
            epoch: Some(epoch),
            step: None,
        };
        let mut writer = Safetensors::begin(NewFile::create(&path, false)?, &layout, &labels)?;
        let values: Vec<f32> = (0..parameters)
            .map(|row| (row as f32).sin() + epoch as f32)
            .collect();
        writer.values(&values);
        writer
            .finish()
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The architectures, by the presets that train them.
pub(super) fn presets() -> [(&'static str, Architecture); 2] {
    [("mlp", Architecture::Mlp), ("cnn", Architecture::Cnn)]
}
