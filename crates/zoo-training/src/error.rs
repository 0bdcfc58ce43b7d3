//! What can go wrong, and what to do about it.

use std::path::PathBuf;

/// Everything that can fail in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A recipe asks for something that cannot be trained.
    #[error("recipe `{recipe}`: {field} is {value}; {way_out}")]
    Recipe {
        /// Name of the recipe.
        recipe: String,
        /// The field at fault.
        field: &'static str,
        /// Its value, as given.
        value: String,
        /// What would be accepted.
        way_out: &'static str,
    },
    /// No preset of this name.
    #[error(
        "there is no preset `{name}`; presets are {known}, or give the path of a recipe in TOML"
    )]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A recipe file is not a recipe.
    #[error("{}: not a recipe: {source}", path.display())]
    RecipeSyntax {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A data set file is not what it should be.
    #[error("{origin}: not a usable data set: {reason}")]
    Dataset {
        /// The file, or `built-in mnist14`.
        origin: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Weights do not belong to this recipe.
    #[error("recipe `{recipe}` with {models} models has {expected} numbers of {what}, not {found}")]
    Shape {
        /// Name of the recipe.
        recipe: String,
        /// Models in the population.
        models: usize,
        /// `weights` or `velocity`.
        what: &'static str,
        /// Parameters times models.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// No backend of this name.
    #[error("there is no backend `{name}`; backends are {known}")]
    UnknownBackend {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The engine asked for is not in this build.
    #[error(
        "the {backend} backend is not part of this build: enable the Cargo feature `{backend}`, or \
         train with `fused`, which every build has"
    )]
    BackendNotBuilt {
        /// Name of the backend, and of the feature.
        backend: &'static str,
    },
    /// The engine asked for cannot run here.
    #[error("the {backend} backend cannot run here: {reason}")]
    Backend {
        /// Name of the backend.
        backend: &'static str,
        /// Why, and the way out.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
