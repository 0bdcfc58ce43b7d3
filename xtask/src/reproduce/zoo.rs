//! One zoo: trained, read back in a random order, analysed in every space.

use anyhow::Result;
use modeltrail_cli::progress::{Stages, TrainingBar};
use std::path::Path;
use weightspace::space::{PAPER, Space};
use weightspace::svd::{self, Svd};
use zoo::analysis::{Analysis, analyse};
use zoo::shuffled::Shuffled;
use zoo::training::{self, Shard};
use zoo_training::{Backend, Dataset, Recipe};

/// Stages of [`Analysed::new`].
pub(super) const STAGES: usize = PAPER.len() + 1;

/// A zoo on disk, and its checkpoints in a random order.
pub(crate) struct Trained {
    pub(crate) zoo: training::Zoo,
    pub(crate) blake3: String,
    pub(crate) points: Shuffled,
}

pub(crate) fn train(
    recipe: Recipe,
    backend: Backend,
    data: &Dataset,
    directory: &Path,
) -> Result<Trained> {
    let zoo = training::Zoo::new(recipe, backend, data);
    let store = training::train(&zoo, data, directory, Shard::WHOLE, &TrainingBar::default())?;
    Ok(Trained {
        zoo,
        blake3: store.hash()?,
        points: Shuffled::of(&store.load()?, super::SEED)?,
    })
}

/// A zoo with what was found in every space.
pub(super) struct Analysed {
    pub(super) zoo: training::Zoo,
    pub(super) blake3: String,
    pub(super) points: Shuffled,
    pub(super) svd: Svd,
    /// The full space first, then the reduced ones that this many checkpoints allow.
    pub(super) spaces: Vec<(Space, Analysis)>,
}

impl Analysed {
    pub(super) fn new(trained: Trained, stages: &Stages) -> Result<Self> {
        let Trained {
            zoo,
            blake3,
            points,
        } = trained;
        let matrix = points.matrix();
        let most = matrix.nrows().min(matrix.ncols());
        let fits = |space: &Space| *space == Space::Full || space.dimension(0) <= most;
        let ranks = PAPER
            .iter()
            .filter(|space| fits(space))
            .map(|space| space.dimension(0));
        let rank = ranks.max().unwrap_or(1).max(1);
        let name = &zoo.recipe.name;
        let svd = stages.stage(&format!("{name}: SVD"), || svd::truncated(matrix, rank))?;
        let mut spaces = Vec::new();
        for space in PAPER {
            let analysis = stages.stage(&format!("{name}: {space}"), || {
                fits(&space)
                    .then(|| {
                        let projected = space.project_with(matrix, &svd)?;
                        let runs = points.runs().len();
                        analyse(projected.matrix(), points.truth(), runs, super::SEED)
                    })
                    .transpose()
            })?;
            spaces.extend(analysis.map(|analysis| (space, analysis)));
        }
        Ok(Self {
            zoo,
            blake3,
            points,
            svd,
            spaces,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.zoo.recipe.name
    }

    pub(super) fn parameters(&self) -> usize {
        self.zoo.recipe.architecture.parameters()
    }

    /// "MLP" or "CNN".
    pub(super) fn architecture(&self) -> String {
        self.zoo.recipe.architecture.name().to_uppercase()
    }
}
