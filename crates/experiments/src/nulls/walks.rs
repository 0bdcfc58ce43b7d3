//! Runs that nobody trained: random walks and clouds at the scale of a trained run.

use crate::world::SEED;
use nalgebra::{DMatrix, DMatrixView};
use trajectory::null_models::{cloud, random_walk};
use weightspace::random::stream;

/// What stands in for a run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Trained,
    Walk,
    Independent,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Trained, Self::Walk, Self::Independent];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trained => "trained",
            Self::Walk => "random walk",
            Self::Independent => "independent points",
        }
    }

    /// A run, or what stands in for it: as many points (parameters, checkpoints) as the order has.
    pub(crate) fn of(
        self,
        points: DMatrixView<'_, f32>,
        order: &[u32],
        number: u64,
    ) -> DMatrix<f32> {
        let columns: Vec<usize> = order.iter().map(|&column| column as usize).collect();
        let run = points.select_columns(&columns);
        match self {
            Self::Trained => run,
            Self::Walk => random_walk(run.as_view(), &mut stream(SEED, "walk of a run", number)),
            Self::Independent => cloud(run.as_view(), &mut stream(SEED, "cloud of a run", number)),
        }
    }
}
