//! One checkpoint of the training: what it is, and its weights.

use crate::collection::{Claims, printable};
use anyhow::{Result, ensure};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::{ForeignCheckpoint, Found, Limits, Role};
use std::path::PathBuf;
use std::time::SystemTime;

/// Modification times and lengths of the files of a checkpoint; none of a file that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(files.iter().map(stamp).collect())
    }

    /// When the last of the files was written.
    pub(super) fn newest(&self) -> Option<SystemTime> {
        self.0.iter().flatten().map(|(time, _)| *time).max()
    }
}

/// A checkpoint whose header was read. No file stays open.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) found: Found,
    pub(super) stamp: Stamp,
    pub(super) claims: Claims,
    /// Its weights, sorted by name, so that the order within a file does not matter.
    pub(super) layout: Vec<TensorShape>,
}

impl Opened {
    /// # Errors
    /// When the file cannot be read, or has no weights.
    pub(super) fn of(found: Found, limits: &Limits) -> Result<Self> {
        let stamp = Stamp::of(&found.files);
        let checkpoint = ForeignCheckpoint::open(&found, limits)?;
        let layout: Vec<TensorShape> = weights(&checkpoint).map(|(_, tensor)| tensor).collect();
        ensure!(
            !layout.is_empty(),
            "{}: no tensor in it is a weight. Save the weights of the model into it",
            printable(&found.path.to_string_lossy())
        );
        Ok(Self {
            claims: checkpoint.claimed().into(),
            found,
            stamp,
            layout,
        })
    }

    /// The claimed step or epoch.
    pub(super) fn position(&self) -> Option<u64> {
        self.claims.position.map(|claim| claim.value)
    }

    /// All weights, tensor after tensor in the order of the layout.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened.
    pub(super) fn read(&self, limits: &Limits) -> Result<Vec<f32>> {
        let checkpoint = ForeignCheckpoint::open(&self.found, limits)?;
        let (places, layout): (Vec<usize>, Vec<TensorShape>) = weights(&checkpoint).unzip();
        let mut values = Vec::new();
        for place in places {
            checkpoint.read(place, &mut |chunk| values.extend_from_slice(chunk))?;
        }
        ensure!(
            layout == self.layout && Stamp::of(&self.found.files) == self.stamp,
            "{}: it changed while it was read",
            printable(&self.found.path.to_string_lossy())
        );
        Ok(values)
    }
}

/// Places and shapes of the weights, sorted by name.
fn weights(checkpoint: &ForeignCheckpoint) -> impl Iterator<Item = (usize, TensorShape)> {
    let tensors = checkpoint.tensors().iter().enumerate();
    let mut weights: Vec<(usize, TensorShape)> = tensors
        .filter(|(_, tensor)| tensor.role == Role::Weight)
        .map(|(place, tensor)| {
            let shape = TensorShape::new(tensor.name.clone(), tensor.shape.clone());
            (place, shape)
        })
        .collect();
    weights.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    weights.into_iter()
}
