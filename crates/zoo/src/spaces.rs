//! A zoo, analysed in all weights and in truncated SVDs of them: the spaces of the paper's tables.

use crate::analysis::{Analysis, analyse};
use crate::{Error, Shuffled, Zoo};
use checkpoint_store::Store;
use weightspace::space::{PAPER, Space};
use weightspace::svd::{self, Svd};

/// A zoo in a store, and its checkpoints in a random order.
pub struct Trained {
    /// How it was trained.
    pub zoo: Zoo,
    /// BLAKE3 of what the store holds.
    pub blake3: String,
    /// Its trained checkpoints.
    pub points: Shuffled,
}

impl Trained {
    /// Reads the zoo of a store; `seed` shuffles its checkpoints.
    ///
    /// # Errors
    /// [`Error::NotAZoo`] when it holds none, [`Error::TooFew`] when fewer than two of its
    /// checkpoints can be analysed, [`Error::Store`] when it cannot be read.
    pub fn read(store: &Store, seed: u64) -> Result<Self, Error> {
        Ok(Self {
            zoo: Zoo::of(store)?,
            blake3: store.hash()?,
            points: Shuffled::of(&store.load()?, seed)?,
        })
    }

    /// Name of its recipe.
    pub fn name(&self) -> &str {
        &self.zoo.recipe.name
    }

    /// Weights of one model.
    pub fn parameters(&self) -> usize {
        self.zoo.recipe.architecture.parameters()
    }

    /// Runs, orders and scores in every space of the paper; `seed` breaks ties. `stage` hears what
    /// each of the [`Analysed::STAGES`] stages does as it begins.
    ///
    /// # Errors
    /// [`Error::Weights`] and [`Error::Trajectory`] when the points cannot be analysed.
    pub fn analyse(self, seed: u64, stage: &dyn Fn(&str)) -> Result<Analysed, Error> {
        let matrix = self.points.matrix();
        let most = matrix.nrows().min(matrix.ncols());
        let fits = |space: &Space| *space == Space::Full || space.dimension(0) <= most;
        let ranks = PAPER
            .iter()
            .filter(|space| fits(space))
            .map(|space| space.dimension(0));
        let rank = ranks.max().unwrap_or(1).max(1);
        let name = self.name();
        stage(&format!("{name}: SVD"));
        let svd = svd::truncated(matrix, rank)?;
        let mut spaces = Vec::new();
        for space in PAPER {
            stage(&format!("{name}: {space}"));
            if fits(&space) {
                let projected = space.project_with(matrix, &svd)?;
                let (truth, runs) = (self.points.truth(), self.points.runs().len());
                spaces.push((space, analyse(projected.matrix(), truth, runs, seed)?));
            }
        }
        Ok(Analysed {
            trained: self,
            svd,
            spaces,
        })
    }
}

/// A zoo with what was found in every space.
pub struct Analysed {
    /// The zoo.
    pub trained: Trained,
    /// The decomposition whose leading coordinates the reduced spaces are.
    pub svd: Svd,
    /// The full space first, then the reduced ones that this many checkpoints allow.
    pub spaces: Vec<(Space, Analysis)>,
}

impl Analysed {
    /// Stages of [`Trained::analyse`].
    pub const STAGES: usize = PAPER.len() + 1;

    /// "MLP" or "CNN".
    pub fn architecture(&self) -> String {
        self.trained.zoo.recipe.architecture.name().to_uppercase()
    }
}

impl std::ops::Deref for Analysed {
    type Target = Trained;

    fn deref(&self) -> &Trained {
        &self.trained
    }
}
