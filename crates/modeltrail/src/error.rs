//! What can go wrong, where, and what helps.

use std::path::Path;

/// Why a question about checkpoints could not be answered.
///
/// The message says what happened, where, and what helps. [`kind`](Self::kind) and
/// [`path`](Self::path) say the same to programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A checkpoint or a store could not be read or written.
    #[error(transparent)]
    Store(#[from] checkpoint_store::Error),
    /// A computation on weights could not be done.
    #[error(transparent)]
    Weights(#[from] weightspace::Error),
    /// A computation on trajectories could not be done.
    #[error(transparent)]
    Trajectory(#[from] trajectory::Error),
    /// A figure or a page could not be made.
    #[error(transparent)]
    Report(#[from] report::Error),
}

impl Error {
    /// What kind of error it is, in snake case; a program may branch on it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Weights(_) => "weights",
            Self::Trajectory(_) => "trajectory",
            Self::Report(_) => "report",
        }
    }

    /// The file or folder that it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        None
    }
}

/// The result of asking.
pub type Result<T, E = Error> = std::result::Result<T, E>;
