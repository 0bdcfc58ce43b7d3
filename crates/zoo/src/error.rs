//! What can go wrong with a zoo, where, and what helps.

use std::path::{Path, PathBuf};

/// Everything that can fail in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A recipe cannot be trained, or an engine cannot run.
    #[error(transparent)]
    Training(#[from] zoo_training::Error),
    /// A store cannot be read or written.
    #[error(transparent)]
    Store(#[from] checkpoint_store::Error),
    /// A computation on weights cannot be done.
    #[error(transparent)]
    Weights(#[from] weightspace::Error),
    /// A computation on trajectories cannot be done.
    #[error(transparent)]
    Trajectory(#[from] trajectory::Error),
    /// A store holds no zoo.
    #[error("{}: the recipe of this store is not one of a zoo: {source}", path.display())]
    NotAZoo {
        /// The store.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A store holds a training that was begun with other shards.
    #[error(
        "{}: its training state is of epoch {next_epoch} and {found} models, and {models} models \
         up to epoch {epochs} are to be trained. Finish it with the shard that began it, or train \
         into another directory",
        path.display()
    )]
    OtherShard {
        /// The store.
        path: PathBuf,
        /// The epoch that its training state is to train next.
        next_epoch: u32,
        /// Models of its training state.
        found: usize,
        /// Models to be trained.
        models: usize,
        /// Epochs to be trained.
        epochs: u32,
    },
    /// What should name a part of a zoo does not.
    #[error(
        "`{given}` is no part of a whole: give a part and how many there are, such as 1/4 to 4/4"
    )]
    NoSuchShard {
        /// What was given.
        given: String,
    },
    /// Too few checkpoints can be analysed.
    #[error(
        "there are {checkpoints} trained checkpoints with finite weights, and an analysis needs \
         two; {diverged} runs diverged: lower their learning rate"
    )]
    TooFew {
        /// Checkpoints with finite weights.
        checkpoints: usize,
        /// Runs with weights that are not finite.
        diverged: usize,
    },
    /// Checkpoints cannot be cut into so many clusters.
    #[error(
        "{checkpoints} checkpoints cannot fall into {clusters} clusters; give 1 to {checkpoints}"
    )]
    Clusters {
        /// The checkpoints.
        checkpoints: usize,
        /// The clusters asked for.
        clusters: usize,
    },
}

impl Error {
    /// What kind of error it is, in snake case; a program may branch on it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Training(_) => "training",
            Self::Store(_) => "store",
            Self::Weights(_) => "weights",
            Self::Trajectory(_) => "trajectory",
            Self::NotAZoo { .. } => "not_a_zoo",
            Self::OtherShard { .. } => "other_shard",
            Self::NoSuchShard { .. } => "no_such_shard",
            Self::TooFew { .. } => "too_few",
            Self::Clusters { .. } => "clusters",
        }
    }

    /// The store that it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotAZoo { path, .. } | Self::OtherShard { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// The result of asking.
pub type Result<T, E = Error> = std::result::Result<T, E>;
