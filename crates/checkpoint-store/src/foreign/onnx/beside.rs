//! The files that tensors of an ONNX model lie in beside it.

use std::path::{Component, Path};

use crate::files;
use crate::foreign::source::{Source, foreign, quoted};
use crate::{Fault, Result};

/// Most files that one model may refer to: a converter may write one for each tensor.
const MOST_FILES: usize = 4096;

/// The files that were referred to so far, open.
pub(super) struct Beside<'a> {
    model: &'a Source,
    files: Vec<(String, Source)>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(model: &'a Source) -> Self {
        Self {
            model,
            files: Vec::new(),
        }
    }

    /// The number of a file, counted from 1, and its length.
    ///
    /// # Errors
    /// When its name leads out of the folder of the model, or it is not there.
    pub(super) fn file(&mut self, location: &str) -> Result<(usize, u64)> {
        let known = self.files.iter().position(|(name, _)| name == location);
        if let Some((place, (_, file))) = known.and_then(|at| Some((at, self.files.get(at)?))) {
            return Ok((place + 1, file.len()));
        }
        let relative = Path::new(location);
        let is_plain =
            |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !relative.components().all(is_plain) {
            return Err(self.model.damaged(format!(
                "a tensor lies in {}, which is no file beside it",
                quoted(location)
            )));
        }
        if self.files.len() == MOST_FILES {
            let most = MOST_FILES as u64;
            return Err(self
                .model
                .too_large("the number of files beside it", most + 1, most));
        }
        let path = self.model.path().with_file_name("").join(relative);
        if !files::is_file(&path) {
            return Err(foreign(
                self.model.path(),
                Fault::Missing,
                format!(
                    "its tensors lie in {}, which is not there",
                    quoted(location)
                ),
                "Copy the files that the model was saved with into its folder",
            ));
        }
        let file = Source::open(&path)?;
        let len = file.len();
        self.files.push((location.to_owned(), file));
        Ok((self.files.len(), len))
    }

    /// The bytes of the model and of all these files.
    pub(super) fn bytes(&self, model: u64) -> u64 {
        let files = self.files.iter().map(|(_, file)| file.len());
        files.fold(model, u64::saturating_add)
    }

    pub(super) fn into_sources(self) -> Vec<Source> {
        self.files.into_iter().map(|(_, file)| file).collect()
    }
}
