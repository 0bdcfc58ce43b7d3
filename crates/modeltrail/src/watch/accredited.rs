//! The checkpoint that a training is compared with.

use super::reading::{Arrival, Form};
use crate::checkpoint::sketch_in;
use crate::collection::Options;
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::discover_held;
use std::path::{Path, PathBuf};
use weightspace::distance::distance;

/// A checkpoint in memory, in one form.
#[derive(Debug)]
pub(super) struct Accredited {
    path: PathBuf,
    opened: Arrival,
    form: Form,
    values: Vec<f32>,
}

impl Accredited {
    /// Reads one checkpoint, or one sketch: FILE.json, or FILE.json:NAME.
    ///
    /// # Errors
    /// When the path stands for none or several, or it cannot be read or is not finite.
    pub(super) fn read(path: &Path, options: &Options) -> Result<Self> {
        let held = &options.in_memory;
        let in_file = sketch_in(path).filter(|_| !held.has(path));
        let mut opened = if let Some(kept) = held.sketch(path) {
            vec![Arrival::of_kept(path.to_path_buf(), None, kept.clone())]
        } else if let Some((file, wanted)) = in_file {
            let mut opened = Arrival::of_sketches(&file)?;
            opened.retain(|one| wanted.is_none() || one.path == path);
            opened
        } else {
            let found = discover_held(&[path.to_path_buf()], held.arrays(), None, &options.limits);
            if let Some(problem) = found.problems.into_iter().next() {
                return Err(problem.error.into());
            }
            let found = found.checkpoints.into_iter();
            let opened = found.map(|found| Arrival::of(found, &options.limits));
            opened.collect::<Result<Vec<_>>>()?
        };
        let count = opened.len();
        let opened = opened.pop().filter(|_| count == 1);
        let opened = opened.ok_or_else(|| Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it holds {count} checkpoints, and one is needed"),
            way_out: "Name the file of one of them",
        })?;
        let form = if opened.is_sketch() {
            Form::Sketches
        } else {
            Form::of(&opened.layout, options)
        };
        let mut accredited = Self {
            path: path.to_path_buf(),
            opened,
            form,
            values: Vec::new(),
        };
        accredited.read_as(form)?;
        Ok(accredited)
    }

    fn read_as(&mut self, form: Form) -> Result<()> {
        let point = self.opened.read(form)?;
        if !point.is_finite {
            return Err(self.unsuitable(
                "it has weights that are NaN or infinite, so that no distance to it is known",
                "Give a checkpoint with finite weights",
            ));
        }
        (self.form, self.values) = (form, point.values);
        Ok(())
    }

    fn unsuitable(&self, what: &str, way_out: &'static str) -> Error {
        Error::Unsuitable {
            path: self.path.clone(),
            what: what.to_owned(),
            way_out,
        }
    }

    /// Whether its weights are gone.
    pub(super) fn is_sketch(&self) -> bool {
        self.opened.is_sketch()
    }

    /// Takes the form of the training; reads it again, if it was in another.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn take_form(&mut self, form: Form) -> Result<()> {
        if self.form == form {
            return Ok(());
        }
        self.read_as(form)
    }

    /// ‖values − its own‖, in the form that it took.
    ///
    /// # Errors
    /// When the tensors are not its own.
    pub(super) fn distance(&self, layout: &[TensorShape], values: &[f32]) -> Result<f64> {
        if self.opened.layout != layout {
            return Err(self.unsuitable(
                "its tensors are not those of the training, so that there is no distance between them",
                "Give a checkpoint of the same network",
            ));
        }
        Ok(distance(&self.values, values))
    }
}
