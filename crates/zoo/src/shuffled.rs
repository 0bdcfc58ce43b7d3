//! A zoo's trained checkpoints in a random order, the truth kept apart.

use crate::Error;
use checkpoint_store::{Checkpoint, Checkpoints};
use nalgebra::{DMatrix, DMatrixView};
use std::collections::{BTreeMap, BTreeSet};
use zoo_training::random::visiting_order;

/// Checkpoints of epochs 1, 2, 3, …, shuffled, so that no method can read the answer off the
/// order in which they come. Runs with a checkpoint that is not finite are skipped, and named.
pub struct Shuffled {
    points: DMatrix<f32>,
    checkpoints: Vec<Checkpoint>,
    runs: Vec<u64>,
    truth_runs: Vec<u32>,
    truth_epochs: Vec<u32>,
    diverged: Vec<u64>,
}

/// Which run and epoch every point is; for scoring alone.
#[derive(Clone, Copy)]
pub struct Truth<'a> {
    /// Run of every point, as an index into [`Shuffled::runs`].
    pub runs: &'a [u32],
    /// Epoch of every point.
    pub epochs: &'a [u32],
}

impl Shuffled {
    /// Shuffles the trained checkpoints of a store by a fixed seed.
    ///
    /// # Errors
    /// [`Error::TooFew`] when fewer than two checkpoints are left.
    pub fn of(checkpoints: &Checkpoints, seed: u64) -> Result<Self, Error> {
        let trained = checkpoints.epochs(1..);
        let labels = trained.checkpoints;
        let diverged: BTreeSet<u64> = labels
            .iter()
            .filter(|label| !label.finite)
            .map(|label| label.run)
            .collect();
        let columns: Vec<usize> = visiting_order(seed, 0, labels.len())
            .into_iter()
            .map(|column| column as usize)
            .filter(|&column| !diverged.contains(&labels[column].run))
            .collect();
        if columns.len() < 2 {
            return Err(Error::TooFew {
                checkpoints: columns.len(),
                diverged: diverged.len(),
            });
        }
        let mut points = DMatrix::zeros(trained.matrix.nrows(), columns.len());
        for (point, &column) in columns.iter().enumerate() {
            points
                .column_mut(point)
                .copy_from(&trained.matrix.column(column));
        }
        let checkpoints: Vec<Checkpoint> = columns.iter().map(|&column| labels[column]).collect();
        let runs: BTreeSet<u64> = checkpoints
            .iter()
            .map(|checkpoint| checkpoint.run)
            .collect();
        let index: BTreeMap<u64, u32> = runs.iter().copied().zip(0..).collect();
        Ok(Self {
            truth_runs: checkpoints
                .iter()
                .map(|checkpoint| index[&checkpoint.run])
                .collect(),
            truth_epochs: checkpoints
                .iter()
                .map(|checkpoint| checkpoint.epoch)
                .collect(),
            runs: runs.into_iter().collect(),
            diverged: diverged.into_iter().collect(),
            points,
            checkpoints,
        })
    }

    /// The points: (parameters, checkpoints).
    pub fn matrix(&self) -> DMatrixView<'_, f32> {
        self.points.as_view()
    }

    /// Labels and metrics of every point.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// The runs that are analysed, ascending.
    pub fn runs(&self) -> &[u64] {
        &self.runs
    }

    /// The runs that are skipped because their weights are not finite, ascending.
    pub fn diverged(&self) -> &[u64] {
        &self.diverged
    }

    /// What to score against.
    pub fn truth(&self) -> Truth<'_> {
        Truth {
            runs: &self.truth_runs,
            epochs: &self.truth_epochs,
        }
    }

    /// The points of every run, each in the order of its epochs.
    pub fn true_order(&self) -> Vec<Vec<u32>> {
        let mut order = vec![Vec::new(); self.runs.len()];
        for (point, &run) in self.truth_runs.iter().enumerate() {
            order[run as usize].push(point as u32);
        }
        for points in &mut order {
            points.sort_unstable_by_key(|&point| self.truth_epochs[point as usize]);
        }
        order
    }
}
