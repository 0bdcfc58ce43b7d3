//! A training of the gallery as it lies on disk: `training.json` and its checkpoints.

use anyhow::{Context, Result, ensure};
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, Role, discover};
use modeltrail::Tensors;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What it says that it is.
const SCHEMA: &str = "modeltrail.gallery-training/1";

/// One training, with what happened to it in the middle.
#[derive(Deserialize)]
pub(crate) struct Training {
    schema: String,
    pub(crate) kind: String,
    pub(crate) seed: u64,
    pub(crate) architecture: String,
    pub(crate) optimiser: String,
    pub(crate) schedule: String,
    pub(crate) weights: u64,
    pub(crate) spacing: String,
    /// The checkpoints of the training that was left alone.
    pub(crate) base: Vec<Saved>,
    /// Steps after which the schedule lowers the rate at once.
    #[serde(default)]
    scheduled_drops: Vec<u64>,
    /// What happened, by name.
    pub(crate) events: BTreeMap<String, Branch>,
    #[serde(skip)]
    folder: PathBuf,
}

/// A checkpoint, and what was measured on the way to it.
#[derive(Deserialize)]
pub(crate) struct Saved {
    file: PathBuf,
    pub(crate) step: u64,
    pub(crate) loss: Option<f64>,
    pub(crate) gradient_norm: Option<f64>,
    pub(crate) update_to_weight: Option<f64>,
}

/// What follows an event.
#[derive(Deserialize)]
pub(crate) struct Branch {
    /// The checkpoint of the base that it continues from.
    pub(crate) from: usize,
    pub(crate) checkpoints: Vec<Saved>,
}

/// The weights of a checkpoint, and where each tensor lies among them.
pub(crate) struct Weights {
    pub(crate) values: Vec<f32>,
    pub(crate) tensors: Vec<Range<usize>>,
}

impl Training {
    /// Reads the description of a training.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("training.json");
        let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let mut training: Self =
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        let found = &training.schema;
        ensure!(
            found == SCHEMA,
            "{}: it is {found}, not {SCHEMA}",
            path.display()
        );
        training.folder = folder.to_path_buf();
        Ok(training)
    }

    /// Whether the schedule lowers the rate at once between two steps.
    pub(crate) fn drops_between(&self, before: u64, now: u64) -> bool {
        let mut drops = self.scheduled_drops.iter();
        drops.any(|drop| (before..now).contains(drop))
    }

    /// The weights of a checkpoint as tensors; without running statistics.
    pub(crate) fn tensors(&self, saved: &Saved) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        self.read_weights(saved, |name, shape, values| {
            Ok(tensors.add(name, shape, values)?)
        })?;
        Ok(tensors)
    }

    /// The weights of a checkpoint, sorted by the names of their tensors; without running statistics.
    pub(crate) fn weights(&self, saved: &Saved) -> Result<Weights> {
        let mut weights = Weights {
            values: Vec::new(),
            tensors: Vec::new(),
        };
        self.read_weights(saved, |_, _, values| {
            let start = weights.values.len();
            weights.values.extend_from_slice(&values);
            weights.tensors.push(start..weights.values.len());
            Ok(())
        })?;
        Ok(weights)
    }

    /// Gives each tensor of a checkpoint with its name and shape, sorted by name; without running
    /// statistics.
    pub(crate) fn read_weights(
        &self,
        saved: &Saved,
        mut take: impl FnMut(&str, &[usize], Vec<f32>) -> Result<()>,
    ) -> Result<()> {
        let path = self.folder.join(&saved.file);
        let limits = Limits::default();
        let mut discovery = discover(std::slice::from_ref(&path), &limits);
        if let Some(problem) = discovery.problems.pop() {
            return Err(problem.error.into());
        }
        let found = discovery.checkpoints.pop();
        let found = found.with_context(|| format!("no checkpoint in {}", path.display()))?;
        let checkpoint = ForeignCheckpoint::open(&found, &limits)?;
        let tensors = checkpoint.tensors();
        let is_weight = |index: &usize| tensors.get(*index).is_some_and(|t| t.role == Role::Weight);
        let mut order: Vec<usize> = (0..tensors.len()).filter(is_weight).collect();
        order.sort_by(|&a, &b| tensors[a].name.cmp(&tensors[b].name));
        for index in order {
            let mut values = Vec::new();
            checkpoint.read(index, &mut |chunk| values.extend_from_slice(chunk))?;
            let tensor = &tensors[index];
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            take(&tensor.name, &shape, values)?;
        }
        Ok(())
    }
}

/// The folders of the trainings in a folder, by kind and seed.
///
/// # Errors
/// When it cannot be read.
pub fn find(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let kinds = std::fs::read_dir(root)
        .with_context(|| format!("{} cannot be read: train the gallery first", root.display()))?;
    for kind in kinds {
        let kind = kind?.path();
        if !kind.is_dir() {
            continue;
        }
        for seed in std::fs::read_dir(kind)? {
            let seed = seed?.path();
            if seed.join("training.json").is_file() {
                found.push(seed);
            }
        }
    }
    found.sort();
    Ok(found)
}
