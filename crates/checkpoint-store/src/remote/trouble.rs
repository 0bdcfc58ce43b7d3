//! What went wrong elsewhere, kept so that it can be said more than once.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::{Error, Fault};

/// An error about something remote.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(super) path: PathBuf,
    pub(super) fault: Fault,
    pub(super) what: String,
    pub(super) way_out: Cow<'static, str>,
}

impl Trouble {
    pub(super) fn new(
        path: &Path,
        fault: Fault,
        what: impl Into<String>,
        way_out: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            path: path.to_path_buf(),
            fault,
            what: what.into(),
            way_out: way_out.into(),
        }
    }

    pub(super) fn missing(path: &Path, what: impl Into<String>) -> Self {
        Self::new(path, Fault::Missing, what, "Check the spelling")
    }

    /// It is another file than the one whose description was read.
    pub(super) fn changed(path: &Path, what: impl Into<String>) -> Self {
        Self::new(
            path,
            Fault::Changed,
            what,
            "Wait for the program that writes it, and read it again",
        )
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::Foreign {
            path: trouble.path,
            fault: trouble.fault,
            what: trouble.what,
            way_out: trouble.way_out,
            limit: None,
        }
    }
}

/// The first thing that failed for good under a root.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure(Arc<OnceLock<Trouble>>);

impl Failure {
    /// Notes what failed, unless something did before.
    pub(super) fn note(&self, trouble: &Trouble) {
        let _ = self.0.set(trouble.clone());
    }

    pub(super) fn check(&self) -> Result<(), Trouble> {
        match self.0.get() {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(()),
        }
    }
}
